//! A role's operations, said once: router, route table and OpenAPI paths all come from here.

use std::sync::Arc;

use axum::Router;
use axum::routing::MethodRouter;
use crypto::TokenVerifier;
use http::Method;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ComponentsBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::UtoipaMethodRouter;

use super::guard::{self, Guard};
use super::route::{Policy, Role, Route};

/// The operations of a role over its state `S`.
pub struct Routes<S> {
    role: Role,
    entries: Vec<(Arc<Route>, MethodRouter<S>)>,
    openapi: OpenApi,
}

/// A role's public surface, ready to be called.
#[derive(Clone)]
pub struct RoleApi {
    /// The role.
    pub role: Role,
    /// Its operations.
    pub routes: Vec<Arc<Route>>,
    /// Its router, with the guard around every operation.
    pub router: Router,
    /// Paths and schemas of its operations; the gateway adds what is common to all.
    pub openapi: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No operations yet.
    pub fn new(role: Role) -> Self {
        let openapi = OpenApiBuilder::new().components(Some(ComponentsBuilder::new().build())).build();
        Self { role, entries: Vec::new(), openapi }
    }

    /// Adds the operation that `routes!(handler)` names. Path, method and name come from its `#[utoipa::path]`.
    ///
    /// # Panics
    /// When the handler's document has no operation id or more than one method: a mistake in the source, seen at every start.
    #[must_use]
    pub fn add(mut self, (schemas, paths, handler): UtoipaMethodRouter<S>, policy: Policy) -> Self {
        for (path, item) in &paths.paths {
            let mut operations = operations(item);
            let (Some((method, operation)), None) = (operations.next(), operations.next()) else {
                panic!("{path}: one operation a handler");
            };
            let Some(name) = operation.operation_id.clone() else { panic!("{path}: an operation needs an id") };
            let takes_body = operation.request_body.is_some();
            let route = Route::new(self.role, name, method, path.clone(), takes_body, policy);
            self.entries.push((Arc::new(route), handler.clone()));
        }
        let components = ComponentsBuilder::new().schemas_from_iter(schemas).build();
        self.openapi.merge(OpenApiBuilder::new().paths(paths).components(Some(components)).build());
        self
    }

    /// The route table.
    pub fn table(&self) -> Vec<Arc<Route>> {
        self.entries.iter().map(|(route, _)| Arc::clone(route)).collect()
    }

    /// Paths and schemas.
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    /// The router over `state`: every operation behind its guard.
    pub fn build(self, state: S, verifier: &TokenVerifier) -> RoleApi {
        let routes = self.table();
        let mut router = Router::new();
        for (route, handler) in self.entries {
            let guard = Arc::new(Guard::new(verifier.clone(), Arc::clone(&route)));
            let guarded = handler.route_layer(axum::middleware::from_fn_with_state(guard, guard::check));
            router = router.route(&route.path, guarded);
        }
        RoleApi { role: self.role, routes, router: router.with_state(state), openapi: self.openapi }
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    let methods = [
        (Method::GET, &item.get),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| operation.as_ref().map(|o| (method, o)))
}
