//! `GET /api/v1/orders`

use std::sync::Arc;

use axum::extract::State;
use kernel::PageRequest;
use runtime::http::{ApiError, Caller, Data, Query, Reply};
use serde::Deserialize;
use utoipa::IntoParams;

use super::summary::OrderSummaryView;
use crate::{Orders, ops};

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListOrdersQuery {
    /// Orders on the page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Where the page starts, as the page before said.
    #[param(max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    cursor: Option<String>,
}

/// List the caller's orders, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    operation_id = "list_orders",
    tag = "orders",
    params(ListOrdersQuery),
    responses((status = 200, description = "A page of orders", body = Data<Vec<OrderSummaryView>>))
)]
pub async fn list_orders(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    Query(query): Query<ListOrdersQuery>,
) -> Result<Reply<Vec<OrderSummaryView>>, ApiError> {
    let request = PageRequest::parse("orders", query.limit, query.cursor.as_deref())?;
    let page = ops::list_orders(&orders, &context, request).await?;
    Ok(Reply::ok(page.items.into_iter().map(OrderSummaryView::from).collect()).page(page.next))
}
