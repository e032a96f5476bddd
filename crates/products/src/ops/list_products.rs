//! Lists products.

use kernel::text::{Checks, clean};
use kernel::{Context, Money, Scope};
use pg::Server;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::domain::listing::{After, Filter, Listed, Sort};
use crate::domain::product::listing_price;
use crate::{Error, Products, store};

/// Most products on a page.
pub const MAX_PAGE: i64 = 100;
/// Most characters of a text to search for.
const MAX_QUERY: usize = 200;

/// Which products, in which order, from where.
#[derive(Clone, Debug, Default)]
pub struct ListProducts {
    /// In this category or one below it.
    pub category_id: Option<Uuid>,
    /// The same, by slug.
    pub category_slug: Option<String>,
    /// One of these.
    pub ids: Option<Vec<Uuid>>,
    /// Matches this text.
    pub query: Option<String>,
    /// Costs at least this, in minor units of the shop's currency.
    pub price_min: Option<i64>,
    /// Costs at most this.
    pub price_max: Option<i64>,
    /// Can be sold now, or cannot.
    pub in_stock: Option<bool>,
    /// The order; newest first when it is missing, or best match with a text.
    pub sort: Option<Sort>,
    /// How many, 1 to [`MAX_PAGE`].
    pub first: i64,
    /// The cursor of the product to go on after.
    pub after: Option<String>,
}

/// A page of products.
#[derive(Debug)]
pub struct Listing {
    /// The products, with how well each matches.
    pub products: Vec<Listed>,
    /// Their order.
    pub sort: Sort,
    /// Whether more follow.
    pub has_next: bool,
}

impl Products {
    /// A page of the products that the caller may see. A category that is not there has none.
    pub async fn list_products(
        &self,
        server: Server,
        context: &Context,
        command: &ListProducts,
    ) -> Result<Listing, Error> {
        let sort = command.checked_sort()?;
        let Some(filter) = self.filter(context, command).await? else {
            return Ok(Listing { products: Vec::new(), sort, has_next: false });
        };
        let after = match &command.after {
            None => After::first(sort, &filter),
            Some(cursor) => After::decode(sort, cursor)?,
        };
        let mut conn = self.db.pool(server).acquire().await?;
        // One more than the page, to learn whether another follows.
        let mut products = store::listing::page(&mut conn, &filter, sort, after, command.first + 1).await?;
        let wanted = usize::try_from(command.first).unwrap_or(0);
        let has_next = products.len() > wanted;
        products.truncate(wanted);
        Ok(Listing { products, sort, has_next })
    }

    /// The filter; none when it names a category that is not there.
    async fn filter(&self, context: &Context, command: &ListProducts) -> Result<Option<Filter>, Error> {
        let text = command.query.as_deref().map(|text| clean("filter.query", text, 1, MAX_QUERY));
        let text = text.transpose().map_err(|error| kernel::Failure::invalid(vec![error]))?;
        let mut filter = Filter {
            categories: None,
            ids: command.ids.clone(),
            text,
            price_min: command.price_min.map(|amount| self.bound(amount)),
            price_max: command.price_max.map(|amount| self.bound(amount)),
            in_stock: command.in_stock,
            include_inactive: context.has_scope(Scope::ReadProducts),
        };
        if command.category_id.is_none() && command.category_slug.is_none() {
            return Ok(Some(filter));
        }
        let tree = self.category_tree().await?;
        let by_slug = command.category_slug.as_deref().map(|slug| tree.find(slug).map(|category| category.id));
        let by_id = command.category_id.map(|id| tree.get(id).map(|category| category.id));
        // Both may be given, and must then mean the same.
        let category = match (by_slug, by_id) {
            (Some(slug), Some(id)) if slug != id => None,
            (slug, id) => slug.or(id).flatten(),
        };
        filter.categories = category.map(|id| tree.subtree(id));
        Ok(filter.categories.is_some().then_some(filter))
    }

    /// A bound of the price as a listing figure. One too large to be listed is above every price.
    fn bound(&self, amount: i64) -> Decimal {
        listing_price(Money::new(amount, self.currency)).unwrap_or(Decimal::MAX)
    }
}

impl ListProducts {
    fn checked_sort(&self) -> Result<Sort, Error> {
        let mut checks = Checks::new();
        checks.require(
            (1..=MAX_PAGE).contains(&self.first),
            "first",
            "OUT_OF_RANGE",
            format!("first takes 1 to {MAX_PAGE}"),
        );
        for (field, amount) in [("filter.priceMin", self.price_min), ("filter.priceMax", self.price_max)] {
            checks.require(amount.is_none_or(|amount| amount >= 0), field, "OUT_OF_RANGE", "a price is not negative");
        }
        let ids = self.ids.as_ref().map_or(0, Vec::len);
        checks.require(ids <= 100, "filter.ids", "TOO_MANY", "ids takes at most 100");
        for (field, text) in [("filter.categorySlug", &self.category_slug), ("after", &self.after)] {
            let fits = text.as_ref().is_none_or(|text| text.len() <= 2048);
            checks.require(fits, field, "TOO_LONG", format!("{field} is too long"));
        }
        let default = if self.query.is_some() { Sort::Relevance } else { Sort::Newest };
        let sort = self.sort.unwrap_or(default);
        let possible = sort != Sort::Relevance || self.query.is_some();
        checks.require(possible, "sort", "NEEDS_QUERY", "RELEVANCE takes a text to match: filter.query");
        checks.finish()?;
        Ok(sort)
    }
}
