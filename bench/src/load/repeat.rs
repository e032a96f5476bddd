//! Sends prepared requests over kept connections, each connection the next when it has the answer (a closed model).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{Latencies, Latency};
use crate::http::Connection;

/// What to send.
#[derive(Serialize, Deserialize)]
pub struct Plan {
    /// To whom.
    pub address: SocketAddr,
    /// How many at once.
    pub connections: usize,
    /// For how long.
    pub seconds: f64,
    /// Whole requests, taken in turn: a connection starts at its own place in the list and takes its share of it.
    pub requests: Vec<String>,
    /// What a good answer has in it, to notice one that only looks good.
    pub expect: String,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Good answers.
    pub answers: u64,
    /// Per second.
    pub per_second: f64,
    /// How long they took.
    pub latency: Latency,
}

/// Runs the plan of this process.
pub async fn main() -> anyhow::Result<()> {
    let plan: Arc<Plan> = Arc::new(super::plan()?);
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(plan.seconds);
    let mut connections = JoinSet::new();
    for number in 0..plan.connections {
        connections.spawn(send(Arc::clone(&plan), number, end));
    }
    let mut all = Latencies::new()?;
    while let Some(latencies) = connections.join_next().await {
        all.merge(&latencies??)?;
    }
    let answers = all.count();
    #[expect(clippy::cast_precision_loss)] // counts of seconds
    let per_second = answers as f64 / began.elapsed().as_secs_f64();
    super::tell(&Outcome { answers, per_second, latency: all.latency() })
}

async fn send(plan: Arc<Plan>, number: usize, end: Instant) -> anyhow::Result<Latencies> {
    let mut connection = Connection::open(plan.address).await?;
    let mut latencies = Latencies::new()?;
    let mine = plan.requests.iter().skip(number % plan.requests.len()).step_by(plan.connections);
    for request in mine.cycle() {
        let began = Instant::now();
        if began >= end {
            break;
        }
        let answer = connection.send(request.as_bytes()).await?;
        latencies.add(began.elapsed());
        // Looking into every body would cost as much as a cheap answer does.
        let looked_at = latencies.count() % 64 == 1;
        let good = answer.status == 200 && (!looked_at || String::from_utf8_lossy(answer.body).contains(&plan.expect));
        ensure!(good, "a wrong answer: {} {}", answer.status, String::from_utf8_lossy(answer.body));
    }
    Ok(latencies)
}
