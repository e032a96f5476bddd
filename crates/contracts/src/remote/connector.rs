//! What a process shows its peers, and where they are.

use crypto::{InternalSigner, KeyConfigError};
use http::Uri;
use http::uri::{InvalidUri, Scheme};
use kernel::Clock;
use runtime::internal::{InternalConfig, TlsError, TlsFiles};
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use thiserror::Error;
use tokio_rustls::TlsConnector;

use super::Upstream;

/// Makes the upstreams of a process. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    signer: InternalSigner,
    tls: Option<TlsConnector>,
}

/// The settings between roles can't be used.
#[derive(Debug, Error)]
pub enum ConnectorError {
    /// The secret.
    #[error(transparent)]
    Secret(#[from] KeyConfigError),
    /// The certificates.
    #[error("internal.tls: {0}")]
    Tls(#[from] TlsError),
}

/// The address of a role can't be used.
#[derive(Debug, Error)]
pub enum AddressError {
    /// No address at all.
    #[error("upstreams.{0} is empty: where does this role run?")]
    None(&'static str),
    /// Not an address.
    #[error("`{0}` is not an address such as http://127.0.0.1:7001")]
    Form(String),
    /// The address says `https`, but there is no authority to check the peer by.
    #[error("`{0}` asks for TLS, but internal.tls is not set")]
    NoTls(String),
    /// The address says `http`, but this process speaks TLS with its peers.
    #[error("`{0}` asks for a plain connection, but internal.tls is set")]
    NotTls(String),
}

/// Where an instance, or all instances behind one name, are.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Connector {
    /// The connector of the process that runs the role of this name.
    pub fn new(config: &InternalConfig, role: &str, clock: Clock) -> Result<Self, ConnectorError> {
        let tls = config.tls.as_ref().map(TlsFiles::client).transpose()?;
        Ok(Self { signer: config.signer(role, clock)?, tls: tls.map(TlsConnector::from) })
    }

    /// The instances of `role` at these addresses, as `http://host:port` or `https://host:port`; a host name stands for all its
    /// addresses. Nothing is connected yet.
    pub fn upstream(&self, role: &'static str, addresses: &[String]) -> Result<Upstream, AddressError> {
        if addresses.is_empty() {
            return Err(AddressError::None(role));
        }
        let addresses = addresses.iter().map(|text| self.address(text)).collect::<Result<_, _>>()?;
        Ok(Upstream::new(role, addresses, self.signer.clone()))
    }

    fn address(&self, text: &str) -> Result<Address, AddressError> {
        let form = || AddressError::Form(text.to_owned());
        let uri: Uri = text.parse().map_err(|_: InvalidUri| form())?;
        let host = uri.host().ok_or_else(form)?.trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        if !secure && uri.scheme() != Some(&Scheme::HTTP) {
            return Err(form());
        }
        let tls = match &self.tls {
            None if secure => return Err(AddressError::NoTls(text.to_owned())),
            None => None,
            Some(_) if !secure => return Err(AddressError::NotTls(text.to_owned())),
            Some(tls) => {
                let name = ServerName::try_from(host.clone()).map_err(|_: InvalidDnsNameError| form())?;
                Some((tls.clone(), name))
            }
        };
        Ok(Address { host, port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }), tls })
    }
}

impl Address {
    /// Every instance behind it.
    pub(super) async fn resolve(&self) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Ok(tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect())
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("signer", &self.signer).field("tls", &self.tls.is_some()).finish()
    }
}
