//! Amounts of money: whole minor units (cents) and a currency, never a float.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest amount that a price or a total may have, in minor units: far above any shop's, far below overflow of sums.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A text is not a currency or not an amount of one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not an ISO 4217 code.
    #[error("`{0}` is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    /// Not a decimal number with at most the currency's digits.
    #[error("`{text}` is not an amount in {currency} (at most {digits} decimals)")]
    BadAmount {
        /// What was given.
        text: String,
        /// The currency.
        currency: Currency,
        /// Decimals that the currency has.
        digits: u32,
    },
    /// Beyond [`MAX_AMOUNT`].
    #[error("the amount is too large")]
    TooLarge,
    /// Two amounts in different currencies cannot be added.
    #[error("{0} and {1} cannot be added")]
    CurrencyMismatch(Currency, Currency),
}

impl Currency {
    /// The three-letter code.
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in (see `from_str`).
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals the currency has: 2 for EUR, 0 for JPY, 3 for KWD (ISO 4217 exponent).
    pub fn exponent(&self) -> u32 {
        iso_currency::Currency::from_code(self.as_str()).and_then(iso_currency::Currency::exponent).map_or(2, u32::from)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let known = iso_currency::Currency::from_code(code).filter(|c| c.exponent().is_some());
        match (known, <[u8; 3]>::try_from(code.as_bytes())) {
            (Some(_), Ok(letters)) => Ok(Self(letters)),
            _ => Err(MoneyError::UnknownCurrency(code.chars().take(8).collect())),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(code: String) -> Result<Self, MoneyError> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: 1250 is 12.50 EUR.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `amount` minor units of `currency`.
    pub fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Parses a decimal text such as `12.50`; more decimals than the currency has are refused, not rounded.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = currency.exponent();
        let bad = || MoneyError::BadAmount { text: text.chars().take(32).collect(), currency, digits };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let decimals = fraction.trim_end_matches('0');
        let fits = !whole.is_empty() && plain(whole) && plain(fraction) && decimals.len() <= digits as usize;
        if !fits || (text.contains('.') && fraction.is_empty()) {
            return Err(bad());
        }
        let scale = 10_i64.pow(digits);
        let fraction_units: i64 =
            format!("{decimals:0<width$}0", width = digits as usize).parse::<i64>().map_err(|_| bad())? / 10;
        let units =
            whole.parse::<i64>().ok().and_then(|w| w.checked_mul(scale)).and_then(|w| w.checked_add(fraction_units));
        match units {
            Some(amount) if amount <= MAX_AMOUNT => Ok(Self { amount, currency }),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// The sum. Both must have one currency and the sum must stay within [`MAX_AMOUNT`].
    pub fn checked_add(self, other: Money) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, other.currency));
        }
        let amount = self.amount.checked_add(other.amount).filter(|sum| sum.abs() <= MAX_AMOUNT);
        amount.map(|amount| Self { amount, ..self }).ok_or(MoneyError::TooLarge)
    }
}

impl fmt::Display for Money {
    /// Decimal without the currency: `12.50`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.exponent();
        let scale = 10_u64.pow(digits);
        let sign = if self.amount < 0 { "-" } else { "" };
        let units = self.amount.unsigned_abs();
        if digits == 0 {
            return write!(f, "{sign}{units}");
        }
        write!(f, "{sign}{}.{:0width$}", units / scale, units % scale, width = digits as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str, currency: &str) -> Result<i64, MoneyError> {
        Money::parse(text, currency.parse()?).map(|m| m.amount)
    }

    #[test]
    fn decimal_texts_become_minor_units() {
        assert_eq!(money("12.50", "EUR"), Ok(1250));
        assert_eq!(money("12.5", "EUR"), Ok(1250));
        assert_eq!(money("7", "EUR"), Ok(700));
        assert_eq!(money("1200", "JPY"), Ok(1200));
        assert_eq!(money("1.234", "KWD"), Ok(1234));
        assert_eq!(money("1.500", "EUR"), Ok(150));
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", "-1", "+1", "1.", ".5", "1.005", "1e3", "NaN", "1,50", "٣", " 1", "99999999999999999999"] {
            assert!(money(text, "EUR").is_err(), "{text}");
        }
        assert!(money("1.5", "JPY").is_err());
        assert!(money("1", "XYZ").is_err());
        assert!(money("1", "eur").is_err());
    }

    proptest! {
        #[test]
        fn printing_and_parsing_are_inverse(amount in 0..MAX_AMOUNT, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(amount, code.parse().unwrap());
            prop_assert_eq!(Money::parse(&money.to_string(), money.currency), Ok(money));
        }
    }
}
