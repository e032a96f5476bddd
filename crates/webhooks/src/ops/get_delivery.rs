//! Reads one delivery with its attempts.

use uuid::Uuid;

use crate::Webhooks;
use crate::domain::delivery::{Attempt, Delivery};
use crate::error::Error;
use crate::store;

/// A delivery with its latest attempts. Error: [`Error::DeliveryNotFound`].
pub async fn get_delivery(webhooks: &Webhooks, id: Uuid) -> Result<(Delivery, Vec<Attempt>), Error> {
    let mut conn = webhooks.db.primary().acquire().await?;
    let delivery = store::deliveries::find(&mut conn, id).await?.ok_or(Error::DeliveryNotFound)?;
    Ok((delivery, store::deliveries::attempts(&mut conn, id).await?))
}
