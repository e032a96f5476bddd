//! Events from the commit of a change to their consumer through RabbitMQ, against the broker alone with the same messages,
//! in alternating rounds: first as fast as they go, then at a steady rate.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

use super::Bench;
use super::flash::make_product;
use super::rounds::{Names, Rounds};
use crate::database::Database;
use crate::event_log::{EventLog, KIND};
use crate::load::{self, Latencies, Latency, broker};
use crate::report::Report;
use crate::shop::Shop;

/// Events that are committed at once in a round.
const EVENTS: usize = 5_000;
/// Events a second for the delays.
const STEADY: u32 = 100;
/// The consumer: it takes every kind.
const CONSUMER: &str = "webhooks.on_event";
/// How long it may take for those of a round.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// Takes the figure.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    make_product(shop, &shop.staff_token().await?, "events", 1).await?;
    shop.until_events_are_consumed().await?;
    let log = EventLog::of(shop.database("products")?).await?;
    let body = log.message().await?;
    report.note(format!("events: a message has {} bytes.", body.len()));
    let plan = |messages, per_second| {
        let (url, body, kind) = (shop.rabbitmq_url()?.to_owned(), body.clone(), KIND.to_owned());
        anyhow::Ok(broker::Plan { url, kind, body, messages, per_second })
    };
    // Queues, connections and plans are there before the first round.
    through_the_shop(shop, &log, EVENTS / 10).await?;
    let mut rounds = Rounds::default();
    for _ in 0..bench.rounds {
        let bare: broker::Outcome = load::run("broker", &plan(EVENTS, None)?).await?;
        let before = shop.processor_time()?;
        let ours = through_the_shop(shop, &log, EVENTS).await?;
        rounds.add(shop, &before, count(EVENTS), ours, bare.per_second)?;
    }
    let names = Names { figure: "events", ours: "commit to consumer", bare: "the broker alone", operation: "event" };
    rounds.tell(&names, report);
    let bare: broker::Outcome = load::run("broker", &plan(steady_count(bench), Some(STEADY))?).await?;
    tell_delay("the broker alone", &bare.delay, report);
    tell_delay("commit to consumer", &steadily(bench, shop, &log).await?, report);
    Ok(())
}

/// How many events a second come to their consumer, of so many that are committed at once.
async fn through_the_shop(shop: &Shop, log: &EventLog, events: usize) -> anyhow::Result<f64> {
    let webhooks = shop.superuser("webhooks")?;
    let before = handled(&webhooks).await?;
    let committed = log.commit(events).await?;
    until_handled(&webhooks, before + i64::try_from(events)?).await?;
    let last = format!("SELECT extract(epoch FROM max(handled_at)) FROM inbox WHERE consumer = '{CONSUMER}'");
    let last: f64 = webhooks.query(&last).await?.parse().context("no event was handled")?;
    Ok(count(events) / (last - committed))
}

/// How long each of those takes that are committed one by one.
async fn steadily(bench: &Bench, shop: &Shop, log: &EventLog) -> anyhow::Result<Latency> {
    let (products, webhooks) = (shop.superuser("products")?, shop.superuser("webhooks")?);
    let before = products.number("SELECT max(position) FROM events").await?;
    let handled_before = handled(&webhooks).await?;
    log.commit_steadily(steady_seconds(bench), STEADY, &shop.scratch("steady.sql")).await?;
    let made = times(&products, &format!("SELECT id, occurred_at FROM events WHERE position > {before}")).await?;
    ensure!(!made.is_empty(), "no event was committed");
    until_handled(&webhooks, handled_before + i64::try_from(made.len())?).await?;
    let taken = format!("SELECT event_id, handled_at FROM inbox WHERE consumer = '{CONSUMER}'");
    let taken = times(&webhooks, &taken).await?;
    let mut delays = Latencies::new()?;
    for (event, at) in &made {
        let taken = taken.get(event).context("an event was not consumed")?;
        delays.add(Duration::from_secs_f64((taken - at).max(0.0)));
    }
    Ok(delays.latency())
}

/// Moments by event, in seconds since 1970.
async fn times(database: &Database, query: &str) -> anyhow::Result<HashMap<String, f64>> {
    let rows = database.query(&format!("SELECT id, extract(epoch FROM at) FROM ({query}) AS row (id, at)")).await?;
    rows.lines()
        .map(|row| {
            let (id, at) = row.split_once('|').context("a row of an unknown form")?;
            Ok((id.to_owned(), at.parse()?))
        })
        .collect()
}

async fn handled(webhooks: &Database) -> anyhow::Result<i64> {
    webhooks.number(&format!("SELECT count(*) FROM inbox WHERE consumer = '{CONSUMER}'")).await
}

async fn until_handled(webhooks: &Database, events: i64) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let there = handled(webhooks).await?;
        if there >= events {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} events wait after {} s", events - there, PATIENCE.as_secs());
        sleep(LOOK).await;
    }
}

fn tell_delay(what: &str, delay: &Latency, report: &mut Report) {
    for (name, value) in [("p50", delay.p50), ("p95", delay.p95), ("p99", delay.p99)] {
        report.add("events", &format!("{STEADY}/s, {what}, {name}"), "ms", &[value], None);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // half a minute
fn steady_seconds(bench: &Bench) -> u64 {
    (bench.seconds * f64::from(bench.rounds)).ceil() as u64
}

fn steady_count(bench: &Bench) -> usize {
    usize::try_from(steady_seconds(bench)).unwrap_or(1) * STEADY as usize
}

#[expect(clippy::cast_precision_loss)] // thousands
fn count(events: usize) -> f64 {
    events as f64
}
