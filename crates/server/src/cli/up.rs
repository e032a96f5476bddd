//! `tradepost up`: the whole shop on this machine.

mod detached;
mod summary;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use kernel::Secret;
use runtime::telemetry::Telemetry;
use servers::Server;
use servers::postgres::{self, PostgresOptions};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::migrate::owner_pool;
use super::{ShopArgs, WrongArguments};
use crate::data_folder::{self, DATABASE_ROLES, DataFolder, Run, Secrets};
use crate::settings::Settings;
use crate::shop::{Here, Listeners, SCHEMAS, Shop};
use crate::split::{self, Plan, Wishes, leftovers};
use crate::{catalog, development};

/// Time that requests and jobs have to finish at the end.
const GRACE: Duration = Duration::from_secs(20);

/// Start the whole shop on this machine, with a private PostgreSQL in the data folder.
///
/// Ends all it started at Ctrl-C. The first start makes databases and logins, brings in the sample catalog, and makes a
/// staff member and a customer for development.
#[derive(clap::Args)]
pub struct Up {
    /// Return once the shop is ready; `tradepost down` ends it
    #[arg(long)]
    detach: bool,
    /// Port of the API; without it 8080, or a free one when 8080 is taken
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Catalog that an empty shop starts with: a file for `import products`, or `none`
    #[arg(long, value_name = "FILE|none")]
    catalog: Option<String>,
    /// Run each role as a process of its own, with a replica of the databases, Redis and RabbitMQ
    #[arg(long)]
    split: bool,
    /// Instances of a role, such as orders=2,products=2; one of those that aren't named
    #[arg(long, value_name = "ROLE=N,...", value_delimiter = ',', requires = "split")]
    instances: Vec<String>,
    /// Folder of PostgreSQL's programs, instead of looking for them
    #[arg(long, value_name = "DIR", env = "TRADEPOST_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
}

/// A shop that is ready, with what must outlive it.
struct Running {
    shop: Shop,
    telemetry: Telemetry,
    run: Run,
}

impl Up {
    /// Runs the shop until it is told to end.
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        // What is wrong with the arguments is said before anything is started.
        Settings::load(shop.config.clone(), shop.set.clone())?;
        catalog::check(self.catalog.as_deref())?;
        let plan = Plan::new(&self.instances).map_err(|error| WrongArguments(format!("--instances: {error:#}")))?;
        let path = shop.data.clone().unwrap_or_else(|| PathBuf::from(data_folder::DEFAULT));
        let folder = DataFolder::open(&path)?;
        if self.detach {
            return detached::start(&folder).await;
        }
        let Some(lock) = folder.lock()? else {
            bail!("a shop runs in {} already: `./dev down` ends it", folder.path().display());
        };
        // Held until this process is gone: that is what `down` waits for.
        std::mem::forget(lock);
        leftovers::end(&folder).await?;
        let mut told_to_end = tokio::spawn(runtime::signal::wait());
        if self.split {
            return self.run_split(plan, shop, &folder, told_to_end).await;
        }
        say("Starting PostgreSQL");
        // Not cut off by a signal: half-started, it would be left behind.
        let mut postgres = self.start_postgres(&folder).await?;
        let outcome = self.run_on(&mut postgres, &mut told_to_end, shop, &folder).await;
        postgres.stop().await?;
        outcome.map(|()| ExitCode::SUCCESS)
    }

    /// Runs each role as a process of its own.
    async fn run_split(
        self,
        plan: Plan,
        args: &ShopArgs,
        folder: &DataFolder,
        signal: JoinHandle<std::io::Result<()>>,
    ) -> anyhow::Result<ExitCode> {
        let settings = Settings::load(args.config.clone(), args.set.clone())?;
        let telemetry = runtime::telemetry::init(&settings.telemetry)?;
        let config = args.config.as_ref().map(std::fs::canonicalize).transpose().context("the settings file")?;
        let wishes = Wishes {
            plan,
            port: self.port,
            catalog: self.catalog,
            postgres_bin: self.postgres_bin,
            config,
            set: args.set.clone(),
        };
        let told_to_end = CancellationToken::new();
        let waiting = tokio::spawn({
            let told_to_end = told_to_end.clone();
            async move {
                let outcome = signal.await;
                told_to_end.cancel();
                outcome
            }
        });
        let outcome = split::run(wishes, folder, told_to_end, |run| summary::print(run, folder)).await;
        waiting.abort();
        telemetry.shutdown().await;
        outcome.map(|()| ExitCode::SUCCESS)
    }

    /// Starts the shop and runs it until it is told to end, or can't go on.
    async fn run_on(
        &self,
        postgres: &mut Server,
        told_to_end: &mut JoinHandle<std::io::Result<()>>,
        args: &ShopArgs,
        folder: &DataFolder,
    ) -> anyhow::Result<()> {
        let running = tokio::select! {
            // First: a signal that came while PostgreSQL started.
            biased;
            signal = &mut *told_to_end => {
                signal??;
                bail!("stopped while starting");
            }
            running = self.start(postgres, args, folder) => running?,
        };
        folder.write_run(&running.run)?;
        summary::print(&running.run, folder);
        let outcome = tokio::select! {
            signal = told_to_end => signal.map_err(anyhow::Error::from).and_then(|signal| Ok(signal?)),
            status = postgres.exited() => status.map_err(anyhow::Error::from).and_then(|status| bail!("PostgreSQL ended by itself: {status}")),
            failure = running.shop.failed() => Err(failure.into()),
        };
        say("Stopping");
        let removed = folder.remove_run();
        running.shop.stop(GRACE).await;
        running.telemetry.shutdown().await;
        outcome.and(removed)
    }

    /// Databases, roles, logins, catalog: everything up to a shop that is ready.
    async fn start(&self, postgres: &Server, args: &ShopArgs, folder: &DataFolder) -> anyhow::Result<Running> {
        let secrets = folder.secrets()?;
        let (databases, owners) = make_databases(&secrets, postgres).await?;
        let settings = folder.settings_with(args.config.clone(), args.set.clone(), &databases, &owners)?;
        settings.check(&Here::all())?;
        migrate(&settings).await?;

        let telemetry = runtime::telemetry::init(&settings.telemetry)?;
        let (api_listener, metrics_listener) = self.listeners(&settings).await?;
        let (api, metrics) = (api_listener.local_addr()?, metrics_listener.local_addr()?);
        let shop = Shop::start(&settings, &Here::all(), telemetry.metrics()).await?;
        let admin = secrets.login("admin")?;
        let customer = secrets.login("customer")?;
        development::make_logins(shop.roles.users()?, &admin, &customer).await?;
        catalog::load_once(shop.roles.products()?, folder, self.catalog.as_deref()).await?;
        shop.serve(Listeners { api: Some(api_listener), internal: None, metrics: metrics_listener });
        shop.wait_until_ready().await?;

        let pids = BTreeMap::from([("tradepost".into(), std::process::id()), ("postgres".into(), postgres.pid())]);
        let base = format!("http://{api}");
        let graphql = format!("{base}/api/v1/graphql");
        let metrics = format!("http://{metrics}/metrics");
        let run = Run { api: base, graphql, metrics, admin, customer, databases, owners, pids, ..Run::default() };
        Ok(Running { shop, telemetry, run })
    }

    async fn start_postgres(&self, folder: &DataFolder) -> anyhow::Result<Server> {
        let options = PostgresOptions {
            data_dir: folder.path().to_owned(),
            preferred_port: None,
            binaries: self.postgres_bin.clone(),
            settings: Vec::new(),
        };
        Ok(postgres::start(options).await?)
    }

    async fn listeners(&self, settings: &Settings) -> anyhow::Result<(TcpListener, TcpListener)> {
        let address = settings.gateway.listen.ip();
        let api = match self.port {
            Some(port) => TcpListener::bind(SocketAddr::new(address, port))
                .await
                .with_context(|| format!("port {port} cannot be listened on: choose another with --port, or none"))?,
            None => bind_near(SocketAddr::new(address, settings.gateway.listen.port())).await?,
        };
        let metrics = bind_near(settings.gateway.metrics_listen).await?;
        Ok((api, metrics))
    }
}

