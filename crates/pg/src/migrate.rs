//! Brings a schema up, takes it back, says where it stands. One runner at a time; each migration is one transaction.

use std::collections::HashSet;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use thiserror::Error;

use crate::bootstrap::quote_identifier;
use crate::schema::Schema;

/// Where sqlx keeps what was applied.
const APPLIED: &str = "_sqlx_migrations";
/// How owners' names end.
const OWNER: &str = "_owner";
/// One runner at a time. Any number serves, as long as no other session lock in a role's database has it.
const MIGRATION_LOCK: i64 = 0x6d69_6772_6174_6500;
/// How long a migration waits for a table that is in use: longer would make every other statement queue behind it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one statement of a migration may run.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(10);

/// A migration and whether the database has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// The number in its file name.
    pub version: i64,
    /// The rest of its file name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// How far back [`down`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Back {
    /// So many migrations.
    Steps(usize),
    /// All that came after this version; 0 is all.
    To(i64),
}

/// A migration could not be run.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// Migrations run as the owner, whose name ends in `_owner`: the other logins' names follow from it.
    #[error("migrations run as the owner login (tradepost_<role>_owner), not as `{0}`")]
    NotOwner(String),
    /// Another runner holds the lock, or a table stayed in use.
    #[error("another migration is running, or a table stayed in use for {} s; nothing was changed by the last step", LOCK_TIMEOUT.as_secs())]
    Locked,
    /// A migration, or what is recorded of it, is wrong.
    #[error(transparent)]
    Migrate(MigrateError),
    /// The database failed.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for MigrationError {
    fn from(error: sqlx::Error) -> Self {
        if is_lock_timeout(&error) { Self::Locked } else { Self::Database(error) }
    }
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) if is_lock_timeout(&cause) => {
                Self::Locked
            }
            other => Self::Migrate(other),
        }
    }
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "55P03")
}

/// Applies what is missing, then the grants. Gives the steps that were applied.
pub async fn up(owner: &PgPool, schema: &Schema) -> Result<Vec<Step>, MigrationError> {
    let mut conn = session(owner).await?;
    let before = steps(&mut conn, schema).await?;
    migrator(schema).run_direct(None, &mut conn, false).await?;
    apply_grants(&mut conn, schema).await?;
    conn.close().await?;
    Ok(before.into_iter().filter(|step| !step.applied).map(|step| Step { applied: true, ..step }).collect())
}

/// Takes back applied migrations, newest first. Gives the steps that were taken back.
pub async fn down(owner: &PgPool, schema: &Schema, back: Back) -> Result<Vec<Step>, MigrationError> {
    let mut conn = session(owner).await?;
    let applied: Vec<Step> = steps(&mut conn, schema).await?.into_iter().filter(|step| step.applied).collect();
    let target = match back {
        Back::To(version) => version,
        Back::Steps(0) => return Ok(Vec::new()),
        Back::Steps(count) => applied.iter().rev().nth(count).map_or(0, |step| step.version),
    };
    migrator(schema).undo(&mut conn, target).await?;
    conn.close().await?;
    let undone = applied.into_iter().rev().filter(|step| step.version > target);
    Ok(undone.map(|step| Step { applied: false, ..step }).collect())
}

/// Every migration, and whether the database has it. Changes nothing.
pub async fn status(pool: &PgPool, schema: &Schema) -> Result<Vec<Step>, MigrationError> {
    let mut conn = pool.acquire().await?;
    steps(&mut conn, schema).await
}

async fn steps(conn: &mut PgConnection, schema: &Schema) -> Result<Vec<Step>, MigrationError> {
    let recorded: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(APPLIED).fetch_one(&mut *conn).await?;
    let applied: HashSet<i64> = if recorded {
        conn.list_applied_migrations(APPLIED).await?.into_iter().map(|migration| migration.version).collect()
    } else {
        HashSet::new()
    };
    let migrator = (schema.migrations)();
    let ways_up = migrator.iter().filter(|migration| !migration.migration_type.is_down_migration());
    Ok(ways_up
        .map(|migration| Step {
            version: migration.version,
            name: migration.description.to_string(),
            applied: applied.contains(&migration.version),
        })
        .collect())
}

/// The migrations, without sqlx's own lock: ours is held for longer, over the grants too.
fn migrator(schema: &Schema) -> Migrator {
    let mut migrator = (schema.migrations)();
    migrator.set_locking(false);
    migrator
}

/// The owner's connection for one run. The lock belongs to the session and ends with it, also after an error.
async fn session(owner: &PgPool) -> Result<PgConnection, MigrationError> {
    let mut conn = owner.acquire().await?.detach();
    let login: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut conn).await?;
    if !login.ends_with(OWNER) {
        return Err(MigrationError::NotOwner(login));
    }
    for (setting, limit) in [("lock_timeout", LOCK_TIMEOUT), ("statement_timeout", STATEMENT_TIMEOUT)] {
        sqlx::query("SELECT set_config($1, $2, false)")
            .bind(setting)
            .bind(format!("{}ms", limit.as_millis()))
            .execute(&mut conn)
            .await?;
    }
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut conn).await?;
    Ok(conn)
}

/// Sets what the runtime and the read-only login may do, from nothing: a privilege that is no longer named is gone.
async fn apply_grants(conn: &mut PgConnection, schema: &Schema) -> Result<(), MigrationError> {
    let owner: String = sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut *conn).await?;
    let logins = owner.strip_suffix(OWNER).unwrap_or(&owner);
    let app = quote_identifier(&format!("{logins}_app"));
    let read = quote_identifier(&format!("{logins}_read"));
    let mut statements = vec![
        format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {app}, {read}"),
        format!("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {app}, {read}"),
        format!("GRANT USAGE ON SCHEMA public TO {app}, {read}"),
        format!("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {app}"),
        format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {read}"),
        format!("GRANT SELECT ON {APPLIED} TO {app}"),
    ];
    let touched = schema.grants().filter(|grant| !grant.runtime.is_empty());
    statements
        .extend(touched.map(|grant| format!("GRANT {} ON {} TO {app}", grant.runtime, quote_identifier(grant.table))));
    let mut tx = conn.begin().await?;
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}
