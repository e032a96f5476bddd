//! Finds single products, and the tree of categories.

use std::sync::Arc;

use kernel::{Context, Scope};
use pg::Server;
use uuid::Uuid;

use crate::domain::{CategoryTree, Product};
use crate::{Error, Products, store};

impl Products {
    /// A product that the caller may see.
    pub async fn find_product(&self, server: Server, context: &Context, id: Uuid) -> Result<Option<Product>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        let found = store::products::find_many(&mut conn, &[id]).await?;
        Ok(found.into_iter().next().filter(|product| visible(context, product)))
    }

    /// A product that the caller may see, by slug.
    pub async fn find_product_by_slug(
        &self,
        server: Server,
        context: &Context,
        slug: &str,
    ) -> Result<Option<Product>, Error> {
        let mut conn = self.db.pool(server).acquire().await?;
        Ok(store::products::find_by_slug(&mut conn, slug).await?.filter(|product| visible(context, product)))
    }

    /// A product that the caller has just changed: from the primary.
    pub async fn find_changed_product(&self, id: Uuid) -> Result<Option<Product>, Error> {
        let mut conn = self.db.primary().acquire().await?;
        Ok(store::products::find_many(&mut conn, &[id]).await?.pop())
    }

    /// All categories.
    pub async fn category_tree(&self) -> Result<Arc<CategoryTree>, Error> {
        if let Some(tree) = self.categories.get(&self.changes) {
            return Ok(tree);
        }
        let stamp = self.changes.now();
        let mut conn = self.db.primary().acquire().await?;
        let tree = Arc::new(store::categories::tree(&mut conn).await?);
        self.categories.keep(stamp, Arc::clone(&tree));
        Ok(tree)
    }
}

fn visible(context: &Context, product: &Product) -> bool {
    product.is_active || context.has_scope(Scope::ReadProducts)
}
