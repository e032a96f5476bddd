//! The folder of one private PostgreSQL:
//!
//! ```text
//! <data>/postgres/            a link, when the server's account may not enter the data folder
//!     lock                    held while one of our processes runs this server
//!     password                of the superuser
//!     cluster/                PostgreSQL's own data folder
//!     server.log
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rand::Rng;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret, SecretString};

use super::account::Account;
use super::binaries::Binaries;
use super::error::PostgresError;

/// Where data goes that its account can't reach in the data folder.
const ELSEWHERE: &str = "/var/lib/tradepost";
/// A log longer than this is set aside at the next start, over the one set aside before.
const LOG_LIMIT: u64 = 8 * 1024 * 1024;
/// How much of the log's end an error shows.
const LOG_TAIL: u64 = 2_000;

/// The folder of one private PostgreSQL, locked against our other processes.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    /// Who runs the server.
    pub(super) account: Account,
    lock: File,
}

impl Home {
    /// Opens the folder for `data_dir`, making it on first use.
    pub(super) async fn open(data_dir: &Path) -> Result<Self, PostgresError> {
        let place = Self::place(data_dir);
        if place.is_symlink() && !place.exists() {
            tracing::warn!(link = %place.display(), "the database files it points to are gone: starting anew");
            fs::remove_file(&place).map_err(PostgresError::io("remove", &place))?;
        }
        let account = Account::choose(&place);
        if place.symlink_metadata().is_err() {
            DirBuilder::new().recursive(true).create(data_dir).map_err(PostgresError::io("create", data_dir))?;
            create_folder(&place, account)?;
            if !enters(account, &place).await? {
                fs::remove_dir(&place).map_err(PostgresError::io("remove", &place))?;
                move_elsewhere(&place, account)?;
            }
        }
        let folder = place.canonicalize().map_err(PostgresError::io("find", &place))?;
        if !enters(account, &folder).await? {
            return Err(PostgresError::Unreachable { folder });
        }
        // Again, in case the first time was cut off between making it and handing it over.
        account.take(&folder).map_err(PostgresError::io("change the owner of", &folder))?;
        let lock = lock(&folder, account)?;
        Ok(Self { folder, account, lock })
    }

    /// Where the folder, or the link to it, lies.
    pub(super) fn place(data_dir: &Path) -> PathBuf {
        data_dir.join("postgres")
    }

    /// The folder itself.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// PostgreSQL's own data folder.
    pub(super) fn cluster(&self) -> PathBuf {
        self.folder.join("cluster")
    }

    /// The major version that wrote the data, when there is any.
    pub(super) fn version(&self) -> Option<u32> {
        let text = fs::read_to_string(self.cluster().join("PG_VERSION")).ok()?;
        text.trim().parse().ok()
    }

    /// Makes the cluster if there is none; answers the superuser's password. The cluster is made beside its place and
    /// moved there in one step, so that one that was interrupted is never taken for a whole one.
    pub(super) async fn ensure_cluster(&self, binaries: &Binaries) -> Result<SecretString, PostgresError> {
        let cluster = self.cluster();
        if cluster.exists() {
            return self.password();
        }
        let unfinished = self.folder.join("cluster.new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(PostgresError::io("remove", &unfinished))?;
        }
        let password_file = self.write_password()?;
        let initdb = binaries.program("initdb");
        let output = self
            .account
            .command(&initdb, &self.folder)
            .arg("-D")
            .arg(&unfinished)
            .args(["--username=postgres", "--encoding=UTF8", "--locale=C"])
            .args(["--auth=scram-sha-256", "--no-instructions"])
            .arg("--pwfile")
            .arg(&password_file)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(PostgresError::io("run", &initdb))?;
        if !output.status.success() {
            return Err(PostgresError::Failed {
                what: format!("making a database cluster in {} failed", self.folder.display()),
                log: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        fs::rename(&unfinished, &cluster).map_err(PostgresError::io("rename", &unfinished))?;
        self.password()
    }

    /// The log to start a server with, and where its new lines will begin.
    pub(super) fn open_log(&self) -> Result<(File, u64), PostgresError> {
        let path = self.folder.join("server.log");
        if fs::metadata(&path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            fs::rename(&path, self.folder.join("server.log.old")).map_err(PostgresError::io("rename", &path))?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(PostgresError::io("open", &path))?;
        self.account.take(&path).map_err(PostgresError::io("change the owner of", &path))?;
        let end = log.metadata().map_err(PostgresError::io("read", &path))?.len();
        Ok((log, end))
    }

    /// The last lines of the log, none from before `begin`.
    pub(super) fn log_tail(&self, begin: u64) -> String {
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
    pub(super) fn release(&self) {
        // Fails only if the lock isn't held any more, which is what is wanted.
        let _ = self.lock.unlock();
    }

    /// Removes the folder, the link to it, and all that is in it.
    pub(super) fn remove(self, data_dir: &Path) -> Result<(), PostgresError> {
        fs::remove_dir_all(&self.folder).map_err(PostgresError::io("remove", &self.folder))?;
        let place = Self::place(data_dir);
        if place.is_symlink() {
            fs::remove_file(&place).map_err(PostgresError::io("remove", &place))?;
        }
        Ok(())
    }

    fn password(&self) -> Result<SecretString, PostgresError> {
        let file = self.folder.join("password");
        match fs::read_to_string(&file) {
            Ok(password) => Ok(SecretString::from(password)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PostgresError::PasswordLost { file }),
            Err(error) => Err(PostgresError::io("read", &file)(error)),
        }
    }

    /// A new password, readable by the server's account alone.
    fn write_password(&self) -> Result<PathBuf, PostgresError> {
        let path = self.folder.join("password");
        let password = SecretString::from(random_letters(32));
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(PostgresError::io("create", &path))?;
        file.write_all(password.expose_secret().as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| self.account.take(&path))
            .map_err(PostgresError::io("write", &path))?;
        Ok(path)
    }
}

async fn enters(account: Account, folder: &Path) -> Result<bool, PostgresError> {
    account.can_enter(folder).await.map_err(PostgresError::io("enter", folder))
}

/// A folder for the server's account alone.
fn create_folder(folder: &Path, account: Account) -> Result<(), PostgresError> {
    DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .and_then(|()| account.take(folder))
        .map_err(PostgresError::io("create", folder))
}

/// Makes the folder where every account may go, and a link to it in its usual place. The name is new each time: data
/// that another link still points to is never touched.
fn move_elsewhere(place: &Path, account: Account) -> Result<(), PostgresError> {
    let parent = Path::new(ELSEWHERE);
    if !parent.exists() {
        DirBuilder::new()
            .recursive(true)
            .create(parent)
            .and_then(|()| fs::set_permissions(parent, Permissions::from_mode(0o755)))
            .map_err(PostgresError::io("create", parent))?;
    }
    let folder = parent.join(random_letters(12).to_lowercase());
    create_folder(&folder, account)?;
    symlink(&folder, place).map_err(PostgresError::io("create", place))?;
    tracing::info!(folder = %folder.display(), "database files lie elsewhere: their account may not enter the data folder");
    Ok(())
}

fn lock(folder: &Path, account: Account) -> Result<File, PostgresError> {
    let path = folder.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(PostgresError::io("open", &path))?;
    account.take(&path).map_err(PostgresError::io("change the owner of", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(PostgresError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(PostgresError::io("lock", &path)(error)),
    }
}

fn random_letters(count: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(count).map(char::from).collect()
}
