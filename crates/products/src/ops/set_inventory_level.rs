//! Sets how much of a variant lies at a location, as someone counted it.

use kernel::Context;
use kernel::text::Checks;
use messaging::Once;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{emit_levels, expect_version, lock_variant, require_write};
use crate::domain::MovementKind;
use crate::domain::stock::MAX_ON_HAND;
use crate::{Error, Products, store};

/// A count.
#[derive(Clone, Debug, Serialize)]
pub struct SetInventoryLevel {
    /// The variant.
    pub variant_id: Uuid,
    /// Where; the default location when it is missing.
    pub location_id: Option<Uuid>,
    /// Units there, those included that orders hold.
    pub on_hand: i64,
    /// Refuse unless the level is at this version; 0: unless there is none yet.
    pub expected_version: Option<i64>,
}

/// Which level was set.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LevelSet {
    /// The variant's product.
    pub product_id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Where.
    pub location_id: Uuid,
}

impl Products {
    /// Sets a level. Refused when orders hold more than would be there.
    pub async fn set_inventory_level(&self, context: &Context, command: SetInventoryLevel) -> Result<LevelSet, Error> {
        require_write(context)?;
        let mut checks = Checks::new();
        let fits = (0..=MAX_ON_HAND).contains(&command.on_hand);
        checks.require(fits, "onHand", "OUT_OF_RANGE", format!("onHand takes 0 to {MAX_ON_HAND}"));
        checks.finish()?;
        let mut first = match self.idempotency.begin(context, "set_inventory_level", &command).await? {
            Once::Replay(set) => return Ok(set),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let (product, variant) = lock_variant(conn, command.variant_id).await?;
        let locations = store::levels::locations(conn).await?;
        let wanted = |id: Uuid| command.location_id.is_none_or(|location_id| location_id == id);
        // The default comes first.
        let location = locations.into_iter().find(|location| wanted(location.id)).ok_or(Error::LocationNotFound)?;
        let before = store::levels::find(conn, variant.id, location.id).await?;
        expect_version(command.expected_version, before.as_ref().map_or(0, |level| level.version))?;
        let delta = command.on_hand - before.as_ref().map_or(0, |level| level.on_hand);
        let set = LevelSet { product_id: product.id, variant_id: variant.id, location_id: location.id };
        if delta == 0 && before.is_some() {
            first.finish(&set).await?;
            return Ok(set);
        }
        let change = store::levels::set(conn, variant.id, location.id, delta, MovementKind::Set).await?;
        let changes = [change];
        emit_levels(conn, &changes).await?;
        first.finish(&set).await?;
        self.stock_changed(&changes).await;
        Ok(set)
    }
}
