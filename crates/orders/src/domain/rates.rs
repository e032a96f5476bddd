//! Tax and shipping by country.

use std::collections::HashMap;

use kernel::{Country, Currency};

/// The tax of a country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRate {
    /// What it is called there.
    pub name: String,
    /// Hundredths of a percent.
    pub rate_bp: i64,
}

/// A way of shipping to a country, with its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShippingRate {
    /// Its key, such as `standard`.
    pub option: String,
    /// What the customer reads.
    pub name: String,
    /// Price in minor units.
    pub amount: i64,
    /// Working days at least.
    pub min_days: i64,
    /// Working days at most.
    pub max_days: i64,
}

/// All rates, as they stood when they were read.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// By country.
    pub tax: HashMap<Country, TaxRate>,
    /// By country and currency, cheapest first.
    pub shipping: HashMap<(Country, Currency), Vec<ShippingRate>>,
}

impl Rates {
    /// The tax of a country; none when the shop doesn't sell there.
    pub fn tax(&self, country: Country) -> Option<&TaxRate> {
        self.tax.get(&country)
    }

    /// The ways of shipping to a country, cheapest first.
    pub fn shipping(&self, country: Country, currency: Currency) -> &[ShippingRate] {
        self.shipping.get(&(country, currency)).map_or(&[], Vec::as_slice)
    }
}
