//! Customers who buy: each a connection of its own, and the whole way from a new cart to an order.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Latencies, Latency};
use crate::http::{Connection, request};

/// Who buys what.
#[derive(Serialize, Deserialize)]
pub struct Plan {
    /// Where.
    pub address: SocketAddr,
    /// How many at once.
    pub customers: usize,
    /// Until when they start over; without it each buys `each` times.
    pub seconds: Option<f64>,
    /// How often each buys, when there is no end in time.
    pub each: u64,
    /// What each takes one unit of, by chance.
    pub variants: Vec<String>,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Orders placed.
    pub placed: u64,
    /// Orders refused, by the code of the refusal.
    pub refused: BTreeMap<String, u64>,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Of a whole checkout that ended in an order.
    pub latency: Latency,
    /// Of the last request alone, `complete`.
    pub complete: Latency,
}

/// What one customer has seen.
struct Seen {
    checkouts: Latencies,
    completes: Latencies,
    refused: BTreeMap<String, u64>,
}

/// Runs the plan of this process.
pub async fn main() -> anyhow::Result<()> {
    let plan: Arc<Plan> = Arc::new(super::plan()?);
    let start = Arc::new(Barrier::new(plan.customers + 1));
    let mut customers = JoinSet::new();
    for _ in 0..plan.customers {
        customers.spawn(customer(Arc::clone(&plan), Arc::clone(&start)));
    }
    // All are connected before the first begins. One that can't connect ends the run instead of hanging it.
    tokio::select! {
        _ = start.wait() => {}
        Some(ended) = customers.join_next() => { ended??; bail!("a customer left before the start"); }
    }
    let began = Instant::now();
    let (mut checkouts, mut completes, mut refused) = (Latencies::new()?, Latencies::new()?, BTreeMap::new());
    while let Some(seen) = customers.join_next().await {
        let seen = seen??;
        checkouts.merge(&seen.checkouts)?;
        completes.merge(&seen.completes)?;
        for (code, count) in seen.refused {
            *refused.entry(code).or_insert(0) += count;
        }
    }
    let (placed, seconds) = (checkouts.count(), began.elapsed().as_secs_f64());
    super::tell(&Outcome { placed, refused, seconds, latency: checkouts.latency(), complete: completes.latency() })
}

async fn customer(plan: Arc<Plan>, start: Arc<Barrier>) -> anyhow::Result<Seen> {
    let mut connection = Connection::open(plan.address).await?;
    start.wait().await;
    let end = plan.seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let mut seen = Seen { checkouts: Latencies::new()?, completes: Latencies::new()?, refused: BTreeMap::new() };
    let mut bought = 0;
    while end.map_or(bought < plan.each, |end| Instant::now() < end) {
        let variant = plan.variants.choose(&mut rand::rng()).context("nothing to buy")?;
        let began = Instant::now();
        match check_out(&mut connection, variant).await? {
            Ok(complete) => {
                seen.checkouts.add(began.elapsed());
                seen.completes.add(complete);
            }
            Err(code) => *seen.refused.entry(code).or_insert(0) += 1,
        }
        bought += 1;
    }
    Ok(seen)
}

/// One way to an order; gives the time of its last step, or the code of a refusal.
async fn check_out(connection: &mut Connection, variant: &str) -> anyhow::Result<Result<Duration, String>> {
    let cart = step(connection, "POST", "/api/v1/carts", Some(&json!({}))).await?;
    let cart = match cart {
        Ok(cart) => format!("/api/v1/carts/{}", cart["data"]["id"].as_str().context("a cart without an id")?),
        Err(code) => return Ok(Err(code)),
    };
    let address = json!({"first_name": "Ada", "last_name": "Example", "line1": "Hauptstr. 1", "city": "Berlin",
        "postal_code": "10115", "country": "DE"});
    let contact = json!({"email": "ada@shop.example", "shipping_address": address});
    let line = json!({"variant_id": variant, "quantity": 1});
    let changes =
        [("POST", "/line-items", Some(line)), ("PATCH", "", Some(contact)), ("GET", "/shipping-options", None)];
    let mut answer = Value::Null;
    for (method, path, body) in changes {
        answer = match step(connection, method, &format!("{cart}{path}"), body.as_ref()).await? {
            Ok(answer) => answer,
            Err(code) => return Ok(Err(code)),
        };
    }
    let option = answer["data"][0]["option"].as_str().context("no way of shipping")?.to_owned();
    let choices = [
        ("PUT", "/shipping-option", json!({"option": option})),
        ("POST", "/payment-sessions", json!({"provider": "manual"})),
    ];
    for (method, path, body) in choices {
        if let Err(code) = step(connection, method, &format!("{cart}{path}"), Some(&body)).await? {
            return Ok(Err(code));
        }
    }
    let began = Instant::now();
    let order = step(connection, "POST", &format!("{cart}/complete"), None).await?;
    Ok(order.map(|_| began.elapsed()))
}

/// One request; a refusal is an answer with a 4xx, anything else that isn't good ends the run.
async fn step(
    connection: &mut Connection,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Result<Value, String>> {
    let answer = connection.send(&request(method, path, None, body)).await?;
    let text = String::from_utf8_lossy(answer.body);
    match answer.status {
        200..300 => Ok(Ok(serde_json::from_str(&text)?)),
        409 | 422 => {
            let failure: Value = serde_json::from_str(&text)?;
            let code = failure["details"][0]["code"].as_str().or(failure["code"].as_str());
            Ok(Err(code.context("a refusal without a code")?.to_owned()))
        }
        status => bail!("{method} {path}: {status} {text}"),
    }
}
