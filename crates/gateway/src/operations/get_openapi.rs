//! `GET /api/v1/openapi.json`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use super::Edge;

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "get_openapi", tag = "operations",
    responses((status = 200, description = "The OpenAPI document of the whole API.", body = Object)))]
pub async fn get_openapi(State(edge): State<Arc<Edge>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], edge.document.clone()).into_response()
}
