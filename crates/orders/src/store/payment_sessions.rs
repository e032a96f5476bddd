//! What providers prepared for carts.

use kernel::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::cart::PaymentSession;

/// Adds a session.
pub async fn insert(
    conn: &mut PgConnection,
    cart_id: Uuid,
    currency: Currency,
    session: &PaymentSession,
) -> Result<(), sqlx::Error> {
    let done = sqlx::query!(
        "INSERT INTO payment_sessions (id, cart_id, provider, provider_ref, amount, currency, client_data)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        session.id,
        cart_id,
        session.provider,
        session.provider_ref,
        session.amount,
        currency.as_str(),
        session.client_data
    );
    done.execute(conn).await.map(drop)
}
