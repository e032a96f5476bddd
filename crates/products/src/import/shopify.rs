//! The product CSV that Shopify exports, in the older and the newer names of its columns. Columns that say nothing of what
//! Tradepost keeps are passed over.

use std::collections::{BTreeMap, HashSet};

use kernel::{Currency, ErrorKind, Failure};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::draft::{Input, InputImage, InputPrice, InputVariant};
use super::html;
use super::rows::{Built, CsvRow, Wrong, split_path};
use crate::domain::slug_of;

/// How the only option of a product with nothing to choose is called, and its value.
const NO_OPTION: (&str, &str) = ("Title", "Default Title");
/// Options that the format has room for.
const OPTIONS: usize = 3;

/// Which column is where.
#[derive(Debug)]
pub struct Columns {
    /// The handle.
    pub handle: usize,
    title: Option<usize>,
    body: Option<usize>,
    category: Option<usize>,
    kind: Option<usize>,
    tags: Option<usize>,
    published: Option<usize>,
    status: Option<usize>,
    options: [(Option<usize>, Option<usize>); OPTIONS],
    sku: Option<usize>,
    grams: Option<usize>,
    quantity: Option<usize>,
    price: Option<usize>,
    compare_at: Option<usize>,
    image: Option<usize>,
    image_position: Option<usize>,
    image_alt: Option<usize>,
}

impl Columns {
    /// Finds the columns. Failure: 422 `MISSING_COLUMN`.
    pub fn new(header: &[String]) -> Result<Self, Failure> {
        let at = |names: &[&str]| {
            let is = |cell: &String| names.iter().any(|name| cell.eq_ignore_ascii_case(name));
            header.iter().position(is)
        };
        let missing = || Failure::new(ErrorKind::Invalid, "MISSING_COLUMN", "Line 1: the column `Handle` is missing");
        let option = |n: usize| (at(&[&format!("Option{n} Name")]), at(&[&format!("Option{n} Value")]));
        Ok(Self {
            handle: at(&["Handle", "URL handle"]).ok_or_else(missing)?,
            title: at(&["Title"]),
            body: at(&["Body (HTML)", "Body HTML", "Description"]),
            category: at(&["Product Category"]),
            kind: at(&["Type"]),
            tags: at(&["Tags"]),
            published: at(&["Published", "Published on online store"]),
            status: at(&["Status"]),
            options: [option(1), option(2), option(3)],
            sku: at(&["Variant SKU", "SKU"]),
            grams: at(&["Variant Grams", "Weight value (grams)"]),
            quantity: at(&["Variant Inventory Qty", "Inventory quantity"]),
            price: at(&["Variant Price", "Price"]),
            compare_at: at(&["Variant Compare At Price", "Compare-at price"]),
            image: at(&["Image Src", "Product image URL"]),
            image_position: at(&["Image Position"]),
            image_alt: at(&["Image Alt Text"]),
        })
    }

    /// What the rows of one product say. `shop` is the currency of the prices: the format names none.
    pub fn build(&self, rows: &[CsvRow], shop: Currency) -> Built {
        let mut built = Built::default();
        let first = &rows[0];
        let names = self.option_names(first);
        let active = self.active(&mut built, rows);
        built.input = Input {
            handle: first.cell(Some(self.handle)).unwrap_or_default().to_owned(),
            name: first.cell(self.title).map(str::to_owned),
            description: self.body.map(|_| html::to_text(first.cell(self.body).unwrap_or_default())),
            category: self.category(first),
            active,
            tags: self.tags.map(|_| tags(first.cell(self.tags).unwrap_or_default())),
            options: Some(names.iter().flatten().map(|name| (*name).to_owned()).collect()),
            images: None,
            variants: Vec::new(),
        };
        self.images(&mut built, rows);
        for (at, row) in rows.iter().enumerate() {
            if self.is_variant(row) {
                let variant = self.variant(&mut built, rows, at, &names, shop);
                built.input.variants.push(variant);
                built.variant_rows.push(at);
            }
        }
        built
    }

