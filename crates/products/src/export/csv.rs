//! Tradepost's own CSV: one variant a row, what is said of the product in the first of its rows.

use super::{Image, Product, Variant};
use crate::import::own_csv::join_list;

/// Which columns a file has beside those that all have.
#[derive(Debug)]
pub struct Columns {
    /// Currencies of the price columns.
    pub currencies: Vec<String>,
    /// How many options there is room for.
    pub options: usize,
}

impl Columns {
    /// The first line.
    pub fn header(&self) -> Vec<u8> {
        let mut cells: Vec<String> =
            ["handle", "name", "description", "category", "active", "tags"].map(str::to_owned).into();
        cells.extend((1..=self.options).map(|n| format!("option{n}_name")));
        cells.extend(["images", "image_alts", "sku", "variant_name"].map(str::to_owned));
        cells.extend((1..=self.options).map(|n| format!("option{n}_value")));
        for currency in &self.currencies {
            cells.extend([format!("price_{currency}"), format!("compare_at_{currency}")]);
        }
        cells.extend(["inventory", "weight_grams"].map(str::to_owned));
        rows([cells])
    }

    /// Products as rows.
    pub fn write(&self, products: &[Product]) -> Vec<u8> {
        rows(products.iter().flat_map(|product| self.product(product)))
    }

    fn product(&self, product: &Product) -> Vec<Vec<String>> {
        let first = self.product_cells(product);
        let again = std::iter::once(product.handle.clone());
        let again: Vec<String> = again.chain(vec![String::new(); first.len() - 1]).collect();
        let mut starts = std::iter::once(first).chain(std::iter::repeat(again));
        if product.variants.is_empty() {
            let blank = vec![String::new(); 4 + self.options + 2 * self.currencies.len()];
            return starts.by_ref().take(1).map(|start| [start, blank.clone()].concat()).collect();
        }
        let of_variant = product.variants.iter().map(|variant| self.variant_cells(product, variant));
        starts.zip(of_variant).map(|(start, variant)| [start, variant].concat()).collect()
    }

    fn product_cells(&self, product: &Product) -> Vec<String> {
        let list = |parts: &[String], separator, between: &str| {
            join_list(parts.iter().map(String::as_str), separator, between)
        };
        let mut cells = vec![
            product.handle.clone(),
            product.name.clone(),
            product.description.clone(),
            list(&product.category, '>', " > "),
            product.active.to_string(),
            list(&product.tags, ',', ", "),
        ];
        cells.extend((0..self.options).map(|at| product.options.get(at).cloned().unwrap_or_default()));
        let (urls, alts): (Vec<&str>, Vec<&str>) = product
            .images
            .iter()
            .map(|image| match image {
                Image::Url(url) => (url.as_str(), ""),
                Image::Described { url, alt } => (url.as_str(), alt.as_str()),
            })
            .unzip();
        let described = alts.iter().any(|alt| !alt.is_empty());
        cells.push(urls.join(" "));
        cells.push(if described { join_list(alts.into_iter(), '|', "|") } else { String::new() });
        cells
    }

    fn variant_cells(&self, product: &Product, variant: &Variant) -> Vec<String> {
        let mut cells = vec![variant.sku.clone(), variant.name.clone()];
        let value = |at: usize| product.options.get(at).and_then(|name| variant.options.get(name));
        cells.extend((0..self.options).map(|at| value(at).cloned().unwrap_or_default()));
        for currency in &self.currencies {
            let price = variant.prices.iter().find(|price| price.currency == *currency);
            cells.push(price.map(|price| price.amount.clone()).unwrap_or_default());
            cells.push(price.and_then(|price| price.compare_at.clone()).unwrap_or_default());
        }
        cells.extend([variant.inventory.to_string(), variant.weight_grams.to_string()]);
        cells
    }
}

fn rows(rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Rows of one length written to memory: it cannot fail.
        let _ = writer.write_record(&row);
    }
    writer.into_inner().unwrap_or_default()
}
