//! What has to change so that the catalog holds a batch of drafts. Pure: it decides, and writes nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use kernel::{Currency, Money};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::draft::{Draft, DraftVariant, Row};
use super::snapshot::{KnownProduct, KnownVariant, Snapshot};
use super::{Format, Reject, Seen};
use crate::domain::product::{MAX_VARIANTS, listing_price};
use crate::domain::{Level, LevelChange, Product};

/// What is to be written for a batch.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// Products to add.
    pub new_products: Vec<NewProduct<'a>>,
    /// Products to write, with their next version; the listing's figures are still those of before.
    pub changed_products: Vec<Product>,
    /// Products whose figures have to be made anew.
    pub refreshed: Vec<Uuid>,
    /// Products that lose the pictures they have.
    pub cleared_images: Vec<Uuid>,
    /// Pictures to add.
    pub new_images: Vec<NewImage<'a>>,
    /// Variants to add.
    pub new_variants: Vec<NewVariant<'a>>,
    /// Variants to write, with their next version.
    pub changed_variants: Vec<ChangedVariant<'a>>,
    /// Prices to add.
    pub new_prices: Vec<NewPrice>,
    /// Prices to write.
    pub changed_prices: Vec<NewPrice>,
    /// Levels to add, as they will be.
    pub new_levels: Vec<LevelChange>,
    /// Levels to write, as they will be, with what is added to them.
    pub changed_levels: Vec<(LevelChange, i64)>,
    /// Products that were in the catalog and differ in something.
    pub updated: u64,
    /// Products that were in the catalog as they are in the batch.
    pub unchanged: u64,
    /// Products that are refused.
    pub rejected: u64,
    /// Why.
    pub rejects: Vec<Reject>,
}

/// A product to add.
#[derive(Debug)]
pub struct NewProduct<'a> {
    /// Its id.
    pub id: Uuid,
    /// What is to be in it.
    pub draft: &'a Draft,
    /// Its name.
    pub name: &'a str,
    /// Its category.
    pub category_id: Option<Uuid>,
    /// The listing's price.
    pub price: Option<Decimal>,
    /// Units of all its variants.
    pub inventory_count: i64,
}

/// A picture to add.
#[derive(Debug)]
pub struct NewImage<'a> {
    /// The product shown.
    pub product_id: Uuid,
    /// Its place, from 1.
    pub position: usize,
    /// Address and description.
    pub image: &'a (String, String),
}

/// A variant to add.
#[derive(Debug)]
pub struct NewVariant<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// What is to be in it.
    pub draft: &'a DraftVariant,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its place.
    pub position: i64,
}

/// A variant to write.
#[derive(Debug)]
pub struct ChangedVariant<'a> {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What it chooses.
    pub options: &'a BTreeMap<String, String>,
    /// Weight in grams.
    pub weight_grams: i64,
    /// Its next version.
    pub version: i64,
}

/// A price to add or to write.
#[derive(Debug)]
pub struct NewPrice {
    /// The variant.
    pub variant_id: Uuid,
    /// What it costs.
    pub money: Money,
    /// What it cost before.
    pub compare_at: Option<i64>,
}

/// What planning needs to know beside the drafts.
#[derive(Debug)]
pub struct Ground<'a> {
    /// What the catalog holds.
    pub snapshot: &'a Snapshot,
    /// Categories by their path of names.
    pub categories: &'a HashMap<Vec<String>, Uuid>,
    /// The shop's currency.
    pub currency: Currency,
    /// How rejects name columns.
    pub format: Format,
}

/// Plans a batch. `claimed` are SKUs that earlier products of the file brought and that the catalog does not show yet.
pub fn plan<'a>(drafts: &'a [Draft], ground: &Ground<'a>, claimed: &mut Seen) -> Plan<'a> {
    let mut plan = Plan::default();
    for draft in drafts {
        let known = ground.snapshot.products.get(&draft.slug);
        let rejects = refusals(draft, known, ground, claimed);
        if !rejects.is_empty() {
            plan.rejected += 1;
            plan.rejects.extend(rejects);
            continue;
        }
        let unknown = |variant: &&DraftVariant| !ground.snapshot.variants.contains_key(&variant.sku);
        for variant in draft.variants.iter().filter(unknown) {
            claimed.note(&variant.sku);
        }
        match known {
            Some(known) => plan.change(draft, known, ground),
            None => plan.create(draft, ground),
        }
    }
    plan
}

