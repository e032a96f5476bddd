//! `GET /api/v1/carts/{id}/shipping-options`

use std::sync::Arc;

use axum::extract::State;
use runtime::http::{ApiError, Caller, Data, PathParam, Reply};
use uuid::Uuid;

use crate::view::cart::ShippingOptionView;
use crate::{Orders, ops};

/// List the ways of shipping to the cart's address, cheapest first; none without an address.
#[utoipa::path(
    get,
    path = "/api/v1/carts/{id}/shipping-options",
    operation_id = "list_shipping_options",
    tag = "carts",
    params(("id" = Uuid, Path, description = "The cart")),
    responses((status = 200, description = "The ways of shipping", body = Data<Vec<ShippingOptionView>>))
)]
pub async fn list_shipping_options(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    PathParam(id): PathParam<Uuid>,
) -> Result<Reply<Vec<ShippingOptionView>>, ApiError> {
    Ok(Reply::ok(ops::list_shipping_options(&orders, &context, id).await?))
}
