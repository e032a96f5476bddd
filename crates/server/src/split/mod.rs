//! A shop on this machine with its roles apart: a process for each instance of a role, on private servers, kept running.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | how many instances each role has |
//! | `layout` | where each process listens, and what it is started with |
//! | `process` | one process, started again whenever it ends |
//! | `parts` | the servers: PostgreSQL, its replica, Redis, RabbitMQ |
//! | `certificates` | TLS between the processes |
//! | `state` | `run.json` while processes come and go |
//! | [`leftovers`] | what a supervisor that was killed left behind |
//! | `pauses` | pauses before something is started again |

mod certificates;
mod layout;
pub mod leftovers;
mod parts;
mod pauses;
pub mod plan;
mod process;
mod state;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use certificates::FOLDER as CERTIFICATES;
pub use layout::LOGS;
pub use plan::Plan;

use self::layout::Layout;
use self::parts::{Parts, Place};
use self::process::Process;
use self::state::State;
use crate::cli::up::{make_databases, migrate, say};
use crate::data_folder::{DataFolder, Run};
use crate::shop::{Here, Roles};
use crate::{catalog, development};

/// How long the processes have to become ready.
const READY_PATIENCE: Duration = Duration::from_mins(2);
/// Ends of a process before the shop is ready that are taken for a mistake in the settings.
const FALSE_STARTS: usize = 3;
/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(100);

/// What is asked for.
pub struct Wishes {
    /// How many instances each role has.
    pub plan: Plan,
    /// The port of the first gateway.
    pub port: Option<u16>,
    /// The catalog that an empty shop starts with.
    pub catalog: Option<String>,
    /// The one folder to take PostgreSQL's programs from.
    pub postgres_bin: Option<PathBuf>,
    /// Settings file.
    pub config: Option<PathBuf>,
    /// Settings of the command line.
    pub set: Vec<(String, String)>,
}

/// Runs the shop until `told_to_end`. `ready` is called once it is ready.
pub async fn run(
    wishes: Wishes,
    folder: &DataFolder,
    told_to_end: CancellationToken,
    ready: impl FnOnce(&Run),
) -> anyhow::Result<()> {
    let place = Place { data_dir: folder.path().to_owned(), postgres_bin: wishes.postgres_bin.clone() };
    say("Starting PostgreSQL with a replica, Redis and RabbitMQ");
    // Not cut off by a signal: half-started, they would be left behind.
    let parts = Parts::start(&place).await?;
    // On the heap: it is large, and done with soon.
    let prepared = Box::pin(told_to_end.run_until_cancelled(prepare(&wishes, folder, &parts))).await;
    let layout = match prepared.unwrap_or_else(|| bail!("stopped while starting")) {
        Ok(layout) => layout,
        Err(error) => {
            parts.stop().await?;
            return Err(error);
        }
    };
    let state = Arc::new(State::new(folder.clone(), layout.run));
    let stop_parts = CancellationToken::new();
    let parts = tokio::spawn(parts.keep(place, Arc::clone(&state), stop_parts.clone()));
    let outcome = run_processes(layout.processes, folder, &state, &told_to_end, ready).await;
    stop_parts.cancel();
    let stopped = parts.await.context("the servers' supervisor")?;
    outcome.and(folder.remove_run()).and(stopped.map_err(anyhow::Error::from))
}

/// Databases, logins, catalog, and where everything will be.
async fn prepare(wishes: &Wishes, folder: &DataFolder, parts: &Parts) -> anyhow::Result<Layout> {
    let secrets = folder.secrets()?;
    let (databases, owners) = make_databases(&secrets, &parts.postgres).await?;
    let settings = folder.settings_with(wishes.config.clone(), wishes.set.clone(), &databases, &owners)?;
    settings.check(&Here::all())?;
    migrate(&settings).await?;
    let roles = Roles::connect(&settings).await?;
    development::make_logins(roles.users()?, &secrets.login("admin")?, &secrets.login("customer")?).await?;
    catalog::load_once(roles.products()?, folder, wishes.catalog.as_deref()).await?;
    for db in &roles.databases {
        db.close().await;
    }
    Layout::new(wishes, folder, &secrets, parts, (databases, owners))
}

/// Keeps the processes running until `told_to_end`.
async fn run_processes(
    processes: Vec<Process>,
    folder: &DataFolder,
    state: &Arc<State>,
    told_to_end: &CancellationToken,
    ready: impl FnOnce(&Run),
) -> anyhow::Result<()> {
    say(&format!("Starting {} processes", processes.len()));
    let processes: Vec<_> = processes.into_iter().map(Arc::new).collect();
    // The edge goes first at the end, so that nobody asks what is going.
    let (stop_edge, stop_roles) = (CancellationToken::new(), CancellationToken::new());
    let (mut edge, mut roles) = (JoinSet::new(), JoinSet::new());
    for process in &processes {
        let is_edge = process.role == runtime::http::Role::Gateway.as_str();
        let (set, stop) = if is_edge { (&mut edge, &stop_edge) } else { (&mut roles, &stop_roles) };
        set.spawn(Arc::clone(process).keep(Arc::clone(state), stop.clone()));
    }
    let started = told_to_end.run_until_cancelled(wait_until_ready(&processes)).await;
    let outcome = match started {
        Some(Ok(())) => {
            ready(&state.publish()?);
            told_to_end.cancelled().await;
            Ok(())
        }
        Some(Err(error)) => Err(error),
        None => Err(anyhow::anyhow!("stopped while starting")),
    };
    say("Stopping");
    // Nobody takes what is going for a shop that runs.
    let removed = folder.remove_run();
    stop_edge.cancel();
    while edge.join_next().await.is_some() {}
    stop_roles.cancel();
    while roles.join_next().await.is_some() {}
    outcome.and(removed)
}

async fn wait_until_ready(processes: &[Arc<Process>]) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_PATIENCE;
    for process in processes {
        while !process.is_ready().await {
            let has_failed = |process: &&Arc<Process>| process.ended.load(Ordering::Relaxed) >= FALSE_STARTS;
            if let Some(process) = processes.iter().find(has_failed) {
                bail!("{} does not start: {}", process.name(), process.last_words());
            }
            if Instant::now() > deadline {
                bail!(
                    "{} is not ready after {} s; see {}",
                    process.name(),
                    READY_PATIENCE.as_secs(),
                    process.log.display()
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

/// Addresses by role: of the runtime logins, and of those that migrate.
type Addresses = (BTreeMap<String, String>, BTreeMap<String, String>);