/// Why a draft cannot be written to this catalog.
fn refusals(draft: &Draft, known: Option<&KnownProduct>, ground: &Ground<'_>, claimed: &Seen) -> Vec<Reject> {
    let mut rejects = Vec::new();
    let mut refuse = |row: &Row, field, code: &'static str, reason: String| {
        let column = ground.format.column(field).to_owned();
        rejects.push(Reject { line: row.line, column, code: code.into(), reason, raw: row.raw.clone() });
    };
    if known.is_none() && draft.name.is_none() {
        refuse(&draft.row, "name", "MISSING_FIELD", format!("{} is new, and a new product needs a name", draft.slug));
    }
    let mut added = 0;
    for variant in &draft.variants {
        let row = variant.row.as_ref().unwrap_or(&draft.row);
        let sku = &variant.sku;
        match ground.snapshot.variants.get(sku) {
            Some(other) if known.is_none_or(|known| known.product.id != other.product_id) => {
                refuse(row, "sku", "SKU_TAKEN", format!("{sku} belongs to another product of the catalog"));
            }
            Some(other) => {
                let reserved = other.level.as_ref().map_or(0, |level| level.reserved);
                if variant.inventory.is_some_and(|units| units < reserved) {
                    let reason = format!("orders hold {reserved} units of {sku}, more than would be left");
                    refuse(row, "inventory", "STOCK_RESERVED", reason);
                }
            }
            None if claimed.has(sku) => {
                refuse(row, "sku", "SKU_TAKEN", format!("{sku} belongs to another product of the file"));
            }
            None => added += 1,
        }
    }
    let there = known.map_or(0, |known| known.variants);
    if there + added > MAX_VARIANTS {
        let reason = format!("with these the product has more than {MAX_VARIANTS} variants");
        refuse(&draft.row, "sku", "TOO_MANY", reason);
    }
    rejects
}

impl<'a> Plan<'a> {
    /// Products that are new.
    pub fn created(&self) -> u64 {
        self.new_products.len() as u64
    }

    fn create(&mut self, draft: &'a Draft, ground: &Ground<'_>) {
        let id = kernel::id::new_id();
        let options = draft.options.as_deref().unwrap_or_default();
        for (position, variant) in (1..).zip(&draft.variants) {
            self.add_variant(id, variant, options, position, ground);
        }
        self.add_images(id, draft);
        let own = draft.variants.iter().flat_map(|variant| &variant.prices).map(|(money, _)| *money);
        let lowest = own.filter(|money| money.currency == ground.currency).min_by_key(|money| money.amount);
        self.new_products.push(NewProduct {
            id,
            draft,
            name: draft.name.as_deref().unwrap_or_default(),
            category_id: draft.category.as_ref().and_then(|path| ground.categories.get(path)).copied(),
            price: lowest.and_then(listing_price),
            inventory_count: draft.variants.iter().filter_map(|variant| variant.inventory).sum(),
        });
    }

    fn change(&mut self, draft: &'a Draft, known: &'a KnownProduct, ground: &Ground<'a>) {
        let stock_before = self.new_levels.len() + self.changed_levels.len();
        let mut next = known.product.clone();
        merge(&mut next, draft, ground.categories);
        let mut changed = next != known.product;
        if draft.images.as_ref().is_some_and(|images| *images != known.images) {
            self.cleared_images.push(next.id);
            self.add_images(next.id, draft);
            changed = true;
        }
        let mut position = known.last_position;
        for variant in &draft.variants {
            changed |= match ground.snapshot.variants.get(&variant.sku) {
                Some(of_catalog) => self.change_variant(variant, of_catalog, ground),
                None => {
                    position += 1;
                    self.add_variant(next.id, variant, &next.options, position, ground);
                    true
                }
            };
        }
        let stock = self.new_levels.len() + self.changed_levels.len() > stock_before;
        if changed || stock {
            self.updated += 1;
            self.refreshed.push(next.id);
        } else {
            self.unchanged += 1;
        }
        if changed {
            next.version += 1;
            self.changed_products.push(next);
        }
    }

