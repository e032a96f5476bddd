//! Address books.

use chrono::{DateTime, Utc};
use crypto::{Cell, PersonKey};
use kernel::Country;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::unreadable;
use crate::domain::address::{Address, PostalAddress};

struct Row {
    id: Uuid,
    user_id: Uuid,
    content: Vec<u8>,
    is_default_shipping: bool,
    is_default_billing: bool,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// The sealed form. Names of fields stay as they are: stored rows have them.
#[derive(Serialize, Deserialize)]
struct Content {
    first_name: String,
    last_name: String,
    company: Option<String>,
    line1: String,
    line2: Option<String>,
    city: String,
    region: Option<String>,
    postal_code: Option<String>,
    country: Country,
    phone: Option<String>,
}

impl Row {
    fn open(self, key: &PersonKey) -> Result<Address, sqlx::Error> {
        let json = key.open(cell(self.id), &self.content).map_err(unreadable)?;
        let content: Content = serde_json::from_slice(&json).map_err(unreadable)?;
        Ok(Address {
            id: self.id,
            user_id: self.user_id,
            content: PostalAddress {
                first_name: content.first_name,
                last_name: content.last_name,
                company: content.company,
                line1: content.line1,
                line2: content.line2,
                city: content.city,
                region: content.region,
                postal_code: content.postal_code,
                country: content.country,
                phone: content.phone,
            },
            is_default_shipping: self.is_default_shipping,
            is_default_billing: self.is_default_billing,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

fn cell(address: Uuid) -> Cell {
    Cell { table: "addresses", column: "content", row: address }
}

/// An address as the text that is sealed.
pub fn to_json(address: &PostalAddress) -> Result<String, sqlx::Error> {
    let PostalAddress { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone } =
        address.clone();
    let content = Content { first_name, last_name, company, line1, line2, city, region, postal_code, country, phone };
    serde_json::to_string(&content).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

fn seal(key: &PersonKey, address: &Address) -> Result<Vec<u8>, sqlx::Error> {
    Ok(key.seal(cell(address.id), to_json(&address.content)?.as_bytes()))
}

/// A user's addresses, the oldest first.
pub async fn list(conn: &mut PgConnection, key: &PersonKey, user: Uuid) -> Result<Vec<Address>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT id, user_id, content, is_default_shipping, is_default_billing, version, created_at, updated_at
         FROM addresses WHERE user_id = $1 ORDER BY id",
        user
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|row| row.open(key)).collect()
}

/// One address of a user.
pub async fn find(
    conn: &mut PgConnection,
    key: &PersonKey,
    user: Uuid,
    id: Uuid,
) -> Result<Option<Address>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        "SELECT id, user_id, content, is_default_shipping, is_default_billing, version, created_at, updated_at
         FROM addresses WHERE user_id = $1 AND id = $2",
        user,
        id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.open(key)).transpose()
}

/// How many addresses a user has.
pub async fn count(conn: &mut PgConnection, user: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM addresses WHERE user_id = $1"#, user).fetch_one(conn).await
}

/// Takes the default flags that `address` claims from the user's other addresses.
pub async fn yield_defaults(conn: &mut PgConnection, address: &Address) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE addresses SET is_default_shipping = is_default_shipping AND NOT $3,
                              is_default_billing = is_default_billing AND NOT $4,
                              version = version + 1, updated_at = $5
         WHERE user_id = $1 AND id <> $2 AND (is_default_shipping AND $3 OR is_default_billing AND $4)",
        address.user_id,
        address.id,
        address.is_default_shipping,
        address.is_default_billing,
        address.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores a new address.
pub async fn insert(conn: &mut PgConnection, key: &PersonKey, address: &Address) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO addresses (id, user_id, content, is_default_shipping, is_default_billing, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        address.id,
        address.user_id,
        seal(key, address)?,
        address.is_default_shipping,
        address.is_default_billing,
        address.version,
        address.created_at,
        address.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stores an address's fields as they are in `address`.
pub async fn update(conn: &mut PgConnection, key: &PersonKey, address: &Address) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE addresses SET content = $2, is_default_shipping = $3, is_default_billing = $4, version = $5, updated_at = $6
         WHERE id = $1",
        address.id,
        seal(key, address)?,
        address.is_default_shipping,
        address.is_default_billing,
        address.version,
        address.updated_at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes an address.
pub async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM addresses WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// Deletes all addresses of a user.
pub async fn delete_all(conn: &mut PgConnection, user: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("DELETE FROM addresses WHERE user_id = $1", user).execute(conn).await?;
    Ok(())
}
