//! What can go wrong with a private server, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private server could not be started, stopped or erased.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No programs of PostgreSQL of a supported version were found.
    #[error(
        "no PostgreSQL 15 or newer found{}: install it (Debian: apt-get install postgresql) or name the folder of its programs",
        .looked_at.as_ref().map(|folder| format!(" in {}", folder.display())).unwrap_or_default()
    )]
    NoBinaries {
        /// The one folder that the settings allow, when they name one.
        looked_at: Option<PathBuf>,
    },
    /// A program that a server needs is not on this machine.
    #[error("{program} not found: install it (Debian: apt-get install {package})")]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// Where Debian has it.
        package: &'static str,
    },
    /// The data was written by another major version than the programs found.
    #[error(
        "the data in {} needs PostgreSQL {data}, found {found}: install PostgreSQL {data}, or erase the data",
        .folder.display()
    )]
    OtherVersion {
        /// Folder of the data.
        folder: PathBuf,
        /// Major version that wrote the data.
        data: u32,
        /// Newest major version that is installed.
        found: u32,
    },
    /// Another process of ours holds the data folder.
    #[error("{} is in use by another Tradepost: stop that one, or choose another data folder", .folder.display())]
    InUse {
        /// The folder that is held.
        folder: PathBuf,
    },
    /// The file with the superuser's password is gone, though the data is there.
    #[error("{} is missing, so the data beside it can't be opened: restore the file, or erase the data", .file.display())]
    PasswordLost {
        /// Where the password should be.
        file: PathBuf,
    },
    /// Data of an account that may not enter the folder any more.
    #[error(
        "the account that owns {} may not enter it: let it pass through the folders above, or move the data folder",
        .folder.display()
    )]
    Unreachable {
        /// Folder of the data.
        folder: PathBuf,
    },
    /// A program ended or stayed silent; with the last lines it wrote.
    #[error("{what}; the last lines of its log:\n{log}")]
    Failed {
        /// What did not work.
        what: String,
        /// The end of the log.
        log: String,
    },
    /// The operating system refused something.
    #[error("can't {what} {}: {source}", .path.display())]
    Io {
        /// The verb, as in "can't write".
        what: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

impl ServerError {
    /// For `map_err`: says what was being done to which path.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
