//! Events in the log of a role, written as a change writes them, without the change: of many objects in one transaction,
//! or one at a time at a steady rate. What the relay and the consumers then do is all theirs.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::database::Database;

/// The kind of all of them: the commonest event of a busy shop.
pub const KIND: &str = "inventory.changed";

/// The log of products.
pub struct EventLog {
    database: Database,
    /// The payload of a real event, as a literal.
    data: String,
}

impl EventLog {
    /// The log in `database`, which has an event of the kind already.
    pub async fn of(database: Database) -> anyhow::Result<Self> {
        let sql = format!("SELECT quote_literal(data::text) FROM events WHERE kind = '{KIND}' LIMIT 1");
        let data = database.query(&sql).await?;
        ensure!(!data.is_empty(), "the log has no {KIND}");
        Ok(Self { database, data })
    }

    /// Commits so many events at once, each of an object of its own; gives the moment after that in seconds since 1970.
    pub async fn commit(&self, count: usize) -> anyhow::Result<f64> {
        let sql = format!("{} FROM generate_series(1, {count});\n{NOW};", self.insert());
        self.database.query(&sql).await?.parse().context("the server does not tell the time")
    }

    /// Commits one event after the other for so long, so many a second, at random moments.
    pub async fn commit_steadily(&self, seconds: u64, per_second: u32, script: &Path) -> anyhow::Result<()> {
        std::fs::write(script, self.insert())?;
        let mut pgbench = self.database.program("pgbench");
        pgbench.args(["--no-vacuum", "--client", "1", "--time", &seconds.to_string()]);
        pgbench.args(["--rate", &per_second.to_string(), "--file"]).arg(script);
        let output = pgbench.output().await.context("pgbench")?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn insert(&self) -> String {
        format!(
            "INSERT INTO events (id, aggregate, aggregate_id, version, kind, data) \
             SELECT gen_random_uuid(), 'inventory', gen_random_uuid(), 1, '{KIND}', {}::jsonb",
            self.data
        )
    }

    /// An event of the log as consumers get it.
    pub async fn message(&self) -> anyhow::Result<String> {
        let sql = format!(
            "SELECT jsonb_build_object('id', id, 'sequence', sequence, 'source', 'products', 'kind', kind, 'aggregate', \
             aggregate, 'aggregate_id', aggregate_id, 'version', version, 'data', data, 'occurred_at', occurred_at, \
             'trace_parent', trace_parent) FROM events WHERE kind = '{KIND}' AND sequence IS NOT NULL LIMIT 1"
        );
        self.database.query(&sql).await
    }
}

/// The time, in seconds since 1970.
pub const NOW: &str = "SELECT extract(epoch FROM clock_timestamp())";
