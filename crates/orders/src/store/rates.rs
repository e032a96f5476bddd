//! Tax and shipping rates.

use sqlx::PgConnection;

use super::word;
use crate::domain::rates::{Rates, ShippingRate, TaxRate};
use crate::error::Error;

/// All of them: a few hundred rows.
pub async fn load(conn: &mut PgConnection) -> Result<Rates, Error> {
    let mut rates = Rates::default();
    for row in sqlx::query!("SELECT country, name, rate_bp FROM tax_rates").fetch_all(&mut *conn).await? {
        rates.tax.insert(word("country", &row.country)?, TaxRate { name: row.name, rate_bp: row.rate_bp });
    }
    let options = sqlx::query!(
        "SELECT country, currency, option, name, amount, min_days, max_days FROM shipping_rates ORDER BY amount, option"
    );
    for row in options.fetch_all(conn).await? {
        let key = (word("country", &row.country)?, word("currency", &row.currency)?);
        rates.shipping.entry(key).or_default().push(ShippingRate {
            option: row.option,
            name: row.name,
            amount: row.amount,
            min_days: row.min_days,
            max_days: row.max_days,
        });
    }
    Ok(rates)
}
