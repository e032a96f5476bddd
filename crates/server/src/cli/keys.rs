//! `tradepost keys`.

use std::process::ExitCode;

use clap::Subcommand;
use kernel::Failure;

use super::{ShopArgs, print};

/// Look after the keys that seal personal data.
#[derive(clap::Args)]
pub struct Keys {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Bring every data key and webhook secret under the active key of the keyring, while the shop works
    ///
    /// Do it after `keyring.active` was changed; then the former key can be taken out of `keyring.keys`. One that was
    /// stopped goes on where it was.
    Rewrap {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

impl Keys {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let Verb::Rewrap { json } = self.verb;
        let roles = shop.roles().await?;
        let users = users::ops::rewrap_data_keys(roles.users()?).await.map_err(Failure::from)?;
        let orders = orders::ops::rewrap_data_keys(roles.orders()?).await.map_err(Failure::from)?;
        let webhooks = webhooks::ops::reseal_secrets(roles.webhooks()?).await.map_err(Failure::from)?;
        if json {
            print(serde_json::json!({ "users": users, "orders": orders, "webhooks": webhooks }))?;
        } else {
            print(format_args!(
                "Re-wrapped {users} data keys of users, {orders} of orders, {webhooks} webhook secrets"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