/// Listens at `wanted`, or at a free port when that is taken.
async fn bind_near(wanted: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(wanted).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let listener = TcpListener::bind(SocketAddr::new(wanted.ip(), 0)).await?;
            say(&format!("Port {} is taken: using {}", wanted.port(), listener.local_addr()?.port()));
            Ok(listener)
        }
        Err(error) => Err(error).with_context(|| format!("{wanted} cannot be listened on")),
    }
}

/// Makes databases and logins of every role; gives the addresses of the runtime logins and of the owners.
pub async fn make_databases(
    secrets: &Secrets,
    postgres: &Server,
) -> anyhow::Result<(BTreeMap<String, String>, BTreeMap<String, String>)> {
    let superuser = Secret::from(postgres::superuser_url(postgres, "postgres"));
    let (mut databases, mut owners) = (BTreeMap::new(), BTreeMap::new());
    for role in DATABASE_ROLES {
        let names = pg::bootstrap::Names::new("tradepost", role);
        let password = |login: &str| secrets.database_password(login);
        let passwords = pg::bootstrap::Passwords {
            owner: password(&names.owner)?,
            app: password(&names.app)?,
            read: password(&names.read)?,
        };
        let urls = pg::bootstrap::ensure(&superuser, &names, &passwords).await;
        let urls = urls.with_context(|| format!("the database of {role} cannot be made"))?;
        databases.insert(role.to_owned(), plain(&urls.app));
        owners.insert(role.to_owned(), plain(&urls.owner));
    }
    Ok((databases, owners))
}

/// The address without the driver's own parameters, so that other clients take it too.
fn plain(url: &Secret) -> String {
    let url = url.expose();
    url.split_once('?').map_or(url, |(address, _)| address).to_owned()
}

/// Applies every migration that is missing.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    for schema in SCHEMAS {
        let owner = owner_pool(settings, schema.role).await?;
        let steps =
            pg::migrate::up(&owner, schema).await.with_context(|| format!("{}: the migration failed", schema.role))?;
        if !steps.is_empty() {
            say(&format!("Migrated {}: {} steps", schema.role, steps.len()));
        }
        owner.close().await;
    }
    Ok(())
}

/// How a line of progress begins.
const PROGRESS: &str = "==> ";

/// One line of progress.
pub fn say(what: &str) {
    eprintln!("{PROGRESS}{what}");
}
