//! The rows that an order is in the tables. A pure function of the order, so a rebuild gives the same rows.

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::order::{Fulfillment, Order, OrderLine, Payment, Refund};

/// Rows to write.
pub struct Projection {
    pub(super) tables: Tables,
}

/// Rows by table, with the columns' names.
#[derive(Serialize)]
pub(super) struct Tables {
    order: OrderRow,
    lines: Vec<LineRow>,
    payments: Vec<PaymentRow>,
    refunds: Vec<RefundRow>,
    fulfillments: Vec<FulfillmentRow>,
}

#[derive(Serialize)]
struct OrderRow {
    id: Uuid,
    version: i64,
    number: i64,
    cart_id: Uuid,
    user_id: Option<Uuid>,
    subject: Uuid,
    contact: Option<String>,
    state: &'static str,
    payment_state: &'static str,
    fulfillment_state: &'static str,
    currency: String,
    country: &'static str,
    prices_include_tax: bool,
    tax_name: String,
    tax_rate_bp: i64,
    shipping_option: String,
    shipping_name: String,
    items_amount: i64,
    shipping_amount: i64,
    shipping_tax_amount: i64,
    tax_amount: i64,
    total_amount: i64,
    cancel_reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    placed_at: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
    pending_since: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct LineRow {
    id: Uuid,
    order_id: Uuid,
    position: usize,
    variant_id: Uuid,
    product_id: Uuid,
    sku: String,
    product_handle: String,
    product_name: String,
    variant_name: String,
    quantity: i64,
    fulfilled_quantity: i64,
    currency: String,
    unit_amount: i64,
    amount: i64,
    tax_amount: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct PaymentRow {
    id: Uuid,
    order_id: Uuid,
    provider: String,
    provider_ref: String,
    state: &'static str,
    currency: String,
    amount: i64,
    captured_amount: i64,
    refunded_amount: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct RefundRow {
    id: Uuid,
    order_id: Uuid,
    payment_id: Uuid,
    state: &'static str,
    currency: String,
    amount: i64,
    tax_amount: i64,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Serialize)]
struct FulfillmentRow {
    id: Uuid,
    order_id: Uuid,
    lines: serde_json::Value,
    tracking_company: Option<String>,
    tracking_number: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Projection {
    /// The rows of `after` that differ from those of `before`; all of them when there is no before.
    pub fn changes(before: Option<&Order>, after: &Order) -> Self {
        let lines = changed(before.map(|order| &order.lines), &after.lines);
        let payments = changed(before.map(|order| &order.payments), &after.payments);
        let refunds = changed(before.map(|order| &order.refunds), &after.refunds);
        let fulfillments = changed(before.map(|order| &order.fulfillments), &after.fulfillments);
        let tables = Tables {
            order: order_row(after),
            lines: lines.map(|(at, line)| line_row(after, at, line)).collect(),
            payments: payments.map(|(_, payment)| payment_row(after, payment)).collect(),
            refunds: refunds.map(|(_, refund)| refund_row(after, refund)).collect(),
            fulfillments: fulfillments.map(|(_, fulfillment)| fulfillment_row(after, fulfillment)).collect(),
        };
        Self { tables }
    }
}

/// Parts are only added and changed in place, never moved.
fn changed<'a, T: PartialEq>(before: Option<&'a Vec<T>>, after: &'a [T]) -> impl Iterator<Item = (usize, &'a T)> {
    after.iter().enumerate().filter(move |(at, part)| before.and_then(|parts| parts.get(*at)) != Some(*part))
}

fn order_row(order: &Order) -> OrderRow {
    let created = &order.created;
    OrderRow {
        id: order.id,
        version: order.version,
        number: created.number,
        cart_id: created.cart_id,
        user_id: order.user_id,
        subject: created.subject,
        contact: order.contact.clone(),
        state: order.state.as_str(),
        payment_state: order.payment_state().as_str(),
        fulfillment_state: order.fulfillment_state().as_str(),
        currency: order.currency().into(),
        country: order.country().as_str(),
        prices_include_tax: created.prices_include_tax,
        tax_name: created.tax_name.clone(),
        tax_rate_bp: created.tax_rate_bp,
        shipping_option: created.shipping_option.clone(),
        shipping_name: created.shipping_name.clone(),
        items_amount: created.items_amount,
        shipping_amount: created.shipping_amount,
        shipping_tax_amount: created.shipping_tax_amount,
        tax_amount: created.tax_amount,
        total_amount: created.total_amount,
        cancel_reason: order.cancel_reason.clone(),
        created_at: order.created_at,
        updated_at: order.updated_at,
        placed_at: order.placed_at,
        cancelled_at: order.cancelled_at,
        pending_since: order.pending_since,
    }
}

fn line_row(order: &Order, position: usize, line: &OrderLine) -> LineRow {
    let bought = &line.bought;
    LineRow {
        id: bought.id,
        order_id: order.id,
        position,
        variant_id: bought.variant_id,
        product_id: bought.product_id,
        sku: bought.sku.clone(),
        product_handle: bought.product_handle.clone(),
        product_name: bought.product_name.clone(),
        variant_name: bought.variant_name.clone(),
        quantity: bought.quantity,
        fulfilled_quantity: line.fulfilled,
        currency: order.currency().into(),
        unit_amount: bought.unit_amount,
        amount: bought.amount,
        tax_amount: bought.tax_amount,
        created_at: order.created_at,
        updated_at: line.updated_at,
    }
}

fn payment_row(order: &Order, payment: &Payment) -> PaymentRow {
    PaymentRow {
        id: payment.id,
        order_id: order.id,
        provider: payment.provider.clone(),
        provider_ref: payment.provider_ref.clone(),
        state: payment.step.as_str(),
        currency: order.currency().into(),
        amount: payment.amount,
        captured_amount: payment.captured,
        refunded_amount: payment.refunded,
        created_at: payment.created_at,
        updated_at: payment.updated_at,
    }
}

fn refund_row(order: &Order, refund: &Refund) -> RefundRow {
    RefundRow {
        id: refund.id,
        order_id: order.id,
        payment_id: refund.payment_id,
        state: refund.step.as_str(),
        currency: order.currency().into(),
        amount: refund.amount,
        tax_amount: refund.tax_amount,
        reason: refund.reason.clone(),
        created_at: refund.created_at,
        updated_at: refund.updated_at,
    }
}

fn fulfillment_row(order: &Order, fulfillment: &Fulfillment) -> FulfillmentRow {
    let lines =
        fulfillment.lines.iter().map(|line| serde_json::json!({ "line_id": line.line_id, "quantity": line.quantity }));
    FulfillmentRow {
        id: fulfillment.id,
        order_id: order.id,
        lines: lines.collect(),
        tracking_company: fulfillment.tracking_company.clone(),
        tracking_number: fulfillment.tracking_number.clone(),
        created_at: fulfillment.created_at,
        updated_at: fulfillment.created_at,
    }
}
