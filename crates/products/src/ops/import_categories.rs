//! Categories of an import: found by their path of names, made where they are missing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::create_category::emit_category;
use crate::domain::{Category, CategoryTree, MAX_SLUG, slug_of};
use crate::store;

/// The ids of categories by their path, as they were when they were last looked at.
pub(super) struct Categories {
    by_path: HashMap<Vec<String>, Uuid>,
}

impl Categories {
    pub(super) async fn read(conn: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self { by_path: paths(&store::categories::tree(conn).await?) })
    }

    pub(super) fn by_path(&self) -> &HashMap<Vec<String>, Uuid> {
        &self.by_path
    }

    /// Sees to it that every path leads to a live category, which stays until the transaction ends. Says whether any had
    /// to be made. When the transaction is rolled back, the next call finds those missing and makes them again.
    pub(super) async fn ensure(
        &mut self,
        conn: &mut PgConnection,
        paths: impl Iterator<Item = &Vec<String>>,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        let wanted: HashSet<&Vec<String>> = paths.filter(|path| !path.is_empty()).collect();
        let known: Vec<Uuid> = wanted.iter().filter_map(|path| self.by_path.get(*path)).copied().collect();
        let held = store::categories::share_many(conn, &known).await?;
        if known.len() == wanted.len() && held == wanted.len() {
            return Ok(false);
        }
        let mut tree = store::categories::lock_tree(conn).await?;
        self.by_path = self::paths(&tree);
        let mut missing: Vec<&Vec<String>> =
            wanted.into_iter().filter(|path| !self.by_path.contains_key(*path)).collect();
        missing.sort_unstable();
        for path in &missing {
            for depth in 1..=path.len() {
                if !self.by_path.contains_key(&path[..depth]) {
                    self.make(conn, &mut tree, &path[..depth], now).await?;
                }
            }
        }
        Ok(!missing.is_empty())
    }

    async fn make(
        &mut self,
        conn: &mut PgConnection,
        tree: &mut CategoryTree,
        path: &[String],
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let Some((name, above)) = path.split_last() else { return Ok(()) };
        let parent_id = self.by_path.get(above).copied();
        let position = tree.children(parent_id).map(|sibling| sibling.position).max().unwrap_or(0) + 1;
        let slug = free_slug(tree, parent_id, name);
        let category = Category { id: kernel::id::new_id(), parent_id, slug, name: name.clone(), position, version: 1 };
        store::categories::insert(conn, &category, now).await?;
        emit_category(conn, &category).await?;
        self.by_path.insert(path.to_vec(), category.id);
        tree.add(category);
        Ok(())
    }
}

/// Of two categories with one path the first counts.
fn paths(tree: &CategoryTree) -> HashMap<Vec<String>, Uuid> {
    let mut found = HashMap::new();
    let mut below: Vec<(Option<Uuid>, Vec<String>)> = vec![(None, Vec::new())];
    while let Some((parent, path)) = below.pop() {
        for category in tree.children(parent) {
            let mut path = path.clone();
            path.push(category.name.clone());
            found.entry(path.clone()).or_insert(category.id);
            below.push((Some(category.id), path));
        }
    }
    found
}

/// The slug that the name suggests; with the parent's before it, or a number after it, where that is taken.
fn free_slug(tree: &CategoryTree, parent: Option<Uuid>, name: &str) -> String {
    let own = Some(slug_of(name)).filter(|slug| !slug.is_empty()).unwrap_or_else(|| "category".to_owned());
    let of_parent = parent.and_then(|parent| tree.get(parent)).map(|parent| format!("{}-{own}", parent.slug));
    let numbered = (2..).map(|number| format!("{own}-{number}"));
    let fits = |slug: &String| tree.find(slug).is_none() && slug.chars().count() <= MAX_SLUG;
    let mut candidates = std::iter::once(own.clone()).chain(of_parent).chain(numbered);
    candidates.find(fits).unwrap_or(own)
}
