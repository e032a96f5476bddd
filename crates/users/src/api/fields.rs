//! Schemas of the fields that requests and answers share. Lengths and patterns come from the domain, which enforces them.

use kernel::{COUNTRIES, Failure};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::domain::address::{MAX_LINE, MAX_POSTAL_CODE, MAX_REGION};
use crate::domain::email::{EMAIL_PATTERN, MAX_EMAIL};
use crate::domain::password::{MAX_PASSWORD, MIN_PASSWORD, PASSWORD_PATTERN};
use crate::domain::role::Role;
use crate::domain::{LINE_PATTERN, MAX_NAME, MAX_PHONE, PHONE_PATTERN};

fn text(pattern: &str, min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).min_length(Some(min)).max_length(Some(max))
}

fn or_null(text: ObjectBuilder) -> Object {
    text.schema_type(SchemaType::from_iter([Type::String, Type::Null])).build()
}

fn names(names: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

pub fn email() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::Email);
    text(EMAIL_PATTERN, 3, MAX_EMAIL).format(Some(format)).build()
}

pub fn password() -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::Password);
    text(PASSWORD_PATTERN, MIN_PASSWORD, MAX_PASSWORD).format(Some(format)).build()
}

pub fn name() -> Object {
    text(LINE_PATTERN, 1, MAX_NAME).build()
}

pub fn line() -> Object {
    text(LINE_PATTERN, 1, MAX_LINE).build()
}

pub fn line_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_LINE))
}

pub fn region_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_REGION))
}

pub fn postal_code_or_null() -> Object {
    or_null(text(LINE_PATTERN, 1, MAX_POSTAL_CODE))
}

pub fn phone_or_null() -> Object {
    or_null(text(PHONE_PATTERN, 3, MAX_PHONE))
}

pub fn flag() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).build()
}

pub fn country() -> Object {
    names(COUNTRIES)
}

pub fn role() -> Object {
    names(Role::ALL.map(Role::as_str))
}

pub fn status() -> Object {
    names(["active", "suspended"])
}

/// A version as in the `ETag`.
pub fn version() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(1))
        .maximum(Some(9_007_199_254_740_991_i64))
        .build()
}

pub fn token_type() -> Object {
    names(["Bearer"])
}

/// Pattern of a refresh token.
const TOKEN_PATTERN: &str = "^[A-Za-z0-9_-]+$";
/// Longest refresh token: room for other forms than today's 43 characters.
const MAX_TOKEN: usize = 256;

pub fn refresh_token() -> Object {
    text(TOKEN_PATTERN, 1, MAX_TOKEN).build()
}

/// Checks the form of a refresh token.
pub fn check_refresh_token(token: &str) -> Result<&str, Failure> {
    let token = token.trim_end();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(plain) {
        return Ok(token);
    }
    Err(Failure::invalid_field("refresh_token", "INVALID_VALUE", "refresh_token takes the token of an earlier answer"))
}
