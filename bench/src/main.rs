//! Figures of a shop. Everything is measured against something else in the same run, because the machine is never quite
//! quiet, and as processor time, which noise disturbs least.
//!
//! - `figures`: one file a figure
//! - `event_log`: events written as a change writes them
//! - `shop`: the private shop that is measured; `database`: PostgreSQL's own programs on it
//! - `load`: programs that load it, each a process of its own; `http`: their client
//! - `capture`, `replay`: the statements that a checkout sends, and the same as a script for pgbench
//! - `processes`, `report`: processor time and memory; the table

mod capture;
mod database;
mod event_log;
mod figures;
mod http;
mod load;
mod processes;
mod replay;
mod report;
mod shop;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use figures::{Bench, Name};
use report::Report;
use shop::Topology;

/// Measures a shop of its own, prints a table, ends by itself.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take figures
    Run(Run),
    /// Send prepared requests (plan on stdin)
    #[command(hide = true)]
    Repeat,
    /// Buy (plan on stdin)
    #[command(hide = true)]
    Buy,
    /// Serve one answer (plan on stdin)
    #[command(hide = true)]
    Bare,
    /// Publish and consume messages (plan on stdin)
    #[command(hide = true)]
    Broker,
    /// Follow the stream (plan on stdin)
    #[command(hide = true)]
    Follow,
}

#[derive(clap::Args)]
struct Run {
    /// The figures to take; all of the topology without a name
    #[arg(value_name = "NAME")]
    names: Vec<Name>,
    /// Take those of a shop whose roles run apart
    #[arg(long)]
    split: bool,
    /// Sizes of the catalog
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [100_000])]
    products: Vec<u64>,
    /// Also with a million products
    #[arg(long)]
    full: bool,
    /// Seconds of each round
    #[arg(long, value_name = "S", default_value_t = 5.0)]
    seconds: f64,
    /// Rounds of each comparison
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..100))]
    rounds: u32,
    /// Write the figures here as JSON too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Leave the scripts that pgbench ran in this folder
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// The optimised program
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
}

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // The programs that load the shop must leave it room: one thread is enough for them.
    let mut builder = match command {
        Command::Repeat | Command::Buy | Command::Follow => tokio::runtime::Builder::new_current_thread(),
        Command::Run(_) | Command::Bare | Command::Broker => tokio::runtime::Builder::new_multi_thread(),
    };
    let outcome = builder.enable_all().build().map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            match command {
                Command::Run(run) => take_figures(run).await,
                Command::Repeat => load::repeat::main().await,
                Command::Buy => load::buy::main().await,
                Command::Bare => load::bare::main().await,
                Command::Broker => load::broker::main().await,
                Command::Follow => load::follow::main().await,
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn take_figures(run: Run) -> anyhow::Result<()> {
    processes::require_linux()?;
    let mut sizes = run.products;
    if run.full && !sizes.contains(&1_000_000) {
        sizes.push(1_000_000);
    }
    sizes.sort_unstable();
    let topology = if run.split { Topology::Apart } else { Topology::Together };
    let names = if run.names.is_empty() { Name::all(topology).to_vec() } else { run.names };
    let Run { program, seconds, rounds, scripts, .. } = run;
    let bench = Bench { program, topology, names, sizes, seconds, rounds, scripts };
    let mut report = Report::new();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    // Stopped early, the shop is erased all the same: what drops ends what it started.
    let outcome = tokio::select! {
        outcome = bench.run(&mut report) => outcome,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("stopped")),
        _ = terminate.recv() => Err(anyhow::anyhow!("stopped")),
    };
    println!("{}", report.table());
    if let Some(path) = run.json {
        let text = serde_json::to_vec_pretty(&report)?;
        std::fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    outcome
}
