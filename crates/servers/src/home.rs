//! The folder of one private server:
//!
//! ```text
//! <data>/<name>/              a link, when the server's account may not enter the data folder
//!     lock                    held while one of our processes runs this server
//!     password                of the login that we use
//!     <name>.pid              of the process, where the server keeps no such file itself
//!     server.log
//!     ...                     what the server keeps
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::error::ServerError;

/// Where data goes that its account can't reach in the data folder.
const ELSEWHERE: &str = "/var/lib/tradepost";
/// A log longer than this is set aside at the next start, over the one set aside before.
const LOG_LIMIT: u64 = 8 * 1024 * 1024;
/// How much of the log's end an error shows.
const LOG_TAIL: u64 = 2_000;

/// The folder of one private server, locked against our other processes.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    /// Who runs the server.
    pub(crate) account: Account,
    lock: File,
}

impl Home {
    /// Opens the folder of the server `name` under `data_dir`, making it on first use. Root runs the server under the
    /// account `usual`.
    pub(crate) async fn open(data_dir: &Path, name: &str, usual: &str) -> Result<Self, ServerError> {
        let place = Self::place(data_dir, name);
        if place.is_symlink() && !place.exists() {
            tracing::warn!(link = %place.display(), "the files it points to are gone: starting anew");
            fs::remove_file(&place).map_err(ServerError::io("remove", &place))?;
        }
        let account = Account::choose(&place, usual);
        if place.symlink_metadata().is_err() {
            DirBuilder::new().recursive(true).create(data_dir).map_err(ServerError::io("create", data_dir))?;
            create_folder(&place, account)?;
            if !enters(account, &place).await? {
                fs::remove_dir(&place).map_err(ServerError::io("remove", &place))?;
                move_elsewhere(&place, account)?;
            }
        }
        let folder = place.canonicalize().map_err(ServerError::io("find", &place))?;
        if !enters(account, &folder).await? {
            return Err(ServerError::Unreachable { folder });
        }
        // Again, in case the first time was cut off between making it and handing it over.
        account.take(&folder).map_err(ServerError::io("change the owner of", &folder))?;
        let lock = lock(&folder, account)?;
        Ok(Self { folder, account, lock })
    }

    /// Where the folder, or the link to it, lies.
    pub(crate) fn place(data_dir: &Path, name: &str) -> PathBuf {
        data_dir.join(name)
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The log to start a server with, and where its new lines will begin.
    pub(crate) fn open_log(&self) -> Result<(File, u64), ServerError> {
        let path = self.folder.join("server.log");
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            fs::rename(&path, self.folder.join("server.log.old")).map_err(ServerError::io("rename", &path))?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(ServerError::io("open", &path))?;
        self.account.take(&path).map_err(ServerError::io("change the owner of", &path))?;
        let end = log.metadata().map_err(ServerError::io("read", &path))?.len();
        Ok((log, end))
    }

    /// Sets the log aside, so that the new one tells of the next start alone.
    pub(crate) fn forget_log(&self) -> Result<(), ServerError> {
        let path = self.folder.join("server.log");
        match fs::rename(&path, self.folder.join("server.log.old")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ServerError::io("rename", &path)(error)),
            _ => Ok(()),
        }
    }

    /// The last lines of the log, none from before `begin`.
    pub(crate) fn log_tail(&self, begin: u64) -> String {
        let read = || {
            let mut log = File::open(self.folder.join("server.log"))?;
            let end = log.metadata()?.len();
            log.seek(SeekFrom::Start(begin.max(end.saturating_sub(LOG_TAIL))))?;
            let mut bytes = Vec::new();
            log.read_to_end(&mut bytes)?;
            std::io::Result::Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_default()
    }

    /// Lets other processes use the folder, at once even if a child just being started still holds a copy of the lock.
    pub(crate) fn release(&self) {
        // Fails only if the lock isn't held any more, which is what is wanted.
        let _ = self.lock.unlock();
    }

    /// Removes the folder, the link to it, and all that is in it.
    pub(crate) fn remove(self, place: &Path) -> Result<(), ServerError> {
        fs::remove_dir_all(&self.folder).map_err(ServerError::io("remove", &self.folder))?;
        if place.is_symlink() {
            fs::remove_file(place).map_err(ServerError::io("remove", place))?;
        }
        Ok(())
    }

    /// The password that was made earlier.
    pub(crate) fn password(&self) -> Result<SecretString, ServerError> {
        let file = self.folder.join("password");
        match fs::read_to_string(&file) {
            Ok(password) => Ok(SecretString::from(password)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(ServerError::PasswordLost { file }),
            Err(error) => Err(ServerError::io("read", &file)(error)),
        }
    }

    /// Makes a new password; answers its file.
    pub(crate) fn new_password(&self) -> Result<PathBuf, ServerError> {
        self.write_private("password", &SecretString::from(random_letters(32)))
    }

    /// The password, made at the first call.
    pub(crate) fn ensure_password(&self) -> Result<SecretString, ServerError> {
        if !self.folder.join("password").exists() {
            self.new_password()?;
        }
        self.password()
    }

    /// Writes a file that only the server's account may read.
    pub(crate) fn write_private(&self, name: &str, content: &SecretString) -> Result<PathBuf, ServerError> {
        let path = self.folder.join(name);
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(ServerError::io("create", &path))?;
        file.write_all(content.expose_secret().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| self.account.take(&path))
            .map_err(ServerError::io("write", &path))?;
        Ok(path)
    }

    /// A folder of the server's account in this one, made on first use.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, ServerError> {
        let folder = self.folder.join(name);
        if !folder.exists() {
            create_folder(&folder, self.account)?;
        }
        Ok(folder)
    }
}

async fn enters(account: Account, folder: &Path) -> Result<bool, ServerError> {
    account.can_enter(folder).await.map_err(ServerError::io("enter", folder))
}

/// A folder for the server's account alone.
fn create_folder(folder: &Path, account: Account) -> Result<(), ServerError> {
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .and_then(|()| account.take(folder))
        .map_err(ServerError::io("create", folder))
}

/// Makes the folder where every account may go, and a link to it in its usual place. The name is new each time: data
/// that another link still points to is never touched.
fn move_elsewhere(place: &Path, account: Account) -> Result<(), ServerError> {
    let parent = Path::new(ELSEWHERE);
    if !parent.exists() {
        DirBuilder::new()
            .recursive(true)
            .create(parent)
            .and_then(|()| fs::set_permissions(parent, Permissions::from_mode(0o755)))
            .map_err(ServerError::io("create", parent))?;
    }
    let folder = parent.join(random_letters(12).to_lowercase());
    create_folder(&folder, account)?;
    symlink(&folder, place).map_err(ServerError::io("create", place))?;
    tracing::info!(folder = %folder.display(), "a server's files lie elsewhere: its account may not enter the data folder");
    Ok(())
}

fn lock(folder: &Path, account: Account) -> Result<File, ServerError> {
    let path = folder.join("lock");
    let lock =
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(ServerError::io("open", &path))?;
    account.take(&path).map_err(ServerError::io("change the owner of", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(ServerError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(ServerError::io("lock", &path)(error)),
    }
}

fn random_letters(count: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(count).map(char::from).collect()
}
