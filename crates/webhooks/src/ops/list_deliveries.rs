//! Lists deliveries.

use kernel::{Page, PageRequest};

use crate::Webhooks;
use crate::domain::delivery::Delivery;
use crate::error::Error;
use crate::store;
pub use crate::store::deliveries::Filter;
use crate::store::deliveries::ListKey;

/// The list's name in cursors.
const LIST: &str = "webhook_deliveries";

/// Which deliveries.
pub struct ListDeliveries {
    /// What they have in common.
    pub filter: Filter,
    /// Deliveries on the page.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of deliveries, the newest first.
pub async fn list_deliveries(webhooks: &Webhooks, query: ListDeliveries) -> Result<Page<Delivery>, Error> {
    let request = PageRequest::<ListKey>::parse(LIST, query.limit, query.cursor.as_deref())?;
    let mut conn = webhooks.db.primary().acquire().await?;
    let rows = store::deliveries::list(&mut conn, &query.filter, &request).await?;
    Ok(request.page(LIST, rows, |delivery| (delivery.created_at, delivery.id)))
}
