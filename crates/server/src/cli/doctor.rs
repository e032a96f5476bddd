//! `tradepost doctor`.

use std::process::ExitCode;

use super::{ShopArgs, print, print_json};
use crate::doctor;

/// Check a shop's books: stock, reservations, orders, money, events.
///
/// Works on a live shop. Prints each finding and exits with 1 when there is one.
#[derive(clap::Args)]
pub struct Doctor {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let roles = shop.roles().await?;
        let findings = doctor::findings(&roles).await?;
        if self.json {
            print_json(&findings)?;
        } else {
            for finding in &findings {
                print(format_args!("{}: {}", finding.role, finding.what))?;
            }
            print(format_args!("{} findings", findings.len()))?;
        }
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
