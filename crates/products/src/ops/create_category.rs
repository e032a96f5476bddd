//! Makes a category.

use events::category::{self, CategoryChanged};
use kernel::Context;
use kernel::text::{Checks, clean};
use messaging::{NewEvent, Once};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{data, require_write};
use crate::cache::Tag;
use crate::domain::category::MAX_DEPTH;
use crate::domain::{Category, CategoryTree, MAX_NAME, slug, slug_of};
use crate::{Error, Products, store};

/// A category to make.
#[derive(Clone, Debug, Serialize)]
pub struct CreateCategory {
    /// The one that it is part of.
    pub parent_id: Option<Uuid>,
    /// Its name in addresses; made from the name when it is missing.
    pub slug: Option<String>,
    /// Its name.
    pub name: String,
    /// Its place among its siblings.
    pub position: i64,
}

impl CreateCategory {
    fn checked(&self) -> Result<Category, Error> {
        let mut checks = Checks::new();
        let name = checks.take(clean("name", &self.name, 1, MAX_NAME)).unwrap_or_default();
        let suggested = slug_of(&name);
        let slug = checks.take(slug("slug", self.slug.as_deref().unwrap_or(&suggested))).unwrap_or_default();
        checks.finish()?;
        let CreateCategory { parent_id, position, .. } = *self;
        Ok(Category { id: kernel::id::new_id(), parent_id, slug, name, position, version: 1 })
    }
}

/// Refuses a place in the tree that is too deep, for a category with `height` levels.
pub(super) fn check_place(tree: &CategoryTree, parent: Option<Uuid>, height: usize) -> Result<(), Error> {
    let Some(parent) = parent else { return Ok(()) };
    tree.get(parent).ok_or(Error::CategoryNotFound)?;
    if tree.path(parent).len() + height > MAX_DEPTH { Err(Error::CategoryMisplaced) } else { Ok(()) }
}

/// Tells of a changed category.
pub(super) async fn emit_category(conn: &mut PgConnection, category: &Category) -> Result<(), sqlx::Error> {
    let event = NewEvent {
        aggregate: category::AGGREGATE,
        aggregate_id: category.id,
        version: category.version,
        kind: CategoryChanged::KIND,
        data: data(&CategoryChanged { slug: category.slug.clone() }),
    };
    messaging::emit(conn, &event).await
}

impl Products {
    /// Makes a category and gives its id.
    pub async fn create_category(&self, context: &Context, command: CreateCategory) -> Result<Uuid, Error> {
        require_write(context)?;
        let category = command.checked()?;
        let mut first = match self.idempotency.begin(context, "create_category", &command).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let tree = store::categories::lock_tree(conn).await?;
        check_place(&tree, category.parent_id, 1)?;
        store::categories::insert(conn, &category, self.clock.now()).await?;
        emit_category(conn, &category).await?;
        first.finish(&category.id).await?;
        self.changed([Tag::Categories]).await;
        Ok(category.id)
    }
}
