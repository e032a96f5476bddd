//! `tradepost config`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{ShopArgs, print};

/// Check or show the settings.
#[derive(clap::Args)]
pub struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Read the settings and say what is wrong with them
    Check,
    /// Print every setting with its value; secrets are hidden
    Show,
}

impl Config {
    pub fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let settings = shop.settings()?;
        match self.verb {
            Verb::Check => {
                settings.check()?;
                print("The settings are good")?;
            }
            Verb::Show => print(runtime::config::show(&settings)?.trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
