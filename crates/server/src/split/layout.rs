//! Where each process of a split shop listens, and what it is started with: of the secrets, those alone that its role needs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::AtomicUsize;

use anyhow::Context;
use runtime::http::Role;
use servers::ports;

use super::certificates::Certificates;
use super::parts::Parts;
use super::process::Process;
use super::{Addresses, Wishes};
use crate::data_folder::{DataFolder, RoleProcess, Run, Secrets};

/// The folder of the processes' logs in the data folder.
pub const LOGS: &str = "logs";
/// The port of the API when none is wished for.
const USUAL_PORT: u16 = 8080;

/// Everything that is to run beside the servers.
pub struct Layout {
    pub processes: Vec<Process>,
    pub run: Run,
}

/// One process with its addresses.
struct Placed {
    role: Role,
    instance: usize,
    /// Of the API for a gateway, else of the internal listener.
    address: String,
    metrics: String,
}

impl Placed {
    fn name(&self) -> String {
        format!("{}-{}", self.role.as_str(), self.instance)
    }

    fn is_edge(&self) -> bool {
        self.role == Role::Gateway
    }
}

impl Layout {
    /// Chooses ports and makes certificates.
    pub fn new(
        wishes: &Wishes,
        folder: &DataFolder,
        secrets: &Secrets,
        parts: &Parts,
        databases: Addresses,
    ) -> anyhow::Result<Self> {
        let placed = place(wishes)?;
        let names: Vec<String> = placed.iter().map(Placed::name).collect();
        let certificates = Certificates::make(folder.path(), &names)?;
        let logs = folder.path().join(LOGS);
        std::fs::create_dir_all(&logs).with_context(|| format!("{} cannot be made", logs.display()))?;
        let shared = Shared { wishes, placed: &placed, certificates: &certificates };
        let environment = Environment { secrets, parts, databases: &databases.0 };
        let processes = placed.iter().map(|process| Process {
            role: process.role.as_str(),
            instance: process.instance,
            arguments: shared.arguments(process),
            environment: environment.of(process.role),
            metrics: process.metrics.clone(),
            log: logs.join(format!("{}.log", process.name())),
            ended: AtomicUsize::new(0),
        });
        let processes: Vec<Process> = processes.collect();
        let run = describe(&placed, &processes, secrets, parts, databases)?;
        Ok(Self { processes, run })
    }
}

fn place(wishes: &Wishes) -> anyhow::Result<Vec<Placed>> {
    let address = |port: u16| format!("{}:{port}", Ipv4Addr::LOCALHOST);
    let mut port_of_edge = Some(match wishes.port {
        Some(0) => ports::choose(None)?,
        Some(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map(|_| port)
            .with_context(|| format!("port {port} cannot be listened on: choose another with --port, or none"))?,
        None => ports::choose(Some(USUAL_PORT))?,
    });
    let mut placed = Vec::new();
    for (role, instance) in wishes.plan.processes() {
        let port = match port_of_edge.take_if(|_| role == Role::Gateway) {
            Some(port) => port,
            None => ports::choose(None)?,
        };
        placed.push(Placed { role, instance, address: address(port), metrics: address(ports::choose(None)?) });
    }
    Ok(placed)
}

/// What the arguments of every process are made from.
struct Shared<'a> {
    wishes: &'a Wishes,
    placed: &'a [Placed],
    certificates: &'a Certificates,
}

