//! Makes an order's reservation final.

use contracts::products::ReservationState;
use uuid::Uuid;

use super::emit_levels;
use crate::{Error, Products, store};

impl Products {
    /// Takes what an order reserved out of stock. Refused when the reservation was released or has expired.
    pub(crate) async fn commit_stock(&self, order_id: Uuid) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let reservation = store::reservations::lock(&mut tx, order_id).await?.ok_or(Error::ReservationEnded)?;
        match reservation.state {
            ReservationState::Committed => return Ok(()),
            ReservationState::Reserved if reservation.expires_at > self.clock.now() => {}
            ReservationState::Reserved | ReservationState::Released => return Err(Error::ReservationEnded),
        }
        store::products::lock_of_order(&mut tx, order_id).await?;
        let changes = store::reservations::commit(&mut tx, order_id).await?;
        emit_levels(&mut tx, &changes).await?;
        tx.commit().await?;
        self.stock_changed(&changes).await;
        Ok(())
    }
}
