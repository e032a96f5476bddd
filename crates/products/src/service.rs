//! What this role promises the others.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::event_log::{EventLog, PAGE_LIMIT};
use contracts::products::{Products as Contract, ReservationState, ReserveStock, Reserved, VariantQuote};
use events::Envelope;
use kernel::{Context, Currency, Failure};
use uuid::Uuid;

use crate::{Products, store};

/// Most orders or variants of one question.
const MAX_ASKED: usize = 1000;

/// Refuses a question about too much at once.
fn bounded(count: usize) -> Result<(), Failure> {
    if count <= MAX_ASKED { Ok(()) } else { Err(Failure::invalid_field("ids", "TOO_MANY", "at most 1000 at once")) }
}

#[async_trait]
impl Contract for Products {
    async fn quote(&self, _: &Context, currency: Currency, variants: Vec<Uuid>) -> Result<Vec<VariantQuote>, Failure> {
        bounded(variants.len())?;
        Ok(self.quote_variants(currency, &variants).await?)
    }

    async fn reserve(&self, _: &Context, command: ReserveStock) -> Result<Reserved, Failure> {
        Ok(self.reserve_stock(command).await?)
    }

    async fn commit(&self, _: &Context, order_id: Uuid) -> Result<(), Failure> {
        Ok(self.commit_stock(order_id).await?)
    }

    async fn release(&self, _: &Context, order_id: Uuid) -> Result<(), Failure> {
        Ok(self.release_stock(order_id).await?)
    }

    async fn reservations(&self, _: &Context, orders: Vec<Uuid>) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        bounded(orders.len())?;
        let mut conn = self.db.primary().acquire().await.map_err(|error| pg::failure(&error))?;
        store::reservations::states(&mut conn, &orders).await.map_err(|error| pg::failure(&error))
    }

    async fn reserved_orders(
        &self,
        _: &Context,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        let mut conn = self.db.primary().acquire().await.map_err(|error| pg::failure(&error))?;
        let (after, limit) = (after.unwrap_or_default(), i64::from(limit.min(1000)));
        store::reservations::holding(&mut conn, after, limit).await.map_err(|error| pg::failure(&error))
    }
}

#[async_trait]
impl EventLog for Products {
    async fn events_after(&self, _: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        let events = messaging::log::published_after(&self.db, after, limit.min(PAGE_LIMIT)).await;
        events.map_err(|error| pg::failure(&error))
    }

    async fn last_sequence(&self, _: &Context) -> Result<i64, Failure> {
        messaging::log::last_sequence(&self.db).await.map_err(|error| pg::failure(&error))
    }
}
