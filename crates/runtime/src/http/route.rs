//! What the edge must know of an operation, as data.

use std::time::Duration;

use http::Method;
use kernel::{Scope, Scopes};
use serde::Serialize;

/// Body limit of an operation that takes JSON, unless its policy says otherwise.
const JSON_LIMIT_BYTES: usize = 64 * 1024;
/// Time an operation may take, unless its policy says otherwise.
const DEADLINE: Duration = Duration::from_secs(15);

/// A part of the backend that can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The edge.
    Gateway,
    /// Accounts.
    Users,
    /// Catalog and stock.
    Products,
    /// Carts, orders, payments.
    Orders,
    /// Merchants' endpoints and deliveries to them.
    Webhooks,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Gateway, Role::Users, Role::Products, Role::Orders, Role::Webhooks];

    /// The name in commands, metrics and database names.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Gateway => "gateway",
            Role::Users => "users",
            Role::Products => "products",
            Role::Orders => "orders",
            Role::Webhooks => "webhooks",
        }
    }
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone; a token is not looked at.
    Public,
    /// Anyone; a token, when there is one, must be good and says who calls.
    Optional,
    /// Whoever holds the scope.
    Scope(Scope),
}

impl Access {
    /// Whether someone with `scopes` may call.
    pub fn allows(self, scopes: Scopes) -> bool {
        match self {
            Access::Public | Access::Optional => true,
            Access::Scope(scope) => scopes.has(scope),
        }
    }
}

/// Which rate limit an operation counts against. The limits themselves are the gateway's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Cheap reads.
    Read,
    /// Changes.
    Write,
    /// Logins and the like, where an attacker would guess.
    Credentials,
    /// Bulk uploads and downloads.
    Bulk,
}

/// What an operation takes as its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    None,
    /// One JSON document, read whole.
    Json {
        /// Most bytes.
        limit_bytes: usize,
    },
    /// A stream that the handler reads piece by piece.
    Stream {
        /// Most bytes.
        limit_bytes: usize,
        /// Media types taken.
        content_types: &'static [&'static str],
    },
}

/// What a role declares of an operation, beside its handler.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub(crate) access: Access,
    pub(crate) rate: Option<Rate>,
    pub(crate) body: Option<Body>,
    pub(crate) deadline: Duration,
    pub(crate) graphql: bool,
}

impl Policy {
    fn new(access: Access) -> Self {
        Self { access, rate: None, body: None, deadline: DEADLINE, graphql: false }
    }

    /// Anyone may call; a token is not looked at.
    pub fn public() -> Self {
        Self::new(Access::Public)
    }

    /// Anyone may call; a token says who.
    pub fn optional() -> Self {
        Self::new(Access::Optional)
    }

    /// Any signed-in user may call.
    pub fn customer() -> Self {
        Self::new(Access::Scope(Scope::Customer))
    }

    /// Whoever holds `scope` may call.
    pub fn scope(scope: Scope) -> Self {
        Self::new(Access::Scope(scope))
    }

    /// Counts against `rate` rather than against reads or writes by method.
    #[must_use]
    pub fn rate(self, rate: Rate) -> Self {
        Self { rate: Some(rate), ..self }
    }

    /// Takes `body` rather than JSON of at most 64 KiB.
    #[must_use]
    pub fn body(self, body: Body) -> Self {
        Self { body: Some(body), ..self }
    }

    /// May take `deadline` rather than 15 seconds.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Speaks GraphQL: what the request does is said in its document, not by its method.
    #[must_use]
    pub fn graphql(self) -> Self {
        Self { graphql: true, ..self }
    }
}

/// One operation in the route table.
#[derive(Clone, Debug)]
pub struct Route {
    /// The role that owns it.
    pub role: Role,
    /// Its name everywhere: file, handler, operation id, metric, span.
    pub operation: String,
    /// Method.
    pub method: Method,
    /// Path with `{parameters}`.
    pub path: String,
    /// Who may call.
    pub access: Access,
    /// Which rate limit it counts against.
    pub rate: Rate,
    /// What it takes as body.
    pub body: Body,
    /// Time it may take.
    pub deadline: Duration,
    /// It speaks GraphQL: a POST of a query only reads.
    pub graphql: bool,
}

impl Route {
    /// The table's row for an operation. A request body exists where the method changes something and the document says so.
    pub(crate) fn new(
        role: Role,
        operation: String,
        method: Method,
        path: String,
        takes_body: bool,
        policy: Policy,
    ) -> Self {
        let default_rate = if method.is_safe() { Rate::Read } else { Rate::Write };
        let default_body = if takes_body { Body::Json { limit_bytes: JSON_LIMIT_BYTES } } else { Body::None };
        Self {
            role,
            operation,
            method,
            path,
            access: policy.access,
            rate: policy.rate.unwrap_or(default_rate),
            body: policy.body.unwrap_or(default_body),
            deadline: policy.deadline,
            graphql: policy.graphql,
        }
    }
}
