//! A list of products: what is in it, in which order, and where a page of it starts.

use chrono::{DateTime, Utc};
use kernel::{Cursor, ErrorKind, Failure};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::product::{Product, max_listing_price};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Cheapest first. Products without a price in the shop's currency are not in it.
    PriceAsc,
    /// Dearest first. Products without a price in the shop's currency are not in it.
    PriceDesc,
    /// Newest first.
    Newest,
    /// By name.
    Name,
    /// Best match of the text first.
    Relevance,
}

impl Sort {
    /// The list's name in cursors: a cursor of one order is no cursor of another.
    fn list(self) -> &'static str {
        match self {
            Self::PriceAsc => "products.price_asc",
            Self::PriceDesc => "products.price_desc",
            Self::Newest => "products.newest",
            Self::Name => "products.name",
            Self::Relevance => "products.relevance",
        }
    }
}

/// What is in a list. All parts must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these categories.
    pub categories: Option<Vec<Uuid>>,
    /// One of these products.
    pub ids: Option<Vec<Uuid>>,
    /// Matches this text.
    pub text: Option<String>,
    /// Costs at least this, as a listing figure.
    pub price_min: Option<Decimal>,
    /// Costs at most this, as a listing figure.
    pub price_max: Option<Decimal>,
    /// Can be sold now, or cannot.
    pub in_stock: Option<bool>,
    /// Also what customers do not see.
    pub include_inactive: bool,
}

/// A product in a list, with how well it matches the text (0 without a text).
#[derive(Clone, Debug)]
pub struct Listed {
    /// The product.
    pub product: Product,
    /// The match.
    pub rank: f32,
}

/// After which product a page starts.
#[derive(Clone, Debug)]
pub enum After {
    /// In an order by price.
    Price(Decimal, Uuid),
    /// In the order of creation.
    Created(DateTime<Utc>, Uuid),
    /// In an order by name.
    Name(String, Uuid),
    /// In an order by match.
    Rank(f32, Uuid),
}

impl After {
    /// The start of the first page: before every product.
    pub fn first(sort: Sort, filter: &Filter) -> Self {
        match sort {
            Sort::PriceAsc => Self::Price(filter.price_min.unwrap_or_default(), Uuid::nil()),
            Sort::PriceDesc => Self::Price(filter.price_max.unwrap_or_else(max_listing_price), Uuid::max()),
            Sort::Newest => Self::Created(far_future(), Uuid::max()),
            Sort::Name => Self::Name(String::new(), Uuid::nil()),
            Sort::Relevance => Self::Rank(f32::MAX, Uuid::max()),
        }
    }

    /// Reads a cursor. Failure: 400 `INVALID_CURSOR`.
    pub fn decode(sort: Sort, text: &str) -> Result<Self, Failure> {
        let list = sort.list();
        let after = match sort {
            Sort::PriceAsc | Sort::PriceDesc => Cursor::decode(list, text).map(|(price, id)| Self::Price(price, id))?,
            Sort::Newest => Cursor::decode(list, text).map(|(at, id)| Self::Created(at, id))?,
            Sort::Name => Cursor::decode(list, text).map(|(name, id)| Self::Name(name, id))?,
            Sort::Relevance => Cursor::decode(list, text).map(|(bits, id)| Self::Rank(f32::from_bits(bits), id))?,
        };
        // The checksum stops mistakes, not forgers: what no product has must not reach the database.
        let possible = match &after {
            Self::Created(at, _) => (DateTime::UNIX_EPOCH..=far_future()).contains(at),
            Self::Name(name, _) => !name.contains('\0'),
            Self::Price(..) | Self::Rank(..) => true,
        };
        if possible {
            return Ok(after);
        }
        Err(Failure::new(ErrorKind::Malformed, "INVALID_CURSOR", "The cursor is not one that this list gave out"))
    }

    /// The cursor of a listed product.
    pub fn cursor(sort: Sort, listed: &Listed) -> Cursor {
        let Listed { product, rank } = listed;
        match sort {
            Sort::PriceAsc | Sort::PriceDesc => {
                Cursor::encode(sort.list(), &(product.price.unwrap_or_default(), product.id))
            }
            Sort::Newest => Cursor::encode(sort.list(), &(product.created_at, product.id)),
            Sort::Name => Cursor::encode(sort.list(), &(&product.name, product.id)),
            Sort::Relevance => Cursor::encode(sort.list(), &(rank.to_bits(), product.id)),
        }
    }
}

/// Later than any product is made.
fn far_future() -> DateTime<Utc> {
    // 9999-01-01, which exists.
    DateTime::from_timestamp(253_370_764_800, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
