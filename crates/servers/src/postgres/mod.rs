//! A private PostgreSQL: found, made, started.
//!
//! - `binaries`: where its programs are
//! - `cluster`: its own data folder, made by `initdb`
//! - `postmaster`: its process as the cluster sees it
//! - [`replica`]: another server that follows it
//!
//! It listens on 127.0.0.1 only and takes nobody without the password. Nothing that a statement holds gets into its log.

mod binaries;
mod cluster;
mod postmaster;
pub mod replica;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use self::binaries::Binaries;
use self::postmaster::{PidFile, WAYS_TO_END};
use crate::error::ServerError;
use crate::home::Home;
use crate::ports;
use crate::process::{POLL, end, has_ended, pid_of};
use crate::server::Server;

/// The folder of the server under the data folder.
const NAME: &str = "postgres";
/// The account that root runs it under.
const USUAL_ACCOUNT: &str = "postgres";
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

/// How to start a private PostgreSQL.
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

/// Starts the server of this data folder, making its cluster first if there is none, and waits until it is ready.
/// A server that was left behind by a killed process of ours is ended first.
pub async fn start(options: PostgresOptions) -> Result<Server, ServerError> {
    let home = Home::open(&options.data_dir, NAME, USUAL_ACCOUNT).await?;
    let setting = options.binaries.as_deref();
    let version = cluster::version(&home);
    let binaries = Binaries::find(setting, &options.data_dir, home.account, version).await?;
    postmaster::end_leftover(&cluster::folder(&home)).await?;
    let password = cluster::ensure(&home, &binaries).await?;
    run(home, &binaries, password, options.preferred_port, &options.settings).await
}

/// The address of `database` (a plain name) of a private PostgreSQL for its superuser.
pub fn superuser_url(server: &Server, database: &str) -> SecretString {
    server.address("postgres", "postgres", &format!("/{database}?sslmode=disable"))
}

/// Ends the PostgreSQL that a killed process of ours left behind.
pub(crate) async fn end_leftover(data_dir: &Path) -> Result<(), ServerError> {
    let home = Home::open(data_dir, NAME, USUAL_ACCOUNT).await?;
    postmaster::end_leftover(&cluster::folder(&home)).await
}

/// Runs the server whose cluster is in `home`, on another port when the preferred one is taken.
async fn run(
    home: Home,
    binaries: &Binaries,
    password: SecretString,
    mut preferred: Option<u16>,
    settings: &[(String, String)],
) -> Result<Server, ServerError> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        let port = ports::choose(preferred)?;
        match launch(&home, binaries, port, settings, deadline).await? {
            Launch::Ready(child) => {
                let Some(pid) = pid_of(&child) else { continue };
                let ways_to_end = WAYS_TO_END;
                return Ok(Server { home, child, pid, port, password, ways_to_end, companion: None });
            }
            // Another process took the port since it was found free.
            Launch::Ended(log) if log.contains("could not bind") && Instant::now() < deadline => preferred = None,
            // A killed server's own children are still on their way out.
            Launch::Ended(log) if log.contains("still in use") && Instant::now() < deadline => {
                sleep(POLL * 10).await;
            }
            Launch::Ended(log) => {
                return Err(ServerError::Failed { what: "PostgreSQL did not start".to_owned(), log });
            }
        }
    }
}

/// How an attempt to start went.
enum Launch {
    Ready(Child),
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
) -> Result<Launch, ServerError> {
    let (log, log_begin) = home.open_log()?;
    let log_too = log.try_clone().map_err(ServerError::io("open", home.folder()))?;
    let program = binaries.program("postgres");
    let cluster = cluster::folder(home);
    let mut child = home
        .account
        .command(&program, home.folder())
        .arg("-D")
        .arg(&cluster)
        .args(arguments(home.folder(), port, settings))
        .stdout(log)
        .stderr(log_too)
        // Ctrl-C in a terminal goes to the whole group: the roles must finish their work before their database goes.
        .process_group(0)
        .spawn()
        .map_err(ServerError::io("run", &program))?;

    while !has_ended(&mut child) {
        let pid = pid_of(&child);
        if PidFile::read(&cluster).is_some_and(|file| file.ready && Some(file.pid) == pid) {
            return Ok(Launch::Ready(child));
        }
        if let (Some(pid), true) = (pid, Instant::now() > deadline) {
            end(pid, WAYS_TO_END, || has_ended(&mut child)).await?;
            return Err(ServerError::Failed {
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
