//! Starts parts, and starts them again when they have died, as a supervisor does.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::Context;
use secrecy::ExposeSecret as _;
use servers::postgres::PostgresOptions;
use servers::postgres::replica::{self, Primary, ReplicaOptions};
use servers::rabbitmq::RabbitmqOptions;
use servers::redis::RedisOptions;
use servers::{Server, postgres, rabbitmq, redis};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::settings::{EVENTS_SECRET, moved};
use super::{Place, Shop};
use crate::faults::Part;

/// The pause before a part that has died is started again.
const PAUSE: Duration = Duration::from_millis(300);
/// How long a part may take to end by itself.
const GRACE: Duration = Duration::from_secs(25);

impl Shop {
    /// Starts the servers and tells the settings where they are.
    pub(super) async fn start_servers(&mut self) -> anyhow::Result<()> {
        let data = self.data().to_owned();
        let primary = postgres::start(primary_options(&data, None)).await?;
        let followed = Primary::of(&primary);
        let replica = replica::start(replica_options(&data, None), &followed).await?;
        let cache = redis::start(RedisOptions { data_dir: data.clone(), preferred_port: None }).await?;
        let broker = rabbitmq::start(RabbitmqOptions { data_dir: data.clone(), ..RabbitmqOptions::default() }).await?;
        let proxy = |name| self.places[&Part::Server(name)].proxy.address.to_string();
        let urls = [
            ("TRADEPOST__REDIS__URL", moved(redis::url(&cache).expose_secret(), &proxy("redis"))?),
            ("TRADEPOST__RABBITMQ__URL", moved(rabbitmq::url(&broker).expose_secret(), &proxy("rabbitmq"))?),
        ];
        self.settings.extend(urls.map(|(key, value)| (key.to_owned(), value)));
        let again = data.clone();
        self.keep("postgres", primary, move |port| postgres::start(primary_options(&again, Some(port))));
        let again = data.clone();
        self.keep("replica", replica, move |port| {
            let (options, followed) = (replica_options(&again, Some(port)), followed.clone());
            async move { replica::start(options, &followed).await }
        });
        let again = data.clone();
        self.keep("redis", cache, move |port| {
            let options = RedisOptions { data_dir: again.clone(), preferred_port: Some(port) };
            async move { redis::start(options).await }
        });
        self.keep("rabbitmq", broker, move |port| {
            let options =
                RabbitmqOptions { data_dir: data.clone(), preferred_port: Some(port), ..RabbitmqOptions::default() };
            async move { rabbitmq::start(options).await }
        });
        Ok(())
    }

    /// Watches over a server.
    fn keep<F>(&self, name: &'static str, first: Server, start: impl Fn(u16) -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<Server, servers::ServerError>> + Send,
    {
        let (place, mut stopping) = (Arc::clone(&self.places[&Part::Server(name)]), self.stopping.subscribe());
        let keeper = async move {
            let mut server = first;
            loop {
                place.shows(&server);
                tokio::select! {
                    _ = server.exited() => {}
                    () = told_to(&mut stopping) => {
                        if let Err(error) = server.stop().await {
                            eprintln!("{name}: {error}");
                        }
                        return;
                    }
                }
                place.pid.store(0, Ordering::SeqCst);
                let port = server.port();
                drop(server);
                server = match until_started(&stopping, || start(port)).await {
                    Some(server) => server,
                    None => return,
                };
            }
        };
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner).spawn(keeper);
    }

    /// Starts the roles and the payment provider.
    pub(super) fn start_roles(&self) {
        for (part, place) in &self.places {
            if matches!(part, Part::Server(_)) {
                continue;
            }
            let Ok(port) = free_port() else { continue };
            place.port.store(port, Ordering::SeqCst);
            let log = self.log(part);
            let command = match part {
                Part::Payments => self.stand_in(port),
                Part::Role(role, _) => self.role(role, port),
                Part::Server(_) => continue,
            };
            let keeper = keep_process(part.clone(), Arc::clone(place), command, log, self.stopping.subscribe());
            self.keepers.lock().unwrap_or_else(PoisonError::into_inner).spawn(keeper);
        }
    }

    fn role(&self, role: &str, port: u16) -> Command {
        let mut command = Command::new(&self.terms.program);
        let listen = if role == "gateway" { "gateway.listen" } else { "internal.listen" };
        command.args(["serve", "--role", role, "--with-parent"]);
        command.args(["--set", &format!("{listen}=127.0.0.1:{port}"), "--set", "gateway.metrics_listen=127.0.0.1:0"]);
        command.envs(&self.settings);
        if self.terms.broken_relay {
            command.env("TRADEPOST_BREAK_RELAY", "skip");
        }
        command
    }

    fn stand_in(&self, port: u16) -> Command {
        let program = std::env::current_exe().unwrap_or_else(|_| "tradepost-chaos".into());
        let gateway = self.gateways().into_iter().next().unwrap_or_default();
        let mut command = Command::new(program);
        command.args(["stand-in", "--listen", &format!("127.0.0.1:{port}"), "--journal"]).arg(self.journal());
        command.args(["--events-to", &format!("{gateway}/api/v1/payment-webhooks/stripe")]);
        command.env("STAND_IN_SECRET", EVENTS_SECRET);
        command
    }
}

fn primary_options(data: &Path, preferred_port: Option<u16>) -> PostgresOptions {
    let settings = replica::PRIMARY_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    PostgresOptions { data_dir: data.to_owned(), preferred_port, binaries: None, settings }
}

fn replica_options(data: &Path, preferred_port: Option<u16>) -> ReplicaOptions {
    ReplicaOptions { data_dir: data.to_owned(), preferred_port, binaries: None, settings: Vec::new() }
}

/// Waits until the run ends.
async fn told_to(stopping: &mut watch::Receiver<bool>) {
    // The sender is gone: so is the run.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// Starts a server, as often as it takes; none when the run ends before.
async fn until_started<F>(stopping: &watch::Receiver<bool>, start: impl Fn() -> F) -> Option<Server>
where
    F: Future<Output = Result<Server, servers::ServerError>>,
{
    while !*stopping.borrow() {
        tokio::time::sleep(PAUSE).await;
        match start().await {
            Ok(server) => return Some(server),
            Err(error) => eprintln!("a server could not be started again: {error}"),
        }
    }
    None
}

/// Watches over a process of ours.
async fn keep_process(
    part: Part,
    place: Arc<Place>,
    mut command: Command,
    log: PathBuf,
    mut stopping: watch::Receiver<bool>,
) {
    while !*stopping.borrow_and_update() {
        let mut child = match spawn(&mut command, &log) {
            Ok(child) => child,
            Err(error) => return eprintln!("{part} cannot be started: {error:#}"),
        };
        place.pid.store(child.id().unwrap_or(0), Ordering::SeqCst);
        // It ends when its input does, and waiting for it would close that.
        let input = child.stdin.take();
        tokio::select! {
            _ = child.wait() => {}
            () = told_to(&mut stopping) => {
                drop(input);
                if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                    drop(child.kill().await);
                }
            }
        }
        place.pid.store(0, Ordering::SeqCst);
        tokio::time::sleep(PAUSE).await;
    }
}

fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(log).context("the log cannot be written")?;
    let errors = log.try_clone()?;
    Ok(command.stdin(Stdio::piped()).stdout(log).stderr(errors).kill_on_drop(true).spawn()?)
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
