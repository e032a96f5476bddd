//! Sends a delivery again.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::get_delivery;
use crate::Webhooks;
use crate::domain::delivery::{Attempt, Delivery};
use crate::error::Error;
use crate::store;

/// Makes a delivery due, with all its attempts, whatever came of it before. It keeps its id and its place in its object's
/// order: what waits for the same object goes after it. Error: [`Error::DeliveryNotFound`].
pub async fn redeliver(webhooks: &Webhooks, context: &Context, id: Uuid) -> Result<(Delivery, Vec<Attempt>), Error> {
    let begun = webhooks.idempotency.begin::<()>(context, "redeliver_webhook", &id).await?;
    if let Once::First(mut first) = begun {
        let conn = first.conn();
        let delivery = store::deliveries::find(conn, id).await?.ok_or(Error::DeliveryNotFound)?;
        store::leases::hold_endpoint(conn, delivery.endpoint_id).await?;
        store::lanes::lock_object(conn, delivery.aggregate_id).await?;
        store::deliveries::put_back(conn, id, webhooks.clock.now()).await?;
        first.finish(&()).await?;
    }
    get_delivery(webhooks, id).await
}
