//! An order as answers show it.

use chrono::{DateTime, Utc};
use kernel::Money;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::cart::TotalsView;
use super::{MoneyView, address::AddressView, fields};
use crate::domain::contact::Contact;
use crate::domain::order::{Fulfillment, Order, OrderLine, Payment, Refund};

/// An order.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView {
    /// The id.
    pub id: Uuid,
    /// The number that people use.
    #[schema(schema_with = fields::version)]
    pub number: i64,
    /// Grows with each event; the `ETag`.
    #[schema(schema_with = fields::version)]
    pub version: i64,
    /// Where it stands.
    #[schema(schema_with = fields::order_state)]
    pub state: &'static str,
    /// How far it is paid.
    #[schema(schema_with = fields::payment_state)]
    pub payment_state: &'static str,
    /// How far it is sent.
    #[schema(schema_with = fields::fulfillment_state)]
    pub fulfillment_state: &'static str,
    /// The cart that it comes from.
    pub cart_id: Uuid,
    /// The account; null for a guest's and after the customer was erased.
    pub user_id: Option<Uuid>,
    /// Where mail goes; null after the customer was erased.
    #[schema(schema_with = fields::email_or_null)]
    pub email: Option<String>,
    /// Where goods go; null after the customer was erased.
    pub shipping_address: Option<AddressView>,
    /// Where the bill goes; null: as shipping.
    pub billing_address: Option<AddressView>,
    /// What was bought.
    #[schema(max_items = 100)]
    pub line_items: Vec<OrderLineView>,
    /// The way of shipping, by its key.
    #[schema(schema_with = fields::key)]
    pub shipping_option: String,
    /// What it comes to.
    pub totals: TotalsView,
    /// Money promised and received.
    #[schema(max_items = 100)]
    pub payments: Vec<PaymentView>,
    /// Money given back.
    #[schema(max_items = 10_000)]
    pub refunds: Vec<RefundView>,
    /// What was sent.
    #[schema(max_items = 10_000)]
    pub fulfillments: Vec<FulfillmentView>,
    /// Why it is or was cancelled.
    #[schema(schema_with = fields::reason_or_null)]
    pub cancel_reason: Option<String>,
    /// When its checkout began.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When its checkout succeeded.
    pub placed_at: Option<DateTime<Utc>>,
    /// When it was cancelled.
    pub cancelled_at: Option<DateTime<Utc>>,
}

/// A line of an order, with prices as they were.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub struct OrderLineView {
    /// The line.
    pub id: Uuid,
    /// The variant.
    pub variant_id: Uuid,
    /// Its product.
    pub product_id: Uuid,
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
    /// How many were sent.
    #[schema(schema_with = fields::count)]
    pub fulfilled_quantity: i64,
    /// The price of one.
    pub unit_price: MoneyView,
    /// The price of all.
    pub subtotal: MoneyView,
    /// The tax in it or on it.
    pub tax: MoneyView,
}

/// Money promised or received.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Payment)]
pub struct PaymentView {
    /// The payment.
    pub id: Uuid,
    /// The provider.
    #[schema(schema_with = fields::key)]
    pub provider: String,
    /// Where it stands.
    #[schema(schema_with = fields::payment_step)]
    pub state: &'static str,
    /// What was promised.
    pub amount: MoneyView,
    /// What was received.
    pub captured: MoneyView,
    /// What went back or is on its way back.
    pub refunded: MoneyView,
    /// When it was promised.
    pub created_at: DateTime<Utc>,
}

/// Money given back.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    /// The refund.
    pub id: Uuid,
    /// The payment that it comes from.
    pub payment_id: Uuid,
    /// Where it stands.
    #[schema(schema_with = fields::refund_step)]
    pub state: &'static str,
    /// How much.
    pub amount: MoneyView,
    /// How much of it is tax.
    pub tax: MoneyView,
    /// Why.
    #[schema(schema_with = fields::reason_or_null)]
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
}

