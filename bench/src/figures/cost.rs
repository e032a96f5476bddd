//! What a shop costs more when its roles run apart: the same load on it and on a shop in one process with the same
//! catalog, in alternating rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;

use super::{AT_ONCE, Bench, checkout, import, listing, product};
use crate::load::{self, buy, repeat};
use crate::report::Report;
use crate::shop::{PROGRAM, Shop, Topology};

/// A load before the first round, for connections, caches and plans.
const WARM_UP_SECONDS: f64 = 1.0;
/// The parts that are no servers: what is ours, in either topology.
const OURS: [&str; 6] = [PROGRAM, "gateway", "users", "products", "orders", "webhooks"];

/// What customers do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// A product by its slug, which products has in its cache.
    Product,
    /// A category page that no cache has.
    Page,
    /// One of the pages that everybody looks at.
    PopularPage,
    /// A whole checkout.
    Order,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Product, Self::Page, Self::PopularPage, Self::Order];

    /// The figure's name.
    fn figure(self) -> &'static str {
        match self {
            Self::Product => "cost product",
            Self::Page => "cost page",
            Self::PopularPage => "cost popular",
            Self::Order => "cost order",
        }
    }
}

/// Takes the figures.
pub async fn measure(bench: &Bench, apart: &Shop, products: u64, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("==> A shop in one process beside it");
    let together = Shop::start(&bench.program, Topology::Together).await?;
    let sides = [Side::of(&together, products, report).await?, Side::of(apart, products, report).await?];
    idle(bench, &sides, report).await?;
    for operation in Operation::ALL {
        for side in &sides {
            side.run(operation, WARM_UP_SECONDS, &side.pages[..listing::POPULAR]).await?;
        }
        if operation == Operation::Order {
            for side in &sides {
                checkout::take_statistics(side.shop).await?;
            }
        }
        let mut rounds: [Vec<Round>; 2] = Default::default();
        let per_round = listing::DIFFERENT / bench.rounds as usize;
        for number in 0..bench.rounds as usize {
            for (side, rounds) in sides.iter().zip(&mut rounds) {
                // Other pages in each round, since those of the last are kept.
                let pages = &side.pages[number * per_round..][..per_round];
                rounds.push(side.run(operation, bench.seconds, pages).await?);
            }
        }
        tell(operation, &rounds, report);
    }
    Ok(())
}

/// One of the two shops, with what is asked of it.
struct Side<'a> {
    shop: &'a Shop,
    product: product::Read,
    pages: Vec<String>,
    variants: Vec<String>,
}

/// What a round came to.
struct Round {
    per_second: f64,
    p50: f64,
    /// Milliseconds of processor time per operation, by part.
    cpu: BTreeMap<String, f64>,
}

impl<'a> Side<'a> {
    async fn of(shop: &'a Shop, products: u64, report: &mut Report) -> anyhow::Result<Self> {
        import::measure(shop, products, false, report).await?;
        let product = product::read(shop).await?;
        let pages = listing::different_requests(shop, products, listing::Kind::Category).await?;
        let variants = checkout::make_products(shop).await?;
        shop.until_events_are_consumed().await?;
        Ok(Self { shop, product, pages, variants })
    }

    /// One round.
    async fn run(&self, operation: Operation, seconds: f64, pages: &[String]) -> anyhow::Result<Round> {
        let before = self.shop.processor_time()?;
        let (operations, per_second, p50) = match operation {
            Operation::Product => self.read(vec![self.product.sent.clone()], &self.product.expect, seconds).await?,
            Operation::Page => self.read(pages.to_vec(), listing::EXPECTED, seconds).await?,
            Operation::PopularPage => {
                self.read(self.pages[..listing::POPULAR].to_vec(), listing::EXPECTED, seconds).await?
            }
            Operation::Order => self.buy(seconds).await?,
        };
        let after = self.shop.processor_time()?;
        if operation == Operation::Order {
            // They must not burden the next round, which is the other shop's.
            self.shop.until_events_are_consumed().await?;
        }
        let cpu = after.into_iter().map(|(part, time)| {
            let used = time - before.get(&part).copied().unwrap_or_default();
            (part, used / operations)
        });
        Ok(Round { per_second, p50, cpu: cpu.collect() })
    }

