//! Shows an order.

use kernel::Context;
use uuid::Uuid;

use crate::Orders;
use crate::domain::contact::Contact;
use crate::domain::order::Order;
use crate::error::Error;
use crate::store;
use crate::view::order::OrderView;

/// One of the caller's own orders.
pub async fn get_order(orders: &Orders, context: &Context, order_id: Uuid) -> Result<OrderView, Error> {
    let order = own(orders, context, order_id).await?;
    show(orders, &order).await
}

/// Any order, for staff.
pub async fn get_admin_order(orders: &Orders, order_id: Uuid) -> Result<OrderView, Error> {
    let order = store::orders::find(&mut *orders.db.primary().acquire().await?, order_id).await?;
    show(orders, &order.ok_or(Error::OrderNotFound)?).await
}

/// An order that the caller placed. Those of others, and those that never were placed, are not found.
pub(super) async fn own(orders: &Orders, context: &Context, order_id: Uuid) -> Result<Order, Error> {
    let order = store::orders::find(&mut *orders.db.primary().acquire().await?, order_id).await?;
    let visible =
        |order: &Order| order.placed_at.is_some() && order.user_id.is_some() && order.user_id == context.user_id();
    order.filter(visible).ok_or(Error::OrderNotFound)
}

/// An order with its contact opened.
pub(super) async fn show(orders: &Orders, order: &Order) -> Result<OrderView, Error> {
    let contact = match &order.contact {
        None => Contact::default(),
        Some(sealed) => {
            let subject = order.created.subject;
            let key = store::data_keys::find(&mut *orders.db.primary().acquire().await?, subject).await?;
            orders.vault.open_order(order.id, subject, &key, sealed)?
        }
    };
    Ok(OrderView::new(order, contact))
}
