//! Gives an order's stock back.

use contracts::products::ReservationState;
use uuid::Uuid;

use super::emit_levels;
use crate::{Error, Products, store};

impl Products {
    /// Frees what an order reserved, or puts back what it had committed. An order that never reserved gets a mark, so
    /// that a reservation on its way is refused when it arrives.
    pub(crate) async fn release_stock(&self, order_id: Uuid) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if store::reservations::insert(&mut tx, order_id, ReservationState::Released, self.clock.now()).await? {
            tx.commit().await?;
            return Ok(());
        }
        let Some(reservation) = store::reservations::lock(&mut tx, order_id).await? else { return Ok(()) };
        if reservation.state == ReservationState::Released {
            return Ok(());
        }
        store::products::lock_of_order(&mut tx, order_id).await?;
        let changes = store::reservations::release(&mut tx, order_id, reservation.state).await?;
        emit_levels(&mut tx, &changes).await?;
        tx.commit().await?;
        self.stock_changed(&changes).await;
        Ok(())
    }
}
