//! Import of a generated catalog, against `COPY` of the rows that it made into the same tables with the same indexes.

use std::fmt::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::process::Child;

use super::sized;
use crate::database::Database;
use crate::processes::{self, Cpu};
use crate::report::{Aim, Report};
use crate::shop::Shop;

/// How often the memory of the import is looked at. Its peak is kept by the kernel, but not beyond the process' end.
const LOOK: Duration = Duration::from_millis(20);
/// The database that `COPY` fills.
const COPY: &str = "bench_copy";

/// Brings a catalog into an empty shop, and takes the figure if it is wanted.
pub async fn measure(shop: &Shop, products: u64, wanted: bool, report: &mut Report) -> anyhow::Result<()> {
    let file = shop.scratch("catalog.jsonl");
    let mut generate = shop.tradepost();
    generate.args(["generate", "catalog", "--products", &products.to_string(), "--out"]).arg(&file);
    ensure!(generate.status().await?.success(), "the catalog could not be generated");
    let superuser = shop.superuser("products")?;
    let copied = superuser.named(COPY);
    if wanted {
        // While the tables are empty: both start from the same.
        superuser.query(&format!("CREATE DATABASE {COPY}")).await?;
        copy_schema(shop, &superuser, &copied).await?;
    }
    let imported = run_import(shop, &file).await?;
    std::fs::remove_file(&file)?;
    let there = superuser.number("SELECT count(*) FROM products").await?;
    ensure!(u64::try_from(there).is_ok_and(|there| there == products), "{there} products instead of {products}");
    if wanted {
        let plain = run_copy(shop, &superuser, &copied).await?;
        superuser.query(&format!("DROP DATABASE {COPY}")).await?;
        tell(products, &imported, &plain, report);
    }
    // What an installation has after a while: statistics, and a visibility map.
    superuser.query("VACUUM ANALYZE").await?;
    superuser.query("CHECKPOINT").await?;
    Ok(())
}

struct Imported {
    seconds: f64,
    cpu: Cpu,
    peak: f64,
}

async fn run_import(shop: &Shop, file: &Path) -> anyhow::Result<Imported> {
    let mut import = shop.tradepost();
    import.args(["import", "products"]).arg(file).stdout(Stdio::null()).stderr(Stdio::piped());
    let postgres = processes::of_family(shop.postgres_pid()?)?;
    let began = Instant::now();
    let mut child = import.spawn()?;
    let pid = child.id().context("the import has ended at once")?;
    let stderr = child.stderr.take().context("no output")?;
    // Read, so that it never waits for us.
    let said = tokio::spawn(async move {
        let mut text = String::new();
        let mut stderr = stderr;
        tokio::io::AsyncReadExt::read_to_string(&mut stderr, &mut text).await.map(|_| text)
    });
    let (mut peak, mut program) = (0.0, 0.0);
    let status = loop {
        // Both are unreadable once it has ended, which is no error.
        peak = processes::memory(pid, "VmHWM").unwrap_or(peak);
        program = processes::of_process(pid).unwrap_or(program);
        if let Some(status) = ended(&mut child)? {
            break status;
        }
        tokio::time::sleep(LOOK).await;
    };
    let seconds = began.elapsed().as_secs_f64();
    ensure!(status.success(), "the import failed: {}", said.await??);
    let postgres = processes::of_family(shop.postgres_pid()?)? - postgres;
    Ok(Imported { seconds, cpu: Cpu { program, postgres }, peak })
}

fn ended(child: &mut Child) -> anyhow::Result<Option<std::process::ExitStatus>> {
    Ok(child.try_wait()?)
}

/// The tables, indexes and constraints of `from`, without rows.
async fn copy_schema(shop: &Shop, from: &Database, to: &Database) -> anyhow::Result<()> {
    let file = shop.scratch("schema.sql");
    let dump = from.program("pg_dump").args(["--schema-only", "--file"]).arg(&file).status().await?;
    ensure!(dump.success(), "pg_dump failed");
    let text = std::fs::read_to_string(&file)?;
    to.query(&text).await.map(drop)
}

struct Plain {
    seconds: f64,
    postgres: f64,
    rows: i64,
}

/// Copies every table that the import filled out of its database, then into the empty one. Only the way in counts.
async fn run_copy(shop: &Shop, from: &Database, to: &Database) -> anyhow::Result<Plain> {
    let mut rows = 0;
    let mut copies = String::new();
    for table in tables_in_order(from).await? {
        let file = shop.scratch(&format!("{table}.copy"));
        let file_name = file.to_str().context("a path that is no text")?.to_owned();
        let count = from.number(&format!("SELECT count(*) FROM {table}")).await?;
        if count == 0 {
            continue;
        }
        rows += count;
        from.query(&format!("\\copy {table} TO '{file_name}'")).await?;
        // Rows that the migrations put there are among those of the dump.
        to.query(&format!("TRUNCATE {table} CASCADE")).await?;
        let _ = writeln!(copies, "\\copy {table} FROM '{file_name}'");
    }
    let postgres = processes::of_family(shop.postgres_pid()?)?;
    let began = Instant::now();
    to.query(&copies).await?;
    let seconds = began.elapsed().as_secs_f64();
    let postgres = processes::of_family(shop.postgres_pid()?)? - postgres;
    for entry in std::fs::read_dir(shop.scratch(""))?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "copy") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(Plain { seconds, postgres, rows })
}

/// The tables, each after those that its foreign keys name.
async fn tables_in_order(database: &Database) -> anyhow::Result<Vec<String>> {
    let tables = database
        .query(
            "WITH RECURSIVE tables AS (SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace),
                 depths AS (
                     SELECT oid, 0 AS depth FROM tables
                     UNION
                     SELECT c.conrelid, d.depth + 1 FROM depths d
                     JOIN pg_constraint c ON c.contype = 'f' AND c.confrelid = d.oid AND c.conrelid <> d.oid
                     WHERE d.depth < 50)
             SELECT oid::regclass FROM depths WHERE oid::regclass::text <> '_sqlx_migrations'
             GROUP BY oid ORDER BY max(depth), oid::regclass::text",
        )
        .await?;
    Ok(tables.lines().map(str::to_owned).collect())
}

fn tell(products: u64, imported: &Imported, plain: &Plain, report: &mut Report) {
    #[expect(clippy::cast_precision_loss)] // counts of products
    let count = products as f64;
    let name = sized("import", products);
    let share = plain.seconds / imported.seconds;
    report.add(&name, "speed as a share of COPY of the same rows", "", &[share], Some(Aim::AtLeast(0.3)));
    let ours = imported.cpu.program + imported.cpu.postgres;
    report.add(&name, "CPU of COPY as a share of ours", "", &[plain.postgres / ours], None);
    report.add(&name, "products per second", "/s", &[count / imported.seconds], None);
    report.add(&name, "CPU per product, Tradepost", "ms", &[imported.cpu.program / count], None);
    report.add(&name, "CPU per product, PostgreSQL", "ms", &[imported.cpu.postgres / count], None);
    report.add(&name, "CPU per product, COPY", "ms", &[plain.postgres / count], None);
    report.add(&name, "peak memory of the importing process", "MiB", &[imported.peak], Some(Aim::AtMost(80.0)));
    report.note(format!("{name}: {} rows in all tables, COPY took {:.1} s.", plain.rows, plain.seconds));
}
