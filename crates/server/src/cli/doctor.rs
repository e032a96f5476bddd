//! `tradepost doctor`.

use std::process::ExitCode;

use super::ShopArgs;
use crate::doctor;
use crate::shop::Roles;

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
        let roles = Roles::connect(&shop.settings()?).await?;
        let findings = doctor::findings(&roles).await?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            for finding in &findings {
                println!("{}: {}", finding.role, finding.what);
            }
            println!("{} findings", findings.len());
        }
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
