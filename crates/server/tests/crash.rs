//! The process is killed at each step of a checkout and started again: every order ends placed or cancelled with its stock
//! back, none in between.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Every place where the checkout's process can end (`orders::process`).
const STEPS: [&str; 5] = [
    "checkout.after_start",
    "checkout.after_reserve",
    "checkout.after_authorise",
    "checkout.after_commit",
    "checkout.after_place",
];

/// How long a shop may take to start, or an order to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// A shop as a process of its own, with its data in a temporary folder.
struct Process {
    child: Child,
    data: PathBuf,
}

impl Process {
    async fn start(data: &Path, crash_at: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tradepost"));
        command
            .args([
                "up",
                "--catalog",
                "none",
                "--port",
                "0",
                "--set",
                "users.bcrypt_cost=4",
                "--set",
                "orders.lease_seconds=1",
            ])
            .args(["--set", "orders.resume_seconds=1", "--set", "gateway.limits.enabled=false", "--data"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env_remove("TRADEPOST_CRASH_AT");
        if let Some(step) = crash_at {
            command.env("TRADEPOST_CRASH_AT", step);
        }
        let mut process = Self { child: command.spawn().expect("the binary starts"), data: data.to_owned() };
        process.wait_until_ready().await;
        process
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.data.join("run.json").exists() || self.run()["pids"]["tradepost"] != self.child.id() {
            assert!(self.child.try_wait().unwrap().is_none(), "the shop ended while starting");
            assert!(Instant::now() < deadline, "the shop is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn run(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.data.join("run.json")).unwrap()).unwrap()
    }

    fn api(&self) -> String {
        self.run()["api"].as_str().unwrap().to_owned()
    }

    fn doctor(&self) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_tradepost"))
            .args(["doctor", "--json", "--data"])
            .arg(&self.data)
            .output()
            .expect("the doctor runs");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Waits for a process that ends itself, or kills one.
    fn end(mut self, kill: bool) {
        if kill {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
    }

    fn stop(mut self) {
        let down =
            Command::new(env!("CARGO_BIN_EXE_tradepost")).args(["down", "--erase", "--data"]).arg(&self.data).output();
        assert!(down.expect("down runs").status.success());
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Value, reqwest::Error> {
    request.send().await?.json().await
}

/// A staff member's token and a variant with `stock` units, made over the API.
async fn stocked_shop(api: &str, run: &Value, stock: i64) -> (String, String) {
    let client = reqwest::Client::new();
    let login = json!({ "email": run["admin"]["email"], "password": run["admin"]["password"] });
    let tokens = send(client.post(format!("{api}/api/v1/auth/login")).json(&login)).await.unwrap();
    let token = tokens["data"]["access_token"].as_str().unwrap().to_owned();
    let product = json!({
        "handle": "crash-test", "name": "Crash test", "description": "", "category": ["Test"], "active": true, "tags": [],
        "options": [], "images": [],
        "variants": [{ "sku": "CRASH", "name": "Default", "options": {}, "inventory": stock, "weight_grams": 1,
                       "prices": [{ "currency": "EUR", "amount": "5.00" }] }],
    });
    let import = client.post(format!("{api}/api/v1/admin/products/imports")).bearer_auth(&token);
    let import = import.header("content-type", "application/x-ndjson").body(format!("{product}\n"));
    assert!(import.send().await.unwrap().status().is_success());
    let query = json!({ "query": "{ product(slug: \"crash-test\") { variants { id } } }" });
    let answer = send(client.post(format!("{api}/api/v1/graphql")).json(&query)).await.unwrap();
    let variant =
        answer["data"]["product"]["variants"][0]["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    (token, variant)
}

async fn ready_cart(api: &str, variant: &str) -> String {
    let client = reqwest::Client::new();
    let cart = json!({
        "email": "buyer@crash.example",
        "shipping_address": { "first_name": "T", "last_name": "B", "line1": "1", "city": "Berlin", "postal_code": "10115", "country": "DE" },
        "line_items": [{ "variant_id": variant, "quantity": 1 }],
    });
    let cart = send(client.post(format!("{api}/api/v1/carts")).json(&cart)).await.unwrap();
    let id = cart["data"]["id"].as_str().unwrap_or_else(|| panic!("{cart}")).to_owned();
    let base = format!("{api}/api/v1/carts/{id}");
    send(client.put(format!("{base}/shipping-option")).json(&json!({ "option": "standard" }))).await.unwrap();
    let cart =
        send(client.post(format!("{base}/payment-sessions")).json(&json!({ "provider": "manual" }))).await.unwrap();
    assert_eq!(cart["data"]["blockers"], json!([]));
    id
}

/// Waits until no order is pending and the books are right; gives the orders' states.
async fn settled_orders(process: &Process, token: &str) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request =
            reqwest::Client::new().get(format!("{}/api/v1/admin/orders?limit=100", process.api())).bearer_auth(token);
        let orders = send(request).await.unwrap();
        let states: Vec<String> = orders["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["state"].as_str().unwrap().to_owned())
            .collect();
        let findings = process.doctor();
        if !states.iter().any(|state| state == "pending") && findings == json!([]) {
            return states;
        }
        assert!(Instant::now() < deadline, "not settled: {states:?}, {findings}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_of_the_checkout_leaves_no_order_in_between() {
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop");
    let mut process = Process::start(&data, None).await;
    let (token, variant) = stocked_shop(&process.api(), &process.run(), 10).await;
    let mut expected = 0;
    for step in STEPS {
        process.end(true);
        process = Process::start(&data, Some(step)).await;
        let cart = ready_cart(&process.api(), &variant).await;
        let complete = format!("{}/api/v1/carts/{cart}/complete", process.api());
        let answer =
            reqwest::Client::new().post(&complete).header("idempotency-key", format!("crash-{cart}")).send().await;
        assert!(answer.is_err(), "{step}: the process ends before it answers");
        process.end(false);

        process = Process::start(&data, None).await;
        // The customer asks again with the same key, as a client does that got no answer.
        let complete = format!("{}/api/v1/carts/{cart}/complete", process.api());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let request = reqwest::Client::new().post(&complete).header("idempotency-key", format!("crash-{cart}"));
            let answer = request.send().await.unwrap();
            if answer.status() == 201 {
                break;
            }
            assert_eq!(answer.status(), 409, "{step}: {}", answer.text().await.unwrap());
            assert!(Instant::now() < deadline, "{step}: still in progress");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        expected += 1;
        let states = settled_orders(&process, &token).await;
        assert_eq!(states, vec!["placed".to_owned(); expected], "{step}");
    }
    process.stop();
}
