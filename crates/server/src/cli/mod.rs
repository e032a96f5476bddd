//! The command line. One file a command; `--help` of each is enough to work from.
//!
//! Exit codes: 0 done, 1 the command found something wrong or failed, 2 the arguments are wrong.
//! Results go to stdout, everything else to stderr.

mod admin;
mod config;
mod doctor;
mod document;
mod down;
mod events;
mod generate;
mod import;
mod keys;
mod migrate;
mod rebuild;
mod routes;
mod serve;
pub mod up;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::settings::Settings;
use crate::shop::{Here, Roles};

/// Tradepost: a headless commerce backend in one binary.
#[derive(Parser)]
#[command(name = "tradepost", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    shop: ShopArgs,
    #[command(subcommand)]
    command: Command,
}

/// Which shop a command is about.
#[derive(Debug, Clone, clap::Args)]
pub struct ShopArgs {
    /// Data folder of a shop started with `tradepost up`; without it, the settings of --config and the environment
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Settings file (TOML)
    #[arg(long, global = true, value_name = "FILE", env = "TRADEPOST_CONFIG")]
    config: Option<PathBuf>,
    /// One setting, such as --set telemetry.log=debug; may be repeated
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum Command {
    /// Start the whole shop on this machine, with a private PostgreSQL in the data folder
    Up(up::Up),
    /// End a shop that was started with `up --detach`
    Down(down::Down),
    /// Serve roles on a PostgreSQL that runs elsewhere
    Serve(serve::Serve),
    /// Bring the databases' schemas up or back, or tell where they stand
    Migrate(migrate::Migrate),
    /// Bring data in from a file
    Import(import::Import),
    /// Make data up
    Generate(generate::Generate),
    /// Print the route table
    Routes(routes::Routes),
    /// Check or show the settings
    Config(config::Config),
    /// Manage staff
    Admin(admin::Admin),
    /// Check a shop's books: stock, reservations, orders, money, events
    Doctor(doctor::Doctor),
    /// Make tables anew from what they were made from
    Rebuild(rebuild::Rebuild),
    /// See and mend what roles tell each other
    Events(events::Events),
    /// Look after the keys that seal personal data
    Keys(keys::Keys),
    /// Print a generated document
    #[command(hide = true)]
    Document(document::Document),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error)),
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let shop = cli.shop;
    match cli.command {
        Command::Up(up) => up.run(&shop).await,
        Command::Down(down) => down.run(&shop).await,
        Command::Serve(serve) => serve.run(&shop).await,
        Command::Migrate(migrate) => migrate.run(&shop).await,
        Command::Import(import) => import.run(&shop).await,
        Command::Generate(generate) => generate.run(),
        Command::Routes(routes) => routes.run(),
        Command::Rebuild(rebuild) => rebuild.run(&shop).await,
        Command::Events(events) => events.run(&shop).await,
        Command::Keys(keys) => keys.run(&shop).await,
        Command::Config(config) => config.run(&shop),
        Command::Admin(admin) => admin.run(&shop).await,
        Command::Doctor(doctor) => doctor.run(&shop).await,
        Command::Document(document) => document.run(),
    }
}

/// One line on stderr: what failed, and why.
fn failed(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let mut causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    // Many errors quote their cause themselves.
    causes.dedup_by(|cause, quoting| quoting.ends_with(&*cause));
    eprintln!("tradepost: {}", causes.join(": "));
    if error.is::<WrongArguments>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// Whoever read our output has seen enough, such as `head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

/// Arguments that are wrong in a way that the parser can't see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongArguments(String);

/// Writes a line of a command's result.
fn print(line: impl Display) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// The same as JSON, indented for people.
fn print_json(result: &impl Serialize) -> anyhow::Result<()> {
    print(serde_json::to_string_pretty(result)?)
}

impl ShopArgs {
    /// The settings of the shop that the command is about.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let file = self.config.clone();
        match &self.data {
            Some(data) => crate::data_folder::DataFolder::existing(data)?.settings(file, self.set.clone()),
            None => Settings::load(file, self.set.clone()),
        }
    }

    /// The roles of that shop, connected.
    async fn roles(&self) -> anyhow::Result<Roles> {
        let settings = self.settings()?;
        settings.check(&Here::all())?;
        Roles::connect(&settings).await
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("takes KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
