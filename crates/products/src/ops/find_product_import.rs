//! Tells how an import stands.

use kernel::{Context, Scope};
use uuid::Uuid;

use super::require;
use crate::store::imports::{ImportRow, RejectRow};
use crate::{Error, Products, store};

impl Products {
    /// An import with the first rows that it refused.
    pub(crate) async fn find_product_import(
        &self,
        context: &Context,
        id: Uuid,
    ) -> Result<(ImportRow, Vec<RejectRow>), Error> {
        require(context, Scope::ReadProducts)?;
        let mut conn = self.db.primary().acquire().await?;
        let row = store::imports::find(&mut conn, id).await?.ok_or(Error::ImportNotFound)?;
        let rejects = store::imports::rejects(&mut conn, id).await?;
        Ok((row, rejects))
    }
}
