//! A private PostgreSQL with a streaming replica, for tests of reads that may lag.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pg::bootstrap::{self, Names, Passwords};
use pg::{DatabaseConfig, Db, Schema};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::time::sleep;

/// How long a server may take to do what it is told.
const PATIENCE: Duration = Duration::from_mins(1);
/// Who the servers run as when root tests: they refuse to run as root.
const NOBODY: u32 = 65534;

/// A role's database on a primary of its own, and the replica of that. Both end with it.
pub struct Replicated {
    db: Db,
    superuser_of_replica: PgPool,
    primary: Server,
    replica: Server,
    _folder: TempDir,
}

struct Server {
    child: Child,
    port: u16,
}

impl Replicated {
    /// Starts both servers and makes the role's database.
    pub async fn start(schema: &Schema) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        give_away(folder.path());
        let [primary_data, replica_data] = ["primary", "replica"].map(|name| folder.path().join(name));
        let init = ["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "-D"];
        finish(program("initdb").args(init).arg(&primary_data));
        let primary = Server::start(&primary_data).await;
        let copy =
            ["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--username=postgres", "--host=127.0.0.1"];
        finish(
            program("pg_basebackup")
                .args(copy)
                .arg("--port")
                .arg(primary.port.to_string())
                .arg("-D")
                .arg(&replica_data),
        );
        let replica = Server::start(&replica_data).await;

        let superuser = format!("postgres://postgres@127.0.0.1:{}/postgres", primary.port);
        let passwords = Passwords { owner: "test".into(), app: "test".into(), read: "test".into() };
        let urls = bootstrap::ensure(&superuser.into(), &Names::new("test", schema.role), &passwords).await;
        let urls = urls.expect("the role's database is made");
        let owner = PgPool::connect(urls.owner.expose()).await.expect("the owner connects");
        pg::migrate::up(&owner, schema).await.expect("the migrations run");
        owner.close().await;
        let at_replica = |url: &str| url.replace(&format!(":{}/", primary.port), &format!(":{}/", replica.port));
        let config = DatabaseConfig {
            url: urls.app.clone(),
            replica_url: Some(at_replica(urls.app.expose()).into()),
            ..DatabaseConfig::default()
        };
        let db = Db::connect(schema.role, &config).await.expect("the runtime login connects");
        let superuser_of_replica = PgPoolOptions::new()
            .connect(&format!("postgres://postgres@127.0.0.1:{}/postgres", replica.port))
            .await
            .expect("the superuser connects to the replica");
        Self { db, superuser_of_replica, primary, replica, _folder: folder }
    }

    /// The pools of the runtime login.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Keeps the replica as it is, whatever the primary does.
    pub async fn pause(&self) {
        self.tell_replica("SELECT pg_wal_replay_pause()").await;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_paused().await {
            assert!(Instant::now() < deadline, "the replica does not pause");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets the replica catch up.
    pub async fn resume(&self) {
        self.tell_replica("SELECT pg_wal_replay_resume()").await;
    }

    /// Stops the replica where it is: connections stay open, nothing is answered.
    pub fn freeze_replica(&self) {
        self.replica.signal(Signal::STOP);
    }

    /// Lets the replica go on.
    pub fn thaw_replica(&self) {
        self.replica.signal(Signal::CONT);
    }

    /// Kills the replica.
    pub fn kill_replica(&mut self) {
        self.replica.kill();
    }

    async fn tell_replica(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.superuser_of_replica).await.expect("the replica does as it is told");
    }

    async fn is_paused(&self) -> bool {
        sqlx::query_scalar("SELECT pg_get_wal_replay_pause_state() = 'paused'")
            .fetch_one(&self.superuser_of_replica)
            .await
            .expect("the replica tells whether it replays")
    }
}

impl Drop for Replicated {
    fn drop(&mut self) {
        self.replica.kill();
        self.primary.kill();
    }
}

impl Server {
    /// Starts the server of this folder and waits until it takes connections.
    async fn start(data: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        drop(listener);
        let mut command = program("postgres");
        command.arg("-D").arg(data);
        let port_setting = format!("port={port}");
        for setting in [
            port_setting.as_str(),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
            "autovacuum=off",
        ] {
            command.arg("-c").arg(setting);
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres is run");
        let server = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        while PgPoolOptions::new().max_connections(1).connect(&url).await.is_err() {
            assert!(Instant::now() < deadline, "postgres does not start");
            sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Sends a signal to the server and then to its children, which answer for it.
    fn signal(&self, signal: Signal) {
        let parent = self.child.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.expect("the kernel tells the children of a process");
        let pids =
            std::iter::once(parent.cast_signed()).chain(children.split_whitespace().filter_map(|id| id.parse().ok()));
        for pid in pids.filter_map(Pid::from_raw) {
            // One that has just ended takes none.
            let _ = kill_process(pid, signal);
        }
    }

    fn kill(&mut self) {
        // One that is stopped would not see that its parent has ended.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::CONT);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program of PostgreSQL, run by somebody who may run it.
fn program(name: &str) -> Command {
    let mut command = Command::new(folder_of_programs().join(name));
    command.current_dir("/");
    if rustix::process::getuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn folder_of_programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let of_debian = (15..=18).rev().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let mut folders = std::env::split_paths(&path).chain(of_debian);
    // PATH often holds links to single programs: the others lie beside the real file.
    let found = folders.find_map(|folder| folder.join("initdb").canonicalize().ok());
    let found = found.expect("PostgreSQL is on PATH or where Debian puts it");
    found.parent().expect("a program lies in a folder").to_owned()
}

fn give_away(folder: &Path) {
    if rustix::process::getuid().is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("root gives a folder away");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("a folder is closed to others");
}

fn finish(command: &mut Command) {
    let output = command.output().expect("a program of PostgreSQL is run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