/// Goods that left.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Fulfillment)]
pub struct FulfillmentView {
    /// The fulfilment.
    pub id: Uuid,
    /// What was sent.
    #[schema(max_items = 100)]
    pub lines: Vec<FulfilledLineView>,
    /// Who carries it.
    #[schema(schema_with = fields::name_or_null)]
    pub tracking_company: Option<String>,
    /// The carrier's number for it.
    #[schema(schema_with = fields::name_or_null)]
    pub tracking_number: Option<String>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// Units of a line that were sent.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = FulfilledLine)]
pub struct FulfilledLineView {
    /// The line of the order.
    pub line_id: Uuid,
    /// How many.
    #[schema(schema_with = fields::quantity)]
    pub quantity: i64,
}

impl OrderView {
    /// An order with its opened contact.
    pub fn new(order: &Order, contact: Contact) -> Self {
        let created = &order.created;
        let money = |amount| MoneyView::from(Money::new(amount, order.currency()));
        let totals = TotalsView {
            items: money(created.items_amount),
            shipping: money(created.shipping_amount),
            tax: Some(money(created.tax_amount)),
            tax_rate_bp: Some(created.tax_rate_bp),
            prices_include_tax: created.prices_include_tax,
            total: money(created.total_amount),
        };
        Self {
            id: order.id,
            number: created.number,
            version: order.version,
            state: order.state.as_str(),
            payment_state: order.payment_state().as_str(),
            fulfillment_state: order.fulfillment_state().as_str(),
            cart_id: created.cart_id,
            user_id: order.user_id,
            email: contact.email,
            shipping_address: contact.shipping_address.map(AddressView::from),
            billing_address: contact.billing_address.map(AddressView::from),
            line_items: order.lines.iter().map(|line| line_view(order, line)).collect(),
            shipping_option: created.shipping_option.clone(),
            totals,
            payments: order.payments.iter().map(|payment| PaymentView::new(order, payment)).collect(),
            refunds: order.refunds.iter().map(|refund| RefundView::new(order, refund)).collect(),
            fulfillments: order.fulfillments.iter().map(FulfillmentView::from).collect(),
            cancel_reason: order.cancel_reason.clone(),
            created_at: order.created_at,
            updated_at: order.updated_at,
            placed_at: order.placed_at,
            cancelled_at: order.cancelled_at,
        }
    }
}

fn line_view(order: &Order, line: &OrderLine) -> OrderLineView {
    let money = |amount| MoneyView::from(Money::new(amount, order.currency()));
    let bought = line.bought.clone();
    OrderLineView {
        id: bought.id,
        variant_id: bought.variant_id,
        product_id: bought.product_id,
        sku: bought.sku,
        product_handle: bought.product_handle,
        product_name: bought.product_name,
        variant_name: bought.variant_name,
        quantity: bought.quantity,
        fulfilled_quantity: line.fulfilled,
        unit_price: money(bought.unit_amount),
        subtotal: money(bought.amount),
        tax: money(bought.tax_amount),
    }
}

impl PaymentView {
    /// A payment of an order.
    pub fn new(order: &Order, payment: &Payment) -> Self {
        let money = |amount| MoneyView::from(Money::new(amount, order.currency()));
        Self {
            id: payment.id,
            provider: payment.provider.clone(),
            state: payment.step.as_str(),
            amount: money(payment.amount),
            captured: money(payment.captured),
            refunded: money(payment.refunded),
            created_at: payment.created_at,
        }
    }
}

impl RefundView {
    /// A refund of an order.
    pub fn new(order: &Order, refund: &Refund) -> Self {
        let money = |amount| MoneyView::from(Money::new(amount, order.currency()));
        Self {
            id: refund.id,
            payment_id: refund.payment_id,
            state: refund.step.as_str(),
            amount: money(refund.amount),
            tax: money(refund.tax_amount),
            reason: refund.reason.clone(),
            created_at: refund.created_at,
        }
    }
}

impl From<&Fulfillment> for FulfillmentView {
    fn from(fulfillment: &Fulfillment) -> Self {
        let line =
            |line: &events::order::LineQuantity| FulfilledLineView { line_id: line.line_id, quantity: line.quantity };
        Self {
            id: fulfillment.id,
            lines: fulfillment.lines.iter().map(line).collect(),
            tracking_company: fulfillment.tracking_company.clone(),
            tracking_number: fulfillment.tracking_number.clone(),
            created_at: fulfillment.created_at,
        }
    }
}
