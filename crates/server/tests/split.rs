//! `up --split`: a process for each instance of a role, kept running, and nothing lost when they are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// How long a shop may take to start, to mend itself or to end.
const PATIENCE: Duration = Duration::from_mins(3);
/// Who buys at once.
const BUYERS: usize = 4;

/// A split shop in a temporary folder, ended when dropped.
struct Shop {
    data: PathBuf,
    _folder: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        Self { data: folder.path().join("a shop"), _folder: folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradepost"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRADEPOST__")) {
            command.env_remove(name);
        }
        command.args(arguments).arg("--data").arg(&self.data).stdin(Stdio::null());
        command
    }

    fn up(&self, instances: &str) {
        let fast =
            ["--set", "users.bcrypt_cost=4", "--set", "orders.lease_seconds=2", "--set", "orders.resume_seconds=1"];
        let mut command = self.command(&["up", "--split", "--detach", "--catalog", "none", "--port", "0"]);
        command.args(["--instances", instances, "--set", "gateway.limits.enabled=false"]).args(fast);
        succeed(&mut command);
    }

    fn run(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data.join("run.json")).unwrap()).unwrap()
    }

    fn api(&self) -> String {
        self.run()["api"].as_str().unwrap().to_owned()
    }

    /// Process ids by name: servers, and roles with their instance.
    fn pids(&self) -> Vec<(String, i32)> {
        let run = self.run();
        let pid = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
        let servers = run["pids"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), pid(value)));
        let roles = run["roles"].as_array().unwrap().iter();
        let roles =
            roles.map(|role| (format!("{}-{}", role["role"].as_str().unwrap(), role["instance"]), pid(&role["pid"])));
        servers.chain(roles).collect()
    }

    fn pid(&self, name: &str) -> i32 {
        self.pids().into_iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn findings(&self) -> Value {
        let output = self.command(&["doctor", "--json"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.command(&["down", "--erase"]).output());
    }
}

#[track_caller]
fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}\n{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn is_alive(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

async fn wait_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "not within {} s: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Sends until there is an answer that says how it went, as a client does that may repeat.
async fn insist(request: impl Fn() -> RequestBuilder) -> (u16, Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(answer) = request().send().await {
            let status = answer.status().as_u16();
            let body: Value = answer.json().await.unwrap_or_default();
            let is_open = status >= 500 || body["code"].as_str().is_some_and(|code| code.ends_with("_IN_PROGRESS"));
            if !is_open {
                return (status, body);
            }
        }
        assert!(Instant::now() < deadline, "no answer");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A variant with `stock` units.
async fn stock(shop: &Shop, stock: i64) -> String {
    let product = json!({
        "handle": "split-test", "name": "Split test", "description": "", "category": ["Test"], "active": true,
        "tags": [], "options": [], "images": [],
        "variants": [{ "sku": "SPLIT", "name": "Default", "options": {}, "inventory": stock, "weight_grams": 1,
                       "prices": [{ "currency": "EUR", "amount": "5.00" }] }],
    });
    let file = shop.data.join("product.jsonl");
    std::fs::write(&file, format!("{product}\n")).unwrap();
    succeed(shop.command(&["import", "products"]).arg(&file));
    std::fs::remove_file(&file).unwrap();
    let query = json!({ "query": "{ product(slug: \"split-test\") { variants { id } } }" });
    let (_, answer) = insist(|| Client::new().post(format!("{}/api/v1/graphql", shop.api())).json(&query)).await;
    answer["data"]["product"]["variants"][0]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Buys one; gives the order's id.
async fn buy(api: &str, variant: &str) -> String {
    let client = Client::new();
    let cart = json!({
        "email": "buyer@split.example",
        "shipping_address": { "first_name": "T", "last_name": "B", "line1": "1", "city": "Berlin",
                              "postal_code": "10115", "country": "DE" },
        "line_items": [{ "variant_id": variant, "quantity": 1 }],
    });
    let (status, cart) = insist(|| client.post(format!("{api}/api/v1/carts")).json(&cart)).await;
    assert_eq!(status, 201, "{cart}");
    let base = format!("{api}/api/v1/carts/{}", cart["data"]["id"].as_str().unwrap());
    let option = json!({ "option": "standard" });
    let (status, answer) = insist(|| client.put(format!("{base}/shipping-option")).json(&option)).await;
    assert_eq!(status, 200, "{answer}");
    let provider = json!({ "provider": "manual" });
    let (status, answer) = insist(|| client.post(format!("{base}/payment-sessions")).json(&provider)).await;
    assert_eq!(status, 200, "{answer}");
    let key = format!("split-{}", cart["data"]["id"].as_str().unwrap());
    let (status, order) =
        insist(|| client.post(format!("{base}/complete")).header("idempotency-key", key.clone())).await;
    assert_eq!(status, 201, "{order}");
    order["data"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_split_shop_starts_detached_mends_itself_and_leaves_nothing() {
    let shop = Shop::new();
    let wrong = shop.command(&["up", "--split", "--instances", "kitchen=2"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", String::from_utf8_lossy(&wrong.stderr));
    assert!(!shop.data.exists());

    shop.up("orders=2");
    let names: HashSet<String> = shop.pids().into_iter().map(|(name, _)| name).collect();
    let expected = ["tradepost", "postgres", "replica", "redis", "rabbitmq", "gateway-1", "users-1", "products-1"];
    let expected = expected.into_iter().chain(["orders-1", "orders-2", "webhooks-1"]);
    assert_eq!(names, expected.map(str::to_owned).collect());
    assert!(shop.pids().iter().all(|(_, pid)| is_alive(*pid)));
    let variant = stock(&shop, 10).await;
    buy(&shop.api(), &variant).await;
    wait_until("the books are right", async || shop.findings() == json!([])).await;

    // Everything at once but the supervisor.
    let before = shop.pids();
    for (_, pid) in before.iter().filter(|(name, _)| name != "tradepost") {
        kill(*pid);
    }
    let is_mended = |before: &[(String, i32)]| {
        let now = shop.pids();
        before.iter().all(|(name, pid)| name == "tradepost" || now.iter().any(|(n, p)| n == name && p != pid))
    };
    wait_until("every process runs again", async || is_mended(&before)).await;
    buy(&shop.api(), &variant).await;

    // The supervisor itself: its processes go with it, and `down` ends its servers.
    let left = shop.pids();
    kill(shop.pid("tradepost"));
    succeed(&mut shop.command(&["down"]));
    let alive: Vec<_> = left.iter().filter(|(_, pid)| is_alive(*pid)).collect();
    assert!(alive.is_empty(), "{alive:?}");
    shop.up("orders=1");
    succeed(&mut shop.command(&["down", "--erase"]));
    assert!(!shop.data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_an_instance_of_each_role_loses_no_order() {
    let shop = Shop::new();
    shop.up("gateway=2,users=2,products=2,orders=2,webhooks=2");
    let variant = stock(&shop, 100_000).await;
    let gateways = shop.run()["roles"].clone();
    let gateways = gateways.as_array().unwrap().iter().filter(|role| role["role"] == "gateway");
    let gateways: Vec<String> = gateways.map(|role| role["address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(gateways.len(), 2);
    let done = Arc::new(AtomicBool::new(false));
    let buyers = (0..BUYERS).map(|at| {
        let (done, variant, api) = (Arc::clone(&done), variant.clone(), gateways[at % 2].clone());
        tokio::spawn(async move {
            let mut orders = Vec::new();
            while !done.load(Ordering::Relaxed) {
                orders.push(buy(&api, &variant).await);
            }
            orders
        })
    });
    let buyers: Vec<_> = buyers.collect();
    for role in ["orders", "products", "users", "webhooks", "gateway"] {
        for instance in 1..=2 {
            let name = format!("{role}-{instance}");
            let before = shop.pid(&name);
            kill(before);
            wait_until("it runs again", async || shop.pid(&name) != before).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let mut bought = HashSet::new();
    for buyer in buyers {
        let orders = buyer.await.expect("a buyer is served");
        assert!(!orders.is_empty());
        for order in orders {
            assert!(bought.insert(order), "an order was given to two");
        }
    }
    wait_until("the books are right", async || shop.findings() == json!([])).await;
    let orders: Vec<String> =
        succeed(&mut shop.command(&["events", "list", "--json", "--kind", "order.placed", "--limit", "10000"]))
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["aggregate_id"].as_str().unwrap().to_owned())
            .collect();
    let placed: HashSet<String> = orders.iter().cloned().collect();
    assert_eq!(orders.len(), placed.len(), "an order was placed twice");
    assert_eq!(placed, bought, "what was answered is what there is");
}
