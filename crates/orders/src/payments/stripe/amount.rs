//! Amounts as Stripe writes them: minor units like ours, with exceptions.
//!
//! Stripe keeps two decimals for currencies that have lost theirs (ISK, UGX), none for one whose minor unit is not a tenth
//! part (MGA), and takes currencies of three decimals in steps of ten minor units.

use kernel::{Currency, Money};

/// Our amount in Stripe's units; none for one that Stripe cannot charge.
pub fn to_stripe(money: Money) -> Option<i64> {
    let Money { amount, currency } = money;
    match currency.as_str() {
        "ISK" | "UGX" => amount.checked_mul(100),
        "MGA" => (amount % 100 == 0).then_some(amount / 100),
        _ if currency.exponent() == 3 => (amount % 10 == 0).then_some(amount),
        _ => Some(amount),
    }
}

/// Stripe's amount in our units.
pub fn from_stripe(amount: i64, currency: Currency) -> i64 {
    match currency.as_str() {
        "ISK" | "UGX" => amount / 100,
        "MGA" => amount.saturating_mul(100),
        _ => amount,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_minor_units_but_for_stripes_exceptions() {
        for (currency, ours, theirs) in [
            ("EUR", 1999, Some(1999)),
            ("JPY", 1999, Some(1999)),
            ("ISK", 1999, Some(199_900)),
            ("UGX", 5, Some(500)),
            ("MGA", 199_900, Some(1999)),
            ("MGA", 1_999, None),
            ("KWD", 19_990, Some(19_990)),
            ("KWD", 19_995, None),
        ] {
            let money = Money::new(ours, currency.parse().unwrap());
            assert_eq!(to_stripe(money), theirs, "{ours} {currency}");
            if let Some(theirs) = theirs {
                assert_eq!(from_stripe(theirs, money.currency), ours, "{theirs} {currency}");
            }
        }
    }
}
