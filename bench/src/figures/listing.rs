//! Category pages and text search: what PostgreSQL takes for the query, what a request takes when no answer is kept, and
//! as it is served, with the answers to the most asked pages in the cache.

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{AT_ONCE, Bench, sized};
use crate::capture::{Capture, What};
use crate::http::{Connection, request};
use crate::load::{self, Latencies, repeat};
use crate::processes::Cpu;
use crate::report::{Aim, Report};
use crate::shop::{GRAPHQL, Shop};

/// Requests whose queries are timed one by one.
const TIMED: usize = 400;
/// Requests that are all different: more than a round sends, so that no answer is in the cache.
pub const DIFFERENT: usize = 100_000;
/// Pages that everybody looks at.
pub const POPULAR: usize = 50;

/// What a good answer has in it.
pub const EXPECTED: &str = "\"nodes\":[";

const QUERY: &str = "query Page($filter: ProductFilter, $sort: ProductSort) { products(filter: $filter, sort: $sort, first: 24) { \
    nodes { id slug name inStock price { amount currency } images { url alt } } \
    pageInfo { hasNextPage endCursor } } }";

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 24 products of a category and those below it, within a range of prices, by price.
    Category,
    /// 24 products that match two words, best first.
    Search,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Category => "listing",
            Self::Search => "search",
        }
    }
}

/// Takes the figures.
pub async fn measure(bench: &Bench, shop: &Shop, products: u64, kind: Kind, report: &mut Report) -> anyhow::Result<()> {
    let name = sized(kind.name(), products);
    let requests = different_requests(shop, products, kind).await?;
    time_queries(shop, &name, kind, &requests[..TIMED], report).await?;
    let (mut uncached, mut served) = (Load::default(), Load::default());
    let per_round = DIFFERENT / bench.rounds.max(1) as usize;
    for round in 0..bench.rounds as usize {
        // Other requests in each round, since those of the last are kept.
        let different = requests[round * per_round..][..per_round].to_vec();
        uncached.round(bench, shop, different).await?;
        served.round(bench, shop, requests[..POPULAR].to_vec()).await?;
    }
    uncached.tell(&name, "no answer cached", report);
    served.tell(&name, "answers cached", report);
    Ok(())
}

/// [`DIFFERENT`] requests, the same ones for the same catalog.
pub async fn different_requests(shop: &Shop, products: u64, kind: Kind) -> anyhow::Result<Vec<String>> {
    let pages = Pages::of(shop, kind).await?;
    let mut random = StdRng::seed_from_u64(products);
    Ok((0..DIFFERENT).map(|_| pages.request(&mut random)).collect())
}

/// What there is to ask for.
struct Pages {
    kind: Kind,
    categories: Vec<String>,
    words: Vec<String>,
    cheap: i64,
    dear: i64,
}

impl Pages {
    async fn of(shop: &Shop, kind: Kind) -> anyhow::Result<Self> {
        let database = shop.database("products")?;
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let categories = "SELECT slug FROM categories c WHERE deleted_at IS NULL \
            AND EXISTS (SELECT FROM categories WHERE parent_id = c.id) ORDER BY slug";
        let words = "SELECT DISTINCT lower(word) FROM (SELECT name FROM products ORDER BY id LIMIT 2000) sample, \
            regexp_split_to_table(name, '[^[:alpha:]]+') AS word WHERE length(word) > 3 ORDER BY 1";
        let price = |share: f64| {
            format!("SELECT round(100 * percentile_disc({share}) WITHIN GROUP (ORDER BY price))::bigint FROM products")
        };
        let pages = Self {
            kind,
            categories: lines(database.query(categories).await?),
            words: lines(database.query(words).await?),
            cheap: database.number(&price(0.1)).await?,
            dear: database.number(&price(0.9)).await?,
        };
        ensure!(
            !pages.categories.is_empty() && pages.words.len() > 10,
            "the catalog has no tree of categories, or no words"
        );
        Ok(pages)
    }

    /// A request by chance.
    fn request(&self, random: &mut StdRng) -> String {
        let least = random.random_range(self.cheap..self.dear);
        let width = (self.dear - self.cheap) / 4;
        let word = |random: &mut StdRng| self.words[random.random_range(0..self.words.len())].clone();
        let variables = match self.kind {
            Kind::Category => {
                let category = &self.categories[random.random_range(0..self.categories.len())];
                let filter = json!({"categorySlug": category, "priceMin": least, "priceMax": least + width});
                json!({"filter": filter, "sort": "PRICE_ASC"})
            }
            // The bound of the price excludes hardly anything: it makes requests differ.
            Kind::Search => {
                json!({"filter": {"query": format!("{} {}", word(random), word(random)), "priceMax": self.dear * 10 + least}})
            }
        };
        graphql(&variables)
    }
}

