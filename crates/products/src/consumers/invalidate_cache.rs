//! Marks what an event of another process, or of this one, says has changed.

use std::sync::Arc;

use events::category::CategoryChanged;
use events::inventory::InventoryChanged;
use events::product::{ProductCreated, ProductDeleted, ProductUpdated};
use events::{Envelope, inventory, product};
use messaging::Transport;

use crate::cache::Tag;
use crate::{Products, ops};

/// The events that change what is kept.
const KINDS: &[&str] =
    &[ProductCreated::KIND, ProductUpdated::KIND, ProductDeleted::KIND, InventoryChanged::KIND, CategoryChanged::KIND];

/// Listens to the role's own events, in every process.
pub fn subscribe(products: &Arc<Products>, transport: &dyn Transport) {
    // Weak: the transport outlives the role and must not keep it.
    let products = Arc::downgrade(products);
    let handler = move |event: Arc<Envelope>| {
        if let Some(products) = products.upgrade() {
            mark(&products, &event);
        }
        Box::pin(std::future::ready(())) as futures_util::future::BoxFuture<'static, ()>
    };
    transport.subscribe_fanout(KINDS, Arc::new(handler));
}

fn mark(products: &Products, event: &Envelope) {
    match event.aggregate.as_str() {
        product::AGGREGATE => products.product_changed(event.aggregate_id),
        inventory::AGGREGATE => match event.payload::<InventoryChanged>() {
            Ok(level) => {
                let available = level.on_hand - level.reserved;
                products.changes.mark(ops::stock_tags(level.product_id, available));
            }
            Err(error) => tracing::error!(%error, event = %event.id, "an inventory event cannot be read"),
        },
        _ => products.changes.mark([Tag::Categories]),
    }
}
