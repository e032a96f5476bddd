//! The servers beside the roles: PostgreSQL, its replica, Redis and RabbitMQ, each started again whenever it ends, where
//! it was.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use servers::postgres::replica::{self, PRIMARY_SETTINGS, Primary, ReplicaOptions};
use servers::postgres::{self, PostgresOptions};
use servers::rabbitmq::{self, RabbitmqOptions};
use servers::redis::{self, RedisOptions};
use servers::{Server, ServerError};
use tokio_util::sync::CancellationToken;

use super::pauses::Pauses;
use super::state::State;

/// Many processes have a pool each.
const MAX_CONNECTIONS: &str = "400";
/// How often the replica is asked whether it can follow.
const LOOK_AT_REPLICA: Duration = Duration::from_secs(5);

/// Where the servers are kept and found.
#[derive(Clone)]
pub struct Place {
    pub data_dir: PathBuf,
    /// The one folder to take PostgreSQL's programs from.
    pub postgres_bin: Option<PathBuf>,
}

/// The running servers.
pub struct Parts {
    pub postgres: Server,
    pub replica: Server,
    pub redis: Server,
    pub rabbitmq: Server,
}

/// A kind of server, with what starting it takes.
#[derive(Clone)]
enum Kind {
    Postgres,
    Replica(Primary),
    Redis,
    RabbitMq,
}

impl Parts {
    /// Starts all of them.
    pub async fn start(place: &Place) -> Result<Self, ServerError> {
        // Side by side: RabbitMQ takes longer than all the others together.
        let databases = async {
            let postgres = Kind::Postgres.start(place, None).await?;
            let replica = Kind::Replica(Primary::of(&postgres)).start(place, None).await?;
            Ok::<_, ServerError>((postgres, replica))
        };
        let (redis, rabbitmq) = (Kind::Redis.start(place, None), Kind::RabbitMq.start(place, None));
        let (databases, redis, rabbitmq) = tokio::join!(databases, redis, rabbitmq);
        let ((postgres, replica), redis, rabbitmq) = (databases?, redis?, rabbitmq?);
        Ok(Self { postgres, replica, redis, rabbitmq })
    }

    /// The address of Redis.
    pub fn redis_url(&self) -> String {
        redis::url(&self.redis).expose_secret().to_owned()
    }

    /// The address of RabbitMQ.
    pub fn rabbitmq_url(&self) -> String {
        rabbitmq::url(&self.rabbitmq).expose_secret().to_owned()
    }

    /// Ends all of them.
    pub async fn stop(self) -> Result<(), ServerError> {
        let Self { postgres, replica, redis, rabbitmq } = self;
        let (replica, redis, rabbitmq) = tokio::join!(replica.stop(), redis.stop(), rabbitmq.stop());
        postgres.stop().await.and(replica).and(redis).and(rabbitmq)
    }

    /// Keeps all of them running until `stop`, and then ends them.
    pub async fn keep(self, place: Place, state: Arc<State>, stop: CancellationToken) -> Result<(), ServerError> {
        let Self { postgres, replica, redis, rabbitmq } = self;
        let primary = Primary::of(&postgres);
        let keep = |kind: Kind, server| keep(kind, server, place.clone(), Arc::clone(&state), stop.clone());
        let (postgres, replica, redis, rabbitmq) = tokio::join!(
            keep(Kind::Postgres, postgres),
            keep(Kind::Replica(primary), replica),
            keep(Kind::Redis, redis),
            keep(Kind::RabbitMq, rabbitmq)
        );
        postgres.and(replica).and(redis).and(rabbitmq)
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Replica(_) => "replica",
            Self::Redis => "redis",
            Self::RabbitMq => "rabbitmq",
        }
    }

    async fn start(&self, place: &Place, preferred_port: Option<u16>) -> Result<Server, ServerError> {
        let (data_dir, binaries) = (place.data_dir.clone(), place.postgres_bin.clone());
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let settings = || vec![own(("max_connections", MAX_CONNECTIONS))];
        match self {
            Self::Postgres => {
                let settings = PRIMARY_SETTINGS.into_iter().map(own).chain(settings()).collect();
                postgres::start(PostgresOptions { data_dir, preferred_port, binaries, settings }).await
            }
            Self::Replica(primary) => {
                let options = ReplicaOptions { data_dir, preferred_port, binaries, settings: settings() };
                replica::start(options, primary).await
            }
            Self::Redis => redis::start(RedisOptions { data_dir, preferred_port }).await,
            Self::RabbitMq => {
                rabbitmq::start(RabbitmqOptions { data_dir, preferred_port, ..RabbitmqOptions::default() }).await
            }
        }
    }

    /// Waits until the server ends, or must be started anew although it runs; says why.
    async fn until_useless(&self, server: &mut Server) -> String {
        loop {
            match tokio::time::timeout(LOOK_AT_REPLICA, server.exited()).await {
                Ok(Ok(status)) => return status.to_string(),
                Ok(Err(error)) => return error.to_string(),
                Err(_) if matches!(self, Self::Replica(_)) && replica::is_lost(server) => {
                    return "it cannot follow any more".to_owned();
                }
                Err(_) => {}
            }
        }
    }
}

/// Keeps one server running until `stop`, and then ends it.
async fn keep(
    kind: Kind,
    mut server: Server,
    place: Place,
    state: Arc<State>,
    stop: CancellationToken,
) -> Result<(), ServerError> {
    let (name, port) = (kind.name(), server.port());
    let mut pauses = Pauses::new();
    loop {
        tokio::select! {
            reason = kind.until_useless(&mut server) => {
                tracing::warn!(server = name, reason, "a server is started again");
            }
            () = stop.cancelled() => return server.stop().await,
        }
        server.stop().await?;
        server = loop {
            if stop.run_until_cancelled(pauses.rest()).await.is_none() {
                return Ok(());
            }
            // Not cut off by the end: half-started, it would be left behind.
            match kind.start(&place, Some(port)).await {
                // Those that use it look for it where it was.
                Ok(started) if started.port() != port => {
                    tracing::warn!(server = name, port, "another process has taken the port of a server");
                    started.stop().await?;
                }
                Ok(started) => break started,
                Err(error) => tracing::error!(server = name, %error, "a server does not start"),
            }
        };
        state.set_server(name, server.pid());
    }
}
