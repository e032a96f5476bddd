//! The figures, a file each, and the order in which they are taken: for each size of the catalog a shop of its own. Those
//! of a shop whose roles run apart share one.

mod checkout;
mod cost;
mod deliveries;
mod events;
mod flash;
mod import;
mod listing;
mod product;
mod rounds;
mod start;
mod stream;

use std::fmt;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::report::{Aim, Report};
use crate::shop::{Shop, Topology};

/// Connections of a load, and customers at once.
pub const AT_ONCE: usize = 16;

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Import of the catalog against COPY
    Import,
    /// Start and memory
    Start,
    /// A product by its slug against a bare handler
    Product,
    /// Category pages
    Listing,
    /// Text search
    Search,
    /// Whole checkouts against pgbench
    Checkout,
    /// 400 buyers of 100 units
    Flash,
    /// With --split: what reads and checkouts cost more than in one process
    Cost,
    /// With --split: events from commit to consumer against the bare broker
    Events,
    /// With --split: webhook deliveries against a bare HTTP client
    Deliveries,
    /// With --split: 10,000 connections of the stream
    Stream,
}

impl Name {
    /// Those of a shop in one process, in the order in which they are taken.
    const TOGETHER: [Self; 7] =
        [Self::Import, Self::Start, Self::Product, Self::Listing, Self::Search, Self::Checkout, Self::Flash];
    /// Those of a shop whose roles run apart.
    const APART: [Self; 4] = [Self::Cost, Self::Events, Self::Deliveries, Self::Stream];

    /// All of a topology.
    pub fn all(topology: Topology) -> &'static [Self] {
        match topology {
            Topology::Together => &Self::TOGETHER,
            Topology::Apart => &Self::APART,
        }
    }

    /// Whether it depends on how large the catalog is; the others are taken with the smallest.
    fn of_every_size(self) -> bool {
        matches!(self, Self::Import | Self::Listing | Self::Search)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", PossibleValue::get_name))
    }
}

/// What to measure.
pub struct Bench {
    /// The program.
    pub program: PathBuf,
    /// Where the roles of the shop run.
    pub topology: Topology,
    /// Which figures.
    pub names: Vec<Name>,
    /// Products of the catalogs.
    pub sizes: Vec<u64>,
    /// Length of a round.
    pub seconds: f64,
    /// Rounds of a comparison.
    pub rounds: u32,
    /// Where to leave the scripts for pgbench.
    pub scripts: Option<PathBuf>,
}

impl Bench {
    /// Takes the figures.
    pub async fn run(&self, report: &mut Report) -> anyhow::Result<()> {
        ensure!(!self.sizes.is_empty() && self.sizes.iter().all(|size| *size > 0), "a catalog has a product at least");
        let known = Name::all(self.topology);
        if let Some(name) = self.names.iter().find(|name| !known.contains(name)) {
            let names = |names: &[Name]| names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ");
            bail!("{name} is none of the figures {}: {}", self.topology, names(known));
        }
        match self.topology {
            Topology::Together => self.run_together(report).await,
            Topology::Apart => self.run_apart(report).await,
        }
    }

    async fn run_together(&self, report: &mut Report) -> anyhow::Result<()> {
        for (number, size) in self.sizes.iter().enumerate() {
            let names: Vec<Name> = Name::TOGETHER
                .into_iter()
                .filter(|name| self.names.contains(name) && (number == 0 || name.of_every_size()))
                .collect();
            if !names.is_empty() {
                self.run_size(*size, &names, report).await?;
            }
        }
        growth(&self.sizes, report);
        published(report);
        Ok(())
    }

    async fn run_size(&self, products: u64, names: &[Name], report: &mut Report) -> anyhow::Result<()> {
        eprintln!("==> A shop of {products} products");
        let shop = Shop::start(&self.program, Topology::Together).await?;
        // The catalog is needed in any case.
        import::measure(&shop, products, names.contains(&Name::Import), report).await?;
        for name in names {
            self.take(*name, &shop, products, report).await?;
        }
        start::memory_after(&shop, names, report).await
    }

    async fn run_apart(&self, report: &mut Report) -> anyhow::Result<()> {
        eprintln!("==> A shop with its roles apart");
        let shop = Shop::start(&self.program, Topology::Apart).await?;
        for name in Name::APART.into_iter().filter(|name| self.names.contains(name)) {
            self.take(name, &shop, self.sizes[0], report).await?;
        }
        Ok(())
    }

    async fn take(&self, name: Name, shop: &Shop, products: u64, report: &mut Report) -> anyhow::Result<()> {
        match name {
            // It was taken when the catalog came in.
            Name::Import => Ok(()),
            Name::Start => start::measure(self, shop, report).await,
            Name::Product => product::measure(self, shop, report).await,
            Name::Listing => listing::measure(self, shop, products, listing::Kind::Category, report).await,
            Name::Search => listing::measure(self, shop, products, listing::Kind::Search, report).await,
            Name::Checkout => checkout::measure(self, shop, report).await,
            Name::Flash => flash::measure(shop, report).await,
            Name::Cost => cost::measure(self, shop, products, report).await,
            Name::Events => events::measure(self, shop, report).await,
            Name::Deliveries => deliveries::measure(self, shop, report).await,
            Name::Stream => stream::measure(self, shop, report).await,
        }
    }
}

/// The name of a figure that depends on the catalog's size.
pub fn sized(name: &str, products: u64) -> String {
    match products {
        size if size % 1_000_000 == 0 => format!("{name} {}M", size / 1_000_000),
        size if size % 1000 == 0 => format!("{name} {}k", size / 1000),
        size => format!("{name} {size}"),
    }
}

/// How much dearer pages become with the catalog.
fn growth(sizes: &[u64], report: &mut Report) {
    let (Some(&least), Some(&most)) = (sizes.first(), sizes.last()) else { return };
    if least == most {
        return;
    }
    for name in ["listing", "search"] {
        // Processor time is what other work on the machine disturbs least: the aim is on it.
        let aim = (name == "listing").then_some(Aim::AtMost(1.5));
        for (measure, aim) in [
            ("no answer cached: CPU, PostgreSQL", aim),
            ("PostgreSQL alone, p50", None),
            ("PostgreSQL alone, p95", None),
        ] {
            let figure = |size| report.median(&sized(name, size), measure);
            if let (Some(small), Some(large)) = (figure(least), figure(most)) {
                let growth = format!("{least} to {most}: {measure}");
                report.add(name, &growth, "x", &[large / small], aim);
            }
        }
    }
}

/// What is known of others, for the reader; measured elsewhere, so nothing is divided by it.
fn published(report: &mut Report) {
    for note in [
        "Other engines, 16 connections, 100k products, on a like machine, at another time (requests/s; CPU ms of the server + \
         of PostgreSQL): product detail Vendure 95/s, 11 + 6.5, Medusa 26/s, 51 + 9; category page 39/s, 17 + 32 and 75/s, \
         9 + 13; search 0.1/s, 442 + 16,900 and 99/s, 8 + 8; whole checkout 4.6/s, 224 + 165 and 0.53/s, 1707 + 271.",
        "400 buyers of 100 units left Vendure with 300 oversold after 256 s.",
        "Limits of that machine: axum JSON 60k/s, one sqlx select 8.4k/s, pgbench TPC-B 1,400-1,700 tps.",
        "The load is a closed model: a connection sends its next request when it has the answer. It shares the cores with \
         the shop; both sides of a comparison carry the same.",
    ] {
        report.note(note);
    }
}
