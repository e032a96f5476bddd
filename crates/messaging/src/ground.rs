//! The tables that messaging needs in every role's database.

use chrono::TimeDelta;
use pg::{Db, Grant};
use sqlx::migrate::Migrator;

use crate::store;

/// How long the first answer to a request is kept.
pub(crate) const ANSWERS_KEPT: TimeDelta = TimeDelta::hours(24);
/// How long the inbox remembers an event: far longer than any transport takes to deliver it again.
pub(crate) const INBOX_KEPT: TimeDelta = TimeDelta::days(30);

/// What a runtime login may do with the ground's tables. The log is only added to: no event is changed or removed.
pub const GRANTS: &[Grant] = &[
    Grant { table: "events", runtime: "SELECT, INSERT, UPDATE (sequence)" },
    Grant { table: "relay", runtime: "SELECT, UPDATE (sequenced, published)" },
    Grant { table: "inbox", runtime: "SELECT, INSERT, DELETE" },
    Grant { table: "dead_letters", runtime: "SELECT, INSERT, UPDATE, DELETE" },
    Grant { table: "idempotency_keys", runtime: "SELECT, INSERT, UPDATE, DELETE" },
];

/// A role's migrations after the ground's. The ground has versions below 100.
#[expect(clippy::needless_pass_by_value, reason = "callers hand over `sqlx::migrate!()`")]
pub fn with_ground(role: Migrator) -> Migrator {
    let ground = sqlx::migrate!();
    Migrator::with_migrations(ground.iter().chain(role.iter()).cloned().collect())
}

/// Removes answers and inbox rows that are too old to matter. Gives how many of each.
pub async fn purge(db: &Db) -> Result<(u64, u64), sqlx::Error> {
    let mut conn = db.primary().acquire().await?;
    let answers = store::idempotency_keys::purge(&mut conn, ANSWERS_KEPT).await?;
    let inbox = store::inbox::purge(&mut conn, INBOX_KEPT).await?;
    Ok((answers, inbox))
}
