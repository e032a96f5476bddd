//! A small schema with objects that change and effects of consumers.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use events::Envelope;
use messaging::{ConsumeError, Consumer, Handle, InProcess, NewEvent, Relay, Transport, TransportError};
use pg::{Db, Grant, Schema};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub const SCHEMA: Schema = Schema {
    role: "ground",
    migrations: || messaging::with_ground(own_migrations()),
    grants: &[
        messaging::GRANTS,
        &[
            Grant { table: "objects", runtime: "SELECT, INSERT, UPDATE" },
            Grant { table: "effects", runtime: "SELECT, INSERT" },
        ],
    ],
    unpaired_amounts: &[],
};

fn own_migrations() -> Migrator {
    let up = "CREATE TABLE objects (
            id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
            version BIGINT NOT NULL DEFAULT 0,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
            updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
        );
        CREATE TABLE effects (
            number BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
            object_id UUID NOT NULL,
            version BIGINT NOT NULL,
            created_at TIMESTAMPTZ NOT NULL DEFAULT now()
        )";
    let down = "DROP TABLE effects; DROP TABLE objects";
    let migration =
        |kind, sql: &'static str| Migration::new(100, Cow::Borrowed("objects"), kind, sql.into_sql_str(), false);
    Migrator::with_migrations(vec![
        migration(MigrationType::ReversibleUp, up),
        migration(MigrationType::ReversibleDown, down),
    ])
}

pub async fn create_object(db: &Db) -> Uuid {
    sqlx::query_scalar("INSERT INTO objects DEFAULT VALUES RETURNING id").fetch_one(db.primary()).await.unwrap()
}

/// Moves an object on and says so, as a role's op does.
pub async fn change(conn: &mut PgConnection, object: Uuid) -> i64 {
    let version = sqlx::query_scalar("UPDATE objects SET version = version + 1 WHERE id = $1 RETURNING version")
        .bind(object)
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    messaging::emit(conn, &changed(object, version)).await.unwrap();
    version
}

pub async fn change_and_commit(db: &Db, object: Uuid) {
    let mut tx = db.begin().await.unwrap();
    change(&mut tx, object).await;
    tx.commit().await.unwrap();
}

pub fn changed(object: Uuid, version: i64) -> NewEvent {
    NewEvent {
        aggregate: "object",
        aggregate_id: object,
        version,
        kind: "object.changed",
        data: serde_json::json!({ "version": version }),
    }
}

/// Waits for a condition, not for a time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < Duration::from_mins(1), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A relay that runs until it is stopped or dropped; dropping is as sudden as a crash.
pub struct Running(JoinHandle<()>, CancellationToken);

impl Running {
    pub fn start(db: &Db, transport: impl Transport) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(db.clone(), Arc::new(transport));
        let token = stop.clone();
        Self(tokio::spawn(async move { relay.run(token).await }), stop)
    }

    pub async fn stop(mut self) {
        self.1.cancel();
        (&mut self.0).await.unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A transport that writes down what it was given.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Arc<Envelope>>>>);

impl Recorder {
    pub fn events(&self) -> Vec<Arc<Envelope>> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn publish(&self, batch: &[Arc<Envelope>]) -> Result<(), TransportError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }

    fn subscribe(&self, _: Consumer) {}

    fn subscribe_fanout(&self, _: &'static [&'static str], _: messaging::transport::FanoutHandler) {}
}

/// A consumer whose effect is a row, and which fails as it is told.
pub struct Effect<F>(pub F);

#[async_trait]
impl<F: Fn(&Envelope) -> Result<(), ConsumeError> + Send + Sync + 'static> Handle for Effect<F> {
    async fn handle(&self, conn: &mut PgConnection, event: &Envelope) -> Result<(), ConsumeError> {
        sqlx::query("INSERT INTO effects (object_id, version) VALUES ($1, $2)")
            .bind(event.aggregate_id)
            .bind(event.version)
            .execute(conn)
            .await?;
        (self.0)(event)
    }
}

pub fn consumer(db: &Db, fails: impl Fn(&Envelope) -> Result<(), ConsumeError> + Send + Sync + 'static) -> Consumer {
    Consumer { name: "test.on_change", kinds: &["object.changed"], db: db.clone(), handler: Arc::new(Effect(fails)) }
}

pub fn in_process(consumer: Consumer) -> InProcess {
    let transport = InProcess::new();
    transport.subscribe(consumer);
    transport
}

/// The effects on an object, in the order in which they came.
pub async fn effects(db: &Db, object: Uuid) -> Vec<i64> {
    sqlx::query_scalar("SELECT version FROM effects WHERE object_id = $1 ORDER BY number")
        .bind(object)
        .fetch_all(db.primary())
        .await
        .unwrap()
}

pub async fn count(db: &Db, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(db.primary()).await.unwrap()
}

pub async fn published(db: &Db) -> i64 {
    sqlx::query_scalar("SELECT published FROM relay").fetch_one(db.primary()).await.unwrap()
}
