//! `POST /api/v1/carts/{id}/payment-sessions`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, IfMatch, Json, PathParam, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view::cart::CartView;
use crate::view::fields;
use crate::{Orders, ops};

/// A payment provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatePaymentSessionRequest {
    /// Its key, such as `manual`.
    #[schema(schema_with = fields::key)]
    provider: String,
}

/// Prepare the payment over the cart's total. Completing the cart charges this amount or nothing.
#[utoipa::path(
    post,
    path = "/api/v1/carts/{id}/payment-sessions",
    operation_id = "create_payment_session",
    tag = "carts",
    params(
        ("id" = Uuid, Path, description = "The cart"),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on")
    ),
    request_body = CreatePaymentSessionRequest,
    responses((status = 200, description = "The cart with its payment session", body = Data<CartView>))
)]
pub async fn create_payment_session(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(cart_id): PathParam<Uuid>,
    IfMatch(seen_version): IfMatch,
    Json(CreatePaymentSessionRequest { provider }): Json<CreatePaymentSessionRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let command = ops::CreatePaymentSession { cart_id, seen_version, provider };
    let cart = ops::create_payment_session(&orders, &context, command).await?;
    let version = cart.version;
    Ok(Reply::ok(cart).etag(version))
}
