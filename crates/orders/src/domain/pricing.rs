//! Sums, tax and rounding, all in whole minor units. Tax is rounded half up on each line; every other figure is a sum of
//! those, so that what is shown, what is charged and what the books say is one number.

use kernel::money::MAX_AMOUNT;

/// A hundredth of a percent is the unit of tax rates.
const WHOLE_BP: i128 = 10_000;

/// How tax goes into prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tax {
    /// The rate in hundredths of a percent.
    pub rate_bp: i64,
    /// Whether prices have it in them.
    pub included: bool,
}

/// So many of something at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Price of one.
    pub unit_amount: i64,
    /// How many.
    pub quantity: i64,
}

/// An amount with the tax in it or on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The amount at the shop's prices.
    pub amount: i64,
    /// The tax in it (prices include tax) or on top of it.
    pub tax: i64,
}

/// What a customer pays, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// One for each item.
    pub lines: Vec<Charge>,
    /// Shipping.
    pub shipping: Charge,
    /// Sum of the lines.
    pub items: i64,
    /// Sum of all tax.
    pub tax: i64,
    /// What is charged.
    pub total: i64,
}

/// Adds up. None when a sum goes beyond what an order may cost.
pub fn bill(items: &[Item], shipping: i64, tax: Tax) -> Option<Bill> {
    let charge = |amount: i64| Charge { amount, tax: tax_of(amount, tax) };
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        lines.push(charge(item.unit_amount.checked_mul(item.quantity)?));
    }
    let sum = |mut parts: Box<dyn Iterator<Item = i64> + '_>| parts.try_fold(0_i64, i64::checked_add);
    let shipping = charge(shipping);
    let items = sum(Box::new(lines.iter().map(|line| line.amount)))?;
    let tax_total = sum(Box::new(lines.iter().map(|line| line.tax).chain([shipping.tax])))?;
    let on_top = if tax.included { 0 } else { tax_total };
    let total = items.checked_add(shipping.amount)?.checked_add(on_top)?;
    (total <= MAX_AMOUNT).then_some(Bill { lines, shipping, items, tax: tax_total, total })
}

/// The tax in (or on) an amount, rounded half up.
pub fn tax_of(amount: i64, tax: Tax) -> i64 {
    let rate = i128::from(tax.rate_bp);
    let base = if tax.included { WHOLE_BP + rate } else { WHOLE_BP };
    let exact = i128::from(amount) * rate;
    let rounded = (2 * exact + base) / (2 * base);
    // No rate is above 100 %, so the tax is no larger than the amount.
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

/// Splits an amount in the proportion of `weights`, by largest remainder: the parts add up to the amount, and none is
/// more than one unit from its exact share. Weights that are all zero give everything to the first part.
pub fn split(amount: i64, weights: &[i64]) -> Vec<i64> {
    let whole: i128 = weights.iter().copied().map(i128::from).sum();
    if whole == 0 {
        return weights.iter().enumerate().map(|(at, _)| if at == 0 { amount } else { 0 }).collect();
    }
    let exact = |weight: &i64| i128::from(amount) * i128::from(*weight);
    // Each share is at most `amount`, which is an i64.
    let mut shares: Vec<i64> = weights.iter().map(|w| i64::try_from(exact(w) / whole).unwrap_or(amount)).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(exact(&weights[*at]) % whole));
    let mut left = amount - shares.iter().sum::<i64>();
    for at in by_remainder {
        if left == 0 {
            break;
        }
        shares[at] += 1;
        left -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tax() -> impl Strategy<Value = Tax> {
        (0_i64..=10_000, any::<bool>()).prop_map(|(rate_bp, included)| Tax { rate_bp, included })
    }

    fn items() -> impl Strategy<Value = Vec<Item>> {
        let item = (0_i64..100_000_000, 1_i64..1000);
        proptest::collection::vec(item.prop_map(|(unit_amount, quantity)| Item { unit_amount, quantity }), 0..20)
    }

    #[test]
    fn tax_is_rounded_half_up_on_each_line() {
        let included = Tax { rate_bp: 1900, included: true };
        assert_eq!(tax_of(11_900, included), 1_900);
        assert_eq!(tax_of(999, included), 160);
        let on_top = Tax { rate_bp: 2550, included: false };
        assert_eq!(tax_of(10_000, on_top), 2_550);
        assert_eq!(tax_of(10, Tax { rate_bp: 500, included: false }), 1);
        assert_eq!(tax_of(9, Tax { rate_bp: 500, included: false }), 0);
    }

    #[test]
    fn a_bill_beyond_the_limit_is_none() {
        let tax = Tax { rate_bp: 0, included: true };
        assert!(bill(&[Item { unit_amount: MAX_AMOUNT, quantity: 2 }], 0, tax).is_none());
        assert!(bill(&[Item { unit_amount: i64::MAX, quantity: 2 }], 0, tax).is_none());
    }

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_its_parts(items in items(), shipping in 0_i64..10_000, tax in tax()) {
            let Some(bill) = bill(&items, shipping, tax) else { return Ok(()) };
            let lines: i64 = bill.lines.iter().map(|line| line.amount).sum();
            let taxes: i64 = bill.lines.iter().map(|line| line.tax).sum::<i64>() + bill.shipping.tax;
            prop_assert_eq!(lines, bill.items);
            prop_assert_eq!(taxes, bill.tax);
            let on_top = if tax.included { 0 } else { taxes };
            prop_assert_eq!(lines + shipping + on_top, bill.total);
        }

        #[test]
        fn tax_is_within_half_a_unit_of_the_exact_figure(amount in 0_i64..MAX_AMOUNT, tax in tax()) {
            let base = i128::from(10_000 + if tax.included { tax.rate_bp } else { 0 });
            let exact = i128::from(amount) * i128::from(tax.rate_bp);
            let off = (i128::from(tax_of(amount, tax)) * base - exact).abs();
            prop_assert!(2 * off <= base);
            prop_assert!(tax_of(amount, tax) <= amount);
        }

        #[test]
        fn a_split_loses_nothing_and_is_fair(amount in 0_i64..MAX_AMOUNT, weights in proptest::collection::vec(0_i64..MAX_AMOUNT, 1..12)) {
            let parts = split(amount, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            let whole: i128 = weights.iter().copied().map(i128::from).sum();
            if whole > 0 {
                for (part, weight) in parts.iter().zip(&weights) {
                    let off = (i128::from(*part) * whole - i128::from(amount) * i128::from(*weight)).abs();
                    prop_assert!(off < whole);
                }
            }
        }
    }
}
