//! Programs that load a shop, each in a process of its own, so that what they cost is not counted as the shop's. A plan
//! comes in on stdin, the outcome goes out on stdout.

pub mod bare;
pub mod broker;
pub mod buy;
pub mod follow;
pub mod repeat;

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long answers took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
}

/// Collects how long answers took.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// From a microsecond to a minute.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(Histogram::new_with_bounds(1, 60_000_000, 3)?))
    }

    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: &Self) -> anyhow::Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The percentiles.
    pub fn latency(&self) -> Latency {
        #[expect(clippy::cast_precision_loss)] // at most a minute in microseconds
        let millis = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        Latency { p50: millis(0.50), p95: millis(0.95), p99: millis(0.99) }
    }
}

/// Runs one of these programs with its plan and gives its outcome.
pub async fn run<P: Serialize, O: DeserializeOwned>(program: &str, plan: &P) -> anyhow::Result<O> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().with_context(|| format!("{program} cannot be started"))?;
    let mut stdin = child.stdin.take().context("no input")?;
    stdin.write_all(&serde_json::to_vec(plan)?).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "{program} failed ({})", output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("{program} says nothing that can be read"))
}

/// A program that is talked with while it runs: a line each way at a time. It ends with this.
pub struct Running {
    name: &'static str,
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a program with its plan.
    pub async fn start<P: Serialize>(name: &'static str, plan: &P) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(name).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let stdin = child.stdin.take().context("no input")?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut running = Self { name, child, stdin, lines };
        running.tell(plan).await?;
        Ok(running)
    }

    /// Tells it something.
    pub async fn tell<T: Serialize>(&mut self, what: &T) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        Ok(self.stdin.write_all(&line).await?)
    }

    /// The next that it says.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let line = self.lines.next_line().await?.with_context(|| format!("{} has ended", self.name))?;
        serde_json::from_str(&line).with_context(|| format!("{} says nothing that can be read", self.name))
    }

    /// Its process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended", self.name))
    }

    /// Ends it.
    pub async fn end(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// The next line on stdin of a program that is talked with. Waits in place: nothing else may be under way.
fn next_told<T: DeserializeOwned>() -> anyhow::Result<T> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    serde_json::from_str(&line).context("what was told cannot be read")
}

/// Says one line.
fn say<T: Serialize>(what: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(what)?);
    Ok(())
}

/// The plan of this process.
fn plan<P: DeserializeOwned>() -> anyhow::Result<P> {
    serde_json::from_reader(std::io::stdin().lock()).context("the plan cannot be read")
}

/// Says the outcome of this process.
fn tell<O: Serialize>(outcome: &O) -> anyhow::Result<()> {
    serde_json::to_writer(std::io::stdout().lock(), outcome).context("the outcome cannot be told")
}
