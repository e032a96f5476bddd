//! TLS between processes: version 1.3 alone, certificates of the shop's own authority alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;

use super::TlsFiles;

/// Certificates that can't be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that can't be read, or holds nothing of the kind.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: pem::Error,
    },
    /// The authority's file holds no certificate that can sign others.
    #[error("{0}: no certificate of an authority")]
    NoAuthority(PathBuf),
    /// Certificate and key don't fit, or are of a kind that isn't known.
    #[error("the certificate or its key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The authority can't be used to check peers.
    #[error("peers cannot be checked by the authority: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl TlsFiles {
    /// For the internal listener.
    pub fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
        let builder = if self.mutual {
            let authority = Arc::new(roots(&self.authority)?);
            builder
                .with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(authority, provider()).build()?)
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = self.identity()?;
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// For calls to peers. Shows this process's certificate to those that ask for one.
    pub fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let builder =
            ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
        let (chain, key) = self.identity()?;
        let mut config = builder.with_root_certificates(roots(&self.authority)?).with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    fn identity(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|reason| file_error(&self.key, reason))?;
        Ok((chain, key))
    }
}

/// The cryptography of TLS: this one whatever the process has installed.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err(file_error(path, pem::Error::NoItemsFound)),
        Ok(chain) => Ok(chain),
        Err(reason) => Err(file_error(path, reason)),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    if roots.is_empty() { Err(TlsError::NoAuthority(path.to_owned())) } else { Ok(roots) }
}

fn file_error(path: &Path, reason: pem::Error) -> TlsError {
    TlsError::File { path: path.to_owned(), reason }
}