fn graphql(variables: &Value) -> String {
    let body = json!({"query": QUERY, "variables": variables});
    String::from_utf8_lossy(&request("POST", GRAPHQL, None, Some(&body))).into_owned()
}

/// What PostgreSQL itself takes: one request after the other, by its own clock.
async fn time_queries(
    shop: &Shop,
    name: &str,
    kind: Kind,
    requests: &[String],
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut capture = Capture::begin(shop, What::Times).await?;
    let server = shop.serve(&[("TRADEPOST__PRODUCTS__CACHE__MAX_BYTES", "0")]).await?;
    let mut connection = Connection::open(server.address).await?;
    let (mut whole, mut queries) = (Latencies::new()?, Latencies::new()?);
    for (number, request) in requests.iter().enumerate() {
        // The first ones find their pages and plans cold.
        if number == requests.len() / 10 {
            (whole, queries) = (Latencies::new()?, Latencies::new()?);
        }
        capture.statements()?;
        let began = std::time::Instant::now();
        let answer = connection.send(request.as_bytes()).await?.json()?;
        whole.add(began.elapsed());
        ensure!(answer.get("errors").is_none(), "GraphQL: {answer}");
        let of_products = |statement: &&crate::capture::Statement| statement.sql.contains("FROM products");
        let took: f64 = capture.statements()?.iter().filter(of_products).filter_map(|statement| statement.took).sum();
        queries.add(std::time::Duration::from_secs_f64(took / 1000.0));
    }
    server.end().await?;
    capture.end().await?;
    let (query, whole) = (queries.latency(), whole.latency());
    ensure!(query.p95 > 0.0, "PostgreSQL's log names no query");
    let aim = (kind == Kind::Category || name.ends_with("100k")).then_some(Aim::AtMost(20.0));
    report.add(name, "PostgreSQL alone, p50", "ms", &[query.p50], None);
    report.add(name, "PostgreSQL alone, p95", "ms", &[query.p95], aim);
    report.add(name, "PostgreSQL alone, p99", "ms", &[query.p99], None);
    report.add(name, "one request at a time, p50", "ms", &[whole.p50], None);
    report.add(name, "one request at a time, p95", "ms", &[whole.p95], None);
    Ok(())
}

#[derive(Default)]
struct Load {
    per_second: Vec<f64>,
    p50: Vec<f64>,
    p95: Vec<f64>,
    p99: Vec<f64>,
    program: Vec<f64>,
    postgres: Vec<f64>,
}

impl Load {
    async fn round(&mut self, bench: &Bench, shop: &Shop, requests: Vec<String>) -> anyhow::Result<()> {
        let expect = EXPECTED.to_owned();
        let plan =
            repeat::Plan { address: shop.address()?, connections: AT_ONCE, seconds: bench.seconds, requests, expect };
        let before = Cpu::now(shop.pid()?, shop.postgres_pid()?)?;
        let outcome: repeat::Outcome = load::run("repeat", &plan).await.context("listing")?;
        let cost = Cpu::now(shop.pid()?, shop.postgres_pid()?)?.since(before, outcome.answers);
        self.per_second.push(outcome.per_second);
        self.p50.push(outcome.latency.p50);
        self.p95.push(outcome.latency.p95);
        self.p99.push(outcome.latency.p99);
        self.program.push(cost.program);
        self.postgres.push(cost.postgres);
        Ok(())
    }

    fn tell(&self, name: &str, how: &str, report: &mut Report) {
        let aim = (name == "listing 100k")
            .then_some(Aim::AtLeast(2000.0))
            .or((name == "search 100k").then_some(Aim::AtLeast(1000.0)));
        report.add(name, &format!("{how}: requests per second"), "/s", &self.per_second, aim);
        for (measure, rounds) in [("p50", &self.p50), ("p95", &self.p95), ("p99", &self.p99)] {
            report.add(name, &format!("{how}: {measure}"), "ms", rounds, None);
        }
        report.add(name, &format!("{how}: CPU, Tradepost"), "ms", &self.program, None);
        report.add(name, &format!("{how}: CPU, PostgreSQL"), "ms", &self.postgres, None);
    }
}
