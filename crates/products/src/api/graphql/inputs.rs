//! What mutations take, and the commands made of it.

use std::collections::BTreeMap;

use async_graphql::{InputObject, MaybeUndefined};
use uuid::Uuid;

use super::money::Int64;
use crate::ops;

/// A product to make.
#[derive(Debug, InputObject)]
pub(super) struct ProductCreateInput {
    /// Its name in addresses; made from the name when it is missing.
    slug: Option<String>,
    /// Its name.
    name: String,
    /// What it is.
    #[graphql(default)]
    description: String,
    /// Its category.
    category_id: Option<Uuid>,
    /// Whether customers see it.
    #[graphql(default = true)]
    is_active: bool,
    /// Words to group by.
    #[graphql(default)]
    tags: Vec<String>,
    /// What its variants differ in, such as `Size`.
    #[graphql(default)]
    options: Vec<String>,
    /// Pictures, in order.
    #[graphql(default)]
    images: Vec<ImageInput>,
    /// Variants, in order.
    #[graphql(default)]
    variants: Vec<VariantInput>,
}

/// A picture.
#[derive(Debug, InputObject)]
pub(super) struct ImageInput {
    /// Where it is: an http(s) address, or a path on this shop.
    url: String,
    /// What it shows, for who can't see it.
    #[graphql(default)]
    alt: String,
}

/// A variant to add.
#[derive(Debug, InputObject)]
pub(super) struct VariantInput {
    /// Stock keeping unit.
    sku: String,
    /// Its name, such as `Large / Blue`.
    name: String,
    /// The product's options as this variant chooses them.
    #[graphql(default)]
    options: Vec<VariantOptionInput>,
    /// Weight in grams.
    #[graphql(default_with = "Int64(0)")]
    weight_grams: Int64,
    /// What it costs, once a currency.
    #[graphql(default)]
    prices: Vec<PriceInput>,
    /// Units at the default location.
    #[graphql(default_with = "Int64(0)")]
    on_hand: Int64,
}

/// A choice of a product's option.
#[derive(Debug, InputObject)]
pub(super) struct VariantOptionInput {
    /// The option, such as `Size`.
    name: String,
    /// The choice, such as `Large`.
    value: String,
}

/// A price.
#[derive(Debug, InputObject)]
pub(super) struct PriceInput {
    /// ISO 4217 code.
    currency: String,
    /// Minor units: 1250 is 12.50 EUR.
    amount: Int64,
    /// What it cost before, in minor units.
    compare_at: Option<Int64>,
}

/// What to change of a product; what is missing stays.
#[derive(Debug, InputObject)]
pub(super) struct ProductUpdateInput {
    /// Its name in addresses.
    slug: Option<String>,
    /// Its name.
    name: Option<String>,
    /// What it is.
    description: Option<String>,
    /// Its category; null takes it out of all.
    category_id: MaybeUndefined<Uuid>,
    /// Whether customers see it.
    is_active: Option<bool>,
    /// Words to group by.
    tags: Option<Vec<String>>,
    /// What its variants differ in.
    options: Option<Vec<String>>,
    /// Pictures in place of those that are there.
    images: Option<Vec<ImageInput>>,
}

/// What to change of a variant; what is missing stays.
#[derive(Debug, InputObject)]
pub(super) struct VariantUpdateInput {
    /// Stock keeping unit.
    sku: Option<String>,
    /// Its name.
    name: Option<String>,
    /// The product's options as this variant chooses them.
    options: Option<Vec<VariantOptionInput>>,
    /// Weight in grams.
    weight_grams: Option<Int64>,
}

/// A category to make.
#[derive(Debug, InputObject)]
pub(super) struct CategoryCreateInput {
    /// The one that it is part of; at the top when it is missing.
    parent_id: Option<Uuid>,
    /// Its name in addresses; made from the name when it is missing.
    slug: Option<String>,
    /// Its name.
    name: String,
    /// Its place among its siblings.
    #[graphql(default)]
    position: i32,
}

/// What to change of a category; what is missing stays.
#[derive(Debug, InputObject)]
pub(super) struct CategoryUpdateInput {
    /// The one that it is part of; null puts it at the top.
    parent_id: MaybeUndefined<Uuid>,
    /// Its name in addresses.
    slug: Option<String>,
    /// Its name.
    name: Option<String>,
    /// Its place among its siblings.
    position: Option<i32>,
}

