//! Prices of variants.

use kernel::{Currency, Money};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::Price;

/// Prices of variants, by currency.
pub async fn of_variants(conn: &mut PgConnection, variants: &[Uuid]) -> Result<Vec<Price>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT variant_id, currency, amount, compare_at FROM variant_prices
           WHERE variant_id = ANY($1) ORDER BY variant_id, currency"#,
        variants,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency: Currency = row.currency.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            let money = Money::new(row.amount, currency);
            Ok(Price { variant_id: row.variant_id, money, compare_at: row.compare_at })
        })
        .collect()
}

/// Sets a variant's price in one currency.
pub async fn set(conn: &mut PgConnection, price: &Price) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"INSERT INTO variant_prices (variant_id, currency, amount, compare_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (variant_id, currency)
           DO UPDATE SET amount = excluded.amount, compare_at = excluded.compare_at, updated_at = now()"#,
        price.variant_id,
        price.money.currency.as_str(),
        price.money.amount,
        price.compare_at,
    )
    .execute(conn)
    .await
    .map(drop)
}

/// Ends the sale of a variant in one currency.
pub async fn remove(conn: &mut PgConnection, variant_id: Uuid, currency: Currency) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM variant_prices WHERE variant_id = $1 AND currency = $2", variant_id, currency.as_str())
        .execute(conn)
        .await
        .map(drop)
}