    fn option_names<'a>(&self, first: &'a CsvRow) -> [Option<&'a str>; OPTIONS] {
        let (name, value) = self.options[0];
        if (first.cell(name), first.cell(value)) == (Some(NO_OPTION.0), Some(NO_OPTION.1)) {
            return [None; OPTIONS];
        }
        self.options.map(|(name, _)| first.cell(name))
    }

    /// Shown when it is published and its status, if there is one, is `active`.
    fn active(&self, built: &mut Built, rows: &[CsvRow]) -> Option<bool> {
        let published = built.flag(rows, 0, self.published);
        let status = match rows[0].cell(self.status).map(str::to_ascii_lowercase).as_deref() {
            None => None,
            Some("active") => Some(true),
            Some("draft" | "archived" | "unlisted") => Some(false),
            Some(other) => {
                let reason = format!("`{other}` is no status");
                built.wrong.push(Wrong { row: 0, column: self.status, code: "INVALID_VALUE", reason });
                None
            }
        };
        match (published, status) {
            (None, None) => None,
            (published, status) => Some(published.unwrap_or(true) && status.unwrap_or(true)),
        }
    }

    /// The path of the standard category, or else the shop's own type.
    fn category(&self, first: &CsvRow) -> Option<Vec<String>> {
        let names = |path: &str| path.split('>').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty()).collect();
        first.cell(self.category).map(names).or_else(|| first.cell(self.kind).map(|kind| vec![kind.to_owned()]))
    }

    fn images(&self, built: &mut Built, rows: &[CsvRow]) {
        if self.image.is_none() {
            return;
        }
        let mut found: Vec<(i64, usize)> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            if row.cell(self.image).is_some() {
                found.push((built.number(rows, at, self.image_position).unwrap_or(i64::MAX), at));
            }
        }
        found.sort_unstable();
        let image = |row: &CsvRow| InputImage::Described {
            url: row.cell(self.image).unwrap_or_default().to_owned(),
            alt: row.cell(self.image_alt).unwrap_or_default().to_owned(),
        };
        built.input.images = Some(found.iter().map(|(_, at)| image(&rows[*at])).collect());
        built.image_rows = found.into_iter().map(|(_, at)| at).collect();
    }

    /// Rows with an image only are none.
    fn is_variant(&self, row: &CsvRow) -> bool {
        let values = self.options.iter().map(|(_, value)| *value);
        values.chain([self.sku, self.price]).any(|column| row.cell(column).is_some())
    }

    fn variant(
        &self,
        built: &mut Built,
        rows: &[CsvRow],
        at: usize,
        names: &[Option<&str>; OPTIONS],
        shop: Currency,
    ) -> InputVariant {
        let row = &rows[at];
        let chosen: Vec<(&str, &str)> = names
            .iter()
            .zip(&self.options)
            .filter_map(|(name, (_, value))| Some(((*name)?, row.cell(*value)?)))
            .collect();
        let handle = row.cell(Some(self.handle)).unwrap_or_default();
        let sku = row.cell(self.sku).map_or_else(|| made_up_sku(handle, &chosen), str::to_owned);
        let price = |amount: &str| InputPrice {
            currency: shop.to_string(),
            amount: amount.to_owned(),
            compare_at: row.cell(self.compare_at).filter(|before| !is_zero(before)).map(str::to_owned),
        };
        InputVariant {
            sku,
            name: None,
            options: Some(
                chosen
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect::<BTreeMap<_, _>>(),
            ),
            prices: row.cell(self.price).map(price).into_iter().collect(),
            // Less than nothing is what was sold beyond the stock.
            inventory: built.number(rows, at, self.quantity).map(|units| units.max(0)),
            weight_grams: self.grams(built, rows, at),
        }
    }

    /// Whole grams; the newer exports write decimals.
    fn grams(&self, built: &mut Built, rows: &[CsvRow], row: usize) -> Option<i64> {
        let text = rows[row].cell(self.grams)?;
        let grams = text.parse::<Decimal>().ok().and_then(|grams| grams.round().to_i64());
        if grams.is_none() {
            let reason = format!("`{text}` is no number");
            built.wrong.push(Wrong { row, column: self.grams, code: "INVALID_NUMBER", reason });
        }
        grams
    }

    /// The column of a field; `rest` is what follows the variant's or image's index.
    pub fn locate(&self, rows: &[CsvRow], list: &str, index: usize, rest: &str) -> Option<usize> {
        match (list, split_path(rest)) {
            ("handle", _) => Some(self.handle),
            ("name", _) => self.title,
            ("description", _) => self.body,
            ("category", _) => {
                if rows[0].cell(self.category).is_some() {
                    self.category
                } else {
                    self.kind
                }
            }
            ("tags", _) => self.tags,
            ("options", _) => self.options.get(index).and_then(|(name, _)| *name),
            ("images", ("alt", ..)) => self.image_alt,
            ("images", _) => self.image,
            ("variants", ("prices", _, "compare_at")) => self.compare_at,
            ("variants", ("prices", ..)) => self.price,
            ("variants", ("inventory", ..)) => self.quantity,
            ("variants", ("weight_grams", ..)) => self.grams,
            ("variants", ("sku", ..)) => self.sku,
            ("variants", ("options", _, name)) => {
                let named = |(of, _): &&(Option<usize>, Option<usize>)| rows[0].cell(*of) == Some(name);
                self.options.iter().find(named).and_then(|(_, value)| *value)
            }
            _ => None,
        }
    }
}

/// Exports write 0 where there is no price to compare.
fn is_zero(amount: &str) -> bool {
    amount.parse::<Decimal>().is_ok_and(|amount| amount.is_zero())
}

fn tags(cell: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    cell.split(',').map(str::trim).filter(|tag| !tag.is_empty() && seen.insert(*tag)).map(str::to_owned).collect()
}

/// Variants without a SKU get one that is the same each time.
fn made_up_sku(handle: &str, chosen: &[(&str, &str)]) -> String {
    let values = chosen.iter().map(|(_, value)| slug_of(value));
    std::iter::once(handle.to_owned()).chain(values).collect::<Vec<_>>().join("-").chars().take(100).collect()
}
