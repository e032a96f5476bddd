//! `tradepost serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use runtime::http::Role;
use tokio::net::TcpListener;

use super::{ShopArgs, WrongArguments};
use crate::settings::Settings;
use crate::shop::{Here, Listeners, Shop};

/// Time that requests and jobs have to finish at the end.
const GRACE: Duration = Duration::from_secs(20);

/// Serve roles, all in one process or some of them, on servers that run elsewhere.
///
/// The databases must be migrated (`tradepost migrate up`). A process with some of the roles reaches the others as
/// `upstreams` says, and events go through RabbitMQ; see docs/operations.md.
#[derive(clap::Args)]
pub struct Serve {
    /// Roles to serve: gateway,users,products,orders,webhooks
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',', required = true, value_parser = Role::ALL.map(Role::as_str))]
    role: Vec<String>,
    /// End when the standard input ends: with the process that started this one, however that ends
    #[arg(long, hide = true)]
    with_parent: bool,
}

impl Serve {
    pub async fn run(self, args: &ShopArgs) -> anyhow::Result<ExitCode> {
        let here = Here::named(self.role.iter().map(String::as_str))
            .ok_or_else(|| WrongArguments("there is no such role".to_owned()))?;
        let mut settings = args.settings()?;
        settings.check(&here)?;
        if !here.is_whole() {
            settings.telemetry.service_name = format!("{}-{}", settings.telemetry.service_name, here.name());
        }
        let telemetry = runtime::telemetry::init(&settings.telemetry)?;
        let listeners = listen(&settings, &here).await?;
        let addresses = [&listeners.api, &listeners.internal].map(|listener| listener.as_ref()?.local_addr().ok());
        let metrics = listeners.metrics.local_addr()?;
        let shop = Shop::start(&settings, &here, telemetry.metrics()).await?;
        shop.serve(listeners);
        let [api, internal] = addresses.map(|address| address.as_ref().map(SocketAddr::to_string).unwrap_or_default());
        tracing::info!(roles = here.name(), %metrics, internal, address = api, "serving");
        let parent_ended =
            async { if self.with_parent { servers::input_ended().await } else { std::future::pending().await } };
        let failure = tokio::select! {
            signal = runtime::signal::wait() => signal.err().map(anyhow::Error::from),
            () = parent_ended => None,
            failure = shop.failed() => Some(failure.into()),
        };
        shop.stop(GRACE).await;
        telemetry.shutdown().await;
        failure.map_or(Ok(ExitCode::SUCCESS), Err)
    }
}

/// The doors that a process with these roles needs.
async fn listen(settings: &Settings, here: &Here) -> anyhow::Result<Listeners> {
    let bind = async |address: SocketAddr| {
        TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))
    };
    let is_asked = !here.is_whole() && here.serving().next().is_some();
    Ok(Listeners {
        api: if here.has(Role::Gateway) { Some(bind(settings.gateway.listen).await?) } else { None },
        internal: if is_asked { Some(bind(settings.internal.listen).await?) } else { None },
        metrics: bind(settings.gateway.metrics_listen).await?,
    })
}
