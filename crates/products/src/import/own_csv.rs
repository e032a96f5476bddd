//! Tradepost's own CSV: one variant a row. `docs/import.md` describes the columns.
//!
//! Rows of a product follow each other. What is said of the product stands in the first of them, and is repeated or blank
//! in the others. A blank cell of a variant leaves what the catalog holds. A product without variants has one row whose
//! variant cells are blank.

use std::collections::{BTreeMap, HashMap};

use kernel::{Currency, ErrorKind, Failure};

use super::draft::{Input, InputImage, InputPrice, InputVariant};
use super::rows::{Built, CsvRow, Wrong, split_path};
use crate::domain::product::MAX_OPTIONS;

/// Columns of the product beside `handle` and `optionN_name`.
pub const PRODUCT: [&str; 7] = ["name", "description", "category", "active", "tags", "images", "image_alts"];
/// Columns of the variant beside `optionN_value`, `price_CUR` and `compare_at_CUR`.
pub const VARIANT: [&str; 4] = ["sku", "variant_name", "inventory", "weight_grams"];

/// Which column is where.
#[derive(Debug)]
pub struct Columns {
    /// `handle`.
    pub handle: usize,
    by_name: HashMap<String, usize>,
    /// `optionN_name` and `optionN_value`.
    options: Vec<(Option<usize>, Option<usize>)>,
    /// Currency, `price_CUR` and `compare_at_CUR`.
    prices: Vec<(String, usize, Option<usize>)>,
}

impl Columns {
    /// Finds the columns. Failures: 422 `UNKNOWN_COLUMN`, `DUPLICATE_COLUMN`, `MISSING_COLUMN`.
    pub fn new(header: &[String]) -> Result<Self, Failure> {
        let refused = |code, name: &str, what: &str| {
            Failure::new(ErrorKind::Invalid, code, format!("Line 1: the column `{name}` {what}"))
        };
        let mut by_name = HashMap::new();
        for (at, name) in header.iter().enumerate() {
            if !is_known(name) {
                return Err(refused("UNKNOWN_COLUMN", name, "is not one of this format"));
            }
            if by_name.insert(name.clone(), at).is_some() {
                return Err(refused("DUPLICATE_COLUMN", name, "is there twice"));
            }
        }
        let at = |name: &str| by_name.get(name).copied();
        let handle = at("handle").ok_or_else(|| refused("MISSING_COLUMN", "handle", "is missing"))?;
        let option = |n: usize| (at(&format!("option{n}_name")), at(&format!("option{n}_value")));
        let options = (1..=MAX_OPTIONS).map(option).collect();
        let mut prices = Vec::new();
        for (place, name) in header.iter().enumerate() {
            if let Some(currency) = name.strip_prefix("price_") {
                prices.push((currency.to_owned(), place, at(&format!("compare_at_{currency}"))));
            } else if let Some(currency) = name.strip_prefix("compare_at_")
                && at(&format!("price_{currency}")).is_none()
            {
                return Err(refused("MISSING_COLUMN", &format!("price_{currency}"), "is missing"));
            }
        }
        Ok(Self { handle, by_name, options, prices })
    }

    fn at(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// What the rows of one product say.
    pub fn build(&self, rows: &[CsvRow]) -> Built {
        let mut built = Built::default();
        let first = &rows[0];
        // A column that is there but blank says that there is none; without the column nothing is said.
        let given = |name: &str| self.at(name).map(|at| first.cell(Some(at)).unwrap_or_default());
        let names: Vec<Option<&str>> = self.options.iter().map(|(name, _)| first.cell(*name)).collect();
        let has_options = self.options.iter().any(|(name, _)| name.is_some());
        built.input = Input {
            handle: first.cell(Some(self.handle)).unwrap_or_default().to_owned(),
            name: first.cell(self.at("name")).map(str::to_owned),
            description: given("description").map(str::to_owned),
            category: given("category").map(|path| split_list(path, '>')),
            active: built.flag(rows, 0, self.at("active")),
            tags: given("tags").map(|tags| split_list(tags, ',')),
            options: has_options.then(|| names.iter().flatten().map(|name| (*name).to_owned()).collect()),
            images: given("images").map(|urls| images(urls, given("image_alts").unwrap_or_default())),
            variants: Vec::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                self.check_repeated(&mut built, rows, at);
            }
            if self.is_variant(row) {
                let variant = self.variant(&mut built, rows, at, &names);
                built.input.variants.push(variant);
                built.variant_rows.push(at);
            }
        }
        built
    }

    fn product_columns(&self) -> impl Iterator<Item = usize> {
        let named = PRODUCT.iter().filter_map(|name| self.at(name));
        named.chain(self.options.iter().filter_map(|(name, _)| *name))
    }

    fn check_repeated(&self, built: &mut Built, rows: &[CsvRow], at: usize) {
        for column in self.product_columns() {
            let cell = rows[at].cell(Some(column));
            if cell.is_some() && cell != rows[0].cell(Some(column)) {
                let reason = "the cell differs from the product's first row".to_owned();
                built.wrong.push(Wrong { row: at, column: Some(column), code: "INCONSISTENT", reason });
            }
        }
    }

