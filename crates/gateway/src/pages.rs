//! Pages that show the API: a first page, the OpenAPI document at `/docs`, a GraphQL page at `/graphql`, the stream at
//! `/live-orders`. All that they load comes from the binary.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use rust_embed::Embed;

/// Scripts come from here alone and none stands in a page. The two tools set styles in their elements, and carry small
/// images and fonts in their style sheets.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A new release brings new files under the same names.
const CACHE: &str = "public, max-age=300";
/// The client that the guide shows is the one that the page runs.
const STREAM_CLIENT: &[u8] = include_bytes!("../../../docs/examples/stream.mjs");

#[derive(Embed)]
#[folder = "../../web"]
struct Files;

/// The pages. They are not part of the API: not in the route table, and without a version.
pub fn router() -> Router {
    Router::new()
        .route("/", get(|| async { file("index.html") }))
        .route("/docs", get(|| async { file("docs.html") }))
        .route("/graphql", get(|| async { file("graphql.html") }))
        .route("/live-orders", get(|| async { file("live-orders.html") }))
        .route("/web/stream.mjs", get(|| async { page("text/javascript", STREAM_CLIENT.into()) }))
        .route("/web/swagger-ui/{name}", get(|Path(name): Path<String>| async move { swagger_ui(&name) }))
        .route("/web/{*path}", get(|Path(path): Path<String>| async move { file(&path) }))
}

fn file(path: &str) -> Response {
    match Files::get(path) {
        Some(file) => page(file.metadata.mimetype(), file.data),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of Swagger UI.
fn swagger_ui(name: &str) -> Response {
    match utoipa_swagger_ui::serve(name, Arc::new(utoipa_swagger_ui::Config::default())) {
        Ok(Some(file)) => page(&file.content_type, file.bytes),
        Ok(None) | Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn page(content_type: &str, body: Cow<'static, [u8]>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, content_type), (header::CONTENT_SECURITY_POLICY, CSP), (header::CACHE_CONTROL, CACHE)];
    (headers, body).into_response()
}
