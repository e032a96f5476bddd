//! Takes a variant out of its product.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::{expect_version, lock_variant, require_write};
use crate::{Error, Products, store};

impl Products {
    /// Deletes a variant and gives its id and its product's. Stock that orders hold stays theirs.
    pub async fn delete_variant(
        &self,
        context: &Context,
        id: Uuid,
        expected_version: Option<i64>,
    ) -> Result<(Uuid, Uuid), Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "delete_variant", &(id, expected_version)).await? {
            Once::Replay(ids) => return Ok(ids),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let (product, variant) = lock_variant(conn, id).await?;
        expect_version(expected_version, variant.version)?;
        let ids = (id, product.id);
        store::variants::delete(conn, product.id, Some(id), self.clock.now()).await?;
        self.write_product(conn, product, None, None).await?;
        first.finish(&ids).await?;
        self.product_changed(ids.1).await;
        Ok(ids)
    }
}
