//! `tradepost admin`.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use kernel::Failure;
use users::ops::AdminOutcome;

use super::{ShopArgs, print};
use crate::development;

/// Manage staff.
#[derive(clap::Args)]
pub struct Admin {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a staff member with every scope
    Create {
        /// Email to sign in with
        #[arg(long)]
        email: String,
        /// Make an existing customer with this email a staff member
        #[arg(long)]
        promote: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Admin {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let Verb::Create { email, promote, json } = self.verb;
        let password = read_password()?;
        let roles = shop.roles().await?;
        let outcome = development::make_admin(roles.users()?, &email, &password, promote).await.map_err(explain)?;
        let what = match outcome {
            AdminOutcome::Created => "created",
            AdminOutcome::Promoted => "promoted",
            AdminOutcome::Unchanged => "unchanged",
        };
        if json {
            print(serde_json::json!({ "outcome": what }))?;
        } else {
            print(format_args!("Administrator {what}"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The failure with its fields, in one line.
fn explain(failure: Failure) -> anyhow::Error {
    if failure.code == "EMAIL_TAKEN" {
        return anyhow::anyhow!("a customer has this email: --promote makes it a staff member");
    }
    let details: Vec<_> = failure.details.iter().map(|detail| detail.message.clone()).collect();
    if details.is_empty() { failure.into() } else { anyhow::anyhow!(details.join("; ")) }
}

/// The password from the environment or from a pipe: as an argument, every user of the machine would see it.
fn read_password() -> anyhow::Result<String> {
    if let Ok(password) = std::env::var("TRADEPOST_ADMIN_PASSWORD") {
        return Ok(password);
    }
    if std::io::stdin().is_terminal() {
        bail!("no password: pipe it in (`admin create --email … < FILE`) or set TRADEPOST_ADMIN_PASSWORD");
    }
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("the password cannot be read")?;
    Ok(password.trim_end_matches(['\n', '\r']).to_owned())
}
