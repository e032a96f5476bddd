//! `GET /api/v1/admin/orders`

use std::sync::Arc;

use axum::extract::State;
use kernel::{Failure, PageRequest};
use runtime::http::{ApiError, Data, Query, Reply};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::summary::OrderSummaryView;
use crate::view::fields::ORDER_STATES;
use crate::{Orders, ops};

/// Which orders, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAdminOrdersQuery {
    /// Orders in this state only.
    #[param(schema_with = crate::view::fields::order_state, required = false)]
    state: Option<String>,
    /// Orders of this user only.
    user_id: Option<Uuid>,
    /// Orders on the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Where the page starts, as the page before said.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    cursor: Option<String>,
}

/// List all orders, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/admin/orders",
    operation_id = "list_admin_orders",
    tag = "admin",
    params(ListAdminOrdersQuery),
    responses((status = 200, description = "A page of orders", body = Data<Vec<OrderSummaryView>>))
)]
pub async fn list_admin_orders(
    State(orders): State<Arc<Orders>>,
    Query(query): Query<ListAdminOrdersQuery>,
) -> Result<Reply<Vec<OrderSummaryView>>, ApiError> {
    let request = PageRequest::parse("admin_orders", query.limit, query.cursor.as_deref())?;
    let known = |state: &String| ORDER_STATES.contains(&state.as_str());
    if query.state.as_ref().is_some_and(|state| !known(state)) {
        let message = format!("state takes one of {}", ORDER_STATES.join(", "));
        return Err(Failure::invalid_field("state", "INVALID_VALUE", message).into());
    }
    let filter = ops::OrderFilter { state: query.state, user_id: query.user_id };
    let page = ops::list_admin_orders(&orders, filter, request).await?;
    Ok(Reply::ok(page.items.into_iter().map(OrderSummaryView::from).collect()).page(page.next))
}
