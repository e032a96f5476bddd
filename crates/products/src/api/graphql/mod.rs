//! GraphQL.
//!
//! | module | holds |
//! |---|---|
//! | [`http`] | GraphQL over HTTP: media types, status codes, the cache in front |
//! | `limits` | how large a document may be, before it is validated |
//! | `query`, `mutation` | what can be asked and changed |
//! | `product`, `category`, `money`, `listing`, `payload` | the types |
//! | `batch` | loads what the products of a page have, with one statement for all of them |
//! | `errors` | failures as GraphQL says them |

mod batch;
mod category;
mod errors;
pub mod http;
mod inputs;
mod limits;
mod listing;
mod money;
mod mutation;
mod payload;
mod product;
mod query;

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions};
use kernel::{Context, IdempotencyKey};
use pg::Server;

use crate::Products;
use crate::cache::{Sources, Tag};
use crate::config::GraphqlConfig;

/// The schema.
pub(crate) type Schema = async_graphql::Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// The schema with its limits.
pub(crate) fn schema(config: &GraphqlConfig) -> Schema {
    Schema::build(query::Query, mutation::Mutation, EmptySubscription)
        .limit_depth(config.max_depth)
        .limit_complexity(config.max_cost)
        .limit_directives(5)
        .finish()
}

/// The schema in its definition language, as it is checked in.
pub fn sdl() -> String {
    schema(&GraphqlConfig::default()).sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments())
}

/// What a request's resolvers know of it.
struct Ask {
    products: Arc<Products>,
    /// Where its reads go, all of them.
    server: Server,
    context: Context,
    sources: Arc<Sources>,
}

impl Ask {
    /// The request's, from the resolver's context.
    fn of<'a>(ctx: &async_graphql::Context<'a>) -> &'a Self {
        // `http` puts one into every request.
        ctx.data_unchecked()
    }

    /// The answer depends on these.
    fn note(&self, tags: impl IntoIterator<Item = Tag>) {
        self.sources.note(tags);
    }

    /// The context of one mutation of the request: each counts as a request of its own, under its name in the answer.
    fn context_of(&self, ctx: &async_graphql::Context<'_>) -> async_graphql::Result<Context> {
        let Some(key) = &self.context.idempotency_key else { return Ok(self.context.clone()) };
        let name = ctx.item.node.response_key().node.as_str();
        let key = IdempotencyKey::parse(&format!("{}/{name}", key.as_str())).map_err(errors::error)?;
        Ok(Context { idempotency_key: Some(key), ..self.context.clone() })
    }
}
