//! `tradepost import`.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kernel::{Context, Failure};
use products::import::{Format, Reject};
use products::ops::{ImportOptions, ImportReport, ImportStep};
use tokio_util::sync::CancellationToken;

use super::{ShopArgs, print};

/// Time that a call within the import may take; the import as a whole may take as long as it needs.
const BUDGET: Duration = Duration::from_hours(24);

/// Bring data in from a file.
#[derive(clap::Args)]
pub struct Import {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Add or change products by handle and SKU
    ///
    /// Reads Tradepost's own CSV and JSONL, and the product CSV that Shopify exports. Running it twice changes nothing.
    /// Ctrl-C stops it after the batch being written; the same command goes on from there.
    Products(Products),
}

#[derive(clap::Args)]
struct Products {
    /// The file
    file: PathBuf,
    /// Its format, when it can't be told from the file: jsonl, csv or shopify
    #[arg(long, value_parser = format)]
    format: Option<Format>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Begin anew, even if an import of this file was stopped
    #[arg(long)]
    restart: bool,
    /// Where refused rows go; without it FILE.rejects.csv
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let What::Products(products) = self.what;
        products.run(shop).await
    }
}

impl Products {
    async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let roles = shop.roles().await?;
        let source = self.file.canonicalize().with_context(|| format!("{} cannot be read", self.file.display()))?;
        let file =
            tokio::fs::File::open(&source).await.with_context(|| format!("{} cannot be read", source.display()))?;
        let bar = progress_bar(file.metadata().await?.len());
        let mut rejects = Rejects::new(self.rejects.clone().unwrap_or_else(|| beside(&self.file)));
        let stop = stop_at_signal();
        let options = ImportOptions {
            source: source.display().to_string(),
            format: self.format,
            dry_run: self.dry_run,
            resume: !self.restart,
            stop,
        };
        let context = Context::system("import_products", BUDGET);
        let outcome = roles.products()?.import_products(&context, file, options, |step| match step {
            ImportStep::Progress(report) => {
                rejects.goes_on = report.resumed_from > 0;
                bar.set_position(report.bytes);
                bar.set_message(format!("{} products, {} refused", report.products, report.rejected));
            }
            ImportStep::Rejected(reject) => rejects.write(reject),
        });
        let report = outcome.await.map_err(Failure::from)?;
        bar.finish_and_clear();
        let rejects = rejects.finish()?;
        self.print(&report, rejects.as_deref())?;
        Ok(if report.finished && report.rejected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn print(&self, report: &ImportReport, rejects: Option<&Path>) -> anyhow::Result<()> {
        let ImportReport { products, created, updated, unchanged, rejected, rejects: rows, .. } = report;
        if self.json {
            let summary = serde_json::json!({
                "finished": report.finished, "dry_run": self.dry_run, "resumed_from": report.resumed_from,
                "products": products, "created": created, "updated": updated, "unchanged": unchanged,
                "rejected": rejected, "rejects": rows, "rejects_file": rejects,
            });
            return print(summary);
        }
        let would = if self.dry_run { " (dry run: nothing was changed)" } else { "" };
        print(format_args!(
            "{products} products: {created} created, {updated} updated, {unchanged} unchanged, {rejected} refused{would}"
        ))?;
        if let Some(path) = rejects {
            print(format_args!("{rows} reasons are in {}", path.display()))?;
        }
        if !report.finished {
            print("Stopped: the same command goes on from here")?;
        }
        Ok(())
    }
}

/// The file that refused rows go to: made when the first one comes.
struct Rejects {
    path: PathBuf,
    file: Option<csv::Writer<File>>,
    /// Whether the rows that an earlier run refused are in the file and stay there.
    goes_on: bool,
    error: Option<anyhow::Error>,
}

impl Rejects {
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, goes_on: false, error: None }
    }

    /// The first error is kept for the end: the import itself must not suffer from it.
    fn write(&mut self, reject: &Reject) {
        if self.error.is_none()
            && let Err(error) = self.try_write(reject)
        {
            self.error = Some(error.context(format!("{} cannot be written", self.path.display())));
        }
    }

    fn try_write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let goes_on = self.goes_on && self.path.exists();
                let mut open = OpenOptions::new();
                let open = if goes_on { open.append(true) } else { open.write(true).create(true).truncate(true) };
                let mut file = csv::Writer::from_writer(open.open(&self.path)?);
                if !goes_on {
                    file.write_record(["line", "column", "code", "reason", "row"])?;
                }
                self.file.insert(file)
            }
        };
        let line = reject.line.to_string();
        file.write_record([line.as_str(), &reject.column, &reject.code, &reject.reason, &reject.raw])?;
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Some(file) = &mut self.file else { return Ok(None) };
        file.flush()?;
        Ok(Some(self.path))
    }
}

fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(4));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {elapsed} + {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Cancelled at Ctrl-C.
fn stop_at_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    tokio::spawn(async move {
        if runtime::signal::wait().await.is_ok() {
            if std::io::stderr().is_terminal() {
                let _ = writeln!(std::io::stderr(), "Stopping after this batch");
            }
            cancelled.cancel();
        }
    });
    stop
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rejects.csv");
    PathBuf::from(name)
}

fn format(name: &str) -> Result<Format, String> {
    Format::find(name).ok_or_else(|| format!("takes {}", Format::ALL.map(Format::as_str).join(", ")))
}
