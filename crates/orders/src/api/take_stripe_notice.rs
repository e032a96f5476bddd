//! `POST /api/v1/payment-webhooks/stripe`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use runtime::http::extract::body_failure;
use runtime::http::{ApiError, Policy, Rate, route};

use crate::{Orders, ops};

/// Most bytes of an event.
const LIMIT_BYTES: usize = 512 * 1024;
/// What Stripe signs with.
const SIGNATURE: &str = "stripe-signature";

/// What the edge must know of this operation. Stripe sends from few addresses, so it counts as reading, which may be done
/// more often.
pub fn policy() -> Policy {
    let body = route::Body::Stream { limit_bytes: LIMIT_BYTES, content_types: &["application/json"] };
    Policy::public().rate(Rate::Read).body(body)
}

/// Take an event of Stripe's. Set this address as a webhook endpoint at Stripe; nobody else has a use for it. What the
/// event tells is kept and seen to afterwards, once however often it comes.
#[utoipa::path(
    post,
    path = "/api/v1/payment-webhooks/stripe",
    operation_id = "take_stripe_notice",
    tag = "payments",
    params(("Stripe-Signature" = Option<String>, Header, description = "`t=<unix time>,v1=<HMAC-SHA-256>`")),
    request_body(
        description = "An event as Stripe writes it",
        content((String = "application/json", example = "{\"id\":\"evt_1\",\"type\":\"charge.refunded\",\"data\":{\"object\":{}}}"))
    ),
    responses((status = 204, description = "Taken, or of no concern"))
)]
pub async fn take_stripe_notice(
    State(orders): State<Arc<Orders>>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, ApiError> {
    // The signature is over the bytes as they came.
    let body = body.collect().await.map_err(|error| body_failure(&error))?.to_bytes();
    let signed = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ops::take_payment_notice(&orders, signed, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}
