//! `POST /api/v1/carts`

use std::sync::Arc;

use axum::extract::State;
use kernel::text::Checks;
use kernel::{Currency, FieldError};
use runtime::http::extract::whole_number;
use runtime::http::{ApiError, Caller, Data, Json, Reply};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::contact::{self, Address, Contact};
use crate::error::Error;
use crate::view::address::AddressView;
use crate::view::cart::CartView;
use crate::view::fields;
use crate::{Orders, ops};

/// What the cart begins with; everything can be added later.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCartRequest {
    /// What prices are in; the shop's first currency when left out.
    #[schema(schema_with = fields::known_currency_or_null)]
    currency: Option<String>,
    /// Where mail about the order goes; a signed-in user's own when left out.
    #[schema(schema_with = fields::email_or_null)]
    email: Option<String>,
    /// Where goods go.
    shipping_address: Option<AddressView>,
    /// Where the bill goes; as shipping when left out.
    billing_address: Option<AddressView>,
    /// What is in it.
    #[serde(default)]
    #[schema(max_items = 100)]
    line_items: Vec<NewLineItem>,
}

/// Units of a variant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLineItem {
    /// The variant.
    variant_id: Uuid,
    /// How many.
    #[serde(deserialize_with = "whole_number")]
    #[schema(schema_with = fields::quantity)]
    quantity: i64,
}

/// Make a cart: the signed-in user's, or a guest's, which belongs to whoever knows its id.
#[utoipa::path(
    post,
    path = "/api/v1/carts",
    operation_id = "create_cart",
    tag = "carts",
    request_body = CreateCartRequest,
    responses((status = 201, description = "The new cart", body = Data<CartView>))
)]
pub async fn create_cart(
    State(orders): State<Arc<Orders>>,
    Caller(context): Caller,
    Json(body): Json<CreateCartRequest>,
) -> Result<Reply<CartView>, ApiError> {
    let cart = ops::create_cart(&orders, &context, command(body)?).await?;
    let (location, version) = (format!("/api/v1/carts/{}", cart.id), cart.version);
    Ok(Reply::created(cart, location).etag(version))
}

fn command(body: CreateCartRequest) -> Result<ops::CreateCart, Error> {
    let mut checks = Checks::new();
    let currency = body.currency.map(|code| currency(&code)).transpose();
    let currency = checks.take(currency).flatten();
    let email = body.email.map(|email| contact::checked_email("email", &email)).transpose();
    let email = checks.take(email).flatten();
    checks.finish()?;
    let address = |field: &str, address: Option<AddressView>| {
        address.map(|address| Address::from(address).checked(field)).transpose()
    };
    let contact = Contact {
        email,
        shipping_address: address("shipping_address", body.shipping_address)?,
        billing_address: address("billing_address", body.billing_address)?,
    };
    let line = |line: NewLineItem| ops::NewLine { variant_id: line.variant_id, quantity: line.quantity };
    Ok(ops::CreateCart { currency, contact, lines: body.line_items.into_iter().map(line).collect() })
}

fn currency(code: &str) -> Result<Currency, FieldError> {
    code.parse().map_err(|_| FieldError::new("currency", "INVALID_CURRENCY", "currency takes an ISO 4217 code"))
}
