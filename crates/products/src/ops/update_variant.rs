//! Changes a variant's own fields.

use std::collections::BTreeMap;

use kernel::Context;
use kernel::text::{Checks, clean};
use messaging::Once;
use serde::Serialize;
use uuid::Uuid;

use super::{expect_version, lock_variant, require_write};
use crate::domain::variant as rules;
use crate::domain::{MAX_NAME, Product, Variant};
use crate::{Error, Products, store};

/// What to change of a variant; what is missing stays.
#[derive(Clone, Debug, Serialize)]
pub struct UpdateVariant {
    /// The variant.
    pub id: Uuid,
    /// Refuse unless it is at this version.
    pub expected_version: Option<i64>,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// The product's options as this variant chooses them.
    pub options: Option<BTreeMap<String, String>>,
    /// Weight in grams.
    pub weight_grams: Option<i64>,
}

impl UpdateVariant {
    fn apply(&self, product: &Product, before: Variant) -> Result<Variant, Error> {
        let mut checks = Checks::new();
        let mut variant = Variant { version: before.version + 1, ..before };
        if let Some(sku) = self.sku.as_deref().and_then(|sku| checks.take(rules::sku("sku", sku))) {
            variant.sku = sku;
        }
        if let Some(name) = self.name.as_deref().and_then(|name| checks.take(clean("name", name, 1, MAX_NAME))) {
            variant.name = name;
        }
        if let Some(options) = &self.options {
            rules::choices(&mut checks, "options", options, &product.options);
            variant.options.clone_from(options);
        }
        variant.weight_grams = self.weight_grams.unwrap_or(variant.weight_grams);
        let grams = (0..=i64::from(i32::MAX)).contains(&variant.weight_grams);
        checks.require(grams, "weightGrams", "OUT_OF_RANGE", "weightGrams takes 0 to 2147483647");
        checks.finish()?;
        Ok(variant)
    }
}

impl Products {
    /// Changes a variant and gives its id and its product's.
    pub async fn update_variant(&self, context: &Context, command: UpdateVariant) -> Result<(Uuid, Uuid), Error> {
        require_write(context)?;
        let mut first = match self.idempotency.begin(context, "update_variant", &command).await? {
            Once::Replay(ids) => return Ok(ids),
            Once::First(first) => first,
        };
        let conn = first.conn();
        let (product, before) = lock_variant(conn, command.id).await?;
        expect_version(command.expected_version, before.version)?;
        let ids = (before.id, product.id);
        let variant = command.apply(&product, before)?;
        store::variants::update(conn, &variant, self.clock.now()).await?;
        self.write_product(conn, product, None, None).await?;
        first.finish(&ids).await?;
        self.product_changed(ids.1).await;
        Ok(ids)
    }
}
