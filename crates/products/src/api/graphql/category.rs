//! Categories.

use std::sync::Arc;

use async_graphql::Object;
use uuid::Uuid;

use super::money::Int64;
use crate::domain;
use crate::domain::CategoryTree;

/// A category, in its tree.
#[derive(Clone)]
pub(super) struct Category {
    tree: Arc<CategoryTree>,
    category: domain::Category,
}

impl Category {
    /// The category `id` of `tree`.
    pub(super) fn find(tree: &Arc<CategoryTree>, id: Uuid) -> Option<Self> {
        tree.get(id).map(|category| Self::new(tree, category))
    }

    fn new(tree: &Arc<CategoryTree>, category: &domain::Category) -> Self {
        Self { tree: Arc::clone(tree), category: category.clone() }
    }

    /// The categories directly below `parent`.
    pub(super) fn below(tree: &Arc<CategoryTree>, parent: Option<Uuid>) -> Vec<Self> {
        tree.children(parent).map(|category| Self::new(tree, category)).collect()
    }
}

/// A category of products.
#[Object]
impl Category {
    /// Its id.
    async fn id(&self) -> Uuid {
        self.category.id
    }

    /// Its name in addresses.
    async fn slug(&self) -> &str {
        &self.category.slug
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.category.name
    }

    /// Its place among its siblings.
    async fn position(&self) -> Int64 {
        Int64(self.category.position)
    }

    /// Grows by one with each change.
    async fn version(&self) -> Int64 {
        Int64(self.category.version)
    }

    /// The one that it is part of.
    async fn parent(&self) -> Option<Category> {
        self.category.parent_id.and_then(|id| Self::find(&self.tree, id))
    }

    /// The way to it from the top, without itself.
    #[graphql(complexity = "3 * child_complexity")]
    async fn ancestors(&self) -> Vec<Category> {
        let path = self.tree.path(self.category.id);
        path.into_iter()
            .filter(|above| above.id != self.category.id)
            .map(|above| Self::new(&self.tree, above))
            .collect()
    }

    /// The categories directly below it.
    #[graphql(complexity = "4 * child_complexity")]
    async fn children(&self) -> Vec<Category> {
        Self::below(&self.tree, Some(self.category.id))
    }
}
