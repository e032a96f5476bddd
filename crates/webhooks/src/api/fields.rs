//! Schemas of the fields that requests and answers share. Lengths come from the domain, which enforces them.

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::domain::delivery::Status;
use crate::domain::endpoint::{DisabledReason, MAX_DESCRIPTION};
use crate::domain::event_types::{self, MAX_EVENT_TYPES};
use crate::domain::message::TEST_KIND;
use crate::domain::url::MAX_URL;

fn text(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(Some(max))
}

fn names(names: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names))
}

pub fn url() -> Object {
    text(1, MAX_URL).format(Some(SchemaFormat::Custom("uri".to_owned()))).pattern(Some("^https?://[^\\s]+$")).build()
}

pub fn description() -> Object {
    text(0, MAX_DESCRIPTION).pattern(Some("^[^\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F]*$")).build()
}

pub fn event_types() -> utoipa::openapi::schema::Array {
    let entry = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(event_types::known()));
    ArrayBuilder::new().items(entry).min_items(Some(1)).max_items(Some(MAX_EVENT_TYPES)).build()
}

pub fn endpoint_status() -> Object {
    names(["enabled", "disabled"]).build()
}

pub fn disabled_reason_or_null() -> Object {
    let reasons = DisabledReason::ALL.map(|reason| Some(reason.as_str())).into_iter().chain([None]);
    let or_null = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(or_null).enum_values(Some(reasons)).build()
}

pub fn secret_or_null() -> Object {
    text(30, 200)
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .pattern(Some("^whsec_[A-Za-z0-9+/]+=*$"))
        .build()
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

pub fn delivery_status() -> Object {
    names(Status::ALL.map(Status::as_str)).build()
}

/// What can be sent again as a range: what is done.
pub fn done_status() -> Object {
    names([Status::Delivered.as_str(), Status::Failed.as_str()]).build()
}

/// A kind, without wildcards.
pub fn event_type() -> Object {
    names(events::REGISTRY.iter().map(|event| event.kind).chain([TEST_KIND])).build()
}

/// A number that is never negative.
pub fn count() -> Object {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(9_007_199_254_740_991_i64)).build()
}
