//! What users promises: the contact data of a signed-in user, for checkout, and the keys by which the other roles check access tokens.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use crypto::Jwks;
use kernel::{Context, Failure};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::remote::{self, Upstream};
use crate::within_deadline;

/// How to reach a user. Personal data: keep it sealed wherever it is stored; its `Debug` shows the id alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The user.
    pub user_id: Uuid,
    /// Address for mail.
    pub email: String,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// The promise. Implemented by the users role.
#[async_trait]
pub trait Users: Send + Sync {
    /// The contact data of an active user. Failure: `USER_NOT_FOUND`.
    async fn contact(&self, context: &Context, user_id: Uuid) -> Result<Contact, Failure>;

    /// The public keys of access tokens.
    async fn jwks(&self, context: &Context) -> Result<Jwks, Failure>;
}

/// The client that callers hold.
#[derive(Clone)]
pub struct UsersClient(Arc<dyn Users>);

impl UsersClient {
    /// A client of the role in this process.
    pub fn local(role: Arc<dyn Users>) -> Self {
        Self(role)
    }

    /// A client of the role in other processes.
    pub fn remote(upstream: Upstream) -> Self {
        Self(Arc::new(remote::users::Remote(upstream)))
    }

    /// See [`Users::contact`].
    pub async fn contact(&self, context: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        within_deadline(context, self.0.contact(context, user_id)).await
    }

    /// See [`Users::jwks`].
    pub async fn jwks(&self, context: &Context) -> Result<Jwks, Failure> {
        within_deadline(context, self.0.jwks(context)).await
    }
}
