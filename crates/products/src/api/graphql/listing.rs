//! Lists of products, as Relay connections.

use async_graphql::{Enum, InputObject, SimpleObject};
use uuid::Uuid;

use super::Ask;
use super::batch::Batch;
use super::money::Int64;
use super::product::Product;
use crate::domain::listing::{After, Sort};
use crate::ops::{ListProducts, Listing};

/// What is in a list. All that is given must hold.
#[derive(Debug, Default, InputObject)]
pub(super) struct ProductFilter {
    /// In this category or one below it.
    pub category_id: Option<Uuid>,
    /// The same, by slug.
    pub category_slug: Option<String>,
    /// One of these products, at most 100.
    pub ids: Option<Vec<Uuid>>,
    /// Has these words in its name or description; `"…"` for a phrase, `-` before a word that must not be there, `or`
    /// between alternatives. Of a text that matches more than 1,000 products, the first 1,000 found are ordered by
    /// RELEVANCE, the first 5,000 by another order.
    pub query: Option<String>,
    /// Costs at least this, in minor units of the shop's currency.
    pub price_min: Option<Int64>,
    /// Costs at most this, in minor units of the shop's currency.
    pub price_max: Option<Int64>,
    /// Can be sold now (true) or cannot (false).
    pub in_stock: Option<bool>,
}

/// The order of a list of products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(super) enum ProductSort {
    /// Cheapest first. Without the products that are not sold in the shop's currency.
    PriceAsc,
    /// Dearest first. Without the products that are not sold in the shop's currency.
    PriceDesc,
    /// Newest first.
    Newest,
    /// By name.
    Name,
    /// Best match first. Takes `filter.query`.
    Relevance,
}

impl From<ProductSort> for Sort {
    fn from(sort: ProductSort) -> Self {
        match sort {
            ProductSort::PriceAsc => Self::PriceAsc,
            ProductSort::PriceDesc => Self::PriceDesc,
            ProductSort::Newest => Self::Newest,
            ProductSort::Name => Self::Name,
            ProductSort::Relevance => Self::Relevance,
        }
    }
}

/// The page that the arguments of `products` ask for.
pub(super) fn command(
    filter: Option<ProductFilter>,
    sort: Option<ProductSort>,
    first: i32,
    after: Option<String>,
) -> ListProducts {
    let ProductFilter { category_id, category_slug, ids, query, price_min, price_max, in_stock } =
        filter.unwrap_or_default();
    ListProducts {
        category_id,
        category_slug,
        ids,
        query,
        price_min: price_min.map(|amount| amount.0),
        price_max: price_max.map(|amount| amount.0),
        in_stock,
        sort: sort.map(Sort::from),
        first: first.into(),
        after,
    }
}

/// A page of a list of products.
#[derive(SimpleObject)]
pub(super) struct ProductConnection {
    /// The products, each with the cursor to go on after it.
    edges: Vec<ProductEdge>,
    /// The products.
    nodes: Vec<Product>,
    /// Where the page stands in the list.
    page_info: PageInfo,
}

/// A product in a list.
#[derive(SimpleObject)]
pub(super) struct ProductEdge {
    /// Give it as `after` for the products that follow.
    cursor: String,
    /// The product.
    node: Product,
}

/// Where a page stands in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether more follow.
    has_next_page: bool,
    /// Whether the page was asked for with `after`.
    has_previous_page: bool,
    /// The first product's cursor.
    start_cursor: Option<String>,
    /// The last product's cursor: give it as `after` for the next page.
    end_cursor: Option<String>,
}

impl ProductConnection {
    /// The page, with its products in one batch.
    pub(super) fn new(ask: &Ask, listing: Listing, has_previous_page: bool) -> Self {
        let Listing { products, sort, has_next: has_next_page } = listing;
        let batch = Batch::of(ask, products.iter().map(|listed| &listed.product));
        let edges = products.into_iter().map(|listed| ProductEdge {
            cursor: After::cursor(sort, &listed).into(),
            node: Product::new(ask, &batch, listed.product),
        });
        let edges: Vec<ProductEdge> = edges.collect();
        let page_info = PageInfo {
            has_next_page,
            has_previous_page,
            start_cursor: edges.first().map(|edge| edge.cursor.clone()),
            end_cursor: edges.last().map(|edge| edge.cursor.clone()),
        };
        Self { nodes: edges.iter().map(|edge| edge.node.clone()).collect(), edges, page_info }
    }
}
