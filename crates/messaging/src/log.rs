//! Writes events, in the transaction of the change they tell of; reads an object's history, and the log in order.

use std::sync::Arc;

use events::Envelope;
use pg::Db;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{store, trace, wake};

/// An event to write.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The sort of object, such as `product`.
    pub aggregate: &'static str,
    /// Which one.
    pub aggregate_id: Uuid,
    /// The object's version after the change. A version that is taken violates `events_pkey`: another writer was first.
    pub version: i64,
    /// What happened, such as `product.created`.
    pub kind: &'static str,
    /// The payload.
    pub data: serde_json::Value,
}

/// Writes an event. It comes out when the transaction of `conn` commits, and not otherwise.
pub async fn emit(conn: &mut PgConnection, event: &NewEvent) -> Result<(), sqlx::Error> {
    store::events::insert(conn, event, trace::current().as_deref()).await?;
    wake::hint();
    Ok(())
}

/// Writes many events with one statement: for imports. They come out in the order given.
pub async fn emit_many(conn: &mut PgConnection, events: Vec<NewEvent>) -> Result<(), sqlx::Error> {
    if events.is_empty() {
        return Ok(());
    }
    store::events::insert_many(conn, events, trace::current().as_deref()).await?;
    wake::hint();
    Ok(())
}

/// An object's events by version: its timeline, and the source that its state can be rebuilt from.
pub async fn history(
    conn: &mut PgConnection,
    aggregate: &str,
    aggregate_id: Uuid,
) -> Result<Vec<Envelope>, sqlx::Error> {
    store::events::of_object(conn, aggregate, aggregate_id).await
}

/// Numbered events after the sequence `after`, in order and without gaps, at most `limit`. Whatever was published is there.
pub async fn published_after(db: &Db, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, sqlx::Error> {
    // The primary: a replica may not have yet what was published.
    let mut conn = db.primary().acquire().await?;
    let rows = store::events::after(&mut conn, after, limit.into()).await?;
    Ok(rows.into_iter().map(|row| Arc::new(row.into_envelope(db.role()))).collect())
}

/// The sequence of the newest numbered event; 0 before the first.
pub async fn last_sequence(db: &Db) -> Result<i64, sqlx::Error> {
    let mut conn = db.primary().acquire().await?;
    store::relay::last_sequence(&mut conn).await
}

/// Which published events to list.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Those after this sequence.
    pub after: i64,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those of this object.
    pub object: Option<Uuid>,
}

/// Published events by sequence, at most `limit`: for people who look for some.
pub async fn published(db: &Db, wanted: &Published, limit: u32) -> Result<Vec<Envelope>, sqlx::Error> {
    let mut conn = db.primary().acquire().await?;
    let Published { after, kind, object } = wanted;
    let rows = store::events::published(&mut conn, *after, kind.as_deref(), *object, limit.into()).await?;
    Ok(rows.into_iter().map(|row| row.into_envelope(db.role())).collect())
}
