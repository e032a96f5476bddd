//! `tradepost config`.

use std::process::ExitCode;

use clap::Subcommand;
use runtime::http::Role;

use super::{ShopArgs, print};
use crate::shop::Here;

/// Check or show the settings.
#[derive(clap::Args)]
pub struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Read the settings and say what is wrong with them
    Check {
        /// Check them for a process with these roles; without it, for all in one process
        #[arg(long, value_name = "ROLE,...", value_delimiter = ',', value_parser = Role::ALL.map(Role::as_str))]
        role: Vec<String>,
    },
    /// Print every setting with its value; secrets are hidden
    Show,
}

impl Config {
    pub fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let settings = shop.settings()?;
        match self.verb {
            Verb::Check { role } => {
                let here =
                    if role.is_empty() { Some(Here::all()) } else { Here::named(role.iter().map(String::as_str)) };
                settings.check(&here.unwrap_or_else(Here::all))?;
                print("The settings are good")?;
            }
            Verb::Show => print(runtime::config::show(&settings)?.trim_end())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
