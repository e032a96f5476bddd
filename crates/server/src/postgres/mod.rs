//! A private PostgreSQL server as a child of this process: found, made, started, watched, stopped.
//!
//! - `home`: the folder it lives in, its lock, its password, `initdb`
//! - `account`: who it runs as when we are root
//! - `binaries`: where its programs are
//! - `postmaster`: its process, also one left behind by a process of ours that was killed
//!
//! It listens on 127.0.0.1 only and takes nobody without the password. Nothing that a statement holds gets into its log.

mod account;
mod binaries;
mod error;
mod home;
mod postmaster;

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use self::binaries::Binaries;
pub use self::error::PostgresError;
use self::home::Home;
use self::postmaster::{POLL, PidFile};

/// How long a server may take to be ready; after a crash it first replays its log.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// Folder names longer than this leave no room for a socket's name, which may have 107 bytes.
const LONGEST_SOCKET_FOLDER: usize = 107 - "/.s.PGSQL.65535".len();

/// Settings for one server that has its machine mostly to itself; nothing personal reaches the log: no statements, no
/// parameters, no failed statements, none of the values that the details of an error quote.
const SETTINGS: &[(&str, &str)] = &[
    ("cluster_name", "tradepost"),
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "200"),
    ("shared_buffers", "256MB"),
    ("effective_cache_size", "1GB"),
    ("work_mem", "8MB"),
    ("maintenance_work_mem", "128MB"),
    ("random_page_cost", "1.1"),
    ("synchronous_commit", "on"),
    ("wal_compression", "on"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("jit", "off"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_destination", "stderr"),
    ("logging_collector", "off"),
    ("log_checkpoints", "off"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
];

/// How to start a [`PostgresServer`].
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    /// Tradepost's data folder; the server lives in `postgres` under it.
    pub data_dir: PathBuf,
    /// The port to listen on if nothing else does; otherwise a free one is taken.
    pub preferred_port: Option<u16>,
    /// The one folder to take PostgreSQL's programs from, instead of looking for them.
    pub binaries: Option<PathBuf>,
    /// PostgreSQL settings that go before our own, by name.
    pub settings: Vec<(String, String)>,
}

/// A running private PostgreSQL. Dropping it asks the server to end but doesn't wait: prefer [`stop`](Self::stop).
#[derive(Debug)]
pub struct PostgresServer {
    home: Home,
    child: Child,
    pid: Pid,
    port: u16,
    password: SecretString,
}

impl PostgresServer {
    /// Starts the server of this data folder, making its cluster first if there is none, and waits until it is ready.
    /// A server that was left behind by a killed process of ours is ended first.
    pub async fn start(options: PostgresOptions) -> Result<Self, PostgresError> {
        let home = Home::open(&options.data_dir).await?;
        let setting = options.binaries.as_deref();
        let binaries = Binaries::find(setting, &options.data_dir, home.account, home.version()).await?;
        let cluster = home.cluster();
        postmaster::end_leftover(&cluster).await?;
        let password = home.ensure_cluster(&binaries).await?;

        let deadline = Instant::now() + START_PATIENCE;
        let mut preferred = options.preferred_port;
        loop {
            let port = choose_port(preferred)?;
            match launch(&home, &binaries, port, &options.settings, deadline).await? {
                Launch::Ready(child, pid) => {
                    return Ok(Self { home, child, pid, port, password });
                }
                // Another process took the port since it was found free.
                Launch::Ended(log) if log.contains("could not bind") && Instant::now() < deadline => preferred = None,
                // A killed server's own children are still on their way out.
                Launch::Ended(log) if log.contains("still in use") && Instant::now() < deadline => {
                    sleep(POLL * 10).await;
                }
                Launch::Ended(log) => {
                    return Err(PostgresError::Failed { what: "PostgreSQL did not start".to_owned(), log });
                }
            }
        }
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of `database` (a plain name) for the superuser.
    pub fn superuser_url(&self, database: &str) -> SecretString {
        let password = self.password.expose_secret();
        SecretString::from(format!("postgres://postgres:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port))
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The folder with the server's files. It is not always in the data folder: PostgreSQL can't run as root, and the
    /// account it runs as instead may have no way into the data folder.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// Waits until the server ends by itself, which it shouldn't. Can be dropped and asked again.
    pub async fn exited(&mut self) -> Result<ExitStatus, PostgresError> {
        self.child.wait().await.map_err(PostgresError::io("wait for", self.home.folder()))
    }

    /// Stops the server: open transactions are rolled back, everything committed is on disk. Harder if it doesn't go.
    pub async fn stop(mut self) -> Result<(), PostgresError> {
        let Self { child, pid, .. } = &mut self;
        postmaster::end(*pid, || has_ended(child)).await
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if !has_ended(&mut self.child) {
            let _ = kill_process(self.pid, Signal::INT);
        }
        self.home.release();
    }
}

/// Removes the private PostgreSQL of a data folder with all its data, ending it if it was left behind.
pub async fn erase(data_dir: &Path) -> Result<(), PostgresError> {
    if Home::place(data_dir).symlink_metadata().is_err() {
        return Ok(());
    }
    let home = Home::open(data_dir).await?;
    postmaster::end_leftover(&home.cluster()).await?;
    home.remove(data_dir)
}

/// How an attempt to start went.
enum Launch {
    Ready(Child, Pid),
    /// It ended by itself; with its log.
    Ended(String),
}

/// Starts the server once and waits until it is ready or has ended.
async fn launch(
    home: &Home,
    binaries: &Binaries,
    port: u16,
    settings: &[(String, String)],
    deadline: Instant,
) -> Result<Launch, PostgresError> {
    let (log, log_begin) = home.open_log()?;
    let log_too = log.try_clone().map_err(PostgresError::io("open", home.folder()))?;
    let program = binaries.program("postgres");
    let mut child = home
        .account
        .command(&program, home.folder())
        .arg("-D")
        .arg(home.cluster())
        .args(arguments(home.folder(), port, settings))
        .stdout(log)
        .stderr(log_too)
        // Ctrl-C in a terminal goes to the whole group: the roles must finish their work before their database goes.
        .process_group(0)
        .spawn()
        .map_err(PostgresError::io("run", &program))?;

    let cluster = home.cluster();
    while !has_ended(&mut child) {
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let file = PidFile::read(&cluster);
        if let (Some(pid), Some(file)) = (pid, file)
            && file.ready
            && file.pid == pid
        {
            return Ok(Launch::Ready(child, pid));
        }
        if let (Some(pid), true) = (pid, Instant::now() > deadline) {
            postmaster::end(pid, || has_ended(&mut child)).await?;
            return Err(PostgresError::Failed {
                what: format!("PostgreSQL was not ready within {} seconds", START_PATIENCE.as_secs()),
                log: home.log_tail(log_begin),
            });
        }
        sleep(POLL).await;
    }
    Ok(Launch::Ended(home.log_tail(log_begin)))
}

/// The command line of the server; the caller's settings come last, because the last one counts.
fn arguments(folder: &Path, port: u16, settings: &[(String, String)]) -> Vec<OsString> {
    let ours = SETTINGS.iter().map(|(name, value)| format!("{name}={value}"));
    let callers = settings.iter().map(|(name, value)| format!("{name}={value}"));
    let mut sockets = OsString::from("unix_socket_directories=");
    if folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER {
        // A list: quoted, so that a comma in the folder's name is not taken for the next one.
        sockets.push("\"");
        sockets.push(folder.as_os_str().to_string_lossy().replace('"', "\"\""));
        sockets.push("\"");
    }
    ours.map(OsString::from)
        .chain([format!("port={port}").into(), sockets])
        .chain(callers.map(OsString::from))
        .flat_map(|setting| [OsString::from("-c"), setting])
        .collect()
}

/// The preferred port if it is free, else any free one.
fn choose_port(preferred: Option<u16>) -> Result<u16, PostgresError> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    preferred
        .and_then(|port| bind(port).ok())
        .map_or_else(|| bind(0), Ok)
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(PostgresError::io("find a free port on", Path::new("127.0.0.1")))
}

/// Whether the child has ended; a child that can't be asked about any more has.
fn has_ended(child: &mut Child) -> bool {
    child.try_wait().map_or(true, |status| status.is_some())
}
