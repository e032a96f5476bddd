//! The command line as scripts use it: what it does, its exit codes, what it says when it can't.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crypto::{KeyringConfig, TokenSigner};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use test_kit::{TestBroker, TestDb};

/// How long a shop may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// The program, without any settings of the environment that this test runs in.
fn tradepost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradepost"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRADEPOST__")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end; gives exit code, stdout, stderr.
#[track_caller]
fn outcome(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let code = status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"));
    (code, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Runs to the end, which must be good; gives stdout.
#[track_caller]
fn succeed(command: &mut Command) -> String {
    let (code, stdout, stderr) = outcome(command);
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    stdout
}

/// Fails unless the program fails with 1 and one line that says `why`.
#[track_caller]
fn refused(command: &mut Command, why: &str) {
    let (code, stdout, stderr) = outcome(command);
    let said: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("==> ")).collect();
    assert_eq!(code, 1, "{stdout}\n{stderr}");
    assert!(said.len() == 1 && said[0].starts_with("tradepost: ") && said[0].contains(why), "{stderr}");
}

/// A shop of `up` in a temporary folder, ended when dropped.
struct Shop {
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { data: folder.path().join("a shop"), _folder: folder }
    }

    /// A command about this shop.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tradepost(arguments);
        command.arg("--data").arg(&self.data);
        command
    }

    fn up(&self, more: &[&str]) -> Command {
        let mut command = self.command(&["up", "--catalog", "none", "--port", "0", "--set", "users.bcrypt_cost=4"]);
        command.args(more);
        command
    }

    fn run(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data.join("run.json")).unwrap()).unwrap()
    }

    fn pids(&self) -> Vec<i64> {
        self.run()["pids"].as_object().unwrap().values().map(|pid| pid.as_i64().unwrap()).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.command(&["down", "--erase"]).output());
    }
}

/// Whether a process runs: one that ended and that nobody asked about has no command line any more.
fn is_alive(pid: i64) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// Waits for a condition that another process brings about.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_shop_starts_detached_and_leaves_nothing_when_erased() {
    let shop = Shop::new();
    let said = succeed(&mut shop.up(&["--detach"]));
    let run = shop.run();
    assert!(said.contains(run["api"].as_str().unwrap()) && said.contains("/capture"), "{said}");
    for role in ["users", "products", "orders", "webhooks"] {
        let mut database = PgConnection::connect(run["databases"][role].as_str().unwrap()).await.unwrap();
        let login: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut database).await.unwrap();
        assert_eq!(login, format!("tradepost_{role}_app"));
    }
    let pids = shop.pids();
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_alive(*pid)), "{run}");
    refused(&mut shop.up(&["--detach"]), "`./dev down` ends it");
    assert_eq!(succeed(&mut shop.command(&["doctor", "--json"])).trim(), "[]");

    succeed(&mut shop.command(&["down"]));
    assert!(!pids.iter().any(|pid| is_alive(*pid)) && !shop.data.join("run.json").exists());
    refused(&mut shop.command(&["doctor"]), "no shop runs in");
    succeed(&mut shop.up(&["--detach"]));
    assert_eq!(shop.run()["admin"], run["admin"], "the logins are kept");
    succeed(&mut shop.command(&["down", "--erase"]));
    assert!(!shop.data.exists());
}

