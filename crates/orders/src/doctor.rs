//! What is wrong with a live shop, as far as orders know.

use std::collections::{HashMap, HashSet};

use contracts::products::ReservationState;
use kernel::Context;
use uuid::Uuid;

use crate::Orders;
use crate::error::Error;
use crate::store;

/// Orders in one look.
const BATCH: u32 = 500;
/// Broken rows listed at the most.
const LIMIT: i64 = 1_000;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Short name of the rule that is broken.
    pub rule: String,
    /// The order or cart concerned.
    pub id: Uuid,
}

/// Everything that is wrong. Orders that are under way while it looks are no findings.
pub async fn find_violations(orders: &Orders, context: &Context) -> Result<Vec<Finding>, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let broken = store::health::violations(&mut conn, LIMIT).await?;
    drop(conn);
    let mut found: Vec<Finding> = broken.into_iter().map(|v| Finding { rule: v.rule, id: v.id }).collect();
    found.extend(differing_projections(orders).await?);
    found.extend(stock_held_for_nothing(orders, context).await?);
    found.extend(orders_without_stock(orders, context).await?);
    Ok(found)
}

/// Orders whose rows differ from their log.
async fn differing_projections(orders: &Orders) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let batch = store::order_list::logged(&mut conn, after, i64::from(BATCH)).await?;
        let Some(last) = batch.last() else { return Ok(found) };
        after = *last;
        for id in batch {
            // An order may change between the two reads: what differs is looked at again.
            if !store::orders::is_as_logged(&mut conn, id).await? && !store::orders::is_as_logged(&mut conn, id).await?
            {
                found.push(finding("projection_differs_from_log", id));
            }
        }
    }
}

/// Reservations of orders that are cancelled or don't exist.
async fn stock_held_for_nothing(orders: &Orders, context: &Context) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let held = orders.products.reserved_orders(context, after, BATCH).await?;
        let Some((last, _)) = held.last() else { return Ok(found) };
        after = Some(*last);
        let ids: Vec<Uuid> = held.iter().map(|(id, _)| *id).collect();
        let mut conn = orders.db.primary().acquire().await?;
        let entitled = store::order_list::entitled_to_stock(&mut conn, &ids).await?;
        drop(conn);
        let entitled: HashSet<Uuid> = entitled.into_iter().collect();
        let suspects: Vec<Uuid> = ids.into_iter().filter(|id| !entitled.contains(id)).collect();
        // Released meanwhile, perhaps.
        let still = orders.products.reservations(context, suspects).await?;
        let holding = still.into_iter().filter(|(_, state)| *state != ReservationState::Released);
        found.extend(holding.map(|(id, _)| finding("stock_held_for_no_order", id)));
    }
}

/// Placed orders whose stock is not committed.
async fn orders_without_stock(orders: &Orders, context: &Context) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let placed = store::order_list::placed(&mut conn, after, i64::from(BATCH)).await?;
        drop(conn);
        let Some(last) = placed.last() else { return Ok(found) };
        after = *last;
        let states = orders.products.reservations(context, placed.clone()).await?;
        let states: HashMap<Uuid, ReservationState> = states.into_iter().collect();
        let bare: Vec<Uuid> =
            placed.into_iter().filter(|id| states.get(id) != Some(&ReservationState::Committed)).collect();
        // Cancelled meanwhile, perhaps.
        let mut conn = orders.db.primary().acquire().await?;
        for id in bare {
            let order = store::orders::find(&mut conn, id).await?;
            if order.is_some_and(|order| matches!(order.state.as_str(), "placed" | "fulfilled")) {
                found.push(finding("order_without_stock", id));
            }
        }
    }
}

fn finding(rule: &str, id: Uuid) -> Finding {
    Finding { rule: rule.to_owned(), id }
}