    fn is_variant(&self, row: &CsvRow) -> bool {
        let named = VARIANT.iter().map(|name| self.at(name));
        let values = self.options.iter().map(|(_, value)| *value);
        let prices = self.prices.iter().flat_map(|(_, price, before)| [Some(*price), *before]);
        named.chain(values).chain(prices).any(|column| row.cell(column).is_some())
    }

    fn variant(&self, built: &mut Built, rows: &[CsvRow], at: usize, names: &[Option<&str>]) -> InputVariant {
        let row = &rows[at];
        let mut options = BTreeMap::new();
        for (name, (_, value)) in names.iter().zip(&self.options) {
            match (name, row.cell(*value)) {
                (Some(name), Some(value)) => drop(options.insert((*name).to_owned(), value.to_owned())),
                (None, Some(_)) => {
                    let reason = "the option has no name in the product's first row".to_owned();
                    built.wrong.push(Wrong { row: at, column: *value, code: "UNKNOWN_OPTION", reason });
                }
                (_, None) => {}
            }
        }
        let has_values = self.options.iter().any(|(_, value)| value.is_some());
        let mut prices = Vec::new();
        for (currency, price, before) in &self.prices {
            let compare_at = row.cell(*before).map(str::to_owned);
            match row.cell(Some(*price)) {
                Some(amount) => {
                    prices.push(InputPrice { currency: currency.clone(), amount: amount.to_owned(), compare_at });
                }
                None if compare_at.is_some() => {
                    let reason = format!("without a price in {currency} there is none to compare");
                    built.wrong.push(Wrong { row: at, column: *before, code: "MISSING_PRICE", reason });
                }
                None => {}
            }
        }
        InputVariant {
            sku: row.cell(self.at("sku")).unwrap_or_default().to_owned(),
            name: row.cell(self.at("variant_name")).map(str::to_owned),
            options: has_values.then_some(options),
            prices,
            inventory: built.number(rows, at, self.at("inventory")),
            weight_grams: built.number(rows, at, self.at("weight_grams")),
        }
    }

    /// The column of a field; `rest` is what follows the variant's or image's index.
    pub fn locate(&self, rows: &[CsvRow], row: usize, list: &str, index: usize, rest: &str) -> Option<usize> {
        let nth_price =
            |nth| self.prices.iter().filter(|(_, price, _)| rows[row].cell(Some(*price)).is_some()).nth(nth);
        match (list, split_path(rest)) {
            ("variants", ("prices", nth, "compare_at")) => nth_price(nth).and_then(|(_, _, before)| *before),
            ("variants", ("prices", nth, _)) => nth_price(nth).map(|(_, price, _)| *price),
            ("variants", ("options", _, name)) => {
                let named = |(of, _): &&(Option<usize>, Option<usize>)| rows[0].cell(*of) == Some(name);
                self.options.iter().find(named).and_then(|(_, value)| *value)
            }
            ("variants", ("name", ..)) => self.at("variant_name"),
            ("options", _) => self.options.get(index).and_then(|(name, _)| *name),
            ("images", ("alt", ..)) => self.at("image_alts"),
            ("variants", (name, ..)) | (name, _) => self.at(name),
        }
    }
}

fn is_known(name: &str) -> bool {
    let option = |name: &str| {
        let (number, kind) = name.strip_prefix("option")?.split_once('_')?;
        let number: usize = number.parse().ok()?;
        Some((1..=MAX_OPTIONS).contains(&number) && matches!(kind, "name" | "value"))
    };
    let price = |name: &str| {
        let currency = name.strip_prefix("price_").or_else(|| name.strip_prefix("compare_at_"))?;
        Some(currency.parse::<Currency>().is_ok())
    };
    name == "handle"
        || PRODUCT.contains(&name)
        || VARIANT.contains(&name)
        || option(name) == Some(true)
        || price(name) == Some(true)
}

fn images(urls: &str, alts: &str) -> Vec<InputImage> {
    let mut alts = split_all(alts, '|').into_iter();
    urls.split_whitespace()
        .map(|url| InputImage::Described { url: url.to_owned(), alt: alts.next().unwrap_or_default() })
        .collect()
}

/// The parts of a cell that are not blank. A backslash before the separator, or before a backslash, makes it plain.
pub fn split_list(text: &str, separator: char) -> Vec<String> {
    split_all(text, separator).into_iter().filter(|part| !part.is_empty()).collect()
}

fn split_all(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let escaped = letter == '\\' && letters.peek().is_some_and(|next| *next == separator || *next == '\\');
        let letter = if escaped { letters.next().unwrap_or(letter) } else { letter };
        if letter == separator && !escaped {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// The cell that [`split_list`] takes apart again.
pub fn join_list<'a>(parts: impl Iterator<Item = &'a str>, separator: char, between: &str) -> String {
    let escape = |part: &str| part.replace('\\', "\\\\").replace(separator, &format!("\\{separator}"));
    parts.map(escape).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_survives_its_cell() {
        for parts in [vec!["a"], vec!["a > b", "c\\"], vec!["\\>", "x, y"], vec![]] {
            assert_eq!(split_list(&join_list(parts.iter().copied(), '>', " > "), '>'), parts);
        }
        assert_eq!(split_list("Home > Kitchen >  > C:\\x", '>'), ["Home", "Kitchen", "C:\\x"]);
    }
}
