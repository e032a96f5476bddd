//! The split shop under test: several instances of each role as processes of their own on private servers, a proxy in
//! front of each, and somebody who starts again what has died.
//!
//! | module | holds |
//! |---|---|
//! | [`keepers`] | starts parts, and starts them again |
//! | [`settings`] | the settings of the roles' processes |

mod keepers;
mod settings;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::Client;
use crate::faults::Part;
use crate::proxy::Proxy;
use crate::receiver::Receiver;
use crate::stand_in::journal::Journal;
use crate::verdict::SOURCES;

/// How long the whole shop may take to be ready.
const START_PATIENCE: Duration = Duration::from_mins(2);
/// Units of what does not run out.
const PLENTY: i64 = 1_000_000;
/// The servers beside the roles.
pub const SERVERS: [&str; 4] = ["postgres", "replica", "redis", "rabbitmq"];

/// What is wanted.
pub struct Terms {
    /// The program under test.
    pub program: PathBuf,
    /// Instances by role, such as `orders=2,products=2`.
    pub instances: String,
    /// Whether relays lose events.
    pub broken_relay: bool,
    /// Whether the folder stays.
    pub keep: bool,
}

/// A part as it runs now.
struct Place {
    /// Where it really listens; 0 while unknown.
    port: Arc<AtomicU16>,
    /// Its process; 0 while there is none.
    pid: AtomicU32,
    proxy: Proxy,
}

/// The shop.
pub struct Shop {
    terms: Terms,
    folder: TempDir,
    places: BTreeMap<Part, Arc<Place>>,
    /// What every role's process is told.
    settings: BTreeMap<String, String>,
    /// What the data folder says of logins and databases.
    run: Value,
    stopping: watch::Sender<bool>,
    keepers: Mutex<JoinSet<()>>,
}

impl Shop {
    /// Makes a shop in a folder of its own and starts it.
    pub async fn start(terms: Terms) -> anyhow::Result<Self> {
        let mut folder = settings::folder()?;
        folder.disable_cleanup(terms.keep);
        let run = settings::prepare(&terms.program, folder.path()).await?;
        let mut places = BTreeMap::new();
        for part in all_parts(&terms.instances)? {
            places.insert(part, Place::new().await?);
        }
        let settings = settings::common(folder.path(), &run, &places)?;
        let mut shop = Self {
            terms,
            folder,
            places,
            settings,
            run,
            stopping: watch::Sender::new(false),
            keepers: Mutex::default(),
        };
        shop.start_servers().await?;
        shop.start_roles();
        shop.wait_until_ready().await?;
        Ok(shop)
    }

    async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let (began, http) = (Instant::now(), reqwest::Client::new());
        for (part, place) in &self.places {
            let Part::Role(..) = part else { continue };
            let ready = || async {
                let address = format!("http://127.0.0.1:{}/ready", place.port.load(Ordering::SeqCst));
                http.get(address).timeout(Duration::from_secs(2)).send().await.is_ok_and(|a| a.status().is_success())
            };
            while !ready().await {
                if began.elapsed() > START_PATIENCE {
                    bail!("{part} is not ready; its log is {}", self.log(part).display());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }

    /// Ends everything; the folder goes too unless it is to be kept.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.stopping.send_replace(true);
        let keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        keepers.join_all().await;
        if self.terms.keep {
            println!("the shop's folder stays: {}", self.folder.path().display());
            return Ok(());
        }
        // The servers may live elsewhere, where their account can enter.
        servers::erase(self.folder.path()).await.context("the servers' folders cannot be removed")
    }

    /// Everything that a fault may hit.
    pub fn parts(&self) -> Vec<Part> {
        self.places.keys().cloned().collect()
    }

    /// The proxy in front of a part.
    pub fn proxy(&self, part: &Part) -> Option<&Proxy> {
        self.places.get(part).map(|place| &place.proxy)
    }

    /// The processes of a part: PostgreSQL has many.
    pub fn pids(&self, part: &Part) -> Vec<i32> {
        let pid = self.places.get(part).map_or(0, |place| place.pid.load(Ordering::SeqCst));
        let Ok(pid @ 1..) = i32::try_from(pid) else { return Vec::new() };
        let with_children = matches!(part, Part::Server("postgres" | "replica"));
        std::iter::once(pid).chain(with_children.then(|| children(pid)).into_iter().flatten()).collect()
    }

    /// Where clients reach the shop.
    pub fn gateways(&self) -> Vec<String> {
        let gateways = self.places.iter().filter(|(part, _)| matches!(part, Part::Role(role, _) if role == "gateway"));
        gateways.map(|(_, place)| format!("http://{}", place.proxy.address)).collect()
    }

    /// Where browsers reach the payment provider.
    pub fn provider(&self) -> String {
        self.places.get(&Part::Payments).map(|place| format!("http://{}", place.proxy.address)).unwrap_or_default()
    }

    /// What the payment provider wrote down.
    pub fn payments(&self) -> Journal {
        Journal::read(&self.journal())
    }

    /// A role's database.
    pub async fn database(&self, role: &str) -> anyhow::Result<PgPool> {
        let url = self.settings.get(&settings::database_key(role)).context("no such role")?;
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(30));
        Ok(pool.connect(url).await?)
    }

    /// Email and password of a staff member with every scope.
    pub fn staff_login(&self) -> (String, String) {
        let text = |field: &str| self.run["admin"][field].as_str().unwrap_or_default().to_owned();
        (text("email"), text("password"))
    }

