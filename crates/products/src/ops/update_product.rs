//! Changes a product's own fields.

use kernel::Context;
use kernel::text::{Checks, clean};
use messaging::Once;
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::create_product::{NewImage, checked_images};
use super::{expect_version, require_write};
use crate::domain::product::{self as rules, MAX_DESCRIPTION, MAX_OPTIONS, MAX_TAGS};
use crate::domain::{MAX_NAME, Product, slug};
use crate::{Error, Products, store};

/// What to change of a product; what is missing stays.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateProduct {
    /// The product.
    pub id: Uuid,
    /// Refuse unless it is at this version.
    pub expected_version: Option<i64>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Its category; `Some(None)` takes it out of all.
    pub category_id: Option<Option<Uuid>>,
    /// Whether customers see it.
    pub is_active: Option<bool>,
    /// Words to group by.
    pub tags: Option<Vec<String>>,
    /// What its variants differ in.
    pub options: Option<Vec<String>>,
    /// Pictures in place of those that are there.
    pub images: Option<Vec<NewImage>>,
}

impl UpdateProduct {
    /// The product with the changes; pictures apart.
    fn apply(&self, checks: &mut Checks, before: &Product) -> Product {
        let mut product = before.clone();
        let given = |checks: &mut Checks, checked: Option<Result<String, _>>, now: &mut String| {
            if let Some(text) = checked.and_then(|checked| checks.take(checked)) {
                *now = text;
            }
        };
        given(checks, self.slug.as_deref().map(|text| slug("slug", text)), &mut product.slug);
        given(checks, self.name.as_deref().map(|text| clean("name", text, 1, MAX_NAME)), &mut product.name);
        let description = self.description.as_deref().map(|text| clean("description", text, 0, MAX_DESCRIPTION));
        given(checks, description, &mut product.description);
        if let Some(tags) = &self.tags {
            product.tags = rules::words(checks, "tags", tags, MAX_TAGS);
        }
        if let Some(options) = &self.options {
            product.options = rules::words(checks, "options", options, MAX_OPTIONS);
        }
        product.category_id = self.category_id.unwrap_or(product.category_id);
        product.is_active = self.is_active.unwrap_or(product.is_active);
        product
    }
}

impl Products {
    /// Changes a product and gives its id.
    pub async fn update_product(&self, context: &Context, command: UpdateProduct) -> Result<Uuid, Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "update_product", &command).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let before = store::products::lock(conn, command.id).await?.ok_or(Error::ProductNotFound)?;
        expect_version(command.expected_version, before.version)?;
        let mut checks = Checks::new();
        let product = command.apply(&mut checks, &before);
        let images = command.images.as_deref().map(|images| checked_images(&mut checks, images));
        keep_used_options(conn, &mut checks, &product).await?;
        checks.finish()?;
        if let Some(category_id) = product.category_id
            && product.category_id != before.category_id
            && !store::categories::share(conn, category_id).await?
        {
            return Err(Error::CategoryNotFound);
        }
        if let Some((urls, alts)) = images {
            store::products::replace_images(conn, product.id, &urls, &alts).await?;
        }
        let previous_slug = (before.slug != product.slug).then_some(before.slug);
        self.write_product(conn, product, previous_slug, None).await?;
        first.finish(&command.id).await?;
        self.product_changed(command.id).await;
        Ok(command.id)
    }
}

/// An option that a variant chooses cannot go.
async fn keep_used_options(conn: &mut PgConnection, checks: &mut Checks, product: &Product) -> Result<(), Error> {
    for variant in store::variants::of_products(conn, &[product.id]).await? {
        for name in variant.options.keys() {
            let message = format!("variant {} chooses {name}", variant.sku);
            checks.require(product.options.contains(name), "options", "OPTION_IN_USE", message);
        }
    }
    Ok(())
}
