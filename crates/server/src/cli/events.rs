//! `tradepost events`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use messaging::dead_letters::{self, Replayed, Selection, StuckLane};
use messaging::log::{self, Published};
use messaging::republish::republish;
use messaging::{Consumer, InProcess, RabbitMq, Transport};
use pg::Db;
use uuid::Uuid;

use super::{ShopArgs, WrongArguments, print};
use crate::settings::Settings;
use crate::shop::Roles;

/// See and mend what roles tell each other.
#[derive(clap::Args)]
pub struct Events {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List published events, each role's by sequence
    List(List),
    /// List what consumers are stuck on: the event that failed, why, and how many wait behind it
    ///
    /// At most 1,000 objects of each role.
    Dead {
        /// Of this consumer, such as orders.on_user_deleted
        #[arg(long, value_name = "NAME")]
        consumer: Option<String>,
        /// Print JSON, a line each
        #[arg(long)]
        json: bool,
    },
    /// Try dead letters again, or publish a range of the log again
    ///
    /// With --consumer or --all: tries dead letters again, each object's in order, until one fails; exits with 1 when one
    /// does. With --role and --after: publishes events again; consumers know what they have handled, so only what they
    /// missed takes effect.
    Replay(Replay),
}

#[derive(clap::Args)]
struct List {
    /// Of this role
    #[arg(long)]
    role: Option<String>,
    /// Of this kind, such as order.placed
    #[arg(long)]
    kind: Option<String>,
    /// Of the object with this id
    #[arg(long, value_name = "ID")]
    object: Option<Uuid>,
    /// After this sequence
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: i64,
    /// At most so many of each role
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print JSON, a line each
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Replay {
    /// Dead letters of this consumer
    #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "role"])]
    consumer: Option<String>,
    /// Dead letters of every consumer
    #[arg(long, conflicts_with = "role")]
    all: bool,
    /// Only those of the object with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "role"])]
    object: Option<Uuid>,
    /// Only those of the object that this event is about
    #[arg(long, value_name = "ID", conflicts_with = "role")]
    event: Option<Uuid>,
    /// Events of this role's log
    #[arg(long, requires = "after")]
    role: Option<String>,
    /// After this sequence
    #[arg(long, value_name = "N", requires = "role")]
    after: Option<i64>,
    /// Up to this sequence; without it, all
    #[arg(long, value_name = "N", requires = "role")]
    to: Option<i64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Events {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let settings = shop.settings()?;
        let roles = shop.roles().await?;
        match self.verb {
            Verb::List(list) => list.run(&roles).await,
            Verb::Dead { consumer, json } => list_dead(&roles, consumer.as_deref(), json).await,
            Verb::Replay(replay) => replay.run(&settings, &roles).await,
        }
    }
}

impl List {
    async fn run(self, roles: &Roles) -> anyhow::Result<ExitCode> {
        let databases = match &self.role {
            Some(role) => vec![database(roles, role)?],
            None => roles.databases.iter().collect(),
        };
        let wanted = Published { after: self.after, kind: self.kind, object: self.object };
        for db in databases {
            for event in log::published(db, &wanted, self.limit).await? {
                if self.json {
                    print(serde_json::to_string(&event)?)?;
                    continue;
                }
                let (sequence, at) = (event.sequence.unwrap_or(0), event.occurred_at.format("%Y-%m-%dT%H:%M:%S%.3fZ"));
                let (source, id) = (event.source, event.aggregate_id);
                print(format_args!("{source:<9} {sequence:>9}  {at}  {:<24} {id}  v{}", event.kind, event.version))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn list_dead(roles: &Roles, consumer: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    if let Some(name) = consumer {
        find_consumer(&roles.consumers(), name)?;
    }
    for db in &roles.databases {
        for stuck in dead_letters::stuck(db, consumer).await? {
            print(if json { serde_json::to_string(&stuck)? } else { line_of(&stuck) })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line_of(stuck: &StuckLane) -> String {
    let StuckLane { consumer, kind, event_id, aggregate, aggregate_id, version, attempts, behind, error, .. } = stuck;
    let state = if stuck.is_given_up() { "dead" } else { "retrying" };
    format!(
        "{consumer}  {state}  {kind} {event_id}  {aggregate} {aggregate_id} v{version}  {attempts} attempts  \
         {behind} behind  {error}"
    )
}

impl Replay {
    async fn run(self, settings: &Settings, roles: &Roles) -> anyhow::Result<ExitCode> {
        if let (Some(role), Some(after)) = (&self.role, self.after) {
            let transport = transport(settings, roles)?;
            let db = database(roles, role)?;
            let count = republish(db, transport.as_ref(), after, self.to.unwrap_or(i64::MAX)).await?;
            if self.json {
                print(serde_json::json!({ "published": count }))?;
            } else {
                print(format_args!("Published {count} events of {role} again"))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let replayed = self.replay_dead(settings, roles).await?;
        if self.json {
            print(serde_json::to_string(&replayed)?)?;
        } else {
            let Replayed { handled, stuck } = replayed;
            print(format_args!("{handled} events are handled now; {stuck} objects failed again"))?;
        }
        Ok(if replayed.stuck == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn replay_dead(&self, settings: &Settings, roles: &Roles) -> anyhow::Result<Replayed> {
        let mut consumers = roles.consumers();
        match &self.consumer {
            Some(name) => consumers = vec![find_consumer(&consumers, name)?.clone()],
            None if self.all => {}
            None => return Err(WrongArguments("says not what to replay: --consumer, --all or --role".into()).into()),
        }
        let selection = match (self.object, self.event) {
            (Some(id), _) => Selection::Object(id),
            (None, Some(id)) => Selection::Event(id),
            (None, None) => Selection::All,
        };
        let broker = settings.rabbitmq.is_set().then(|| RabbitMq::new(&settings.rabbitmq)).transpose()?;
        let mut replayed = Replayed::default();
        for consumer in &consumers {
            let Replayed { handled, stuck } = dead_letters::replay(consumer, selection).await?;
            replayed.handled += handled;
            replayed.stuck += stuck;
            if let Some(broker) = &broker {
                broker.forget_mended(consumer).await.context("the copies in RabbitMQ cannot be removed")?;
            }
        }
        Ok(replayed)
    }
}

/// To the consumers: by the broker if the shop has one, else those of this process, which know by their inbox what the
/// shop's have handled.
fn transport(settings: &Settings, roles: &Roles) -> anyhow::Result<Box<dyn Transport>> {
    if settings.rabbitmq.is_set() {
        let transport = RabbitMq::new(&settings.rabbitmq)?;
        for consumer in roles.consumers() {
            transport.expect(consumer.name, consumer.kinds);
        }
        return Ok(Box::new(transport));
    }
    let transport = InProcess::new();
    for consumer in roles.consumers() {
        transport.subscribe(consumer);
    }
    Ok(Box::new(transport))
}

fn database<'a>(roles: &'a Roles, role: &str) -> anyhow::Result<&'a Db> {
    let found = roles.databases.iter().find(|db| db.role() == role);
    found.with_context(|| {
        let known: Vec<_> = roles.databases.iter().map(Db::role).collect();
        format!("there is no role {role} with events: {}", known.join(", "))
    })
}

fn find_consumer<'a>(consumers: &'a [Consumer], name: &str) -> anyhow::Result<&'a Consumer> {
    let Some(found) = consumers.iter().find(|consumer| consumer.name == name) else {
        let known: Vec<_> = consumers.iter().map(|consumer| consumer.name).collect();
        bail!("there is no consumer {name}: {}", known.join(", "));
    };
    Ok(found)
}
