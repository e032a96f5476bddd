//! Whole checkouts over HTTP, against what pgbench reaches with the same statements on the same server (see `replay`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::flash::make_product;
use super::{AT_ONCE, Bench};
use crate::capture::{self, Capture, Statement, What};
use crate::database::Database;
use crate::load::{self, buy};
use crate::processes::{self, Cpu};
use crate::replay::{self, Bought, Script};
use crate::report::{Aim, Report};
use crate::shop::Shop;

/// Products that are bought, so that no row of stock is what everybody waits for.
const PRODUCTS: usize = 200;
/// Of each, more than all rounds take.
const UNITS: u64 = 1_000_000;
/// Checkouts before the captured ones: each connection has prepared what it needs.
const WARM_UP: u64 = 40;
/// Captured checkouts; two of them must be alike.
const CAPTURED: usize = 6;
/// What a checkout sends after its answer, if anything, is sent by then.
const SETTLED: Duration = Duration::from_millis(300);

/// Takes the figure.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let variants = make_products(shop).await?;
    let bound = Bound::of(bench, shop, &variants).await?;
    let trips: Vec<String> =
        bound.sides.iter().map(|side| format!("{} on {}", side.script.round_trips, side.database.name())).collect();
    report.note(format!("checkout: round trips to PostgreSQL: {}.", trips.join(", ")));
    let plan =
        buy::Plan { address: shop.address()?, customers: AT_ONCE, seconds: Some(bench.seconds), each: 0, variants };
    let mut rounds = Rounds::default();
    let mut orders = bound.run(shop, 16).await?.per_second * bench.seconds;
    let _: buy::Outcome = load::run("buy", &plan).await?;
    take_statistics(shop).await?;
    for _ in 0..bench.rounds {
        let before = Cpu::now(shop.pid()?, shop.postgres_pid()?)?;
        let ours: buy::Outcome = load::run("buy", &plan).await?;
        let cost = Cpu::now(shop.pid()?, shop.postgres_pid()?)?.since(before, ours.placed);
        ensure!(ours.refused.is_empty(), "checkouts were refused: {:?}", ours.refused);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // thousands
        let theirs = bound.run(shop, orders as u64).await?;
        orders = theirs.per_second * bench.seconds;
        rounds.add(&ours, &theirs, cost);
    }
    rounds.tell(report);
    Ok(())
}

/// As the server itself does within a minute. Before that it plans as if there were no orders yet.
pub async fn take_statistics(shop: &Shop) -> anyhow::Result<()> {
    for role in capture::ROLES {
        shop.superuser(role)?.query("VACUUM ANALYZE").await?;
    }
    Ok(())
}

/// Makes the products that are bought, and gives the variant of each.
pub async fn make_products(shop: &Shop) -> anyhow::Result<Vec<String>> {
    let token = shop.staff_token().await?;
    let mut variants = Vec::new();
    for number in 0..PRODUCTS {
        variants.push(make_product(shop, &token, &format!("checkout-{number}"), UNITS).await?);
    }
    Ok(variants)
}

/// pgbench with the scripts of a checkout.
struct Bound {
    sides: Vec<Side>,
    rows: usize,
}

/// One database's part.
struct Side {
    database: Database,
    script: Script,
    file: PathBuf,
    clients: usize,
}

struct Reached {
    per_second: f64,
    /// Milliseconds of PostgreSQL per checkout.
    postgres: f64,
}

impl Bound {
    async fn of(bench: &Bench, shop: &Shop, variants: &[String]) -> anyhow::Result<Self> {
        list_bought(shop, variants).await?;
        let (one, other, bought) = capture_two(shop, variants).await?;
        let mut sides = Vec::new();
        for role in capture::ROLES {
            let database = shop.database(role)?;
            let of = |statements: &[Statement]| in_transactions(statements, database.name());
            let (one, other) = (of(&one), of(&other));
            ensure!(!one.is_empty(), "a checkout sends nothing to {role}");
            let script = replay::script(&database, &one, &other, &bought).await?;
            let file = bench.scripts.clone().unwrap_or_else(|| shop.scratch("")).join(format!("checkout-{role}.sql"));
            std::fs::write(&file, &script.text).with_context(|| format!("{} cannot be written", file.display()))?;
            sides.push(Side { database, script, file, clients: 0 });
        }
        let trips: usize = sides.iter().map(|side| side.script.round_trips).sum();
        let first = (AT_ONCE * sides[0].script.round_trips).div_ceil(trips).clamp(1, AT_ONCE - 1);
        sides[0].clients = first;
        sides[1].clients = AT_ONCE - first;
        Ok(Self { sides, rows: variants.len() })
    }

