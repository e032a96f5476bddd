//! The tree of categories.

use std::collections::HashMap;

use uuid::Uuid;

/// Deepest that categories may nest.
pub const MAX_DEPTH: usize = 10;

/// A category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its id.
    pub id: Uuid,
    /// The one it is part of.
    pub parent_id: Option<Uuid>,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// Its place among its siblings.
    pub position: i64,
    /// Grows by one with each change.
    pub version: i64,
}

/// All live categories. Siblings are in the order in which the tree was given them.
#[derive(Debug, Default)]
pub struct CategoryTree {
    by_id: HashMap<Uuid, Category>,
    by_slug: HashMap<String, Uuid>,
    children: HashMap<Option<Uuid>, Vec<Uuid>>,
}

impl CategoryTree {
    /// The tree of `categories`, which come ordered by position.
    pub fn new(categories: Vec<Category>) -> Self {
        let mut tree = Self::default();
        for category in categories {
            tree.add(category);
        }
        tree
    }

    /// Adds a category, as the last of its siblings.
    pub fn add(&mut self, category: Category) {
        self.by_slug.insert(category.slug.clone(), category.id);
        self.children.entry(category.parent_id).or_default().push(category.id);
        self.by_id.insert(category.id, category);
    }

    /// One category.
    pub fn get(&self, id: Uuid) -> Option<&Category> {
        self.by_id.get(&id)
    }

    /// One category, by its slug.
    pub fn find(&self, slug: &str) -> Option<&Category> {
        self.by_slug.get(slug).and_then(|id| self.by_id.get(id))
    }

    /// The categories directly below `parent`; those at the top for none.
    pub fn children(&self, parent: Option<Uuid>) -> impl Iterator<Item = &Category> {
        self.children.get(&parent).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// The way down to `id`, from the top, with itself.
    pub fn path(&self, id: Uuid) -> Vec<&Category> {
        let mut path: Vec<_> =
            std::iter::successors(self.get(id), |category| category.parent_id.and_then(|p| self.get(p)))
                // A loop cannot be written; this keeps a damaged table from hanging the shop.
                .take(MAX_DEPTH + 1)
                .collect();
        path.reverse();
        path
    }

    /// `id` with all below it.
    pub fn subtree(&self, id: Uuid) -> Vec<Uuid> {
        let mut found = vec![id];
        let mut next = 0;
        while let Some(&parent) = found.get(next) {
            found.extend(
                self.children(Some(parent)).map(|child| child.id).filter(|id| !found.contains(id)).collect::<Vec<_>>(),
            );
            next += 1;
        }
        found
    }

    /// How many levels `id` and what is below it take.
    pub fn height(&self, id: Uuid) -> usize {
        let depth_of = |id| self.path(id).len();
        let top = depth_of(id);
        self.subtree(id).into_iter().map(depth_of).max().unwrap_or(top) + 1 - top
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: u128, parent: Option<u128>) -> Category {
        let slug = format!("c{id}");
        Category {
            id: Uuid::from_u128(id),
            parent_id: parent.map(Uuid::from_u128),
            name: slug.clone(),
            slug,
            position: 0,
            version: 1,
        }
    }

    #[test]
    fn a_tree_knows_what_is_above_and_below() {
        let tree =
            CategoryTree::new(vec![category(1, None), category(2, Some(1)), category(3, Some(2)), category(4, None)]);
        let id = Uuid::from_u128;
        assert_eq!(tree.subtree(id(1)), [id(1), id(2), id(3)]);
        assert_eq!(tree.subtree(id(4)), [id(4)]);
        assert_eq!(tree.path(id(3)).iter().map(|c| c.id).collect::<Vec<_>>(), [id(1), id(2), id(3)]);
        assert_eq!((tree.height(id(1)), tree.height(id(3))), (3, 1));
        assert_eq!(tree.children(None).count(), 2);
        assert_eq!(tree.find("c2").map(|c| c.id), Some(id(2)));
    }
}
