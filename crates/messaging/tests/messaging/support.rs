//! A small schema with objects that change and effects of consumers.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use events::Envelope;
use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use messaging::{
    ConsumeError, Consumer, Handle, InProcess, NewEvent, RabbitMq, RabbitMqConfig, Relay, Transport, TransportError,
};
use pg::{Db, Grant, Schema};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};
use test_kit::TestBroker;
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
        Self::over(db, Arc::new(transport))
    }

    pub fn over(db: &Db, transport: Arc<dyn Transport>) -> Self {
        let stop = CancellationToken::new();
        let relay = Relay::new(db.clone(), transport);
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

/// What carries events in a test that must hold over every transport.
#[derive(Clone, Copy)]
pub enum Over {
    InProcess,
    RabbitMq,
}

/// A transport with a consumer, at work until it is dropped.
pub enum Carrier {
    InProcess(InProcess),
    /// Stopped before the exchange is removed.
    RabbitMq {
        process: Process,
        _exchange: TestExchange,
    },
}

impl Over {
    pub fn carry(self, consumer: Consumer) -> Carrier {
        match self {
            Self::InProcess => Carrier::InProcess(in_process(consumer)),
            Self::RabbitMq => {
                let exchange = TestExchange::new();
                let process = exchange.process(vec![consumer]);
                Carrier::RabbitMq { process, _exchange: exchange }
            }
        }
    }
}

impl Carrier {
    pub fn transport(&self) -> Arc<dyn Transport> {
        match self {
            Self::InProcess(transport) => Arc::new(transport.clone()),
            Self::RabbitMq { process, .. } => Arc::new(process.transport.clone()),
        }
    }
}

/// Makes of each function `async fn what(over: Over)` a test for each transport.
macro_rules! over_each_transport {
    ($($what:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test]
            async fn $what() {
                super::$what(crate::support::Over::InProcess).await;
            })+
        }
        mod rabbitmq {
            $(#[tokio::test]
            async fn $what() {
                super::$what(crate::support::Over::RabbitMq).await;
            })+
        }
    };
}
pub(crate) use over_each_transport;

/// An exchange of the tests' broker, removed with its queues when dropped.
pub struct TestExchange {
    pub broker: TestBroker,
    pub retry_ms: [u32; 4],
}

impl TestExchange {
    pub fn new() -> Self {
        Self { broker: TestBroker::new(), retry_ms: [50, 100, 200, 400] }
    }

    pub fn config(&self) -> RabbitMqConfig {
        RabbitMqConfig {
            url: self.broker.url.as_str().into(),
            exchange: self.broker.exchange.clone(),
            retry_ms: self.retry_ms,
            ..RabbitMqConfig::default()
        }
    }

    /// A process with these consumers.
    pub fn process(&self, consumers: Vec<Consumer>) -> Process {
        Process::start(&self.config(), consumers)
    }

    /// Every queue of the consumer that these tests have.
    fn queues(&self) -> Vec<String> {
        let queue = format!("{}.test.on_change", self.broker.exchange);
        let pauses = self.retry_ms.iter().map(|pause| format!("{queue}.retry.{pause}"));
        pauses.chain([format!("{queue}.dead"), queue.clone()]).collect()
    }

    /// How many messages are in the queue of the dead.
    pub async fn dead(&self) -> u32 {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let queue = format!("{}.test.on_change.dead", self.broker.exchange);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        // None yet: the consumer is about to make it.
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        queue.map_or(0, |queue| queue.message_count())
    }

    pub async fn connect(&self) -> Connection {
        Connection::connect(&self.broker.url, ConnectionProperties::default()).await.unwrap()
    }

    async fn remove(&self) {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.unwrap();
        for queue in self.queues() {
            let _ = channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await;
        }
        let _ = channel.exchange_delete(self.broker.exchange.as_str().into(), ExchangeDeleteOptions::default()).await;
    }
}

impl Drop for TestExchange {
    /// Removes what it can. The tests' broker is thrown away in any case.
    fn drop(&mut self) {
        std::thread::scope(|threads| {
            let removing = threads.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(self.remove());
            });
            drop(removing.join());
        });
    }
}

/// A process that consumes until it is stopped or dropped; dropping is as sudden as a crash.
pub struct Process {
    pub transport: RabbitMq,
    running: JoinHandle<()>,
    stop: CancellationToken,
}

impl Process {
    pub fn start(config: &RabbitMqConfig, consumers: Vec<Consumer>) -> Self {
        let transport = RabbitMq::new(config).unwrap();
        for consumer in consumers {
            transport.subscribe(consumer);
        }
        let (stop, running) = (CancellationToken::new(), transport.clone());
        let token = stop.clone();
        Self { transport, running: tokio::spawn(async move { running.run(token).await }), stop }
    }

    pub async fn stop(mut self) {
        self.stop.cancel();
        (&mut self.running).await.unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.running.abort();
    }
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