    /// About as many checkouts as asked for.
    async fn run(&self, shop: &Shop, checkouts: u64) -> anyhow::Result<Reached> {
        let multiple: usize = self.sides.iter().map(|side| side.clients).product();
        let checkouts = usize::try_from(checkouts)?.div_ceil(multiple) * multiple;
        let orders = shop.superuser("orders")?;
        let placed = "SELECT count(*) FROM orders WHERE state = 'placed'";
        let (placed_before, cpu) = (orders.number(placed).await?, processes::of_family(shop.postgres_pid()?)?);
        let base = chrono::Utc::now().timestamp_millis() + 20_000_000_000_000;
        let runs = self.sides.iter().map(|side| side.run(checkouts / side.clients, self.rows, base));
        let mut seconds: f64 = 0.0;
        for run in runs.map(tokio::spawn).collect::<Vec<_>>() {
            seconds = seconds.max(run.await??);
        }
        let cpu = processes::of_family(shop.postgres_pid()?)? - cpu;
        let placed = orders.number(placed).await? - placed_before;
        ensure!(
            usize::try_from(placed).ok() == Some(checkouts),
            "pgbench placed {placed} orders instead of {checkouts}"
        );
        #[expect(clippy::cast_precision_loss)] // thousands
        let count = checkouts as f64;
        Ok(Reached { per_second: count / seconds, postgres: cpu / count })
    }
}

impl Side {
    /// The run of one side; gives its seconds, without those for connecting.
    fn run(&self, each: usize, rows: usize, base: i64) -> impl Future<Output = anyhow::Result<f64>> + 'static {
        let mut pgbench = self.database.program("pgbench");
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=1"]);
        pgbench.arg(format!("--client={}", self.clients)).arg(format!("--transactions={each}"));
        pgbench.args(["-D", "n=0", "-D", &format!("rows={rows}"), "-D", &format!("base={base}")]);
        pgbench.arg("--file").arg(&self.file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let transactions = each * self.clients;
        async move {
            let output = pgbench.output().await.context("pgbench")?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if !output.status.success() {
                bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr).trim());
            }
            let tps = said
                .lines()
                .find_map(|line| line.strip_prefix("tps = ")?.split_whitespace().next()?.parse::<f64>().ok());
            #[expect(clippy::cast_precision_loss)] // thousands
            let transactions = transactions as f64;
            Ok(transactions / tps.with_context(|| format!("pgbench tells no tps: {said}"))?)
        }
    }
}

/// The ids that belong to each variant, for the script to choose from, in both databases.
async fn list_bought(shop: &Shop, variants: &[String]) -> anyhow::Result<()> {
    let products = shop.superuser("products")?;
    let wanted = variants.join("','");
    let rows = products
        .query(&format!(
            "SELECT format('(%s, %L, %L, %L)', row_number() OVER (), v.id, v.product_id, l.id) FROM variants v
             JOIN inventory_levels l ON l.variant_id = v.id WHERE v.id IN ('{wanted}')"
        ))
        .await?;
    let rows = rows.lines().collect::<Vec<_>>().join(", ");
    for role in capture::ROLES {
        let login = shop.database(role)?.login().to_owned();
        let sql = format!(
            "CREATE TABLE bench_bought (row int PRIMARY KEY, variant uuid, product uuid, level uuid);
             INSERT INTO bench_bought VALUES {rows}; GRANT SELECT ON bench_bought TO {login}; ANALYZE bench_bought"
        );
        shop.superuser(role)?.query(&sql).await?;
    }
    Ok(())
}

