//! Schemas of the fields that requests and answers share. Lengths and patterns come from the domain, which enforces them.

use std::sync::LazyLock;

use kernel::money::MAX_AMOUNT;
use kernel::{COUNTRIES, Currency};
use utoipa::openapi::Object;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::config::MAX_QUANTITY;
use crate::domain::contact::{EMAIL_PATTERN, LINE_PATTERN, MAX_EMAIL, MAX_LINE, MAX_NAME, MAX_PHONE, MAX_POSTAL_CODE};

/// Keys of shipping options and payment providers.
pub const KEY_PATTERN: &str = "^[a-z][a-z0-9_]*$";
/// Longest key.
pub const MAX_KEY: usize = 32;
/// Longest reason of a refund or a cancellation.
pub const MAX_REASON: usize = 200;

/// States of an order.
pub const ORDER_STATES: [&str; 5] = ["pending", "placed", "cancelling", "cancelled", "fulfilled"];

fn text(pattern: &str, min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).min_length(Some(min)).max_length(Some(max))
}

fn or_null(text: ObjectBuilder) -> Object {
    text.schema_type(SchemaType::from_iter([Type::String, Type::Null])).build()
}

fn integer(min: i64, max: i64) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(min))
        .maximum(Some(max))
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

pub fn amount() -> Object {
    integer(0, MAX_AMOUNT).build()
}

pub fn positive_amount() -> Object {
    integer(1, MAX_AMOUNT).build()
}

pub fn currency() -> Object {
    text("^[A-Z]{3}$", 3, 3).build()
}

/// A currency that a caller may name.
pub fn known_currency_or_null() -> Object {
    static KNOWN: LazyLock<Vec<String>> = LazyLock::new(|| {
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}"))));
        codes.filter(|code| code.parse::<Currency>().is_ok()).collect()
    });
    let values = KNOWN.iter().map(|code| Some(code.as_str())).chain([None]);
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(types).enum_values(Some(values)).build()
}

pub fn quantity() -> Object {
    integer(1, MAX_QUANTITY).build()
}

/// Units of something, none included.
pub fn count() -> Object {
    integer(0, 9_007_199_254_740_991).build()
}

pub fn version() -> Object {
    integer(1, 9_007_199_254_740_991).build()
}

pub fn days() -> Object {
    integer(0, 365).build()
}

pub fn email_or_null() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::Email);
    or_null(text(EMAIL_PATTERN, 3, MAX_EMAIL).format(Some(format)))
}

pub fn name() -> Object {
    text(LINE_PATTERN, 1, MAX_NAME).build()
}

pub fn name_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_NAME))
}

pub fn line() -> Object {
    text(LINE_PATTERN, 1, MAX_LINE).build()
}

pub fn line_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_LINE))
}

pub fn postal_code_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_POSTAL_CODE))
}

pub fn phone_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_PHONE))
}

pub fn country() -> Object {
    names(COUNTRIES)
}

pub fn key() -> Object {
    text(KEY_PATTERN, 1, MAX_KEY).build()
}

pub fn reason_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_REASON))
}

/// Texts of the catalog and the like: whatever products has.
pub fn label() -> Object {
    ObjectBuilder::new().schema_type(Type::String).max_length(Some(1_000)).build()
}

pub fn code() -> Object {
    text("^[A-Z][A-Z0-9_]*$", 1, 64).build()
}

pub fn event_kind() -> Object {
    text(r"^order\.[a-z_]+$", 7, 64).build()
}

pub fn cart_state() -> Object {
    names(["open", "completing", "completed"])
}

pub fn order_state() -> Object {
    names(ORDER_STATES)
}

pub fn payment_state() -> Object {
    names(["none", "authorised", "paid", "partially_refunded", "refunded", "voided"])
}

pub fn fulfillment_state() -> Object {
    names(["unfulfilled", "partially_fulfilled", "fulfilled"])
}

pub fn payment_step() -> Object {
    names(["authorised", "capturing", "captured", "voided"])
}

pub fn refund_step() -> Object {
    names(["pending", "succeeded", "failed"])
}
