//! Who asks, for which request, until when. Every op and every contract call takes one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::failure::Failure;

/// What a token allows. Customers hold [`Scope::Customer`]; staff hold the others by their role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Own profile, addresses, carts and orders.
    #[serde(rename = "customer")]
    Customer,
    /// Find and read any user.
    #[serde(rename = "users:read")]
    ReadUsers,
    /// Suspend users.
    #[serde(rename = "users:write")]
    WriteUsers,
    /// Read products that are not active, stock by location, imports and exports.
    #[serde(rename = "products:read")]
    ReadProducts,
    /// Change products, prices, categories, stock; import.
    #[serde(rename = "products:write")]
    WriteProducts,
    /// Read every order.
    #[serde(rename = "orders:read")]
    ReadOrders,
    /// Capture, fulfil, cancel, refund.
    #[serde(rename = "orders:write")]
    WriteOrders,
    /// Read webhook endpoints and their deliveries.
    #[serde(rename = "webhooks:read")]
    ReadWebhooks,
    /// Change webhook endpoints, send again.
    #[serde(rename = "webhooks:write")]
    WriteWebhooks,
}

impl Scope {
    /// Every scope, in the order of declaration.
    pub const ALL: [Scope; 9] = [
        Scope::Customer,
        Scope::ReadUsers,
        Scope::WriteUsers,
        Scope::ReadProducts,
        Scope::WriteProducts,
        Scope::ReadOrders,
        Scope::WriteOrders,
        Scope::ReadWebhooks,
        Scope::WriteWebhooks,
    ];

    /// The name in a token and in the documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Customer => "customer",
            Scope::ReadUsers => "users:read",
            Scope::WriteUsers => "users:write",
            Scope::ReadProducts => "products:read",
            Scope::WriteProducts => "products:write",
            Scope::ReadOrders => "orders:read",
            Scope::WriteOrders => "orders:write",
            Scope::ReadWebhooks => "webhooks:read",
            Scope::WriteWebhooks => "webhooks:write",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u16);

impl Scopes {
    /// All scopes that staff can hold, and a customer's.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is in the set.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// Parses the space-separated form of a token's `scope` claim. Unknown names are left out: they allow nothing.
    pub fn parse(text: &str) -> Self {
        text.split(' ').filter_map(|name| Scope::ALL.into_iter().find(|scope| scope.as_str() == name)).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Scopes(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u16))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Scope::ALL.into_iter().filter(|s| self.has(*s)).map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

/// Who acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    /// A signed-in user, customer or staff, with what the token allows.
    User {
        /// The user's id.
        id: Uuid,
        /// The session (refresh family) that the token came from.
        session: Uuid,
        /// What the token allows.
        scopes: Scopes,
    },
    /// The system itself: a job, a consumer, the command line.
    System(&'static str),
}

/// The key by which a client marks repeats of one request: 16 to 255 visible ASCII characters.
///
/// The lower bound is ours: short keys such as `1` would collide between guests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// Parses a header value. Error: 400 `INVALID_IDEMPOTENCY_KEY`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let fits = (16..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if fits {
            return Ok(Self(text.into()));
        }
        let message = "Idempotency-Key takes 16 to 255 visible ASCII characters, such as a UUID";
        Err(Failure::new(crate::ErrorKind::Malformed, "INVALID_IDEMPOTENCY_KEY", message))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What travels with every call.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who acts.
    pub actor: Actor,
    /// The request's id, in logs, answers and traces.
    pub request_id: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Instant,
    /// The client's mark for repeats.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl Context {
    /// A context for the system's own work, which has `budget` to finish.
    pub fn system(name: &'static str, budget: Duration) -> Self {
        Self {
            actor: Actor::System(name),
            request_id: Uuid::now_v7().to_string().into(),
            deadline: Instant::now() + budget,
            idempotency_key: None,
        }
    }

    /// The signed-in user's id, if any.
    pub fn user_id(&self) -> Option<Uuid> {
        match self.actor {
            Actor::User { id, .. } => Some(id),
            Actor::Anonymous | Actor::System(_) => None,
        }
    }

    /// Whether the actor holds `scope`. The system holds every scope.
    pub fn has_scope(&self, scope: Scope) -> bool {
        match self.actor {
            Actor::User { scopes, .. } => scopes.has(scope),
            Actor::System(_) => true,
            Actor::Anonymous => false,
        }
    }

    /// How long the caller still waits.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
