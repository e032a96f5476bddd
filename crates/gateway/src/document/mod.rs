//! The OpenAPI document of all roles together.
//!
//! A handler says what only it can know: parameters, bodies, its own answers. What follows from the route table is
//! added here, the same for all: who may call, the failures that the layers can give, headers, the idempotency key.

mod answers;
mod links;
mod parameters;
mod schemas;

use std::sync::Arc;

use kernel::Scope;
use runtime::http::reply::FailureBody;
use runtime::http::{Access, Route};
use serde_json::{Value, json};
use utoipa::openapi::{ComponentsBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::operations;

/// What a token of staff can allow.
const STAFF: [Scope; 6] = [
    Scope::ReadUsers,
    Scope::WriteUsers,
    Scope::ReadProducts,
    Scope::WriteProducts,
    Scope::ReadOrders,
    Scope::WriteOrders,
];

/// The document of the edge and of `roles`, each with its routes and the paths and schemas of its handlers.
pub fn assemble(roles: impl IntoIterator<Item = (Vec<Arc<Route>>, OpenApi)>) -> Value {
    let own = operations::routes();
    let mut all = OpenApiBuilder::new().components(Some(ComponentsBuilder::new().build())).build();
    let mut routes = Vec::new();
    for (table, openapi) in std::iter::once((own.table(), own.openapi().clone())).chain(roles) {
        all.merge(openapi);
        routes.extend(table);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(),
        "servers": [{"url": "/", "description": "This server, in production as in development", "x-internal": false}],
        "tags": tags(),
        "paths": all.paths,
        "components": all.components,
    });
    let components = &mut document["components"];
    for (name, schema) in failure_schemas() {
        components["schemas"][name] = schema;
    }
    components["responses"] = answers::components();
    components["headers"] = answers::headers();
    components["parameters"] = parameters::components();
    components["securitySchemes"] =
        json!({"access_token": security_scheme(&[Scope::Customer]), "staff_access_token": security_scheme(&STAFF)});
    for route in &routes {
        let operation = &mut document["paths"][&route.path][route.method.as_str().to_ascii_lowercase()];
        complete(operation, route);
    }
    links::add(&mut document);
    schemas::bound(&mut document);
    schemas::prune(&mut document);
    document
}

/// The document as it is served and checked in.
pub fn print(document: &Value) -> String {
    // Strings and maps with string keys can always be written.
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    text + "\n"
}

/// Adds to an operation what follows from its route.
fn complete(operation: &mut Value, route: &Route) {
    operation["x-role"] = json!(route.role);
    operation["x-rate-class"] = json!(route.rate);
    operation["security"] = match route.access {
        Access::Public => json!([]),
        Access::Optional => json!([{}, {"access_token": []}]),
        Access::Scope(Scope::Customer) => json!([{"access_token": []}]),
        Access::Scope(_) => json!([{"staff_access_token": []}]),
    };
    let described = operation["description"].as_str().or(operation["summary"].as_str()).unwrap_or_default();
    operation["description"] = match route.access {
        Access::Scope(scope) => json!(format!("{described}\n\nNeeds the scope `{}`.", scope.as_str())),
        Access::Public | Access::Optional => json!(described),
    };
    if let Access::Scope(scope) = route.access {
        operation["x-required-scope"] = json!(scope);
    }
    parameters::complete(operation, route);
    answers::complete(operation, route);
}

fn failure_schemas() -> Vec<(String, Value)> {
    let mut schemas = vec![(FailureBody::name().into_owned(), FailureBody::schema())];
    FailureBody::schemas(&mut schemas);
    schemas.into_iter().map(|(name, schema)| (name, json!(schema))).collect()
}

fn info() -> Value {
    json!({
        "title": "Tradepost",
        "summary": "A headless commerce backend",
        "description": "Accounts, catalog, carts, orders and payments of a shop.\n\nAn answer is \
            `{\"data\": …, \"meta\": …}`, a failure `{\"error\", \"code\", \"request_id\", \"details\"}`. Codes never \
            change their meaning. The catalog is served by GraphQL; its own page is at `/graphql`.",
        "version": "1",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "contact": {"name": "Tradepost"},
    })
}

fn tags() -> Value {
    json!([
        {"name": "auth", "description": "Signing up, in and out."},
        {"name": "users", "description": "Accounts, profiles and addresses."},
        {"name": "products", "description": "The catalog, by GraphQL; import and export of products."},
        {"name": "carts", "description": "From the first line item to a placed order."},
        {"name": "orders", "description": "A customer's placed orders."},
        {"name": "admin", "description": "What staff does with orders."},
        {"name": "webhooks", "description": "Endpoints that are told of events, and what was sent to them."},
        {"name": "operations", "description": "The backend itself."},
    ])
}

/// Tokens of customers and of staff are made alike, and tell themselves apart by what they allow.
fn security_scheme(scopes: &[Scope]) -> Value {
    let scopes: Vec<_> = scopes.iter().map(|scope| format!("`{}`", scope.as_str())).collect();
    json!({
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": format!(
            "The access token of a login: signed with ES256, good for 15 minutes (RFC8725, RFC9068). It has the scope {}.",
            scopes.join(" or ")
        ),
    })
}
