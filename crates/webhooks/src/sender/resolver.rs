//! Looks names up for the client. The address that comes out here is the one that is connected to, so a name that leads
//! elsewhere on a second look gains nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use thiserror::Error;

use crate::domain::networks::AllowedAddresses;

/// Finds the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's own way to find addresses.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) }))
}

/// A name has no address that may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the name leads to addresses that may not be called")]
pub struct AddressNotAllowed;

/// A lookup without addresses that may not be called.
pub(super) struct GuardedResolver {
    pub(super) lookup: Lookup,
    pub(super) allowed: AllowedAddresses,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (found, allowed) = ((self.lookup)(name.as_str().to_owned()), self.allowed.clone());
        Box::pin(async move {
            let found = found.await?;
            let (any, open): (bool, Vec<_>) =
                (!found.is_empty(), found.into_iter().filter(|address| allowed.allow(address.ip())).collect());
            if any && open.is_empty() {
                return Err(AddressNotAllowed.into());
            }
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}
