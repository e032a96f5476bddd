//! The pools of one role.

use std::time::{Duration, Instant};

use kernel::Secret;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Postgres, Transaction};

/// A transaction on the primary. Dropping it rolls back.
pub type Tx = Transaction<'static, Postgres>;

/// How often the pools' gauges are set.
const SAMPLE_PERIOD: Duration = Duration::from_secs(5);

/// How to reach a role's database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `postgres://login:password@host:port/database` of the runtime login.
    pub url: Secret,
    /// The same of the login that migrates. Only `tradepost migrate` and `tradepost up` use it.
    pub owner_url: Option<Secret>,
    /// As `url`, of a streaming replica. Products reads there what the replica has already.
    pub replica_url: Option<Secret>,
    /// Connections that each pool may open.
    pub max_connections: u32,
    /// How long a request waits for a connection before it fails with 503.
    pub acquire_timeout_ms: u64,
    /// How long a statement may run.
    pub statement_timeout_ms: u64,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            owner_url: None,
            replica_url: None,
            max_connections: 16,
            acquire_timeout_ms: 3_000,
            statement_timeout_ms: 30_000,
        }
    }
}

/// One of a role's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Takes writes, and shows each at once.
    Primary,
    /// Shows what the primary had a moment ago.
    Replica,
}

/// One role's database: cheap to clone, opens connections when they are first needed.
#[derive(Clone, Debug)]
pub struct Db {
    role: &'static str,
    primary: PgPool,
    replica: Option<PgPool>,
}

impl Db {
    /// Opens the pools and proves that the primary answers.
    pub async fn connect(role: &'static str, config: &DatabaseConfig) -> Result<Self, sqlx::Error> {
        let primary = open(role, &config.url, config)?;
        let replica = config.replica_url.as_ref().map(|url| open(role, url, config)).transpose()?;
        drop(primary.acquire().await?);
        tokio::spawn(sample(role, "primary", primary.clone()));
        if let Some(replica) = &replica {
            tokio::spawn(sample(role, "replica", replica.clone()));
        }
        Ok(Self { role, primary, replica })
    }

    /// The role that owns the database.
    pub fn role(&self) -> &'static str {
        self.role
    }

    /// The pool for writes, and for reads that must see the last write.
    pub fn primary(&self) -> &PgPool {
        &self.primary
    }

    /// The pool of one of the role's servers; the primary's where there is no replica.
    pub fn pool(&self, server: Server) -> &PgPool {
        match (server, &self.replica) {
            (Server::Replica, Some(replica)) => replica,
            _ => &self.primary,
        }
    }

    /// Whether there is a replica.
    pub fn has_replica(&self) -> bool {
        self.replica.is_some()
    }

    /// The end of the primary's log: every transaction that has committed lies before it.
    pub async fn position(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint").fetch_one(&self.primary).await
    }

    /// Up to where the replica shows the log. None: what is there is no replica, or it has no log yet.
    pub async fn replayed(&self) -> Result<Option<i64>, sqlx::Error> {
        let replica = self.pool(Server::Replica);
        sqlx::query_scalar("SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0')::bigint END")
            .fetch_one(replica)
            .await
    }

    /// Begins a transaction on the primary.
    pub async fn begin(&self) -> Result<Tx, sqlx::Error> {
        let asked = Instant::now();
        let begun = self.primary.begin().await;
        metrics::histogram!("db_begin_seconds", "role" => self.role).record(asked.elapsed().as_secs_f64());
        if matches!(begun, Err(sqlx::Error::PoolTimedOut)) {
            metrics::counter!("db_pool_timeouts_total", "role" => self.role).increment(1);
        }
        begun
    }

    /// Whether the primary answers, for `/ready`.
    pub async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.primary).await.map(drop)
    }

    /// Closes the pools once their connections are back.
    pub async fn close(&self) {
        self.primary.close().await;
        if let Some(replica) = &self.replica {
            replica.close().await;
        }
    }
}

fn open(role: &'static str, url: &Secret, config: &DatabaseConfig) -> Result<PgPool, sqlx::Error> {
    let options = url.expose().parse::<PgConnectOptions>()?.application_name(&format!("tradepost {role}")).options([
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        // Compiling a statement takes longer than any of ours may run.
        ("jit", "off".to_owned()),
        // A client that hangs with a transaction open would keep its locks, and old rows from being cleaned up.
        ("idle_in_transaction_session_timeout", "30000".to_owned()),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms))
        // A ping at each checkout would double the round trips of small requests. A dead connection shows as an error.
        .test_before_acquire(false)
        .connect_lazy_with(options))
}

/// Keeps the gauges of a pool until it is closed.
async fn sample(role: &'static str, name: &'static str, pool: PgPool) {
    let closed = pool.close_event();
    let sampling = async {
        loop {
            let (size, idle) = (pool.size(), u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
            metrics::gauge!("db_pool_connections", "role" => role, "pool" => name).set(size);
            metrics::gauge!("db_pool_connections_busy", "role" => role, "pool" => name).set(size.saturating_sub(idle));
            metrics::gauge!("db_pool_connections_max", "role" => role, "pool" => name)
                .set(pool.options().get_max_connections());
            tokio::time::sleep(SAMPLE_PERIOD).await;
        }
    };
    tokio::select! { () = sampling => {}, () = closed => {} }
}
