//! What answers show. The first answer to a request with an idempotency key is kept in this form.

pub mod address;
pub mod cart;
pub(crate) mod fields;
pub mod order;
pub mod timeline;

use kernel::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// Minor units: 1250 is 12.50 EUR.
    #[schema(schema_with = fields::amount)]
    pub amount: i64,
    /// ISO 4217 code.
    #[schema(schema_with = fields::currency)]
    pub currency: String,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency.into() }
    }
}
