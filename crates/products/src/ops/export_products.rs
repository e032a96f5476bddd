//! Writes the catalog out, so that importing the result into an empty catalog gives the same one.

use std::collections::HashMap;

use bytes::Bytes;
use futures_util::{Stream, stream};
use kernel::{Context, Money, Scope};
use pg::{Server, Tx};
use uuid::Uuid;

use super::require;
use crate::domain::{CategoryTree, Price};
use crate::export::{self, csv, jsonl};
use crate::store::export::{ExportedProduct, ExportedVariant};
use crate::{Error, Products, store};

/// Products that are read at a time.
const PAGE: i64 = 500;

/// A format to export in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One product a line.
    Jsonl,
    /// One variant a row.
    Csv,
}

enum Writer {
    Jsonl,
    Csv(csv::Columns),
}

struct Export {
    tx: Tx,
    tree: CategoryTree,
    writer: Writer,
    header: Option<Vec<u8>>,
    /// The last product written.
    after: String,
}

impl Products {
    /// Exports every live product, by slug, as it is at this moment. Holds one page of products at a time.
    pub async fn export_products(
        &self,
        context: &Context,
        format: ExportFormat,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Send + use<>, Error> {
        require(context, Scope::ReadProducts)?;
        // One snapshot for all pages. A reader who stalls for half a minute loses it, and the export ends in an error.
        let mut tx = self.begin_snapshot(context).await?;
        let tree = store::categories::tree(&mut tx).await?;
        let (writer, header) = match format {
            ExportFormat::Jsonl => (Writer::Jsonl, None),
            ExportFormat::Csv => {
                let (currencies, options) = store::export::extent(&mut tx).await?;
                let columns = csv::Columns { currencies, options };
                let header = columns.header();
                (Writer::Csv(columns), Some(header))
            }
        };
        let export = Export { tx, tree, writer, header, after: String::new() };
        Ok(stream::try_unfold(export, |mut export| async move {
            let page = export.next().await?;
            Ok(page.map(|page| (Bytes::from(page), export)))
        }))
    }
}

impl Products {
    /// A snapshot of the replica, if that shows what the caller wrote and answers, else of the primary.
    async fn begin_snapshot(&self, context: &Context) -> Result<Tx, Error> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        if self.replica.server_for(context).await == Server::Replica
            && let Ok(tx) = self.db.pool(Server::Replica).begin_with(BEGIN).await
        {
            return Ok(tx);
        }
        Ok(self.db.primary().begin_with(BEGIN).await?)
    }
}

impl Export {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header));
        }
        let page = store::export::page(&mut self.tx, &self.after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after.clone_from(&last.slug);
        let products = self.complete(page).await?;
        Ok(Some(match &self.writer {
            Writer::Jsonl => jsonl::write(&products),
            Writer::Csv(columns) => columns.write(&products),
        }))
    }

    /// Adds their variants, prices and pictures to products.
    async fn complete(&mut self, page: Vec<ExportedProduct>) -> Result<Vec<export::Product>, Error> {
        let ids: Vec<Uuid> = page.iter().map(|product| product.id).collect();
        let of_page = store::export::variants(&mut self.tx, &ids).await?;
        let variant_ids: Vec<Uuid> = of_page.iter().map(|variant| variant.id).collect();
        let mut prices: HashMap<Uuid, Vec<export::Price>> = HashMap::new();
        for price in store::prices::of_variants(&mut self.tx, &variant_ids).await? {
            prices.entry(price.variant_id).or_default().push(written_price(&price));
        }
        let mut variants: HashMap<Uuid, Vec<export::Variant>> = HashMap::new();
        for variant in of_page {
            let prices = prices.remove(&variant.id).unwrap_or_default();
            variants.entry(variant.product_id).or_default().push(written_variant(variant, prices));
        }
        let mut images: HashMap<Uuid, Vec<export::Image>> = HashMap::new();
        for image in store::products::images(&mut self.tx, &ids).await? {
            let written = if image.alt.is_empty() {
                export::Image::Url(image.url)
            } else {
                export::Image::Described { url: image.url, alt: image.alt }
            };
            images.entry(image.product_id).or_default().push(written);
        }
        let product = |product: ExportedProduct| export::Product {
            handle: product.slug,
            name: product.name,
            description: product.description,
            category: product.category_id.map(|id| self.path(id)).unwrap_or_default(),
            active: product.is_active,
            tags: product.tags,
            options: product.options,
            images: images.remove(&product.id).unwrap_or_default(),
            variants: variants.remove(&product.id).unwrap_or_default(),
        };
        Ok(page.into_iter().map(product).collect())
    }

    fn path(&self, category: Uuid) -> Vec<String> {
        self.tree.path(category).into_iter().map(|category| category.name.clone()).collect()
    }
}

fn written_variant(variant: ExportedVariant, prices: Vec<export::Price>) -> export::Variant {
    export::Variant {
        sku: variant.sku,
        name: variant.name,
        options: variant.options.0,
        prices,
        inventory: variant.on_hand,
        weight_grams: variant.weight_grams,
    }
}

fn written_price(price: &Price) -> export::Price {
    let Money { currency, .. } = price.money;
    export::Price {
        currency: currency.to_string(),
        amount: price.money.to_string(),
        compare_at: price.compare_at.map(|amount| Money::new(amount, currency).to_string()),
    }
}
