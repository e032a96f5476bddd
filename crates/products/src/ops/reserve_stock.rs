//! Holds stock for an order.

use std::collections::BTreeMap;

use contracts::products::{ReservationState, ReserveStock, Reserved};
use kernel::text::Checks;
use uuid::Uuid;

use super::emit_levels;
use crate::domain::stock::{MAX_LINES, MAX_ON_HAND};
use crate::{Error, Products, store};

/// The lines, checked, summed by variant and in one order for everyone.
fn totals(command: &ReserveStock) -> Result<(Vec<Uuid>, Vec<i64>), Error> {
    let mut checks = Checks::new();
    let count = command.lines.len();
    checks.require((1..=MAX_LINES).contains(&count), "lines", "OUT_OF_RANGE", format!("lines takes 1 to {MAX_LINES}"));
    let mut totals: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (index, line) in command.lines.iter().enumerate().take(MAX_LINES) {
        let fits = (1..=MAX_ON_HAND).contains(&line.quantity);
        let field = format!("lines[{index}].quantity");
        checks.require(fits, &field, "OUT_OF_RANGE", format!("quantity takes 1 to {MAX_ON_HAND}"));
        let total = totals.entry(line.variant_id).or_default();
        *total = total.saturating_add(line.quantity);
    }
    checks.finish()?;
    Ok(totals.into_iter().unzip())
}

impl Products {
    /// Reserves all lines or none. Asked again for the same order it gives the same answer and changes nothing.
    pub(crate) async fn reserve_stock(&self, command: ReserveStock) -> Result<Reserved, Error> {
        let (variants, quantities) = totals(&command)?;
        let (order_id, now) = (command.order_id, self.clock.now());
        let turn = self.turns.wait(&variants).await;
        let mut tx = self.db.begin().await?;
        if !store::reservations::insert(&mut tx, order_id, ReservationState::Reserved, command.expires_at).await? {
            let found = store::reservations::lock(&mut tx, order_id).await?;
            let holds = found.is_some_and(|it| it.state == ReservationState::Reserved && it.expires_at > now);
            return if holds { Ok(Reserved::Yes) } else { Err(Error::ReservationEnded) };
        }
        if command.expires_at <= now {
            return Err(Error::ReservationEnded);
        }
        store::products::lock_of_variants(&mut tx, &variants).await?;
        let (units, changes) = store::reservations::take(&mut tx, order_id, &variants, &quantities).await?;
        if units < quantities.iter().sum() {
            let shortages = store::reservations::shortages(&mut tx, &variants, &quantities).await?;
            tx.rollback().await?;
            return Ok(Reserved::Short(shortages));
        }
        emit_levels(&mut tx, &changes).await?;
        tx.commit().await?;
        // The next one needs the rows, and need not wait until everybody knows.
        drop(turn);
        self.stock_changed(&changes).await;
        Ok(Reserved::Yes)
    }
}