/// A count of a variant at a location.
#[derive(Debug, InputObject)]
pub(super) struct InventoryLevelSetInput {
    /// The variant.
    variant_id: Uuid,
    /// Where; the default location when it is missing.
    location_id: Option<Uuid>,
    /// Units there, those included that orders hold.
    on_hand: Int64,
    /// Refuse unless the level is at this version; 0: unless there is none yet.
    expected_version: Option<Int64>,
}

/// Missing, null and given, as an update takes them.
#[expect(clippy::option_option, reason = "missing and null are two things")]
fn given<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

fn choices(options: Vec<VariantOptionInput>) -> BTreeMap<String, String> {
    options.into_iter().map(|option| (option.name, option.value)).collect()
}

fn images(images: Vec<ImageInput>) -> Vec<ops::NewImage> {
    images.into_iter().map(|ImageInput { url, alt }| ops::NewImage { url, alt }).collect()
}

impl From<ProductCreateInput> for ops::CreateProduct {
    fn from(input: ProductCreateInput) -> Self {
        let ProductCreateInput { slug, name, description, category_id, is_active, tags, options, .. } = input;
        let (images, variants) =
            (images(input.images), input.variants.into_iter().map(ops::NewVariant::from).collect());
        Self { slug, name, description, category_id, is_active, tags, options, images, variants }
    }
}

impl From<VariantInput> for ops::NewVariant {
    fn from(input: VariantInput) -> Self {
        let prices = input.prices.into_iter().map(|price| ops::NewPrice {
            currency: price.currency,
            amount: price.amount.0,
            compare_at: price.compare_at.map(|amount| amount.0),
        });
        Self {
            sku: input.sku,
            name: input.name,
            options: choices(input.options),
            weight_grams: input.weight_grams.0,
            prices: prices.collect(),
            on_hand: input.on_hand.0,
        }
    }
}

impl PriceInput {
    /// The command for variant `variant_id`.
    pub(super) fn command(self, variant_id: Uuid) -> ops::SetVariantPrice {
        let PriceInput { currency, amount, compare_at } = self;
        let compare_at = compare_at.map(|amount| amount.0);
        ops::SetVariantPrice { variant_id, currency, amount: Some(amount.0), compare_at }
    }
}

impl ProductUpdateInput {
    /// The command for product `id`.
    pub(super) fn command(self, id: Uuid, expected_version: Option<i64>) -> ops::UpdateProduct {
        let ProductUpdateInput { slug, name, description, category_id, is_active, tags, options, .. } = self;
        let (category_id, images) = (given(category_id), self.images.map(images));
        ops::UpdateProduct {
            id,
            expected_version,
            slug,
            name,
            description,
            category_id,
            is_active,
            tags,
            options,
            images,
        }
    }
}

impl VariantUpdateInput {
    /// The command for variant `id`.
    pub(super) fn command(self, id: Uuid, expected_version: Option<i64>) -> ops::UpdateVariant {
        let VariantUpdateInput { sku, name, options, weight_grams } = self;
        let (options, weight_grams) = (options.map(choices), weight_grams.map(|grams| grams.0));
        ops::UpdateVariant { id, expected_version, sku, name, options, weight_grams }
    }
}

impl From<CategoryCreateInput> for ops::CreateCategory {
    fn from(input: CategoryCreateInput) -> Self {
        let CategoryCreateInput { parent_id, slug, name, position } = input;
        Self { parent_id, slug, name, position: position.into() }
    }
}

impl CategoryUpdateInput {
    /// The command for category `id`.
    pub(super) fn command(self, id: Uuid, expected_version: Option<i64>) -> ops::UpdateCategory {
        let CategoryUpdateInput { parent_id, slug, name, position } = self;
        let (parent_id, position) = (given(parent_id), position.map(i64::from));
        ops::UpdateCategory { id, expected_version, parent_id, slug, name, position }
    }
}

impl From<InventoryLevelSetInput> for ops::SetInventoryLevel {
    fn from(input: InventoryLevelSetInput) -> Self {
        let InventoryLevelSetInput { variant_id, location_id, on_hand, expected_version } = input;
        let expected_version = expected_version.map(|version| version.0);
        Self { variant_id, location_id, on_hand: on_hand.0, expected_version }
    }
}