impl Shared<'_> {
    fn arguments(&self, process: &Placed) -> Vec<String> {
        let mut arguments = vec!["serve".to_owned(), "--with-parent".to_owned()];
        arguments.extend(["--role".to_owned(), process.role.as_str().to_owned()]);
        if let Some(config) = &self.wishes.config {
            arguments.extend(["--config".to_owned(), config.display().to_string()]);
        }
        // Ours come last, because the last one counts.
        for (key, value) in self.wishes.set.iter().cloned().chain(self.settings(process)) {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        arguments
    }

    fn settings(&self, process: &Placed) -> Vec<(String, String)> {
        let set = |key: &str, value: String| (key.to_owned(), value);
        let listen = if process.is_edge() { "gateway.listen" } else { "internal.listen" };
        let (name, certificates) = (process.name(), self.certificates);
        let mut settings = vec![
            set(listen, process.address.clone()),
            set("gateway.metrics_listen", process.metrics.clone()),
            set("internal.tls.certificate", certificates.certificate(&name).display().to_string()),
            set("internal.tls.key", certificates.key(&name).display().to_string()),
            set("internal.tls.authority", certificates.authority().display().to_string()),
            set("internal.tls.mutual", "true".to_owned()),
        ];
        for role in Role::ALL.into_iter().filter(|role| *role != Role::Gateway) {
            let of_role = self.placed.iter().filter(|placed| placed.role == role);
            let addresses: Vec<_> = of_role.map(|placed| format!("https://{}", placed.address)).collect();
            settings.push(set(&format!("upstreams.{}", role.as_str()), addresses.join(",")));
        }
        settings
    }
}

/// What the secrets of every process are taken from.
struct Environment<'a> {
    secrets: &'a Secrets,
    parts: &'a Parts,
    databases: &'a BTreeMap<String, String>,
}

impl Environment<'_> {
    fn of(&self, role: Role) -> BTreeMap<String, String> {
        let settings = self.secrets.settings.iter().filter(|(name, _)| is_needed(role, name));
        let mut environment: BTreeMap<_, _> = settings.map(|(name, value)| (name.clone(), value.clone())).collect();
        environment.insert("TRADEPOST__REDIS__URL".to_owned(), self.parts.redis_url());
        environment.insert("TRADEPOST__RABBITMQ__URL".to_owned(), self.parts.rabbitmq_url());
        if let Some(url) = self.databases.get(role.as_str()) {
            let name = format!("TRADEPOST__DATABASES__{}", role.as_str().to_uppercase());
            let (primary, replica) = (self.parts.postgres.port(), self.parts.replica.port());
            let replica = url.replace(&format!(":{primary}/"), &format!(":{replica}/"));
            environment.insert(format!("{name}__URL"), url.clone());
            environment.insert(format!("{name}__REPLICA_URL"), replica);
        }
        // What the environment says itself goes before what we made up.
        environment.retain(|name, _| std::env::var_os(name).is_none());
        environment
    }
}

/// Whether a role needs one of the installation's own settings.
fn is_needed(role: Role, setting: &str) -> bool {
    match setting {
        "TRADEPOST__TOKENS__SIGNING_KEY" => role == Role::Users,
        setting if setting.starts_with("TRADEPOST__KEYRING__") => role != Role::Gateway,
        _ => true,
    }
}

fn describe(
    placed: &[Placed],
    processes: &[Process],
    secrets: &Secrets,
    parts: &Parts,
    (databases, owners): Addresses,
) -> anyhow::Result<Run> {
    let edge = placed.iter().find(|process| process.is_edge()).context("there is no gateway")?;
    let api = format!("http://{}", edge.address);
    let roles = placed.iter().zip(processes).map(|(placed, process)| RoleProcess {
        role: placed.role.as_str().to_owned(),
        instance: placed.instance,
        pid: 0,
        address: format!("{}://{}", if placed.is_edge() { "http" } else { "https" }, placed.address),
        metrics: format!("http://{}/metrics", placed.metrics),
        log: process.log.clone(),
    });
    let servers = [
        ("postgres", &parts.postgres),
        ("replica", &parts.replica),
        ("redis", &parts.redis),
        ("rabbitmq", &parts.rabbitmq),
    ];
    let mut pids: BTreeMap<_, _> = servers.map(|(name, server)| (name.to_owned(), server.pid())).into();
    pids.insert("tradepost".to_owned(), std::process::id());
    Ok(Run {
        graphql: format!("{api}/api/v1/graphql"),
        api,
        metrics: format!("http://{}/metrics", edge.metrics),
        admin: secrets.login("admin")?,
        customer: secrets.login("customer")?,
        databases,
        owners,
        pids,
        roles: roles.collect(),
        redis: Some(parts.redis_url()),
        rabbitmq: Some(parts.rabbitmq_url()),
        replica_port: Some(parts.replica.port()),
    })
}
