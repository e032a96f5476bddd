//! `tradepost serve`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use runtime::http::Role;
use tokio::net::TcpListener;

use super::{ShopArgs, WrongArguments};
use crate::shop::{Listeners, Shop};

/// Time that requests and jobs have to finish at the end.
const GRACE: Duration = Duration::from_secs(20);

/// Serve roles on a PostgreSQL that runs elsewhere.
///
/// The databases must be migrated (`tradepost migrate up`). All roles run in one process in this release.
#[derive(clap::Args)]
pub struct Serve {
    /// Roles to serve: gateway,users,products,orders
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',', required = true, value_parser = Role::ALL.map(Role::as_str))]
    role: Vec<String>,
}

impl Serve {
    pub async fn run(self, args: &ShopArgs) -> anyhow::Result<ExitCode> {
        self.check_roles()?;
        let settings = args.settings()?;
        settings.check()?;
        let telemetry = runtime::telemetry::init(&settings.telemetry)?;
        let listen = |address| async move {
            TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))
        };
        let listeners = Listeners {
            api: listen(settings.gateway.listen).await?,
            metrics: listen(settings.gateway.metrics_listen).await?,
        };
        let address = listeners.api.local_addr()?;
        let shop = Shop::start(&settings, telemetry.metrics()).await?;
        shop.serve(listeners);
        tracing::info!(%address, "serving");
        let failure = tokio::select! {
            signal = runtime::signal::wait() => signal.err().map(anyhow::Error::from),
            failure = shop.failed() => Some(failure.into()),
        };
        shop.stop(GRACE).await;
        telemetry.shutdown().await;
        failure.map_or(Ok(ExitCode::SUCCESS), Err)
    }

    /// In this release roles call each other within the process: what one needs must be in it.
    fn check_roles(&self) -> Result<(), WrongArguments> {
        let missing: Vec<_> =
            Role::ALL.map(Role::as_str).into_iter().filter(|role| !self.role.iter().any(|name| name == role)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(WrongArguments(format!("the roles call each other within one process: add --role {}", missing.join(","))))
    }
}
