//! `tradepost rebuild`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{ShopArgs, print};

/// Make tables anew from what they were made from.
#[derive(clap::Args)]
pub struct Rebuild {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make the rows of every order anew from its events; an order at a time, while the shop works
    ///
    /// The remedy when `doctor` finds orders that differ from their log. Running it twice changes nothing.
    Orders {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Rebuild {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let What::Orders { json } = self.what;
        let roles = shop.roles().await?;
        let rebuilt = orders::ops::rebuild_orders(roles.orders()?).await.map_err(kernel::Failure::from)?;
        if json {
            print(serde_json::json!({ "orders": rebuilt.orders, "differed": rebuilt.differed }))?;
        } else {
            print(format_args!("{} orders made anew; {} differed from their log", rebuilt.orders, rebuilt.differed))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
