//! What an input says of a product. What it does not say stays as it is in the catalog.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use kernel::text::{Checks, clean};
use kernel::{Currency, FieldError, Money};
use serde::Deserialize;

use crate::domain::product::{self, MAX_DESCRIPTION, MAX_IMAGES, MAX_OPTIONS, MAX_TAGS, MAX_VARIANTS};
use crate::domain::stock::MAX_ON_HAND;
use crate::domain::variant::{self, MAX_PRICES};
use crate::domain::{MAX_NAME, category, slug};

/// Heaviest that a variant may be, in grams.
const MAX_WEIGHT: i64 = 2_147_483_647;
/// The name of a variant that is the only one and has nothing to choose.
pub const ONLY_VARIANT: &str = "Default";

/// A product as a file writes it, not yet checked. JSON lines are read into it as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in addresses.
    pub handle: String,
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The path from the top-level category down; empty: none.
    pub category: Option<Vec<String>>,
    /// Whether customers see it.
    pub active: Option<bool>,
    /// Words to group by.
    pub tags: Option<Vec<String>>,
    /// What its variants differ in.
    pub options: Option<Vec<String>>,
    /// Its pictures, in order.
    pub images: Option<Vec<InputImage>>,
    /// Its variants.
    #[serde(default)]
    pub variants: Vec<InputVariant>,
}

/// A picture as a file writes it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an address, or an object with `url` and `alt`")]
pub enum InputImage {
    /// Its address alone.
    Url(String),
    /// Its address with what it shows.
    Described {
        /// Where it is.
        url: String,
        /// What it shows.
        alt: String,
    },
}

/// A variant as a file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputVariant {
    /// Stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: Option<String>,
    /// The product's options as it chooses them.
    pub options: Option<BTreeMap<String, String>>,
    /// What it costs.
    #[serde(default)]
    pub prices: Vec<InputPrice>,
    /// Units at the default location.
    pub inventory: Option<i64>,
    /// Weight in grams.
    pub weight_grams: Option<i64>,
}

/// A price as a file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputPrice {
    /// ISO 4217 code.
    pub currency: String,
    /// Decimal.
    pub amount: String,
    /// Decimal; what it cost before.
    pub compare_at: Option<String>,
}

/// A product that may be written to the catalog. `None` leaves what is there.
#[derive(Debug, PartialEq, Eq)]
pub struct Draft {
    /// Where it stands in the file.
    pub row: Row,
    /// Its name in addresses.
    pub slug: String,
    /// Its name.
    pub name: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// The path from the top-level category down; empty: none.
    pub category: Option<Vec<String>>,
    /// Whether customers see it.
    pub active: Option<bool>,
    /// Words to group by.
    pub tags: Option<Vec<String>>,
    /// What its variants differ in.
    pub options: Option<Vec<String>>,
    /// Addresses and descriptions of its pictures, in order.
    pub images: Option<Vec<(String, String)>>,
    /// Its variants. Those that the catalog has beside them stay.
    pub variants: Vec<DraftVariant>,
}

/// A variant that may be written.
#[derive(Debug, PartialEq, Eq)]
pub struct DraftVariant {
    /// Where it stands in the file, when that is not the product's row.
    pub row: Option<Row>,
    /// Stock keeping unit.
    pub sku: String,
    /// Its name.
    pub name: Option<String>,
    /// The product's options as it chooses them.
    pub options: Option<BTreeMap<String, String>>,
    /// Prices with what each was before. Those in other currencies stay.
    pub prices: Vec<(Money, Option<i64>)>,
    /// Units at the default location.
    pub inventory: Option<i64>,
    /// Weight in grams.
    pub weight_grams: Option<i64>,
}

/// A row of the file, kept so that a reject can show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its line, from 1.
    pub line: u64,
    /// Its text.
    pub raw: Arc<str>,
}

impl DraftVariant {
    /// The name of a new variant that was given none: its choices in the product's order.
    pub fn default_name(&self, options: &[String]) -> String {
        let choices = self.options.as_ref();
        let values: Vec<&str> = options.iter().filter_map(|option| choices?.get(option)).map(String::as_str).collect();
        if values.is_empty() { ONLY_VARIANT.to_owned() } else { values.join(" / ").chars().take(MAX_NAME).collect() }
    }
}

/// Checks an input by the catalog's rules. `shop` is the currency of the listing. The rows of the draft are left empty.
/// Errors: every field that is wrong, such as `variants[2].prices[0].amount`.
pub fn check(input: Input, shop: Currency) -> Result<Draft, Vec<FieldError>> {
    let mut checks = Checks::new();
    let slug = checks.take(slug("handle", &input.handle)).unwrap_or_default();
    let name = input.name.and_then(|text| checks.take(clean("name", &text, 1, MAX_NAME)));
    let description = input.description.and_then(|text| checks.take(clean("description", &text, 0, MAX_DESCRIPTION)));
    let category = input.category.map(|names| category_path(&mut checks, &names));
    let tags = input.tags.map(|tags| product::words(&mut checks, "tags", &tags, MAX_TAGS));
    let options = input.options.map(|options| product::words(&mut checks, "options", &options, MAX_OPTIONS));
    let images = input.images.map(|images| self::images(&mut checks, images));
    checks.require(
        input.variants.len() <= MAX_VARIANTS,
        "variants",
        "TOO_MANY",
        format!("a product takes at most {MAX_VARIANTS} variants"),
    );
    let of_product = options.as_deref().unwrap_or_default();
    let variants: Vec<_> = input
        .variants
        .into_iter()
        .take(MAX_VARIANTS)
        .enumerate()
        .map(|(index, variant)| check_variant(&mut checks, &format!("variants[{index}]"), variant, of_product, shop))
        .collect();
    let mut skus = HashSet::new();
    for (index, variant) in variants.iter().enumerate() {
        let sku = &variant.sku;
        let first = sku.is_empty() || skus.insert(sku.as_str());
        checks.require(first, &format!("variants[{index}].sku"), "DUPLICATE_SKU", format!("{sku} is there already"));
    }
    match checks.finish() {
        Err(failure) => Err(failure.details),
        Ok(()) => Ok(Draft {
            row: Row::default(),
            slug,
            name,
            description,
            category,
            active: input.active,
            tags,
            options,
            images,
            variants,
        }),
    }
}

