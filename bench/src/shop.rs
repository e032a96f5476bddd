//! A private shop for the figures, in one process or with its roles apart: started on an empty folder, erased at the end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::Permissions;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Duration, Instant, sleep};

use crate::database::Database;
use crate::http::{Connection, request};
use crate::processes;

/// Path of the GraphQL endpoint.
pub const GRAPHQL: &str = "/api/v1/graphql";
/// Every role.
const ROLES: &str = "gateway,users,products,orders,webhooks";
/// What every shop is told. Limits on requests of one address would be measured instead of the shop; the endpoint of the
/// webhooks is on this machine.
const SETTINGS: [&str; 4] = [
    "telemetry.log=warn",
    "gateway.limits.enabled=false",
    "webhooks.allow_http=true",
    "webhooks.allow_private_addresses=127.0.0.0/8",
];
/// The same of a further process.
const NO_LIMITS: (&str, &str) = ("TRADEPOST__GATEWAY__LIMITS__ENABLED", "false");
/// What `run.json` calls the shop's own process.
pub const PROGRAM: &str = "tradepost";
/// Events that the relay has yet to publish.
const UNPUBLISHED: &str = "SELECT (SELECT count(*) FROM events WHERE sequence IS NULL) \
    + (SELECT coalesce(sum(sequenced - published), 0) FROM relay)";
/// How long events may take to come to their consumers.
const EVENTS_PATIENCE: Duration = Duration::from_mins(10);
/// How long a process may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the roles of a shop run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// In one process, on PostgreSQL.
    Together,
    /// Each in a process of its own, on PostgreSQL with a replica, Redis and RabbitMQ, with TLS in between.
    Apart,
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Together => "of one process",
            Self::Apart => "with roles apart (--split)",
        })
    }
}

/// A running shop with everything it has on disk.
pub struct Shop {
    program: PathBuf,
    folder: TempDir,
    run: Run,
    /// Secrets and addresses as environment, for further processes on the same databases.
    settings: BTreeMap<String, String>,
    superuser_password: String,
}

/// What `run.json` says.
#[derive(Deserialize)]
struct Run {
    api: String,
    admin: Login,
    databases: BTreeMap<String, String>,
    pids: BTreeMap<String, u32>,
    #[serde(default)]
    roles: Vec<RoleProcess>,
    rabbitmq: Option<String>,
}

/// A process of a shop whose roles run apart.
#[derive(Deserialize)]
pub struct RoleProcess {
    /// The role.
    pub role: String,
    /// Its process.
    pub pid: u32,
}

#[derive(Deserialize)]
struct Login {
    email: String,
    password: String,
}

/// A further process of the same shop, over the same databases. Ends when dropped.
pub struct Server {
    child: Child,
    /// Where its API is.
    pub address: SocketAddr,
}

