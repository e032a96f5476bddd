//! Takes a product off the shop for good.

use events::product::{self, ProductDeleted};
use kernel::Context;
use messaging::{NewEvent, Once};
use uuid::Uuid;

use super::{data, expect_version, require_write};
use crate::{Error, Products, store};

impl Products {
    /// Deletes a product with its variants. Stock that orders hold stays theirs.
    pub async fn delete_product(
        &self,
        context: &Context,
        id: Uuid,
        expected_version: Option<i64>,
    ) -> Result<Uuid, Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "delete_product", &(id, expected_version)).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let product = store::products::lock(conn, id).await?.ok_or(Error::ProductNotFound)?;
        expect_version(expected_version, product.version)?;
        let (now, version) = (self.clock.now(), product.version + 1);
        store::variants::delete(conn, id, None, now).await?;
        store::products::delete(conn, id, version, now).await?;
        let event = NewEvent {
            aggregate: product::AGGREGATE,
            aggregate_id: id,
            version,
            kind: ProductDeleted::KIND,
            data: data(&ProductDeleted { slug: product.slug }),
        };
        messaging::emit(conn, &event).await?;
        first.finish(&id).await?;
        self.product_changed(id).await;
        Ok(id)
    }
}
