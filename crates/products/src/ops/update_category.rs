//! Changes or moves a category.

use kernel::Context;
use kernel::text::{Checks, clean};
use messaging::Once;
use serde::Serialize;
use uuid::Uuid;

use super::create_category::{check_place, emit_category};
use super::{expect_version, require_write};
use crate::cache::Tag;
use crate::domain::{Category, MAX_NAME, slug};
use crate::{Error, Products, store};

/// What to change of a category; what is missing stays.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateCategory {
    /// The category.
    pub id: Uuid,
    /// Refuse unless it is at this version.
    pub expected_version: Option<i64>,
    /// The one that it is part of; `Some(None)` puts it at the top.
    pub parent_id: Option<Option<Uuid>>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its place among its siblings.
    pub position: Option<i64>,
}

impl UpdateCategory {
    fn apply(&self, mut category: Category) -> Result<Category, Error> {
        let mut checks = Checks::new();
        if let Some(slug) = self.slug.as_deref().and_then(|text| checks.take(slug("slug", text))) {
            category.slug = slug;
        }
        if let Some(name) = self.name.as_deref().and_then(|text| checks.take(clean("name", text, 1, MAX_NAME))) {
            category.name = name;
        }
        checks.finish()?;
        category.parent_id = self.parent_id.unwrap_or(category.parent_id);
        category.position = self.position.unwrap_or(category.position);
        category.version += 1;
        Ok(category)
    }
}

impl Products {
    /// Changes a category and gives its id.
    pub async fn update_category(&self, context: &Context, command: UpdateCategory) -> Result<Uuid, Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "update_category", &command).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let tree = store::categories::lock_tree(conn).await?;
        let before = tree.get(command.id).cloned().ok_or(Error::CategoryNotFound)?;
        expect_version(command.expected_version, before.version)?;
        let category = command.apply(before)?;
        if category.parent_id.is_some_and(|parent| tree.subtree(category.id).contains(&parent)) {
            return Err(Error::CategoryMisplaced);
        }
        check_place(&tree, category.parent_id, tree.height(category.id))?;
        store::categories::update(conn, &category, self.clock.now()).await?;
        emit_category(conn, &category).await?;
        first.finish(&category.id).await?;
        self.changed([Tag::Categories]).await;
        Ok(category.id)
    }
}
