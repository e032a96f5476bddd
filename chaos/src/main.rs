//! `./dev chaos`: customers buy without pause while parts of a split shop are killed, frozen and cut off; afterwards the
//! books must be right. It ends with code 1 when they are not.
//!
//! | module | holds |
//! |---|---|
//! | [`shop`] | the split shop under test: its processes, and proxies in front of its parts |
//! | [`people`], [`client`] | customers and staff, and how they ask |
//! | [`receiver`], [`readers`] | a merchant's endpoint for webhooks; readers of the stream |
//! | [`stand_in`] | the payment provider |
//! | [`faults`], [`proxy`] | what is done to the shop |
//! | [`tally`], [`verdict`] | what was asked and answered; whether the books are right |

mod client;
mod faults;
mod people;
mod proxy;
mod readers;
mod receiver;
mod shop;
mod stand_in;
mod tally;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use clap::{Parser, Subcommand};
use rand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use client::Client;
use faults::Injected;
use people::Market;
use receiver::Receiver;
use shop::{Shop, Terms};
use tally::{Counts, Tally};
use verdict::Evidence;

#[derive(Parser)]
#[command(name = "tradepost-chaos")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Buy, break, and look whether the books are right
    Run(Run),
    /// The payment provider, for `run`
    #[command(hide = true)]
    StandIn(stand_in::StandIn),
}

/// How a run goes.
#[derive(clap::Args)]
struct Run {
    /// The program under test
    #[arg(long)]
    program: PathBuf,
    /// How long faults are injected
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Customers at once
    #[arg(long, default_value_t = 8)]
    customers: usize,
    /// Makes the same choices of faults again
    #[arg(long)]
    seed: Option<u64>,
    /// Instances of each role
    #[arg(long, default_value = "gateway=2,users=2,products=2,orders=2,webhooks=2")]
    instances: String,
    /// Run against a relay that loses events, in a program built for it: the run must find out
    #[arg(long)]
    broken_relay: bool,
    /// Seconds that the shop may take to come to rest before its books are called wrong
    #[arg(long, default_value_t = 180)]
    patience: u64,
    /// Keep the shop's folder
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    // Only fails when one is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    match Arguments::parse().command {
        Command::StandIn(stand_in) => stand_in.run().await.map(|()| ExitCode::SUCCESS),
        Command::Run(run) => run.run().await,
    }
}

impl Run {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let seed = self.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
        println!("seed {seed}; {} minutes; {} customers; {}", self.minutes, self.customers, self.instances);
        let receiver = Receiver::start().await?;
        let terms = Terms {
            program: self.program.clone(),
            instances: self.instances.clone(),
            broken_relay: self.broken_relay,
            keep: self.keep,
        };
        let shop = Arc::new(Shop::start(terms).await?);
        let outcome = self.run_on(&shop, &receiver, seed).await;
        shop.stop().await?;
        let found = outcome?;
        let caught = !found.is_empty();
        println!("{}", if caught { "\nThe books are wrong:" } else { "\nThe books are right." });
        for finding in &found {
            println!("  - {finding}");
        }
        if self.broken_relay {
            println!("{}", if caught { "The broken relay was caught." } else { "The broken relay was not caught." });
        }
        Ok(if caught == self.broken_relay { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn run_on(&self, shop: &Arc<Shop>, receiver: &Receiver, seed: u64) -> anyhow::Result<Vec<String>> {
        let tally = Arc::new(Tally::default());
        let guest = Client::new(Arc::new(shop.gateways()), Arc::clone(&tally))?;
        let staff = shop.staff(&guest).await?;
        let since = shop.register_receiver(&staff, receiver).await?;
        let kinds: Vec<String> = events::REGISTRY.iter().map(|event| event.kind.to_owned()).collect();
        let variants = shop.variants(&guest).await?;
        shop.fill(&staff, &variants).await?;
        let market = Arc::new(Market { variants, provider: shop.provider(), purchases: std::sync::Mutex::default() });
        let (stop, stopped) = watch::channel(false);
        let readers = readers::start(&shop.gateways(), &Arc::new(shop.staff_login()), &guest);
        readers.follow(Duration::from_secs(self.patience)).await?;
        let mut people = JoinSet::new();
        for _ in 0..self.customers {
            people.spawn(people::customer(guest.clone(), Arc::clone(&market), stopped.clone()));
        }
        people.spawn(people::staff(guest.clone(), shop.staff_login(), stopped));
        let end = Instant::now() + Duration::from_secs_f64(self.minutes * 60.0);
        let injected = faults::inject(shop, seed, end).await;
        // Without the last customers' orders coming to rest first, half-done work would look like lost work.
        stop.send_replace(true);
        people.join_all().await;
        println!("customers have left; looking at the books");
        let purchases = market.purchases.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report(&injected, &tally.counts(), &purchases);
        let evidence = Evidence { purchases: &purchases, receiver, since: &since, readers: &readers, kinds: &kinds };
        let found = verdict::findings(shop, &evidence, Duration::from_secs(self.patience)).await;
        readers.stop().await;
        found
    }
}

/// What was done and what came of it.
fn report(injected: &Injected, counts: &Counts, purchases: &[people::Purchase]) {
    println!("\ninjected:");
    for ((part, fault), times) in injected {
        println!("  {part:12} {:8} {times}", format!("{fault:?}").to_lowercase());
    }
    let percent = |part: u64| 100.0 * precise(part) / precise(counts.calls.max(1));
    println!("\ncalls: {}", counts.calls);
    println!("  availability without retries {:8.3} %", percent(counts.answered_at_once));
    println!(
        "  availability with retries    {:8.3} %   (longest until an answer: {:.1} s)",
        percent(counts.answered),
        counts.longest.as_secs_f64()
    );
    println!("tries without an answer, by kind:");
    for (kind, times) in &counts.failures {
        println!("  {kind:40} {times}");
    }
    println!("refusals:");
    for (code, times) in &counts.refusals {
        println!("  {code:40} {times}");
    }
    let placed = purchases.iter().filter(|purchase| matches!(purchase.end, people::End::Placed(_))).count();
    println!("purchases: {} begun, {placed} known as placed to their customers", purchases.len());
}

#[expect(clippy::cast_precision_loss)] // Far below 2^52.
fn precise(count: u64) -> f64 {
    count as f64
}