    /// A staff member with every scope, signed in.
    pub async fn staff(&self, guest: &Client) -> anyhow::Result<Client> {
        let (email, password) = self.staff_login();
        guest.sign_in(&email, &password).await.map_err(|why| anyhow::anyhow!("staff can't sign in: {why:?}"))
    }

    /// Registers the merchant's endpoint for every event; gives the sequences, by source, after which it gets them.
    pub async fn register_receiver(&self, staff: &Client, receiver: &Receiver) -> anyhow::Result<HashMap<String, i64>> {
        let endpoint = json!({ "url": format!("http://{}/", receiver.address), "event_types": ["*"] });
        let made = staff.post("/api/v1/admin/webhook-endpoints", &endpoint).await;
        let made = made.map_err(|why| anyhow::anyhow!("the endpoint was refused: {why:?}"))?;
        receiver.expect_secret(made["data"]["secret"].as_str().context("an endpoint without a secret")?)?;
        let mut since = HashMap::new();
        for source in SOURCES {
            let pool = self.database(source).await?;
            let newest: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM events").fetch_one(&pool).await?;
            since.insert(source.to_owned(), newest.unwrap_or(0));
        }
        Ok(since)
    }

    /// What there is to buy.
    pub async fn variants(&self, guest: &Client) -> anyhow::Result<Vec<String>> {
        let query = json!({ "query": "{ products(first: 20) { nodes { variants { id inventoryCount } } } }" });
        let answer = guest.post("/api/v1/graphql", &query).await;
        let answer = answer.map_err(|why| anyhow::anyhow!("the catalog can't be read: {why:?}"))?;
        let nodes = answer["data"]["products"]["nodes"].as_array().cloned().unwrap_or_default();
        let variants = nodes.iter().flat_map(|node| node["variants"].as_array().into_iter().flatten());
        let variants: Vec<String> = variants.filter_map(|variant| variant["id"].as_str().map(str::to_owned)).collect();
        ensure!(!variants.is_empty(), "the catalog is empty: {answer}");
        Ok(variants)
    }

    /// Every second variant gets so many units that a long run sells, and the others run out.
    pub async fn fill(&self, staff: &Client, variants: &[String]) -> anyhow::Result<()> {
        let query =
            "mutation ($input: InventoryLevelSetInput!) { inventoryLevelSet(input: $input) { variant { id } } }";
        for variant in variants.iter().step_by(2) {
            let input = json!({ "variantId": variant, "onHand": PLENTY });
            let answer =
                staff.post("/api/v1/graphql", &json!({ "query": query, "variables": { "input": input } })).await;
            let answer = answer.map_err(|why| anyhow::anyhow!("stock can't be set: {why:?}"))?;
            ensure!(answer["data"]["inventoryLevelSet"]["variant"]["id"] == *variant, "stock was not set: {answer}");
        }
        Ok(())
    }

    /// What the shop itself finds wrong with its books.
    pub async fn doctor(&self) -> anyhow::Result<Vec<String>> {
        let mut doctor = Command::new(&self.terms.program);
        doctor.arg("doctor").envs(&self.settings).stdin(Stdio::null());
        let output = doctor.output().await.context("the doctor cannot be asked")?;
        let lines = String::from_utf8_lossy(&output.stdout);
        match output.status.code() {
            Some(0) => Ok(Vec::new()),
            Some(1) if !lines.trim().is_empty() => Ok(lines.lines().map(|line| format!("doctor: {line}")).collect()),
            _ => Ok(vec![format!("doctor: {} {}", output.status, String::from_utf8_lossy(&output.stderr).trim())]),
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("payments.journal")
    }

    fn log(&self, part: &Part) -> PathBuf {
        self.folder.path().join(format!("{}.log", part.to_string().replace(' ', "-")))
    }

    fn data(&self) -> &Path {
        self.folder.path()
    }
}

impl Place {
    async fn new() -> anyhow::Result<Arc<Self>> {
        let port = Arc::new(AtomicU16::new(0));
        let real = Arc::clone(&port);
        let target = Arc::new(move || Some(real.load(Ordering::SeqCst)).filter(|port| *port != 0));
        Ok(Arc::new(Self { port, pid: AtomicU32::new(0), proxy: Proxy::start(target).await? }))
    }

    /// The part is this server now.
    fn shows(&self, server: &servers::Server) {
        self.port.store(server.port(), Ordering::SeqCst);
        self.pid.store(server.pid(), Ordering::SeqCst);
    }
}

/// Every part of a shop with these instances.
fn all_parts(instances: &str) -> anyhow::Result<Vec<Part>> {
    let mut parts: Vec<Part> = SERVERS.into_iter().map(Part::Server).chain([Part::Payments]).collect();
    for entry in instances.split(',') {
        let (role, count) = entry.split_once('=').with_context(|| format!("`{entry}` is not ROLE=N"))?;
        let count: usize = count.parse().with_context(|| format!("`{entry}` is not ROLE=N"))?;
        parts.extend((1..=count).map(|instance| Part::Role(role.to_owned(), instance)));
    }
    Ok(parts)
}

/// The children of a process.
fn children(parent: i32) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        after_name.split(' ').nth(1).and_then(|ppid| ppid.parse().ok()) == Some(parent)
    };
    pids.filter(is_child).collect()
}
