//! Makes a product, with its variants, prices and stock.

use std::collections::BTreeSet;

use events::product::{self, ProductCreated};
use kernel::text::{Checks, clean};
use kernel::{Context, FieldError};
use messaging::{NewEvent, Once};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::create_variant::NewVariant;
use super::{data, emit_levels, require_write};
use crate::domain::product::{self as rules, MAX_DESCRIPTION, MAX_IMAGES, MAX_OPTIONS, MAX_TAGS, MAX_VARIANTS};
use crate::domain::{LevelChange, MAX_NAME, slug, slug_of};
use crate::store::products::NewProduct;
use crate::{Error, Products, store};

/// A product to make.
#[derive(Clone, Debug, Serialize)]
pub struct CreateProduct {
    /// Its name in addresses; made from the name when it is missing.
    pub slug: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its category.
    pub category_id: Option<Uuid>,
    /// Whether customers see it.
    pub is_active: bool,
    /// Words to group by.
    pub tags: Vec<String>,
    /// What its variants differ in.
    pub options: Vec<String>,
    /// Pictures, in order.
    pub images: Vec<NewImage>,
    /// Variants, in order.
    pub variants: Vec<NewVariant>,
}

/// A picture to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewImage {
    /// Where it is.
    pub url: String,
    /// What it shows.
    pub alt: String,
}

/// Checks pictures; gives their addresses and descriptions.
pub(super) fn checked_images(checks: &mut Checks, images: &[NewImage]) -> (Vec<String>, Vec<String>) {
    checks.require(images.len() <= MAX_IMAGES, "images", "TOO_MANY", format!("images takes at most {MAX_IMAGES}"));
    let checked = images.iter().take(MAX_IMAGES).enumerate().map(|(index, image)| {
        let url = rules::image_url(checks, &format!("images[{index}].url"), &image.url);
        (url, checks.take(clean(&format!("images[{index}].alt"), &image.alt, 0, 500)).unwrap_or_default())
    });
    checked.unzip()
}

struct Checked {
    slug: String,
    name: String,
    description: String,
    tags: Vec<String>,
    options: Vec<String>,
    images: (Vec<String>, Vec<String>),
    variants: Vec<NewVariant>,
}

impl Products {
    /// Makes a product and gives its id.
    pub async fn create_product(&self, context: &Context, command: CreateProduct) -> Result<Uuid, Error> {
        require_write(context)?;
        let checked = self.checked(&command)?;
        let mut first = match self.idempotency.begin(context, "create_product", &command).await? {
            Once::Replay(id) => return Ok(id),
            Once::First(first) => first,
        };
        let id = kernel::id::new_id();
        self.insert_product(first.conn(), id, &command, &checked).await?;
        first.finish(&id).await?;
        self.product_changed(id).await;
        Ok(id)
    }

    fn checked(&self, command: &CreateProduct) -> Result<Checked, Error> {
        let mut checks = Checks::new();
        let name = checks.take(clean("name", &command.name, 1, MAX_NAME)).unwrap_or_default();
        let suggested = slug_of(&name);
        let description = clean("description", &command.description, 0, MAX_DESCRIPTION);
        let checked = Checked {
            slug: checks.take(slug("slug", command.slug.as_deref().unwrap_or(&suggested))).unwrap_or_default(),
            description: checks.take(description).unwrap_or_default(),
            tags: rules::words(&mut checks, "tags", &command.tags, MAX_TAGS),
            options: rules::words(&mut checks, "options", &command.options, MAX_OPTIONS),
            images: checked_images(&mut checks, &command.images),
            variants: self.checked_variants(&mut checks, command),
            name,
        };
        checks.finish()?;
        Ok(checked)
    }

    fn checked_variants(&self, checks: &mut Checks, command: &CreateProduct) -> Vec<NewVariant> {
        let variants = &command.variants;
        checks.require(
            variants.len() <= MAX_VARIANTS,
            "variants",
            "TOO_MANY",
            format!("variants takes at most {MAX_VARIANTS}"),
        );
        let mut skus = BTreeSet::new();
        let mut checked = Vec::new();
        for (index, variant) in variants.iter().take(MAX_VARIANTS).enumerate() {
            let field = format!("variants[{index}].");
            let variant = variant.checked(checks, &field, &command.options, self.currency);
            if !skus.insert(variant.sku.clone()) {
                let message = "another variant of the product has this SKU";
                checks.take::<()>(Err(FieldError::new(format!("{field}sku"), "DUPLICATE", message)));
            }
            checked.push(variant);
        }
        checked
    }

    async fn insert_product(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        command: &CreateProduct,
        checked: &Checked,
    ) -> Result<(), Error> {
        if let Some(category_id) = command.category_id
            && !store::categories::share(conn, category_id).await?
        {
            return Err(Error::CategoryNotFound);
        }
        let new = NewProduct {
            id,
            slug: &checked.slug,
            name: &checked.name,
            description: &checked.description,
            category_id: command.category_id,
            is_active: command.is_active,
            tags: &checked.tags,
            options: &checked.options,
            now: self.clock.now(),
        };
        store::products::insert(conn, &new).await?;
        let (urls, alts) = &checked.images;
        store::products::replace_images(conn, id, urls, alts).await?;
        let mut levels: Vec<LevelChange> = Vec::new();
        for variant in &checked.variants {
            levels.extend(self.insert_variant(conn, id, variant).await?.1);
        }
        self.refresh_figures(conn, id).await?;
        let event = NewEvent {
            aggregate: product::AGGREGATE,
            aggregate_id: id,
            version: 1,
            kind: ProductCreated::KIND,
            data: data(&ProductCreated { slug: checked.slug.clone() }),
        };
        messaging::emit(conn, &event).await?;
        emit_levels(conn, &levels).await?;
        Ok(())
    }
}
