//! Finds the programs of PostgreSQL on this machine.

use std::env;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::ServerError;

/// The oldest major version that Tradepost runs on.
const OLDEST: u32 = 15;
/// The newest major version looked for in the folders where Debian puts them.
const NEWEST: u32 = 18;

/// A folder with `postgres` and `initdb` that run here.
#[derive(Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
    /// Major version.
    pub(super) version: u32,
}

impl Binaries {
    /// The first suitable ones of: the folder the settings name (then no other), `PATH`, the system's folders from the
    /// newest version on, the copy in the data folder. Data of an earlier run (`wanted`) needs its own major version.
    pub(super) async fn find(
        setting: Option<&Path>,
        data_dir: &Path,
        account: Account,
        wanted: Option<u32>,
    ) -> Result<Self, ServerError> {
        let mut other = None;
        for folder in candidates(setting, data_dir) {
            let Some(binaries) = Self::probe(&folder, account).await else {
                continue;
            };
            if wanted.is_none_or(|wanted| wanted == binaries.version) {
                return Ok(binaries);
            }
            other = other.max(Some(binaries.version));
        }
        match (other, wanted) {
            (Some(found), Some(data)) => Err(ServerError::OtherVersion { folder: data_dir.to_owned(), data, found }),
            _ => Err(ServerError::NoBinaries { looked_at: setting.map(Path::to_owned) }),
        }
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs what lies in `folder` to learn whether this account can use it, and its version.
    async fn probe(folder: &Path, account: Account) -> Option<Self> {
        // PATH often holds links to single programs: the others lie beside the real file.
        let postgres = folder.join("postgres").canonicalize().ok()?;
        let folder = postgres.parent()?.to_owned();
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = account.command(&postgres, Path::new("/")).arg("--version").output().await.ok()?;
        let version = major(&String::from_utf8_lossy(&output.stdout))?;
        (version >= OLDEST).then_some(Self { folder, version })
    }
}

/// Folders that may hold the programs, best first.
fn candidates(setting: Option<&Path>, data_dir: &Path) -> Vec<PathBuf> {
    if let Some(folder) = setting {
        return vec![folder.to_owned()];
    }
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|path| env::split_paths(&path).filter(|folder| folder.is_absolute()).collect())
        .unwrap_or_default();
    folders.extend((OLDEST..=NEWEST).rev().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))));
    folders.push(data_dir.join("postgresql/bin"));
    folders
}

/// The major version in the answer of `postgres --version`, such as "postgres (PostgreSQL) 15.18 (Debian …)".
fn major(answer: &str) -> Option<u32> {
    let version = answer.strip_prefix("postgres (PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        assert_eq!(major("postgres (PostgreSQL) 15.18 (Debian 15.18-0)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 19beta1\n"), Some(19));
        assert_eq!(major("mysqld 8\n"), None);
    }
}
