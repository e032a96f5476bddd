//! An authority of the test's own, which signs certificates for TLS between processes on the loopback interface.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;

/// Signs certificates. Its files go when it is dropped.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate as the settings name it.
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who signed it.
    pub authority: PathBuf,
}

impl Authority {
    /// A new authority.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for certificates");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate of an authority");
        std::fs::write(folder.path().join("authority.pem"), issuer.pem()).expect("the folder takes files");
        Self { folder, issuer }
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn issue(&self, name: &str) -> Certificate {
        self.sign(name, |_| ())
    }

    /// One whose time is over.
    pub fn issue_expired(&self, name: &str) -> Certificate {
        self.sign(name, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names of certificates");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signed certificate");
        Certificate {
            certificate: self.write(&format!("{name}.pem"), &certificate.pem()),
            key: self.write(&format!("{name}.key"), &key.serialize_pem()),
            authority: self.path().join("authority.pem"),
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("the folder takes files");
        path
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
