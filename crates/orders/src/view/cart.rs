//! A cart as answers show it.

use chrono::{DateTime, Utc};
use kernel::{Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{MoneyView, address::AddressView, fields};
use crate::domain::cart::{Cart, CartState};
use crate::domain::offer::{Blocker, Offer, OfferLine};
use crate::domain::rates::ShippingRate;

/// A cart with today's prices.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Cart)]
pub struct CartView {
    /// The id. Whoever knows a guest's may use it.
    pub id: Uuid,
    /// Grows with each change; the `ETag`.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// `open`: can be changed; `completing`: a checkout runs; `completed`: it became an order.
    #[schema(schema_with = fields::cart_state)]
    pub state: String,
    /// What prices are in.
    #[schema(schema_with = fields::currency)]
    pub currency: String,
    /// Where mail about the order goes.
    #[schema(schema_with = fields::email_or_null)]
    pub email: Option<String>,
    /// Where goods go.
    pub shipping_address: Option<AddressView>,
    /// Where the bill goes; null: as shipping.
    pub billing_address: Option<AddressView>,
    /// What is in it.
    #[schema(max_items = 100)]
    pub line_items: Vec<LineItemView>,
    /// The way of shipping chosen.
    pub shipping_option: Option<ShippingOptionView>,
    /// How it will be paid.
    pub payment_session: Option<PaymentSessionView>,
    /// What it comes to.
    pub totals: TotalsView,
    /// What keeps it from being ordered; empty: it can be completed.
    #[schema(max_items = 200)]
    pub blockers: Vec<BlockerView>,
    /// The order that it became.
    pub order_id: Option<Uuid>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A line of a cart.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = LineItem)]
pub struct LineItemView {
    /// The line.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Its product; null when it isn't for sale any more.
    pub product_id: Option<Uuid>,
    /// Stock keeping unit.
    #[schema(schema_with = fields::label)]
    pub sku: String,
    /// The product's handle.
    #[schema(schema_with = fields::label)]
    pub product_handle: String,
    /// The product's name.
    #[schema(schema_with = fields::label)]
    pub product_name: String,
    /// The variant's name.
    #[schema(schema_with = fields::label)]
    pub variant_name: String,
    /// How many.
    #[schema(schema_with = fields::quantity)]
    pub quantity: i64,
    /// Units that can be sold now.
    #[schema(schema_with = fields::count)]
    pub available: i64,
    /// The price of one; null when it isn't for sale.
    pub unit_price: Option<MoneyView>,
    /// The price of one that was shown before, when it has changed since the cart was last changed.
    pub previous_unit_price: Option<MoneyView>,
    /// The price of all.
    pub subtotal: MoneyView,
    /// The tax in it or on it; zero until the country is known.
    pub tax: MoneyView,
}

/// A way of shipping.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ShippingOption)]
pub struct ShippingOptionView {
    /// Its key, to choose it by.
    #[schema(schema_with = fields::key)]
    pub option: String,
    /// What the customer reads.
    #[schema(schema_with = fields::label)]
    pub name: String,
    /// Its price.
    pub price: MoneyView,
    /// Working days at least.
    #[schema(schema_with = fields::days)]
    pub min_days: i64,
    /// Working days at most.
    #[schema(schema_with = fields::days)]
    pub max_days: i64,
}

/// A payment that a provider prepared.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PaymentSession)]
pub struct PaymentSessionView {
    /// The session.
    pub id: Uuid,
    /// The provider.
    #[schema(schema_with = fields::key)]
    pub provider: String,
    /// What it is over. Nothing else is charged.
    pub amount: MoneyView,
    /// What the provider's client library needs.
    #[schema(value_type = Object)]
    pub client_data: serde_json::Value,
}

