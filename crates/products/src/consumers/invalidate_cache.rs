//! Marks what an event of another process, or of this one, says has changed.

use std::sync::Arc;

use events::category::CategoryChanged;
use events::inventory::InventoryChanged;
use events::product::{ProductCreated, ProductDeleted, ProductUpdated};
use events::{Envelope, inventory, product};
use messaging::Transport;

use crate::cache::Tag;
use crate::{Products, ops};

/// The events that change what is kept: all of the role's, so that none is missing in their sequence.
const KINDS: &[&str] =
    &[ProductCreated::KIND, ProductUpdated::KIND, ProductDeleted::KIND, InventoryChanged::KIND, CategoryChanged::KIND];

/// Listens to the role's own events, in every process.
pub fn subscribe(products: &Arc<Products>, transport: &dyn Transport) {
    // Weak: the transport outlives the role and must not keep it.
    let (listener, gaps) = (Arc::downgrade(products), Arc::downgrade(products));
    let handler = move |event: Arc<Envelope>| {
        if let Some(products) = listener.upgrade() {
            products.heard_of(&event);
        }
        Box::pin(std::future::ready(())) as futures_util::future::BoxFuture<'static, ()>
    };
    transport.subscribe_fanout(KINDS, Arc::new(handler));
    transport.on_gap(Arc::new(move || {
        if let Some(products) = gaps.upgrade() {
            products.may_have_missed_events();
        }
        Box::pin(std::future::ready(()))
    }));
}

impl Products {
    fn heard_of(&self, event: &Envelope) {
        let marks = marks_of(event);
        // Noted before it is marked: see `Products::changed`.
        if let (Some(shared), Some(sequence)) = (&self.shared, event.sequence) {
            shared.note_event(sequence, shared.level().note(&marks));
        }
        self.changes.mark(&marks);
    }

    fn may_have_missed_events(&self) {
        if let Some(shared) = &self.shared {
            shared.note_gap();
        }
        self.changes.mark_all();
    }
}

/// The marks of what an event says has changed.
pub(crate) fn marks_of(event: &Envelope) -> Vec<u32> {
    let tags: Vec<Tag> = match event.aggregate.as_str() {
        product::AGGREGATE => ops::product_tags(event.aggregate_id).into(),
        inventory::AGGREGATE => match event.payload::<InventoryChanged>() {
            Ok(level) => ops::stock_tags(level.product_id, level.on_hand - level.reserved).into(),
            Err(error) => {
                tracing::error!(%error, event = %event.id, "an inventory event cannot be read");
                Vec::new()
            }
        },
        _ => vec![Tag::Categories],
    };
    tags.into_iter().map(Tag::mark).collect()
}
