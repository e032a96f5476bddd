//! 10,000 connections of the stream on one gateway: memory, and the delay of a change until its followers have it.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::Bench;
use super::flash::make_product;
use crate::http::{Connection, request};
use crate::load::{Running, follow};
use crate::processes;
use crate::report::Report;
use crate::shop::{GRAPHQL, Shop};

/// Customers who look at products.
const CUSTOMERS: usize = 9_980;
/// Staff who follow every change of stock.
const STAFF: usize = 20;
/// Products that change.
const PRODUCTS: usize = 499;
/// Of these each customer follows so many: a product has 100 followers.
const EACH: usize = 5;
/// Changes of stock a second.
const CHANGES: u32 = 20;
const SET: &str =
    "mutation($input: InventoryLevelSetInput!) { inventoryLevelSet(input: $input) { userErrors { code } } }";

/// Takes the figure.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let token = shop.staff_token().await?;
    let (products, variants) = make_products(shop, &token).await?;
    shop.until_events_are_consumed().await?;
    let gateway = shop.role_pid("gateway")?;
    let before = processes::memory(gateway, "VmRSS")?;
    let plan = follow::Plan {
        address: shop.address()?,
        customers: CUSTOMERS,
        each: EACH,
        products,
        staff: STAFF,
        tokens: vec![token.clone()],
    };
    let mut followers = Running::start("follow", &plan).await?;
    let ready: follow::Ready = followers.hear().await?;
    let idle = processes::memory(gateway, "VmRSS")?;
    let times = (shop.processor_time()?, std::time::Instant::now());
    let changes = change_stock(bench, shop, &token, &variants).await?;
    let messages = changes * u64::try_from(CUSTOMERS * EACH / PRODUCTS + STAFF)?;
    followers.tell(&follow::Changed { messages }).await?;
    let outcome: follow::Outcome = followers.hear().await?;
    let (seconds, after) = (times.1.elapsed().as_secs_f64(), shop.processor_time()?);
    ensure!(outcome.messages == messages, "{} messages came instead of {messages}", outcome.messages);
    let busy = processes::memory(gateway, "VmRSS")?;
    followers.end().await?;
    let per_connection = |memory: f64| (memory - before) * 1024.0 / count(CUSTOMERS + STAFF);
    report.add("stream", "10,000 connections, until all follow", "s", &[ready.seconds], None);
    report.add("stream", "memory per connection, idle", "KiB", &[per_connection(idle)], None);
    report.add("stream", "memory per connection, under load", "KiB", &[per_connection(busy)], None);
    report.add("stream", "memory of the gateway before", "MiB", &[before], None);
    report.add("stream", "messages per second", "/s", &[count(usize::try_from(messages)?) / seconds], None);
    for (name, value) in [("p50", outcome.delay.p50), ("p95", outcome.delay.p95), ("p99", outcome.delay.p99)] {
        report.add("stream", &format!("change to socket, {name}"), "ms", &[value], None);
    }
    for part in ["gateway", "products", "rabbitmq"] {
        let used = after.get(part).copied().unwrap_or_default() - times.0.get(part).copied().unwrap_or_default();
        report.add("stream", &format!("CPU: {part}"), "ms/s", &[used / seconds], None);
    }
    report.note(format!(
        "stream: {CUSTOMERS} customers follow {EACH} of {PRODUCTS} products each, {STAFF} staff all; {CHANGES} changes a second."
    ));
    Ok(())
}

/// Changes stock of one product after the other, so many a second; gives how many changes that were.
async fn change_stock(bench: &Bench, shop: &Shop, token: &str, variants: &[String]) -> anyhow::Result<u64> {
    let mut connection = Connection::open(shop.address()?).await?;
    let mut ticks = interval(Duration::from_secs(1) / CHANGES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // hundreds
    let changes = (bench.seconds * f64::from(bench.rounds) * f64::from(CHANGES)).ceil() as u64;
    for number in 0..changes {
        ticks.tick().await;
        let variant = &variants[usize::try_from(number)? % variants.len()];
        // Each time other than before.
        let input = json!({"variantId": variant, "onHand": 1_000 + number});
        let body = json!({"query": SET, "variables": {"input": input}});
        let answer = connection.send(&request("POST", GRAPHQL, Some(token), Some(&body))).await?.json()?;
        let errors = answer["data"]["inventoryLevelSet"]["userErrors"].as_array();
        ensure!(errors.is_some_and(Vec::is_empty), "a change was refused: {answer}");
    }
    Ok(changes)
}

/// Products, and the variant of each.
async fn make_products(shop: &Shop, token: &str) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    for number in 0..PRODUCTS {
        make_product(shop, token, &format!("stream-{number}"), 1).await?;
    }
    let made = "SELECT product_id, id FROM variants WHERE sku LIKE 'BENCH-stream-%'";
    let rows = shop.superuser("products")?.query(made).await?;
    let pair = |row: &str| row.split_once('|').map(|(product, variant)| (product.to_owned(), variant.to_owned()));
    rows.lines().map(pair).collect::<Option<_>>().context("a row of an unknown form")
}

#[expect(clippy::cast_precision_loss)] // thousands
fn count(number: usize) -> f64 {
    number as f64
}
