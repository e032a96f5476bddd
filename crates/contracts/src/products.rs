//! What products promises: prices and names of variants, and stock that is reserved, committed or released.
//!
//! A reservation belongs to an order. `reserve`, `commit` and `release` are idempotent by the order's id: a caller that
//! lost the answer asks again. States: none -> reserved -> committed | released. Releasing an order that never reserved
//! leaves a mark, so that a reservation that arrives late is refused.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::{Context, Currency, Failure, Money};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::remote::{self, Upstream};
use crate::within_deadline;

/// How many of which variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLine {
    /// The variant.
    pub variant_id: Uuid,
    /// Units, at least 1.
    pub quantity: i64,
}

/// What a variant is and costs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantQuote {
    /// The variant.
    pub variant_id: Uuid,
    /// Its product.
    pub product_id: Uuid,
    /// Stock keeping unit.
    pub sku: String,
    /// The product's handle.
    pub product_handle: String,
    /// The product's name.
    pub product_name: String,
    /// The variant's name, such as `Large / Blue`.
    pub variant_name: String,
    /// Price of one unit in the currency asked for; none when it isn't sold in that currency.
    pub unit_price: Option<Money>,
    /// Units that can be sold now.
    pub available: i64,
    /// Weight of one unit in grams.
    pub weight_grams: i32,
}

/// Reserve stock for an order until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveStock {
    /// The order that the stock is for.
    pub order_id: Uuid,
    /// What is needed. Lines of one variant are summed.
    pub lines: Vec<StockLine>,
    /// When the reservation ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// A variant that there is not enough of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// The variant.
    pub variant_id: Uuid,
    /// Units wanted.
    pub wanted: i64,
    /// Units that can be sold now.
    pub available: i64,
}

/// How a reservation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reserved {
    /// All lines are reserved (now or by an earlier call).
    Yes,
    /// Nothing is reserved.
    Short(Vec<Shortage>),
}

/// Where an order's reservation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Holds stock until it expires.
    Reserved,
    /// The stock has left the shop's hands.
    Committed,
    /// The stock is free again (released or expired).
    Released,
}

/// The promise. Implemented by the products role.
#[async_trait]
pub trait Products: Send + Sync {
    /// Quotes variants in `currency`. Variants that don't exist or are not for sale are missing in the answer.
    async fn quote(
        &self,
        context: &Context,
        currency: Currency,
        variants: Vec<Uuid>,
    ) -> Result<Vec<VariantQuote>, Failure>;

    /// Reserves all lines or none. Failure `RESERVATION_ENDED` (conflict) when the order's reservation was committed,
    /// released or expired before.
    async fn reserve(&self, context: &Context, command: ReserveStock) -> Result<Reserved, Failure>;

    /// Makes a reservation final. Failure `RESERVATION_ENDED` when it was released or expired.
    async fn commit(&self, context: &Context, order_id: Uuid) -> Result<(), Failure>;

    /// Gives stock back: of a reservation, or of a committed one (an order cancelled before it was fulfilled).
    async fn release(&self, context: &Context, order_id: Uuid) -> Result<(), Failure>;

    /// Where the reservations of these orders stand; orders without one are missing in the answer. For `doctor`.
    async fn reservations(
        &self,
        context: &Context,
        orders: Vec<Uuid>,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure>;

    /// Orders that hold stock (reserved or committed), by id after `after`. For `doctor`.
    async fn reserved_orders(
        &self,
        context: &Context,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure>;
}

/// The client that callers hold.
#[derive(Clone)]
pub struct ProductsClient(Arc<dyn Products>);

impl ProductsClient {
    /// A client of the role in this process.
    pub fn local(role: Arc<dyn Products>) -> Self {
        Self(role)
    }

    /// A client of the role in other processes.
    pub fn remote(upstream: Upstream) -> Self {
        Self(Arc::new(remote::products::Remote(upstream)))
    }

    /// See [`Products::quote`].
    pub async fn quote(
        &self,
        context: &Context,
        currency: Currency,
        variants: Vec<Uuid>,
    ) -> Result<Vec<VariantQuote>, Failure> {
        within_deadline(context, self.0.quote(context, currency, variants)).await
    }

    /// See [`Products::reserve`].
    pub async fn reserve(&self, context: &Context, command: ReserveStock) -> Result<Reserved, Failure> {
        within_deadline(context, self.0.reserve(context, command)).await
    }

    /// See [`Products::commit`].
    pub async fn commit(&self, context: &Context, order_id: Uuid) -> Result<(), Failure> {
        within_deadline(context, self.0.commit(context, order_id)).await
    }

    /// See [`Products::release`].
    pub async fn release(&self, context: &Context, order_id: Uuid) -> Result<(), Failure> {
        within_deadline(context, self.0.release(context, order_id)).await
    }

    /// See [`Products::reservations`].
    pub async fn reservations(
        &self,
        context: &Context,
        orders: Vec<Uuid>,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        within_deadline(context, self.0.reservations(context, orders)).await
    }

    /// See [`Products::reserved_orders`].
    pub async fn reserved_orders(
        &self,
        context: &Context,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<(Uuid, ReservationState)>, Failure> {
        within_deadline(context, self.0.reserved_orders(context, after, limit)).await
    }
}
