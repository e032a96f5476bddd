//! A product by its slug through the gateway, from the cache, against a bare handler that returns the same bytes.

use serde_json::json;

use super::{AT_ONCE, Bench};
use crate::http::{Connection, request};
use crate::load::{self, bare, repeat};
use crate::processes::{self, Cpu};
use crate::report::{Aim, Report};
use crate::shop::{GRAPHQL, Shop};

const QUERY: &str = "query Product($slug: String!) { product(slug: $slug) { id slug name description inStock \
    price { amount currency } images { url alt } category { slug name } \
    variants { id sku name prices { price { amount currency } } } } }";

/// Takes the figure.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let Read { sent, expect } = read(shop).await?;
    let body = {
        let mut connection = Connection::open(shop.address()?).await?;
        String::from_utf8(connection.send(sent.as_bytes()).await?.body.to_vec())?
    };
    report.note(format!("product: the answer has {} bytes.", body.len()));
    let (running, bare) = bare::serve(body, GRAPHQL).await?;
    let plan = |address| repeat::Plan {
        address,
        connections: AT_ONCE,
        seconds: bench.seconds,
        requests: vec![sent.clone()],
        expect: expect.clone(),
    };
    let bare_pid = running.pid()?;
    let mut rounds = Rounds::default();
    for _ in 0..bench.rounds {
        let cpu = processes::of_process(bare_pid)?;
        let theirs: repeat::Outcome = load::run("repeat", &plan(bare)).await?;
        let bare_cpu = (processes::of_process(bare_pid)? - cpu) / count(theirs.answers);
        let before = Cpu::now(shop.pid()?, shop.postgres_pid()?)?;
        let ours: repeat::Outcome = load::run("repeat", &plan(shop.address()?)).await?;
        let cost = Cpu::now(shop.pid()?, shop.postgres_pid()?)?.since(before, ours.answers);
        rounds.add(&ours, &theirs, cost, bare_cpu);
    }
    running.end().await?;
    rounds.tell(report);
    Ok(())
}

/// A read of a product by its slug.
pub struct Read {
    /// The request.
    pub sent: String,
    /// What a good answer has in it.
    pub expect: String,
}

/// The read of the first product, the same one for the same catalog.
pub async fn read(shop: &Shop) -> anyhow::Result<Read> {
    let slug =
        shop.database("products")?.query("SELECT slug FROM products WHERE is_active ORDER BY slug LIMIT 1").await?;
    let sent = request("POST", GRAPHQL, None, Some(&json!({"query": QUERY, "variables": {"slug": slug}})));
    Ok(Read { sent: String::from_utf8_lossy(&sent).into_owned(), expect: format!("\"slug\":\"{slug}\"") })
}

#[derive(Default)]
struct Rounds {
    share: Vec<f64>,
    cpu_share: Vec<f64>,
    per_second: Vec<f64>,
    bare_per_second: Vec<f64>,
    p99: Vec<f64>,
    cpu: Vec<f64>,
    bare_cpu: Vec<f64>,
    postgres: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, ours: &repeat::Outcome, theirs: &repeat::Outcome, cost: Cpu, bare_cpu: f64) {
        self.share.push(ours.per_second / theirs.per_second);
        self.cpu_share.push(bare_cpu / cost.program);
        self.per_second.push(ours.per_second);
        self.bare_per_second.push(theirs.per_second);
        self.p99.push(ours.latency.p99);
        self.cpu.push(cost.program);
        self.bare_cpu.push(bare_cpu);
        self.postgres.push(cost.postgres);
    }

    fn tell(&self, report: &mut Report) {
        report.add("product", "requests/s as a share of the bare handler", "", &self.share, Some(Aim::AtLeast(0.5)));
        report.add("product", "CPU of the bare handler as a share of ours", "", &self.cpu_share, None);
        report.add("product", "requests per second", "/s", &self.per_second, Some(Aim::AtLeast(10_000.0)));
        report.add("product", "the bare handler", "/s", &self.bare_per_second, None);
        report.add("product", "p99", "ms", &self.p99, None);
        report.add("product", "CPU per request, Tradepost", "ms", &self.cpu, None);
        report.add("product", "CPU per request, the bare handler", "ms", &self.bare_cpu, None);
        report.add("product", "CPU per request, PostgreSQL", "ms", &self.postgres, None);
    }
}

#[expect(clippy::cast_precision_loss)] // counts of seconds
fn count(answers: u64) -> f64 {
    answers.max(1) as f64
}
