//! The public surface.

pub mod create_product_import;
pub mod export_products;
pub mod get_product_import;
pub mod graphql;
pub mod product_import;

use std::sync::Arc;

use kernel::Scope;
use runtime::http::{Body, Policy, Rate, Role, Routes, routes};

use crate::Products;

/// Most bytes of a GraphQL request.
const GRAPHQL_LIMIT_BYTES: usize = 64 * 1024;

/// The role's operations.
pub fn routes() -> Routes<Arc<Products>> {
    // Most requests by POST only read; what a mutation may do is decided in the operation.
    let graphql = Policy::optional().rate(Rate::Read).graphql();
    Routes::new(Role::Products)
        .add(routes!(graphql::http::graphql), graphql.body(Body::Json { limit_bytes: GRAPHQL_LIMIT_BYTES }))
        .add(routes!(graphql::http::graphql_query), graphql)
        .add(routes!(create_product_import::create_product_import), create_product_import::policy())
        .add(routes!(get_product_import::get_product_import), Policy::scope(Scope::ReadProducts))
        .add(routes!(export_products::export_products), Policy::scope(Scope::ReadProducts).rate(Rate::Bulk))
}
