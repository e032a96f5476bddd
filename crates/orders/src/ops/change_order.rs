//! How every change of an order by staff goes: the request becomes an event under the order's lock, then what it asks of
//! providers and stock is done.

use kernel::Context;
use messaging::Once;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Orders;
use crate::domain::order::Order;
use crate::domain::order_event::OrderEvent;
use crate::domain::order_rules::Outstanding;
use crate::error::Error;
use crate::process::settle::settle;
use crate::store;

/// What is kept of the first request.
#[derive(Serialize, Deserialize)]
struct Asked {
    /// The refund or fulfilment that it made.
    id: Uuid,
    /// The order's version with it.
    version: i64,
}

/// A change of an order.
pub(super) struct Change<'a, C> {
    /// Its name.
    pub operation: &'static str,
    /// The order.
    pub order_id: Uuid,
    /// The version that the caller has seen, if it says.
    pub seen_version: Option<i64>,
    /// What was asked for.
    pub command: &'a C,
}

/// Changes an order by what `decide` makes of it, with a new id for what it adds; does the outstanding steps that are
/// `mine`; gives the order as it was when the change was `over`.
pub(super) async fn change_order<C: Serialize>(
    orders: &Orders,
    context: &Context,
    change: Change<'_, C>,
    decide: impl Fn(&Order, Uuid) -> Result<Vec<OrderEvent>, Error>,
    mine: impl Fn(&Outstanding, Uuid) -> bool,
    over: impl Fn(&Order, Uuid) -> bool,
) -> Result<(Order, Uuid), Error> {
    let Change { operation, order_id, seen_version, command } = change;
    let asked = match orders.idempotency.begin::<Asked>(context, operation, command).await? {
        Once::Replay(asked) => asked,
        Once::First(mut first) => {
            let (order, at) = store::orders::lock(first.conn(), order_id).await?;
            runtime::http::IfMatch(seen_version).check(order.version)?;
            let id = kernel::id::new_id();
            let events = decide(&order, id)?;
            let after = store::orders::append(first.conn(), &order, events, at).await?;
            let asked = Asked { id, version: after.version };
            first.finish(&asked).await?;
            asked
        }
    };
    settle(orders, context, order_id, |step| mine(step, asked.id)).await?;
    let ended = |order: &Order| order.version >= asked.version && over(order, asked.id);
    let order = store::orders::find_until(&mut *orders.db.primary().acquire().await?, order_id, ended).await?;
    Ok((order.ok_or(Error::OrderNotFound)?, asked.id))
}
