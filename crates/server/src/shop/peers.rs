//! The roles that run elsewhere, as those here reach them.

use anyhow::Context;
use contracts::event_log::EventLogClient;
use contracts::products::ProductsClient;
use contracts::remote::{Connector, Upstream};
use contracts::users::UsersClient;
use gateway::upstream::Credentials;
use kernel::Clock;
use runtime::http::Role;

use super::Here;
use crate::settings::Settings;

/// The way to the roles elsewhere.
pub(super) struct Peers<'a> {
    settings: &'a Settings,
    connector: Connector,
    credentials: Credentials,
}

impl<'a> Peers<'a> {
    /// The peers of a process with these roles; none when it runs all of them.
    pub(super) fn new(settings: &'a Settings, here: &Here, clock: &Clock) -> anyhow::Result<Option<Self>> {
        if here.is_whole() {
            return Ok(None);
        }
        let internal = &settings.internal;
        let connector = Connector::new(internal, &here.name(), clock.clone())?;
        let credentials = Credentials {
            signer: internal.signer(&here.name(), clock.clone()).context("internal.secret")?,
            tls: internal.tls.as_ref().map(runtime::internal::TlsFiles::client).transpose().context("internal.tls")?,
        };
        Ok(Some(Self { settings, connector, credentials }))
    }

    /// A role, by contract.
    fn contract(&self, role: Role) -> anyhow::Result<Upstream> {
        let addresses: Vec<String> = self.settings.upstreams.of(role).iter().map(ToString::to_string).collect();
        Ok(self.connector.upstream(role.as_str(), &addresses)?)
    }

    /// What users promises.
    pub(super) fn users(&self) -> anyhow::Result<UsersClient> {
        Ok(UsersClient::remote(self.contract(Role::Users)?))
    }

    /// What products promises.
    pub(super) fn products(&self) -> anyhow::Result<ProductsClient> {
        Ok(ProductsClient::remote(self.contract(Role::Products)?))
    }

    /// What every role promises that publishes events.
    pub(super) fn log(&self, role: Role) -> anyhow::Result<EventLogClient> {
        Ok(EventLogClient::remote(self.contract(role)?))
    }

    /// A role, by its public API.
    pub(super) fn upstream(&self, role: Role) -> std::sync::Arc<gateway::upstream::Upstream> {
        let addresses = self.settings.upstreams.of(role).to_vec();
        gateway::upstream::Upstream::new(role, addresses, &self.settings.gateway.upstream, self.credentials.clone())
    }
}