impl Shop {
    /// Starts a shop without a catalog.
    pub async fn start(program: &Path, topology: Topology) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tradepost-bench.").tempdir()?;
        // PostgreSQL may run under another account than ours, which must be able to enter.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        let mut up = tradepost(program, folder.path());
        up.args(["up", "--detach", "--catalog", "none", "--port", &free_port()?.to_string()]);
        up.args(SETTINGS.iter().flat_map(|setting| ["--set", setting]));
        if topology == Topology::Apart {
            up.arg("--split");
        }
        let ended = up.stdout(Stdio::null()).status().await.context("tradepost cannot be started")?;
        ensure!(ended.success(), "the shop did not start");
        let run: Run = read_json(&folder.path().join("run.json"))?;
        let secrets: Value = read_json(&folder.path().join("secrets.json"))?;
        let mut settings: BTreeMap<String, String> = serde_json::from_value(secrets["settings"].clone())?;
        for (role, url) in &run.databases {
            settings.insert(format!("TRADEPOST__DATABASES__{}__URL", role.to_uppercase()), url.clone());
        }
        let password = folder.path().join("postgres/password");
        let superuser_password =
            std::fs::read_to_string(&password).context("the superuser's password")?.trim().to_owned();
        Ok(Self { program: program.to_owned(), folder, run, settings, superuser_password })
    }

    /// Where its API is.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.run.api.trim_start_matches("http://").parse().context("run.json has an address of an unknown form")
    }

    /// Its process; that of the supervisor when the roles run apart.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.run.pids.get(PROGRAM).copied().context("run.json has no process id")
    }

    /// PostgreSQL's process.
    pub fn postgres_pid(&self) -> anyhow::Result<u32> {
        self.run.pids.get("postgres").copied().context("run.json has no process id of PostgreSQL")
    }

    /// The process of a role that runs apart.
    pub fn role_pid(&self, role: &str) -> anyhow::Result<u32> {
        let process = self.run.roles.iter().find(|process| process.role == role);
        process.map(|process| process.pid).with_context(|| format!("run.json has no process of {role}"))
    }

    /// The broker's address, with its login.
    pub fn rabbitmq_url(&self) -> anyhow::Result<&str> {
        self.run.rabbitmq.as_deref().context("the shop has no broker")
    }

    /// Processor time that each part has used up to now, in milliseconds: `tradepost`, or each role by its name, and the
    /// servers. The supervisor of roles apart only waits.
    pub fn processor_time(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let mut times = BTreeMap::new();
        for (part, pid) in self.run.pids.iter().filter(|(part, _)| *part != PROGRAM || self.run.roles.is_empty()) {
            times.insert(part.clone(), processes::of_family(*pid)?);
        }
        for process in &self.run.roles {
            *times.entry(process.role.clone()).or_default() += processes::of_process(process.pid)?;
        }
        Ok(times)
    }

    /// Waits until every event up to now has come to its consumers.
    pub async fn until_events_are_consumed(&self) -> anyhow::Result<()> {
        let (deadline, mut before) = (Instant::now() + EVENTS_PATIENCE, -1);
        loop {
            let (mut waiting, mut consumed) = (0, 0);
            for role in self.run.databases.keys() {
                let database = self.superuser(role)?;
                waiting += database.number(UNPUBLISHED).await?;
                consumed += database.number("SELECT count(*) FROM inbox").await?;
            }
            // What the broker still has is consumed at once, so that a still inbox is a finished one.
            if waiting == 0 && consumed == before {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "events wait after {} s", EVENTS_PATIENCE.as_secs());
            before = consumed;
            sleep(Duration::from_secs(3)).await;
        }
    }

    /// A role's database as the login that works on it.
    pub fn database(&self, role: &str) -> anyhow::Result<Database> {
        Database::from_url(self.run.databases.get(role).context("no such role")?)
    }

    /// A role's database as the superuser.
    pub fn superuser(&self, role: &str) -> anyhow::Result<Database> {
        Ok(self.database(role)?.as_login("postgres", &self.superuser_password))
    }

    /// PostgreSQL's log.
    pub fn postgres_log(&self) -> PathBuf {
        self.folder.path().join("postgres/server.log")
    }

    /// A place for files of the run.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, on this shop.
    pub fn tradepost(&self) -> Command {
        tradepost(&self.program, self.folder.path())
    }

    /// Starts another process of this shop with all of its roles, without its rate limits, and waits until it is ready.
    pub async fn serve(&self, settings: &[(&str, &str)]) -> anyhow::Result<Server> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = Command::new(&self.program);
        command.args(["serve", "--role", ROLES]).envs(&self.settings).envs([NO_LIMITS]);
        command.env("TRADEPOST__GATEWAY__LISTEN", address.to_string());
        command.env("TRADEPOST__GATEWAY__METRICS_LISTEN", metrics.to_string());
        command.env("TRADEPOST__TELEMETRY__LOG", "warn").envs(settings.iter().copied());
        let child = command.stdout(Stdio::null()).kill_on_drop(true).spawn()?;
        let mut server = Server { child, address };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// An answer of GraphQL, as staff when a token is given.
    pub async fn graphql(&self, token: Option<&str>, query: &str, variables: &Value) -> anyhow::Result<Value> {
        let body = json!({"query": query, "variables": variables});
        let mut connection = Connection::open(self.address()?).await?;
        let answer = connection.send(&request("POST", GRAPHQL, token, Some(&body))).await?.json()?;
        ensure!(answer.get("errors").is_none(), "GraphQL: {answer}");
        Ok(answer["data"].clone())
    }

    /// An answer of the REST API to a request with a JSON body, as staff.
    pub async fn send(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut connection = Connection::open(self.address()?).await?;
        let answer = connection.send(&request(method, path, Some(token), body)).await?.json()?;
        ensure!(answer["data"].is_object(), "{method} {path}: {answer}");
        Ok(answer["data"].clone())
    }

    /// A token of the staff member with all scopes.
    pub async fn staff_token(&self) -> anyhow::Result<String> {
        let login = json!({"email": self.run.admin.email, "password": self.run.admin.password});
        let mut connection = Connection::open(self.address()?).await?;
        let answer = connection.send(&request("POST", "/api/v1/auth/login", None, Some(&login))).await?.json()?;
        answer["data"]["access_token"].as_str().map(str::to_owned).context("a login without a token")
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let mut down = std::process::Command::new(&self.program);
        down.arg("--data").arg(self.folder.path()).args(["down", "--erase"]).stdout(Stdio::null());
        if !down.status().is_ok_and(|status| status.success()) {
            eprintln!("the shop in {} could not be ended", self.folder.path().display());
        }
    }
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("it has ended")
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let ready = request("GET", "/ready", None, None);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && connection.send(&ready).await.is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            ensure!(self.child.try_wait()?.is_none(), "the process ended while it started");
            ensure!(Instant::now() < deadline, "the process is not ready after {} s", PATIENCE.as_secs());
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends it, and waits until it has.
    pub async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

fn tradepost(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg("--data").arg(folder).kill_on_drop(true);
    command
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))
}
