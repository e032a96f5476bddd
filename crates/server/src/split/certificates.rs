//! Certificates for TLS between the processes of a split shop on this machine. Each start makes them anew, by an authority
//! whose key is never written down.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// The folder of the certificates in the data folder.
pub const FOLDER: &str = "certificates";

/// The files of the certificates.
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes one for each of `names`.
    pub fn make(data: &Path, names: &[String]) -> anyhow::Result<Self> {
        let certificates = Self { folder: data.join(FOLDER) };
        fs::create_dir_all(&certificates.folder)
            .with_context(|| format!("{} cannot be made", certificates.folder.display()))?;
        let issuer = make_authority()?;
        write(&certificates.authority(), &issuer.pem())?;
        for name in names {
            let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate()?;
            write(&certificates.certificate(name), &params.signed_by(&key, &issuer)?.pem())?;
            write(&certificates.key(name), &key.serialize_pem())?;
        }
        Ok(certificates)
    }

    /// Who signed them all.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// The certificate of a process.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pem"))
    }

    /// Its key.
    pub fn key(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }
}

fn make_authority() -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Tradepost shop on this machine");
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// Writes a file that only this user may read.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))
}
