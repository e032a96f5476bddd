//! Deletes an empty category.

use kernel::Context;
use messaging::Once;
use uuid::Uuid;

use super::create_category::emit_category;
use super::{expect_version, require_write};
use crate::cache::Tag;
use crate::{Error, Products, store};

impl Products {
    /// Deletes a category in which there is neither a product nor a category.
    pub async fn delete_category(
        &self,
        context: &Context,
        id: Uuid,
        expected_version: Option<i64>,
    ) -> Result<Uuid, Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "delete_category", &(id, expected_version)).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let tree = store::categories::lock_tree(conn).await?;
        let mut category = tree.get(id).cloned().ok_or(Error::CategoryNotFound)?;
        expect_version(expected_version, category.version)?;
        category.version += 1;
        let is_leaf = tree.children(Some(id)).next().is_none();
        if !is_leaf || !store::categories::delete_unless_used(conn, id, category.version, self.clock.now()).await? {
            return Err(Error::CategoryNotEmpty);
        }
        emit_category(conn, &category).await?;
        first.finish(&id).await?;
        self.changed([Tag::Categories]).await;
        Ok(id)
    }
}