    async fn read(&self, requests: Vec<String>, expect: &str, seconds: f64) -> anyhow::Result<(f64, f64, f64)> {
        let (address, expect) = (self.shop.address()?, expect.to_owned());
        let plan = repeat::Plan { address, connections: AT_ONCE, seconds, requests, expect };
        let outcome: repeat::Outcome = load::run("repeat", &plan).await?;
        Ok((count(outcome.answers), outcome.per_second, outcome.latency.p50))
    }

    async fn buy(&self, seconds: f64) -> anyhow::Result<(f64, f64, f64)> {
        let (address, variants) = (self.shop.address()?, self.variants.clone());
        let plan = buy::Plan { address, customers: AT_ONCE, seconds: Some(seconds), each: 0, variants };
        let outcome: buy::Outcome = load::run("buy", &plan).await?;
        ensure!(outcome.refused.is_empty(), "checkouts were refused: {:?}", outcome.refused);
        Ok((count(outcome.placed), count(outcome.placed) / outcome.seconds, outcome.latency.p50))
    }
}

/// What the parts take while nobody asks for anything.
async fn idle(bench: &Bench, sides: &[Side<'_>], report: &mut Report) -> anyhow::Result<()> {
    for (side, how) in sides.iter().zip(HOW) {
        let before = side.shop.processor_time()?;
        tokio::time::sleep(Duration::from_secs_f64(bench.seconds)).await;
        for (part, time) in side.shop.processor_time()? {
            let used = time - before.get(&part).copied().unwrap_or_default();
            report.add("cost idle", &format!("CPU, {how}: {part}"), "ms/s", &[used / bench.seconds], None);
        }
    }
    Ok(())
}

/// What the sides are called.
const HOW: [&str; 2] = ["one process", "apart"];

fn tell(operation: Operation, [together, apart]: &[Vec<Round>; 2], report: &mut Report) {
    let name = operation.figure();
    let ratio = |value: &dyn Fn(&Round) -> f64| -> Vec<f64> {
        together.iter().zip(apart).map(|(together, apart)| value(apart) / value(together)).collect()
    };
    report.add(name, "per second, apart to one process", "x", &ratio(&|round| round.per_second), None);
    report.add(name, "CPU of ours, apart to one process", "x", &ratio(&Round::ours), None);
    report.add(
        name,
        "CPU with the servers, apart to one process",
        "x",
        &ratio(&|round| round.cpu.values().sum()),
        None,
    );
    for (rounds, how) in [together, apart].into_iter().zip(HOW) {
        let values = |value: &dyn Fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<f64>>();
        report.add(name, &format!("per second, {how}"), "/s", &values(&|round| round.per_second), None);
        report.add(name, &format!("p50, {how}"), "ms", &values(&|round| round.p50), None);
        report.add(name, &format!("CPU, {how}: all of ours"), "ms", &values(&Round::ours), None);
        for part in rounds.iter().flat_map(Round::taking_part).collect::<BTreeSet<_>>() {
            report.add(name, &format!("CPU, {how}: {part}"), "ms", &values(&|round| round.cpu[part]), None);
        }
    }
}

impl Round {
    /// The parts that took a hundredth of the time, or more.
    fn taking_part(&self) -> impl Iterator<Item = &String> {
        let least = self.cpu.values().sum::<f64>() / 100.0;
        self.cpu.iter().filter(move |(_, time)| **time >= least).map(|(part, _)| part)
    }

    /// Without the servers.
    fn ours(&self) -> f64 {
        OURS.iter().filter_map(|part| self.cpu.get(*part)).sum()
    }
}

#[expect(clippy::cast_precision_loss)] // counts of seconds
fn count(operations: u64) -> f64 {
    operations.max(1) as f64
}
