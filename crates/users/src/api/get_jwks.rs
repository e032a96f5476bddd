//! `GET /.well-known/jwks.json`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header;
use utoipa::ToSchema;

use crate::Users;

/// The public keys that access tokens can be checked with (RFC 7517).
#[derive(ToSchema)]
pub struct JwkSet {
    /// The keys, the active one first.
    #[schema(max_items = 100)]
    pub keys: Vec<Jwk>,
}

/// A public key on the curve P-256.
#[derive(ToSchema)]
pub struct Jwk {
    /// Key type.
    #[schema(pattern = "^EC$", max_length = 2)]
    pub kty: String,
    /// Curve.
    #[schema(pattern = "^P-256$", max_length = 5)]
    pub crv: String,
    /// Coordinate.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", max_length = 43)]
    pub x: String,
    /// Coordinate.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", max_length = 43)]
    pub y: String,
    /// The id that tokens name.
    #[schema(pattern = "^[A-Za-z0-9_-]+$", max_length = 64)]
    pub kid: String,
    /// Algorithm.
    #[schema(pattern = "^ES256$", max_length = 5)]
    pub alg: String,
    /// Use.
    #[schema(pattern = "^sig$", max_length = 3)]
    pub r#use: String,
}

/// The public keys that access tokens can be checked with.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "get_jwks",
    tag = "auth",
    responses((status = 200, description = "The key set", body = JwkSet))
)]
pub async fn get_jwks(State(users): State<Arc<Users>>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(users.signer.jwks().clone()))
}
