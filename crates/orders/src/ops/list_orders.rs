//! Lists orders, newest first.

use kernel::{Context, Page, PageRequest};

pub use crate::store::order_list::{OrderFilter, OrderSummary};

use crate::Orders;
use crate::error::Error;
use crate::store;

/// A page of the caller's own orders that were placed.
pub async fn list_orders(
    orders: &Orders,
    context: &Context,
    page: PageRequest<i64>,
) -> Result<Page<OrderSummary>, Error> {
    let Some(user_id) = context.user_id() else { return Ok(Page { items: Vec::new(), next: None }) };
    let mut conn = orders.db.primary().acquire().await?;
    let rows = store::order_list::of_user_page(&mut conn, user_id, page.after, page.fetch()).await?;
    Ok(page.page("orders", rows, |order| order.number))
}

/// A page of all orders, for staff.
pub async fn list_admin_orders(
    orders: &Orders,
    filter: OrderFilter,
    page: PageRequest<i64>,
) -> Result<Page<OrderSummary>, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let rows = store::order_list::page(&mut conn, &filter, page.after, page.fetch()).await?;
    Ok(page.page("admin_orders", rows, |order| order.number))
}
