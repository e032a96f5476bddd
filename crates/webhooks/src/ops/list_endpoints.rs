//! Lists endpoints.

use kernel::{Page, PageRequest};

use crate::Webhooks;
use crate::domain::endpoint::Endpoint;
use crate::error::Error;
use crate::store;
use crate::store::endpoints::ListKey;

/// The list's name in cursors.
const LIST: &str = "webhook_endpoints";

/// Which page.
pub struct ListEndpoints {
    /// Endpoints on the page.
    pub limit: Option<u32>,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of endpoints, the newest first.
pub async fn list_endpoints(webhooks: &Webhooks, query: ListEndpoints) -> Result<Page<Endpoint>, Error> {
    let request = PageRequest::<ListKey>::parse(LIST, query.limit, query.cursor.as_deref())?;
    let mut conn = webhooks.db.primary().acquire().await?;
    let rows = store::endpoints::list(&mut conn, &request, webhooks.clock.now()).await?;
    Ok(request.page(LIST, rows, |endpoint| (endpoint.created_at, endpoint.id)))
}