#[test]
fn ctrl_c_ends_all_that_was_started_at_every_moment() {
    let shop = Shop::new();
    let postmaster = shop.data.join("postgres/cluster/postmaster.pid");
    // While it starts, as soon as there is a server that could be left behind.
    let mut starting = shop.up(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("PostgreSQL is starting", || postmaster.exists());
    signal(&starting, "-INT");
    assert_eq!(starting.wait().unwrap().code(), Some(1));
    let said = std::io::read_to_string(starting.stderr.take().unwrap()).unwrap();
    assert!(said.ends_with("tradepost: stopped while starting\n") && !postmaster.exists(), "{said}");

    let mut running = shop.up(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the shop is ready", || shop.data.join("run.json").exists());
    let pids = shop.pids();
    signal(&running, "-INT");
    assert_eq!(running.wait().unwrap().code(), Some(0));
    assert!(!pids.iter().any(|pid| is_alive(*pid)) && !shop.data.join("run.json").exists());

    // Killed, it leaves its PostgreSQL and run.json behind: neither hinders the next start.
    let mut killed = shop.up(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the shop is ready", || shop.data.join("run.json").exists());
    killed.kill().unwrap();
    killed.wait().unwrap();
    refused(&mut shop.command(&["doctor"]), "no shop runs in");
    succeed(&mut shop.up(&["--detach"]));
}

#[test]
fn an_import_tells_what_it_refused() {
    let shop = Shop::new();
    succeed(&mut shop.up(&["--detach"]));
    let file = shop.data.join("products.jsonl");
    let product = |handle: &str| json!({ "handle": handle, "name": "A name", "variants": [{ "sku": handle }] });
    std::fs::write(&file, format!("{}\n{}\nno JSON\n", product("good"), product("Not Good"))).unwrap();
    let import = |more: &[&str]| {
        let mut command = shop.command(&["import", "products", "--json"]);
        let (code, stdout, stderr) = outcome(command.arg(&file).args(more));
        (code, serde_json::from_str::<Value>(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}")))
    };
    let (code, report) = import(&["--dry-run"]);
    assert_eq!((code, &report["created"], &report["rejected"]), (1, &json!(1), &json!(2)));
    let (code, report) = import(&[]);
    assert_eq!(
        (code, &report["created"], &report["rejected"]),
        (1, &json!(1), &json!(2)),
        "the dry run changed nothing"
    );
    let rejects = std::fs::read_to_string(report["rejects_file"].as_str().unwrap()).unwrap();
    let lines: Vec<&str> = rejects.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["line", "2", "3"], "{rejects}");

    std::fs::write(&file, format!("{}\n", product("good"))).unwrap();
    let (code, report) = import(&[]);
    assert_eq!((code, &report["unchanged"]), (0, &json!(1)));
    refused(&mut shop.command(&["import", "products", "/nowhere.csv"]), "/nowhere.csv cannot be read");
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(report_path(&file)).unwrap();
}

fn report_path(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.rejects.csv", file.display()))
}

#[test]
fn the_purchases_to_paste_end_in_a_paid_order() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop { data: folder.path().join(".tradepost"), _folder: folder };
    let mut up = shop.command(&["up", "--detach", "--port", "0", "--set", "users.bcrypt_cost=4"]);
    let printed = succeed(&mut up);
    let printed = &printed[printed.find("API=").unwrap()..];
    let readme = include_str!("../../../README.md");
    let readme = readme.split_once("## A purchase").unwrap().1.split_once("```sh\n").unwrap().1;
    for purchase in [printed, readme.split_once("```").unwrap().0] {
        let folder = shop.data.parent().unwrap();
        let said = succeed(Command::new("bash").args(["-euo", "pipefail", "-c", purchase]).current_dir(folder));
        assert!(said.contains(r#""state":"placed","payment_state":"paid""#), "{said}");
    }
    assert_eq!(succeed(&mut shop.command(&["doctor", "--json"])).trim(), "[]");
}

#[test]
fn wrong_arguments_exit_with_two() {
    let wrong: [&[&str]; 10] = [
        &[],
        &["frobnicate"],
        &["up", "--port", "70000"],
        &["up", "--set", "no-value"],
        &["serve"],
        &["serve", "--role", "kitchen"],
        &["serve", "--role", "gateway,kitchen"],
        &["migrate", "down"],
        &["migrate", "up", "--role", "gateway"],
        &["generate", "catalog"],
    ];
    for arguments in wrong {
        let (code, stdout, stderr) = outcome(&mut tradepost(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(!stderr.is_empty(), "{arguments:?} says why");
    }
}

#[test]
fn what_cannot_be_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop");
    let up = |more: &[&str]| {
        let mut command = tradepost(&["up", "--data", data.to_str().unwrap()]);
        command.args(more);
        command
    };
    refused(&mut up(&["--catalog", "/nowhere.csv"]), "the catalog /nowhere.csv cannot be read");
    refused(&mut up(&["--set", "colour.sky=blue"]), "there is no such setting");
    refused(&mut up(&["--set", "users.bcrypt_cost=strong"]), "users.bcrypt_cost on the command line");
    refused(&mut up(&["--config", "/nowhere.toml"]), "/nowhere.toml");
    assert!(!data.exists());
    refused(&mut tradepost(&["up", "--data", "/dev/null"]), "the data folder /dev/null cannot be made");
    refused(&mut tradepost(&["config", "check"]), "keyring.index_key is not set");
    refused(&mut tradepost(&["doctor"]), "keyring.index_key is not set");
}

#[test]
fn output_that_nobody_reads_is_no_error() {
    let mut child = tradepost(&["generate", "catalog", "--products", "20000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An installation whose settings come from the environment, on databases that are already there.
struct Installation {
    databases: [TestDb; 4],
    settings: Vec<(String, String)>,
}

impl Installation {
    async fn new() -> Self {
        let databases = [
            TestDb::new(&users::SCHEMA).await,
            TestDb::new(&products::SCHEMA).await,
            TestDb::new(&orders::SCHEMA).await,
            TestDb::new(&webhooks::SCHEMA).await,
        ];
        let keyring = KeyringConfig::generate();
        let mut settings = vec![
            ("KEYRING__ACTIVE".to_owned(), keyring.active),
            ("KEYRING__INDEX_KEY".to_owned(), keyring.index_key.expose().to_owned()),
            ("TOKENS__ISSUER".to_owned(), "http://shop.example".to_owned()),
            ("TOKENS__AUDIENCE".to_owned(), "tradepost".to_owned()),
            ("TOKENS__SIGNING_KEY".to_owned(), TokenSigner::generate_pem().expose().to_owned()),
            ("USERS__BCRYPT_COST".to_owned(), "4".to_owned()),
        ];
        for (id, key) in keyring.keys {
            settings.push((format!("KEYRING__KEYS__{}", id.to_uppercase()), key.expose().to_owned()));
        }
        for database in &databases {
            let name = format!("DATABASES__{}", database.db().role().to_uppercase());
            settings.push((format!("{name}__URL"), database.urls().app.expose().to_owned()));
            settings.push((format!("{name}__OWNER_URL"), database.urls().owner.expose().to_owned()));
        }
        Self { databases, settings }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tradepost(arguments);
        command.envs(self.settings.iter().map(|(name, value)| (format!("TRADEPOST__{name}"), value)));
        command
    }

    fn serve(&self) -> Command {
        self.command(&[
            "serve",
            "--role",
            "gateway,users,products,orders,webhooks",
            "--set",
            "gateway.listen=127.0.0.1:0",
            "--set",
            "gateway.metrics_listen=127.0.0.1:0",
        ])
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        let secret = |name: &str| ["URL", "_KEY", "KEYS__"].iter().any(|part| name.contains(part));
        self.settings.iter().filter(move |(name, _)| secret(name)).map(|(_, value)| value.as_str())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_migration_is_refused_until_it_is_made() {
    let shop = Installation::new().await;
    succeed(&mut shop.command(&["migrate", "status"]));
    let down = succeed(&mut shop.command(&["migrate", "down", "--role", "orders", "--json"]));
    let down: Value = serde_json::from_str(&down).unwrap();
    assert_eq!((&down["role"], down["migrations"].as_array().unwrap().len()), (&json!("orders"), 1));
    assert_eq!(outcome(&mut shop.command(&["migrate", "status", "--role", "orders"])).0, 1);
    assert_eq!(outcome(&mut shop.command(&["migrate", "status", "--role", "users"])).0, 0);
    refused(&mut shop.serve(), "the database of orders lacks 1 migrations: run `tradepost migrate up`");
    succeed(&mut shop.command(&["migrate", "up"]));
    succeed(&mut shop.command(&["migrate", "status"]));

    let mut serving = shop.serve().stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(serving.stderr.take().unwrap()).lines();
    let address =
        log.find_map(|line| Some(line.unwrap().split_once("address=")?.1.trim_matches('"').to_owned())).unwrap();
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let ready = reqwest::get(format!("http://{address}/ready")).await.unwrap();
    assert!(ready.status().is_success());
    signal(&serving, "-TERM");
    assert_eq!(serving.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_is_made_with_a_password_from_a_pipe() {
    let shop = Installation::new().await;
    let create = |email: &str, password: &str, more: &[&str]| {
        let mut command = shop.command(&["admin", "create", "--json", "--email", email]);
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap().trim().to_owned())
    };
    let made = |outcome: &str| (Some(0), json!({ "outcome": outcome }).to_string());
    assert_eq!(create("staff@shop.example", "a long enough secret\n", &[]), made("created"));
    assert_eq!(create("staff@shop.example", "a long enough secret\n", &[]), made("unchanged"));
    let (code, said) = create("other@shop.example", "short", &[]);
    assert!(code == Some(1) && said.starts_with("tradepost: password takes") && !said.contains("short"), "{said}");
    let (code, said) = create("no address", "a long enough secret", &[]);
    assert!(code == Some(1) && said.starts_with("tradepost: email takes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_printed() {
    let shop = Installation::new().await;
    let shown = succeed(&mut shop.command(&["config", "show"]));
    assert!(shown.contains("databases.orders.url"), "{shown}");
    let unreachable = "postgres://tradepost:s3cret-word@127.0.0.1:1/tradepost";
    let mut said = vec![shown, succeed(&mut shop.command(&["config", "check"]))];
    for (variable, value, why) in [
        ("DATABASES__ORDERS__URL", unreachable, "the database of databases.orders.url does not answer"),
        ("DATABASES__ORDERS__URL", "s3cret-word", "databases.orders.url is not an address"),
        ("TOKENS__SIGNING_KEY", "s3cret-word", "token signing key"),
        ("KEYRING__INDEX_KEY", "s3cret-word", "index_key"),
    ] {
        let mut serve = shop.serve();
        serve.env(format!("TRADEPOST__{variable}"), value);
        refused(&mut serve, why);
        said.push(outcome(&mut serve).2);
    }
    for text in said {
        assert!(!text.contains("s3cret-word") && !shop.secrets().any(|secret| text.contains(secret)), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_rebuilt_and_keys_rewrapped() {
    let mut shop = Installation::new().await;
    let made: Value = serde_json::from_str(&succeed(&mut shop.command(&["rebuild", "orders", "--json"]))).unwrap();
    assert_eq!(made, json!({ "orders": 0, "differed": 0 }));

    let mut create = shop.command(&["admin", "create", "--email", "staff@shop.example"]);
    succeed(create.env("TRADEPOST_ADMIN_PASSWORD", "a long enough secret"));
    let rewrap = |shop: &Installation| -> Value {
        serde_json::from_str(&succeed(&mut shop.command(&["keys", "rewrap", "--json"]))).unwrap()
    };
    assert_eq!(rewrap(&shop), json!({ "users": 0, "orders": 0, "webhooks": 0 }), "all are under the active key");
    let next = KeyringConfig::generate().index_key.expose().to_owned();
    shop.settings.retain(|(name, _)| name != "KEYRING__ACTIVE");
    shop.settings.extend([("KEYRING__ACTIVE".to_owned(), "next".to_owned()), ("KEYRING__KEYS__NEXT".to_owned(), next)]);
    assert_eq!(rewrap(&shop), json!({ "users": 1, "orders": 0, "webhooks": 0 }));
    assert_eq!(rewrap(&shop), json!({ "users": 0, "orders": 0, "webhooks": 0 }), "a second run finds nothing");
}

/// What a command prints as JSON, a line each.
fn json_lines(command: &mut Command) -> Vec<Value> {
    succeed(command).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_published_again_and_mended() {
    let mut shop = Installation::new().await;
    let broker = TestBroker::new();
    shop.settings.push(("RABBITMQ__URL".to_owned(), broker.url));
    shop.settings.push(("RABBITMQ__EXCHANGE".to_owned(), broker.exchange));
    let [users, _, orders, _] = &shop.databases;
    let mut serving = shop.serve().stderr(Stdio::null()).spawn().unwrap();
    let insert = "INSERT INTO events (aggregate, aggregate_id, version, kind, data)
                  SELECT 'user', gen_random_uuid(), 1, 'user.deleted', '{}' FROM generate_series(1, 2)";
    sqlx::query(insert).execute(users.db().primary()).await.unwrap();
    both_are_handled(orders).await;

    let list = |more: &[&str]| {
        let mut command = shop.command(&["events", "list", "--json", "--role", "users"]);
        json_lines(command.args(more))
    };
    let all = list(&[]);
    assert_eq!(all.iter().map(|event| &event["sequence"]).collect::<Vec<_>>(), [1, 2]);
    let first = all[0]["aggregate_id"].as_str().unwrap();
    assert_eq!(list(&["--object", first]), all[..1]);
    assert_eq!((list(&["--after", "1"]), list(&["--limit", "1"])), (all[1..].to_vec(), all[..1].to_vec()));
    assert_eq!((list(&["--kind", "user.created"]), list(&["--kind", "user.deleted"])), (vec![], all.clone()));

    // The consumer missed the second.
    let missed = "DELETE FROM inbox WHERE event_id = $1::uuid";
    sqlx::query(missed).bind(all[1]["id"].as_str().unwrap()).execute(orders.owner()).await.unwrap();
    let again = succeed(&mut shop.command(&["events", "replay", "--role", "users", "--after", "0", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), json!({ "published": 2 }));
    both_are_handled(orders).await;
    signal(&serving, "-TERM");
    assert_eq!(serving.wait().unwrap().code(), Some(0));

    a_dead_letter_is_seen_and_mended(&shop, orders, &all[1]).await;
    refused(&mut shop.command(&["events", "replay", "--consumer", "kitchen"]), "there is no consumer kitchen: orders.");
    refused(&mut shop.command(&["events", "list", "--role", "kitchen"]), "there is no role kitchen");
    assert_eq!(outcome(&mut shop.command(&["events", "replay"])).0, 2);
}

async fn a_dead_letter_is_seen_and_mended(shop: &Installation, orders: &TestDb, event: &Value) {
    let letter = "WITH again AS (DELETE FROM inbox WHERE event_id = $1::uuid)
                  INSERT INTO dead_letters
                      (consumer, event_id, aggregate, aggregate_id, version, envelope, error, attempts)
                  VALUES ('orders.on_user_deleted', $1::uuid, 'user', $2::uuid, 1, $3, 'out of luck', 5)";
    let id = |name: &str| event[name].as_str().unwrap().to_owned();
    let insert = sqlx::query(letter).bind(id("id")).bind(id("aggregate_id")).bind(event);
    insert.execute(orders.owner()).await.unwrap();
    let dead = || json_lines(&mut shop.command(&["events", "dead", "--json"]));
    let found = dead();
    let what = (&found[0]["event_id"], &found[0]["error"], &found[0]["attempts"], &found[0]["behind"]);
    assert_eq!(what, (&event["id"], &json!("out of luck"), &json!(5), &json!(0)));

    let replay = || {
        let mut command = shop.command(&["events", "replay", "--consumer", "orders.on_user_deleted", "--json"]);
        let (code, stdout, stderr) = outcome(&mut command);
        (code, serde_json::from_str::<Value>(&stdout).unwrap_or_else(|_| panic!("{stdout}\n{stderr}")))
    };
    sqlx::query("REVOKE UPDATE ON carts FROM test_orders_app").execute(orders.owner()).await.unwrap();
    assert_eq!(replay(), (1, json!({ "handled": 0, "stuck": 1 })));
    assert_eq!(dead()[0]["attempts"], json!(6));
    sqlx::query("GRANT UPDATE ON carts TO test_orders_app").execute(orders.owner()).await.unwrap();
    assert_eq!(replay(), (0, json!({ "handled": 1, "stuck": 0 })));
    assert_eq!((dead().len(), count(orders, "inbox").await), (0, 2));
}

/// Waits until the consumer has dealt with both events.
async fn both_are_handled(orders: &TestDb) {
    let deadline = Instant::now() + PATIENCE;
    while count(orders, "inbox").await < 2 {
        assert!(Instant::now() < deadline, "not within {} s: both events are handled", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn count(database: &TestDb, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(sql).fetch_one(database.owner()).await.unwrap()
}