    fn add_images(&mut self, product_id: Uuid, draft: &'a Draft) {
        let images = draft.images.iter().flatten();
        self.new_images.extend((1..).zip(images).map(|(position, image)| NewImage { product_id, position, image }));
    }

    fn add_variant(
        &mut self,
        product_id: Uuid,
        draft: &'a DraftVariant,
        options: &[String],
        position: i64,
        ground: &Ground<'_>,
    ) {
        let id = kernel::id::new_id();
        let name = draft.name.as_deref().map_or_else(|| Cow::Owned(draft.default_name(options)), Cow::Borrowed);
        self.new_variants.push(NewVariant { id, product_id, draft, name, position });
        let price =
            |(money, compare_at): &(Money, _)| NewPrice { variant_id: id, money: *money, compare_at: *compare_at };
        self.new_prices.extend(draft.prices.iter().map(price));
        self.add_level(product_id, id, draft.inventory.unwrap_or_default(), ground);
    }

    /// A variant of which there never was any has no level.
    fn add_level(&mut self, product_id: Uuid, variant_id: Uuid, on_hand: i64, ground: &Ground<'_>) {
        if on_hand > 0 {
            let location_id = ground.snapshot.location_id;
            let level = Level { id: kernel::id::new_id(), variant_id, location_id, on_hand, reserved: 0, version: 1 };
            self.new_levels.push(LevelChange { level, product_id });
        }
    }

    /// Says whether anything but its stock changes.
    fn change_variant(&mut self, draft: &'a DraftVariant, known: &'a KnownVariant, ground: &Ground<'_>) -> bool {
        let name = draft.name.as_deref().unwrap_or(&known.name);
        let options = draft.options.as_ref().unwrap_or(&known.options);
        let weight_grams = draft.weight_grams.unwrap_or(known.weight_grams);
        let mut changed = name != known.name || *options != known.options || weight_grams != known.weight_grams;
        if changed {
            let version = known.version + 1;
            self.changed_variants.push(ChangedVariant { id: known.id, name, options, weight_grams, version });
        }
        for (money, compare_at) in &draft.prices {
            let price = NewPrice { variant_id: known.id, money: *money, compare_at: *compare_at };
            match known.prices.get(&money.currency) {
                Some(before) if *before == (money.amount, *compare_at) => continue,
                Some(_) => self.changed_prices.push(price),
                None => self.new_prices.push(price),
            }
            changed = true;
        }
        match (&known.level, draft.inventory) {
            (Some(level), Some(on_hand)) if level.on_hand != on_hand => {
                let delta = on_hand - level.on_hand;
                let level = Level { on_hand, version: level.version + 1, ..level.clone() };
                self.changed_levels.push((LevelChange { level, product_id: known.product_id }, delta));
            }
            (None, Some(on_hand)) => self.add_level(known.product_id, known.id, on_hand, ground),
            _ => {}
        }
        changed
    }
}

fn merge(product: &mut Product, draft: &Draft, categories: &HashMap<Vec<String>, Uuid>) {
    fn keep<T: Clone>(place: &mut T, given: Option<&T>) {
        if let Some(given) = given {
            place.clone_from(given);
        }
    }
    keep(&mut product.name, draft.name.as_ref());
    keep(&mut product.description, draft.description.as_ref());
    keep(&mut product.is_active, draft.active.as_ref());
    keep(&mut product.tags, draft.tags.as_ref());
    keep(&mut product.options, draft.options.as_ref());
    if let Some(path) = &draft.category {
        product.category_id = categories.get(path).copied();
    }
}
