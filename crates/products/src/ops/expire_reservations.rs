//! Frees the stock of reservations whose time is over.

use contracts::products::ReservationState;
use uuid::Uuid;

use super::emit_levels;
use crate::{Error, Products, store};

/// How many reservations one look finds.
const BATCH: i64 = 100;

impl Products {
    /// Releases every expired reservation, each in a transaction of its own. Gives how many.
    pub async fn expire_reservations(&self) -> Result<u64, Error> {
        let mut count = 0;
        loop {
            let mut conn = self.db.primary().acquire().await?;
            let expired = store::reservations::expired(&mut conn, self.clock.now(), BATCH).await?;
            drop(conn);
            if expired.is_empty() {
                return Ok(count);
            }
            for order_id in expired {
                count += u64::from(self.expire_reservation(order_id).await?);
            }
        }
    }

    async fn expire_reservation(&self, order_id: Uuid) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        // Looked at again under the lock: the order may have committed or released it by now.
        let expired = store::reservations::lock(&mut tx, order_id).await?.is_some_and(|reservation| {
            reservation.state == ReservationState::Reserved && reservation.expires_at <= self.clock.now()
        });
        if !expired {
            return Ok(false);
        }
        store::products::lock_of_order(&mut tx, order_id).await?;
        let changes = store::reservations::release(&mut tx, order_id, ReservationState::Reserved).await?;
        emit_levels(&mut tx, &changes).await?;
        tx.commit().await?;
        self.stock_changed(&changes).await;
        Ok(true)
    }
}