/// Two checkouts that sent the same statements, and what the first of them bought.
async fn capture_two(shop: &Shop, variants: &[String]) -> anyhow::Result<(Vec<Statement>, Vec<Statement>, Bought)> {
    let mut capture = Capture::begin(shop, What::Statements).await?;
    // No look for checkouts that were left behind in between.
    let server = shop.serve(&[("TRADEPOST__ORDERS__RESUME_SECONDS", "600")]).await?;
    let plan = |variants: &[String], each| buy::Plan {
        address: server.address,
        customers: 1,
        seconds: None,
        each,
        variants: variants.to_vec(),
    };
    let _: buy::Outcome = load::run("buy", &plan(variants, WARM_UP)).await?;
    let mut captured: Vec<Vec<Statement>> = Vec::new();
    let mut bought = Vec::new();
    for (number, variant) in (1..).zip(variants.iter().take(CAPTURED)) {
        // Each has been bought another number of times, so that what counts purchases differs between the checkouts.
        let _: buy::Outcome = load::run("buy", &plan(std::slice::from_ref(variant), number)).await?;
        tokio::time::sleep(SETTLED).await;
        capture.statements()?;
        let _: buy::Outcome = load::run("buy", &plan(std::slice::from_ref(variant), 1)).await?;
        tokio::time::sleep(SETTLED).await;
        captured.push(capture.statements()?);
        bought.push(variant);
    }
    server.end().await?;
    capture.end().await?;
    let texts =
        |statements: &[Statement]| statements.iter().map(|s| (s.database.clone(), s.sql.clone())).collect::<Vec<_>>();
    for (first, one) in captured.iter().enumerate() {
        for other in &captured[first + 1..] {
            if texts(one) == texts(other) {
                return Ok((one.clone(), other.clone(), ids_of(shop, bought[first]).await?));
            }
        }
    }
    bail!("no two of {CAPTURED} checkouts sent the same statements")
}

async fn ids_of(shop: &Shop, variant: &str) -> anyhow::Result<Bought> {
    let row = shop
        .superuser("products")?
        .query(&format!("SELECT variant, product, level FROM bench_bought WHERE variant = '{variant}'"))
        .await?;
    let ids = ["variant", "product", "level"].into_iter().zip(row.split('|'));
    Ok(Bought { ids: ids.map(|(column, id)| (column.to_owned(), id.to_owned())).collect::<BTreeMap<_, _>>() })
}

/// The statements of one database, those of a transaction together: pgbench has one connection where the shop may use two
/// at the same time.
fn in_transactions(statements: &[Statement], database: &str) -> Vec<Statement> {
    let mut units: Vec<(u32, bool, Vec<Statement>)> = Vec::new();
    for statement in statements.iter().filter(|statement| statement.database == database) {
        let word = statement.sql.split([' ', ';']).next().unwrap_or_default().to_uppercase();
        match units.iter_mut().find(|(process, open, _)| *process == statement.process && *open) {
            Some((_, open, unit)) => {
                *open = !matches!(word.as_str(), "COMMIT" | "ROLLBACK");
                unit.push(statement.clone());
            }
            None => units.push((statement.process, word == "BEGIN", vec![statement.clone()])),
        }
    }
    units.into_iter().flat_map(|(_, _, unit)| unit).collect()
}

#[derive(Default)]
struct Rounds {
    share: Vec<f64>,
    cpu_share: Vec<f64>,
    per_second: Vec<f64>,
    bound: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    complete: Vec<f64>,
    program: Vec<f64>,
    postgres: Vec<f64>,
    bound_postgres: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, ours: &buy::Outcome, theirs: &Reached, cost: Cpu) {
        #[expect(clippy::cast_precision_loss)] // thousands
        let per_second = ours.placed as f64 / ours.seconds;
        self.share.push(per_second / theirs.per_second);
        self.cpu_share.push(theirs.postgres / (cost.program + cost.postgres));
        self.per_second.push(per_second);
        self.bound.push(theirs.per_second);
        self.p50.push(ours.latency.p50);
        self.p99.push(ours.latency.p99);
        self.complete.push(ours.complete.p50);
        self.program.push(cost.program);
        self.postgres.push(cost.postgres);
        self.bound_postgres.push(theirs.postgres);
    }

    fn tell(&self, report: &mut Report) {
        report.add("checkout", "orders/s as a share of pgbench", "", &self.share, Some(Aim::AtLeast(0.5)));
        report.add("checkout", "CPU of pgbench's server as a share of ours", "", &self.cpu_share, None);
        report.add("checkout", "orders per second", "/s", &self.per_second, Some(Aim::AtLeast(250.0)));
        report.add("checkout", "pgbench, the same statements", "/s", &self.bound, None);
        report.add("checkout", "whole checkout, p50", "ms", &self.p50, None);
        report.add("checkout", "whole checkout, p99", "ms", &self.p99, None);
        report.add("checkout", "its last request, p50", "ms", &self.complete, None);
        report.add("checkout", "CPU per order, Tradepost", "ms", &self.program, None);
        report.add("checkout", "CPU per order, PostgreSQL", "ms", &self.postgres, None);
        report.add("checkout", "CPU per order, PostgreSQL under pgbench", "ms", &self.bound_postgres, None);
    }
}
