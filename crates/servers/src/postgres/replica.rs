//! A streaming replica of the private PostgreSQL: it reads the primary's log from a replication slot, so that the primary
//! keeps what it has not read yet, up to a bound. One that fell out of that bound is made anew.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::process::Command;

use super::binaries::Binaries;
use super::{USUAL_ACCOUNT, cluster, postmaster, run};
use crate::error::ServerError;
use crate::home::Home;
use crate::server::Server;

/// The folder of the replica under the data folder.
const NAME: &str = "replica";
/// The replication slot on the primary.
const SLOT: &str = "tradepost_replica";

/// How a replica says in its log that it can't follow, and why it never will: the primary has thrown away what it needs,
/// or is another one than it was made from.
const CANNOT_FOLLOW: [(&str, &str); 5] = [
    ("WAL stream", "has already been removed"),
    ("WAL stream", "can no longer get changes from replication slot"),
    ("WAL stream", "does not exist"),
    ("WAL stream", "is ahead of the WAL flush position"),
    ("FATAL", "database system identifier differs"),
];

/// Settings that a primary needs so that a replica can follow it; more than so much of its log is not kept for one.
pub const PRIMARY_SETTINGS: [(&str, &str); 2] = [("wal_level", "replica"), ("max_slot_wal_keep_size", "4GB")];

/// How to start the replica.
#[derive(Clone, Debug)]
pub struct ReplicaOptions {
    /// Tradepost's data folder; the server lives in `replica` under it.
    pub data_dir: PathBuf,
    /// The port to listen on if nothing else does; otherwise a free one is taken.
    pub preferred_port: Option<u16>,
    /// The one folder to take PostgreSQL's programs from, instead of looking for them.
    pub binaries: Option<PathBuf>,
    /// PostgreSQL settings that go before our own, by name. `max_connections` must not be less than the primary's.
    pub settings: Vec<(String, String)>,
}

/// A private PostgreSQL that a replica follows. It stays the same over restarts of the server.
#[derive(Clone, Debug)]
pub struct Primary {
    port: u16,
    password: SecretString,
}

impl Primary {
    /// This server, now and when it is started again on the same port.
    pub fn of(server: &Server) -> Self {
        Self { port: server.port, password: server.password.clone() }
    }
}

/// Starts the replica of `primary`, making it first if there is none or if it can't follow, and waits until it answers.
pub async fn start(options: ReplicaOptions, primary: &Primary) -> Result<Server, ServerError> {
    let home = Home::open(&options.data_dir, NAME, USUAL_ACCOUNT).await?;
    let cluster = cluster::folder(&home);
    postmaster::end_leftover(&cluster).await?;
    let setting = options.binaries.as_deref();
    let binaries = Binaries::find(setting, &options.data_dir, home.account, cluster::version(&home)).await?;
    let source = Source::of(primary, &home)?;
    // The log of the last start tells.
    if !cluster.exists() || cannot_follow(&home) {
        tracing::info!("making the replica of the private PostgreSQL anew");
        source.make(&home, &binaries).await?;
    }
    home.forget_log()?;
    let mut settings = options.settings;
    settings.extend([
        ("primary_conninfo".to_owned(), source.address),
        ("primary_slot_name".to_owned(), SLOT.to_owned()),
        ("hot_standby_feedback".to_owned(), "on".to_owned()),
    ]);
    run(home, &binaries, primary.password.clone(), options.preferred_port, &settings).await
}

/// Whether a running replica has lost the primary for good, so that it must be started anew.
pub fn is_lost(replica: &Server) -> bool {
    cannot_follow(&replica.home)
}

/// Ends the replica that a killed process of ours left behind.
pub(crate) async fn end_leftover(data_dir: &Path) -> Result<(), ServerError> {
    let home = Home::open(data_dir, NAME, USUAL_ACCOUNT).await?;
    postmaster::end_leftover(&cluster::folder(&home)).await
}

fn cannot_follow(home: &Home) -> bool {
    let log = home.log_tail(0);
    log.lines().any(|line| CANNOT_FOLLOW.iter().any(|(what, why)| line.contains(what) && line.contains(why)))
}

/// The primary as its replica reaches it.
struct Source {
    /// As PostgreSQL's programs take it. It holds no password: it names the file that does.
    address: String,
}

impl Source {
    fn of(primary: &Primary, home: &Home) -> Result<Self, ServerError> {
        let line = format!("127.0.0.1:{}:*:postgres:{}\n", primary.port, primary.password.expose_secret());
        let file = home.write_private("primary-password", &SecretString::from(line))?;
        let file = file.to_string_lossy().replace('\\', "\\\\").replace('\'', "\\'");
        let address = format!("host=127.0.0.1 port={} user=postgres passfile='{file}'", primary.port);
        Ok(Self { address })
    }

    /// Copies the primary, whose slot keeps from now on what the copy will read.
    async fn make(&self, home: &Home, binaries: &Binaries) -> Result<(), ServerError> {
        // The slot of an earlier replica may have lost its log: a slot is made in any case. There may be none to drop.
        let _ = self.slot(home, binaries, "--drop-slot").await?;
        if !self.slot(home, binaries, "--create-slot").await? {
            return Err(ServerError::Failed {
                what: "the primary makes no replication slot".to_owned(),
                log: home.log_tail(0),
            });
        }
        cluster::make(home, binaries, "pg_basebackup", |command, unfinished| {
            let slot = format!("--slot={SLOT}");
            command.arg("-D").arg(unfinished).args(["--checkpoint=fast", "--write-recovery-conf", "--no-sync", &slot]);
            command.arg("--dbname").arg(&self.address);
        })
        .await
    }

    /// Whether the primary did that with our slot.
    async fn slot(&self, home: &Home, binaries: &Binaries, what: &str) -> Result<bool, ServerError> {
        let program = binaries.program("pg_receivewal");
        let mut command: Command = home.account.command(&program, home.folder());
        command.args([what, &format!("--slot={SLOT}")]).arg("--dbname").arg(&self.address);
        let output = command.kill_on_drop(true).output().await.map_err(ServerError::io("run", &program))?;
        Ok(output.status.success())
    }
}
