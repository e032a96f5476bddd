//! Amounts.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, SimpleObject, Value};

/// A whole number of up to 64 bits, written as a JSON number. Amounts and counts stay below 2^53, so that every client
/// reads them exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Int64(pub i64);

#[Scalar(name = "Int64")]
impl ScalarType for Int64 {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::Number(number) => {
                number.as_i64().map(Self).ok_or_else(|| InputValueError::custom("not a whole number of 64 bits"))
            }
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0))
    }
}

/// An amount of money.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct Money {
    /// Minor units: 1250 is 12.50 EUR.
    amount: Int64,
    /// ISO 4217 code.
    currency: String,
    /// Decimal, without the currency: `12.50`.
    formatted: String,
}

impl From<kernel::Money> for Money {
    fn from(money: kernel::Money) -> Self {
        Self { amount: Int64(money.amount), currency: money.currency.to_string(), formatted: money.to_string() }
    }
}

/// What a variant costs in one currency.
#[derive(Clone, Debug, SimpleObject)]
pub(super) struct Price {
    /// What a unit costs.
    price: Money,
    /// What it cost before, to be crossed out.
    compare_at: Option<Money>,
}

impl From<&crate::domain::Price> for Price {
    fn from(price: &crate::domain::Price) -> Self {
        let compare_at = price.compare_at.map(|amount| kernel::Money::new(amount, price.money.currency).into());
        Self { price: price.money.into(), compare_at }
    }
}