fn category_path(checks: &mut Checks, names: &[String]) -> Vec<String> {
    let deepest = category::MAX_DEPTH;
    checks.require(names.len() <= deepest, "category", "TOO_DEEP", format!("categories nest at most {deepest} deep"));
    let one = |(index, name): (usize, &String)| checks.take(clean(&format!("category[{index}]"), name, 1, MAX_NAME));
    names.iter().enumerate().filter_map(one).collect()
}

fn images(checks: &mut Checks, images: Vec<InputImage>) -> Vec<(String, String)> {
    checks.require(
        images.len() <= MAX_IMAGES,
        "images",
        "TOO_MANY",
        format!("a product takes at most {MAX_IMAGES} images"),
    );
    let one = |(index, image)| {
        let (url, alt) = match image {
            InputImage::Url(url) => (url, String::new()),
            InputImage::Described { url, alt } => (url, alt),
        };
        let url = product::image_url(checks, &format!("images[{index}].url"), &url);
        (url, checks.take(clean(&format!("images[{index}].alt"), &alt, 0, 500)).unwrap_or_default())
    };
    images.into_iter().take(MAX_IMAGES).enumerate().map(one).collect()
}

fn check_variant(
    checks: &mut Checks,
    path: &str,
    input: InputVariant,
    of_product: &[String],
    shop: Currency,
) -> DraftVariant {
    let sku = checks.take(variant::sku(&format!("{path}.sku"), &input.sku)).unwrap_or_default();
    let name = input.name.and_then(|text| checks.take(clean(&format!("{path}.name"), &text, 1, MAX_NAME)));
    let options = input.options.map(|options| -> BTreeMap<_, _> {
        let trimmed = options.into_iter().map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let options = trimmed.collect();
        variant::choices(checks, &format!("{path}.options"), &options, of_product);
        options
    });
    let in_range = |checks: &mut Checks, field: &str, number: i64, most: i64| {
        let field = format!("{path}.{field}");
        checks.require((0..=most).contains(&number), &field, "OUT_OF_RANGE", format!("{field} takes 0 to {most}"));
    };
    if let Some(units) = input.inventory {
        in_range(checks, "inventory", units, MAX_ON_HAND);
    }
    if let Some(grams) = input.weight_grams {
        in_range(checks, "weight_grams", grams, MAX_WEIGHT);
    }
    let prices = prices(checks, path, &input.prices, shop);
    DraftVariant { row: None, sku, name, options, prices, inventory: input.inventory, weight_grams: input.weight_grams }
}

fn prices(checks: &mut Checks, path: &str, inputs: &[InputPrice], shop: Currency) -> Vec<(Money, Option<i64>)> {
    checks.require(
        inputs.len() <= MAX_PRICES,
        &format!("{path}.prices"),
        "TOO_MANY",
        format!("a variant takes at most {MAX_PRICES} prices"),
    );
    let mut prices: Vec<(Money, Option<i64>)> = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.iter().enumerate().take(MAX_PRICES) {
        let path = format!("{path}.prices[{index}]");
        let Some(price) = price(checks, &path, input, shop) else { continue };
        let first = prices.iter().all(|(other, _)| other.currency != price.0.currency);
        checks.require(first, &format!("{path}.currency"), "DUPLICATE", "a variant has one price a currency");
        prices.push(price);
    }
    prices
}

fn price(checks: &mut Checks, path: &str, input: &InputPrice, shop: Currency) -> Option<(Money, Option<i64>)> {
    let wrong = |field: &str, code, message: String| FieldError::new(format!("{path}.{field}"), code, message);
    let currency = input.currency.parse::<Currency>();
    let currency = checks.take(currency.map_err(|error| wrong("currency", "UNKNOWN_CURRENCY", error.to_string())))?;
    let mut amount = |field: &str, text: &str| {
        let money = Money::parse(text.trim(), currency);
        checks.take(money.map_err(|error| wrong(field, "INVALID_AMOUNT", error.to_string())))
    };
    let money = amount("amount", &input.amount);
    let compare_at = input.compare_at.as_deref().map(|text| amount("compare_at", text).map(|money| money.amount));
    let money = money?;
    let listed = currency != shop || product::listing_price(money).is_some();
    checks.require(listed, &format!("{path}.amount"), "OUT_OF_RANGE", "the amount is more than a listing can show");
    Some((money, compare_at.flatten()))
}
