//! What can be asked.

use async_graphql::{Context, Object, Result};
use kernel::Failure;
use uuid::Uuid;

use super::Ask;
use super::category::Category;
use super::errors::error;
use super::listing::{ProductConnection, ProductFilter, ProductSort, command};
use super::product::Product;
use crate::cache::Tag;
use crate::domain;

/// The root of queries.
pub(crate) struct Query;

/// What can be asked of the catalog. Products that are not active are seen with the scope `products:read` only.
#[Object]
impl Query {
    /// A product by its id or its slug; null when there is none.
    async fn product(&self, ctx: &Context<'_>, id: Option<Uuid>, slug: Option<String>) -> Result<Option<Product>> {
        let ask = Ask::of(ctx);
        let found = match (id, slug) {
            (Some(id), None) => ask.products.find_product(ask.server, &ask.context, id).await,
            // What is no slug at all is no product's: it need not reach the database.
            (None, Some(slug)) if domain::slug("slug", &slug).is_err() => Ok(None),
            (None, Some(slug)) => ask.products.find_product_by_slug(ask.server, &ask.context, &slug).await,
            _ => return Err(error(Failure::invalid_field("id", "ONE_OF", "Give either id or slug"))),
        };
        let found = found.map_err(error)?;
        if found.is_none() {
            // It may come.
            ask.note([Tag::Listing]);
        }
        Ok(found.map(|product| Product::single(ask, product)))
    }

    /// A list of products, page by page.
    #[graphql(complexity = "1 + usize::try_from(first.clamp(1, 100)).unwrap_or(1) * child_complexity")]
    async fn products(
        &self,
        ctx: &Context<'_>,
        filter: Option<ProductFilter>,
        #[graphql(desc = "Newest first by default, or best match first with `filter.query`.")] sort: Option<
            ProductSort,
        >,
        #[graphql(desc = "How many, 1 to 100.", default = 24)] first: i32,
        #[graphql(desc = "The cursor of the product to go on after.")] after: Option<String>,
    ) -> Result<ProductConnection> {
        let ask = Ask::of(ctx);
        ask.note([Tag::Listing]);
        let has_previous = after.is_some();
        let command = command(filter, sort, first, after);
        if command.category_id.is_some() || command.category_slug.is_some() {
            ask.note([Tag::Categories]);
        }
        match command.in_stock {
            Some(true) => ask.note([Tag::Sellable]),
            Some(false) => ask.note([Tag::SoldOut]),
            None => {}
        }
        let listing = ask.products.list_products(ask.server, &ask.context, &command).await.map_err(error)?;
        if command.in_stock.is_some() {
            ask.note(listing.products.iter().map(|listed| Tag::Stock(listed.product.id)));
        }
        Ok(ProductConnection::new(ask, listing, has_previous))
    }

    /// The categories at the top; what is below hangs on them.
    #[graphql(complexity = "10 * child_complexity")]
    async fn categories(&self, ctx: &Context<'_>) -> Result<Vec<Category>> {
        let ask = Ask::of(ctx);
        ask.note([Tag::Categories]);
        Ok(Category::below(&ask.products.category_tree().await.map_err(error)?, None))
    }

    /// A category by its slug; null when there is none.
    async fn category(&self, ctx: &Context<'_>, slug: String) -> Result<Option<Category>> {
        let ask = Ask::of(ctx);
        ask.note([Tag::Categories]);
        let tree = ask.products.category_tree().await.map_err(error)?;
        Ok(tree.find(&slug).and_then(|category| Category::find(&tree, category.id)))
    }
}
