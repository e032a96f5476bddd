//! Webhooks that one instance delivers in a second, against a bare client that sends the same bodies to the same receiver
//! over as many connections, in alternating rounds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Bench;
use super::flash::make_product;
use super::rounds::{Names, Rounds};
use crate::database::Database;
use crate::event_log::{EventLog, KIND};
use crate::load::{self, bare, repeat};
use crate::report::Report;
use crate::shop::Shop;

/// Deliveries of a round, each about an object of its own.
const DELIVERIES: usize = 2_000;
/// How many an instance sends to one endpoint at once (`webhooks.endpoint_concurrency`).
const AT_ONCE: usize = 8;
const PATH: &str = "/webhooks";
const ENDPOINTS: &str = "/api/v1/admin/webhook-endpoints";
const TAKEN: &str = "taken";
/// How long they may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked how many have arrived.
const LOOK: Duration = Duration::from_millis(500);

/// Takes the figure.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let token = shop.staff_token().await?;
    make_product(shop, &token, "deliveries", 1).await?;
    shop.until_events_are_consumed().await?;
    let log = EventLog::of(shop.database("products")?).await?;
    let (receiver, address) = bare::serve(TAKEN.to_owned(), PATH).await?;
    let wanted = json!({"url": format!("http://{address}{PATH}"), "event_types": [KIND]});
    let made = shop.send(&token, "POST", ENDPOINTS, Some(&wanted)).await?;
    let text = |field: &str| made.pointer(field)?.as_str().map(str::to_owned);
    let (id, secret) = text("/endpoint/id").zip(text("/secret")).context("an endpoint of an unknown form")?;
    let webhooks = shop.superuser("webhooks")?;
    let mut rounds = Rounds::default();
    for _ in 0..bench.rounds {
        gather(shop, &token, &id, &log, &webhooks).await?;
        let requests = signed_requests(&webhooks, &secret).await?;
        let (expect, seconds) = (TAKEN.to_owned(), bench.seconds);
        let plan = repeat::Plan { address, connections: AT_ONCE, seconds, requests, expect };
        let theirs: repeat::Outcome = load::run("repeat", &plan).await?;
        let before = shop.processor_time()?;
        let ours = deliver(shop, &token, &id, &webhooks).await?;
        rounds.add(shop, &before, count(DELIVERIES), ours, theirs.per_second)?;
    }
    receiver.end().await?;
    shop.send(&token, "DELETE", &format!("{ENDPOINTS}/{id}"), None).await.ok();
    let names = Names {
        figure: "deliveries",
        ours: "per second of one instance",
        bare: "the bare client",
        operation: "delivery",
    };
    rounds.tell(&names, report);
    Ok(())
}

/// Has deliveries gather while the endpoint is disabled.
async fn gather(shop: &Shop, token: &str, id: &str, log: &EventLog, webhooks: &Database) -> anyhow::Result<()> {
    shop.send(token, "POST", &format!("{ENDPOINTS}/{id}/disable"), None).await?;
    log.commit(DELIVERIES).await?;
    until(webhooks, "pending", DELIVERIES).await?;
    // What was there before is over: a round leaves nothing to wait for.
    shop.until_events_are_consumed().await
}

/// Enables the endpoint, and gives how many deliveries a second arrive until the last one.
async fn deliver(shop: &Shop, token: &str, id: &str, webhooks: &Database) -> anyhow::Result<f64> {
    let before = number(webhooks, "delivered").await?;
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    shop.send(token, "POST", &format!("{ENDPOINTS}/{id}/enable"), None).await?;
    until(webhooks, "delivered", before + DELIVERIES).await?;
    let last = webhooks.query("SELECT extract(epoch FROM max(delivered_at)) FROM deliveries").await?;
    Ok(count(DELIVERIES) / (last.parse::<f64>().context("nothing was delivered")? - began))
}

async fn number(webhooks: &Database, status: &str) -> anyhow::Result<usize> {
    let number = webhooks.number(&format!("SELECT count(*) FROM deliveries WHERE status = '{status}'")).await?;
    Ok(usize::try_from(number)?)
}

async fn until(webhooks: &Database, status: &str, wanted: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let there = number(webhooks, status).await?;
        if there >= wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{there} of {wanted} are {status} after {} s", PATIENCE.as_secs());
        sleep(LOOK).await;
    }
}

/// The deliveries that wait as requests, signed beforehand.
async fn signed_requests(webhooks: &Database, secret: &str) -> anyhow::Result<Vec<String>> {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).context("a secret of an unknown form")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let rows = webhooks.query("SELECT id, body FROM deliveries WHERE status = 'pending'").await?;
    let requests = rows.lines().map(|row| {
        let (id, body) = row.split_once('|').context("a row of an unknown form")?;
        let signature = STANDARD.encode(hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes()));
        let length = body.len();
        Ok(format!(
            "POST {PATH} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\n\
             webhook-timestamp: {at}\r\nwebhook-signature: v1,{signature}\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    });
    requests.collect()
}

#[expect(clippy::cast_precision_loss)] // thousands
fn count(deliveries: usize) -> f64 {
    deliveries as f64
}
