//! What a shop on this machine starts with: the sample catalog, unless told otherwise.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use kernel::Context;
use products::Products;
use products::ops::{ImportOptions, ImportStep};
use tokio::io::AsyncRead;
use tokio_util::sync::CancellationToken;

use crate::data_folder::DataFolder;

/// The sample catalog: see `catalog/README.md`.
const SAMPLE: &[u8] = include_bytes!("../../../catalog/sample.jsonl");
/// Time that a call within the import may take; the import as a whole may take as long as it needs.
const BUDGET: Duration = Duration::from_hours(24);

/// Whether a shop could start with this choice.
pub fn check(choice: Option<&str>) -> anyhow::Result<()> {
    match choice {
        None | Some("none") => Ok(()),
        Some(path) => {
            let kind = std::fs::metadata(path).with_context(|| format!("the catalog {path} cannot be read"))?;
            ensure!(kind.is_file(), "the catalog {path} is not a file");
            Ok(())
        }
    }
}

/// Brings the first catalog in, once in the life of a data folder. `choice` is a file, `none`, or nothing for the sample.
pub async fn load_once(products: &Products, folder: &DataFolder, choice: Option<&str>) -> anyhow::Result<()> {
    if folder.has_catalog() {
        return Ok(());
    }
    match choice {
        Some("none") => {}
        Some(path) => {
            let file =
                tokio::fs::File::open(path).await.with_context(|| format!("the catalog {path} cannot be read"))?;
            let source = Path::new(path).display().to_string();
            load(products, file, &source).await?;
        }
        None => load(products, Cursor::new(SAMPLE), "sample.jsonl").await?,
    }
    folder.keep_catalog()
}

async fn load(products: &Products, source: impl AsyncRead + Send + Unpin + 'static, name: &str) -> anyhow::Result<()> {
    crate::cli::up::say(&format!("Loading the catalog {name}"));
    let options = ImportOptions {
        source: name.to_owned(),
        format: None,
        dry_run: false,
        resume: true,
        stop: CancellationToken::new(),
    };
    let mut first_reject = None;
    let report = products
        .import_products(&Context::system("up", BUDGET), source, options, |step| {
            if let ImportStep::Rejected(reject) = step {
                first_reject
                    .get_or_insert_with(|| format!("line {}, {}: {}", reject.line, reject.column, reject.reason));
            }
        })
        .await
        .map_err(kernel::Failure::from)?;
    if let Some(reject) = first_reject {
        bail!("{} products of {name} were refused, such as {reject}; see `tradepost import products`", report.rejected);
    }
    Ok(())
}
