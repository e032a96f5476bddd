//! The internal listener: the roles here, for the roles elsewhere.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::middleware::from_fn_with_state;
use contracts::remote;
use kernel::Clock;
use runtime::health::Health;
use runtime::http::Role;
use runtime::internal::{Peers, entry};
use rustls::ServerConfig;

use super::{Here, Roles};
use crate::settings::Settings;

/// What the internal listener serves.
pub(super) struct Internal {
    pub(super) router: Router,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// The routers and gRPC services of the roles here; none in a process that no other one asks.
pub(super) fn serve(
    settings: &Settings,
    here: &Here,
    roles: &Roles,
    health: &Health,
) -> anyhow::Result<Option<Internal>> {
    if here.is_whole() || here.serving().next().is_none() {
        return Ok(None);
    }
    let verifier = settings.internal.verifier(Clock::system()).context("internal.secret")?;
    let mut router = gateway::operations::probes(health.clone());
    let logs = here.serving().filter_map(|role| Some((role.as_str(), roles.log(role)?)));
    router = router.merge(remote::event_log::service(logs.collect()));
    for role in here.serving() {
        router = router.merge(contract(roles, role)?);
        if let Some(api) = roles.api(role) {
            router = router.merge(api.router);
        }
    }
    let tls =
        settings.internal.tls.as_ref().map(runtime::internal::TlsFiles::server).transpose().context("internal.tls")?;
    Ok(Some(Internal { router: router.layer(from_fn_with_state(Peers::new(verifier), entry::enter)), tls }))
}

/// What a role promises the others.
fn contract(roles: &Roles, role: Role) -> anyhow::Result<Router> {
    Ok(match role {
        Role::Users => {
            let users = roles.users()?;
            remote::users::service(users.clone())
        }
        Role::Products => {
            let products = roles.products()?;
            remote::products::service(products.clone())
        }
        _ => Router::new(),
    })
}
