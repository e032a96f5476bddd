//! `tradepost migrate`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use pg::migrate::{Back, Step};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use super::{ShopArgs, WrongArguments, print};
use crate::data_folder::DATABASE_ROLES;
use crate::settings::Settings;
use crate::shop::{self, SCHEMAS};

/// Time that a database has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bring the databases' schemas up or back, or tell where they stand.
#[derive(clap::Args)]
pub struct Migrate {
    #[command(subcommand)]
    verb: Verb,
    /// Only this role's database
    #[arg(long, global = true, value_name = "ROLE", value_parser = DATABASE_ROLES)]
    role: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Apply every migration that is missing
    Up,
    /// Take migrations back; needs --role
    Down {
        /// How many to take back
        #[arg(long, default_value_t = 1, conflicts_with = "to")]
        steps: usize,
        /// Take back everything after this version; 0 takes back all
        #[arg(long, value_name = "VERSION")]
        to: Option<i64>,
    },
    /// List the migrations; exit code 1 when one is missing
    Status,
}

impl Migrate {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        if matches!(self.verb, Verb::Down { .. }) && self.role.is_none() {
            let why = "`migrate down` needs --role: schemas are taken back one role at a time";
            return Err(WrongArguments(why.to_owned()).into());
        }
        let settings = shop.settings()?;
        let mut all_applied = true;
        for schema in SCHEMAS.iter().filter(|schema| self.role.as_deref().is_none_or(|role| role == schema.role)) {
            let owner = owner_pool(&settings, schema.role).await?;
            let steps = match self.verb {
                Verb::Up => pg::migrate::up(&owner, schema).await,
                Verb::Down { steps, to: None } => pg::migrate::down(&owner, schema, Back::Steps(steps)).await,
                Verb::Down { to: Some(version), .. } => pg::migrate::down(&owner, schema, Back::To(version)).await,
                Verb::Status => pg::migrate::status(&owner, schema).await,
            };
            let steps = steps.with_context(|| format!("{}: the migration failed", schema.role))?;
            all_applied &= steps.iter().all(|step| step.applied);
            self.print(schema.role, &steps)?;
        }
        let missing = matches!(self.verb, Verb::Status) && !all_applied;
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn print(&self, role: &str, steps: &[Step]) -> anyhow::Result<()> {
        if self.json {
            return print(serde_json::json!({ "role": role, "migrations": steps }));
        }
        if steps.is_empty() {
            print(format_args!("{role}: nothing to do"))?;
        }
        for step in steps {
            let state = if step.applied { "applied" } else { "missing" };
            print(format_args!("{role}: {:04} {} ({state})", step.version, step.name))?;
        }
        Ok(())
    }
}

/// A connection as the login that migrates.
pub async fn owner_pool(settings: &Settings, role: &str) -> anyhow::Result<PgPool> {
    let config = settings.databases.of(role).with_context(|| format!("{role} has no database"))?;
    let url = config.owner_url.as_ref().with_context(|| {
        format!(
            "databases.{role}.owner_url is not set: the login that migrates (TRADEPOST__DATABASES__{}__OWNER_URL)",
            role.to_uppercase()
        )
    })?;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect(url.expose()).await;
    pool.map_err(|error| shop::unreachable(&format!("databases.{role}.owner_url"), error))
}