/// What a cart comes to.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Totals)]
pub struct TotalsView {
    /// Sum of the lines.
    pub items: MoneyView,
    /// Shipping.
    pub shipping: MoneyView,
    /// All tax; null until the country is known.
    pub tax: Option<MoneyView>,
    /// The tax rate in hundredths of a percent; null until the country is known.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 10_000)]
    pub tax_rate_bp: Option<i64>,
    /// Whether prices have the tax in them.
    pub prices_include_tax: bool,
    /// What is charged.
    pub total: MoneyView,
}

/// Something that keeps a cart from being ordered.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Blocker)]
pub struct BlockerView {
    /// Stable code.
    #[schema(schema_with = fields::code)]
    pub code: String,
    /// What it is about, such as `line_items[2]`.
    #[schema(schema_with = fields::label)]
    pub field: String,
    /// A sentence for the developer.
    #[schema(schema_with = fields::label)]
    pub message: String,
    /// Units that can be sold now, with `OUT_OF_STOCK`.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub available: Option<i64>,
}

impl CartView {
    /// A cart as it was offered.
    pub fn new(cart: &Cart, offer: Offer, prices_include_tax: bool) -> Self {
        let money = |amount| MoneyView::from(Money::new(amount, cart.currency));
        let session = cart.payment_session.as_ref().map(|session| PaymentSessionView {
            id: session.id,
            provider: session.provider.clone(),
            amount: money(session.amount),
            client_data: session.client_data.clone(),
        });
        let totals = TotalsView {
            items: money(offer.items),
            shipping: money(offer.shipping.as_ref().map_or(0, |rate| rate.amount)),
            tax: offer.tax.map(money),
            tax_rate_bp: offer.tax_rate.map(|rate| rate.rate_bp),
            prices_include_tax,
            total: money(offer.total),
        };
        // A cart that is no longer open shows what it was, not what is in its way.
        let blockers = if cart.state == CartState::Open { offer.blockers } else { Vec::new() };
        Self {
            id: cart.id,
            version: cart.version,
            state: cart.state.as_str().to_owned(),
            currency: cart.currency.into(),
            email: cart.contact.email.clone(),
            shipping_address: cart.contact.shipping_address.clone().map(AddressView::from),
            billing_address: cart.contact.billing_address.clone().map(AddressView::from),
            line_items: offer.lines.into_iter().map(|line| line_item(line, cart.currency)).collect(),
            shipping_option: offer.shipping.map(|rate| ShippingOptionView::new(&rate, cart.currency)),
            payment_session: session,
            totals,
            blockers: blockers.into_iter().map(BlockerView::from).collect(),
            order_id: cart.order_id,
            created_at: cart.created_at,
            updated_at: cart.updated_at,
        }
    }
}

impl ShippingOptionView {
    /// A rate with its currency.
    pub fn new(rate: &ShippingRate, currency: Currency) -> Self {
        Self {
            option: rate.option.clone(),
            name: rate.name.clone(),
            price: Money::new(rate.amount, currency).into(),
            min_days: rate.min_days,
            max_days: rate.max_days,
        }
    }
}

impl From<Blocker> for BlockerView {
    fn from(blocker: Blocker) -> Self {
        let Blocker { code, field, message, available } = blocker;
        Self { code: code.to_owned(), field, message, available }
    }
}

fn line_item(line: OfferLine, currency: Currency) -> LineItemView {
    let money = |amount| MoneyView::from(Money::new(amount, currency));
    let (product_id, available) = line.quote.as_ref().map_or((None, 0), |q| (Some(q.product_id), q.available.max(0)));
    let [sku, product_handle, product_name, variant_name] =
        line.quote.map_or_else(Default::default, |q| [q.sku, q.product_handle, q.product_name, q.variant_name]);
    LineItemView {
        id: line.id,
        variant_id: line.variant_id,
        product_id,
        sku,
        product_handle,
        product_name,
        variant_name,
        quantity: line.quantity,
        available,
        unit_price: line.unit_amount.map(money),
        previous_unit_price: line.previous_amount.map(money),
        subtotal: money(line.charge.amount),
        tax: money(line.charge.tax),
    }
}
