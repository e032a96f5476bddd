//! HTTP as all roles speak it.
//!
//! | module | holds |
//! |---|---|
//! | [`route`] | what the edge must know of an operation: [`Route`], declared beside the handler as a [`Policy`] |
//! | [`routes`] | [`Routes`]: a role's operations, from which its router, route table and OpenAPI paths are made |
//! | [`entry`] | the outermost layer: request id, deadline, one form for every failure |
//! | [`guard`] | the layer around each operation: token, scope, content type, size, deadline, metrics |
//! | [`extract`] | what handlers take: [`Caller`], [`Json`], [`Query`], [`PathParam`], [`IfMatch`] |
//! | [`reply`] | what handlers give: [`Reply`], [`ApiError`] |
//! | [`serve`] | the listeners: the edge's and the one between roles |

pub mod entry;
pub mod extract;
pub mod guard;
pub mod reply;
pub mod route;
pub mod routes;
pub mod serve;

pub use extract::{Caller, IfMatch, Json, PathParam, Query};
pub use reply::{ApiError, Data, Meta, PageMeta, Reply};
pub use route::{Access, Body, Policy, Rate, Role, Route};
pub use routes::{RoleApi, Routes};
pub use utoipa_axum::routes;
