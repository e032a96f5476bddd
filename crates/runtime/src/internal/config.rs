//! The settings of the internal listener.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crypto::{InternalSigner, InternalVerifier, KeyConfigError};
use kernel::{Clock, Secret};
use serde::{Deserialize, Serialize};

/// How the roles reach and know each other. Without meaning where all of them are one process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InternalConfig {
    /// Where this process serves its roles to the others.
    pub listen: SocketAddr,
    /// What all processes of a shop share: base64 of 32 bytes or more.
    pub secret: Secret,
    /// The secret of before, taken from peers that still have it while it is being changed.
    pub previous_secret: Option<Secret>,
    /// TLS between the processes; absent: none.
    pub tls: Option<TlsFiles>,
}

/// Certificates of a process, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// The certificate of this process, then those between it and the authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs the peers' certificates.
    pub authority: PathBuf,
    /// Peers must show a certificate too.
    #[serde(default)]
    pub mutual: bool,
}

impl Default for InternalConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7000)),
            secret: Secret::default(),
            previous_secret: None,
            tls: None,
        }
    }
}

impl InternalConfig {
    /// Makes the tokens that the process of this role shows its peers.
    pub fn signer(&self, role: &str, clock: Clock) -> Result<InternalSigner, KeyConfigError> {
        InternalSigner::new(&self.secret, role, clock)
    }

    /// Checks the tokens of peers.
    pub fn verifier(&self, clock: Clock) -> Result<InternalVerifier, KeyConfigError> {
        InternalVerifier::new(&self.secret, self.previous_secret.as_ref(), clock)
    }
}
