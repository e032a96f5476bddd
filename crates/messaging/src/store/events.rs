//! The table `events`.

use chrono::{DateTime, Utc};
use events::Envelope;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::log::NewEvent;

pub(crate) struct EventRow {
    pub(crate) position: i64,
    pub(crate) id: Uuid,
    pub(crate) sequence: Option<i64>,
    pub(crate) aggregate: String,
    pub(crate) aggregate_id: Uuid,
    pub(crate) version: i64,
    pub(crate) kind: String,
    pub(crate) data: Value,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) trace_parent: Option<String>,
}

impl EventRow {
    pub(crate) fn into_envelope(self, source: &str) -> Envelope {
        Envelope {
            id: self.id,
            sequence: self.sequence,
            source: source.to_owned(),
            kind: self.kind,
            aggregate: self.aggregate,
            aggregate_id: self.aggregate_id,
            version: self.version,
            data: self.data,
            occurred_at: self.occurred_at,
            trace_parent: self.trace_parent,
        }
    }
}

pub(crate) async fn insert(
    conn: &mut PgConnection,
    event: &NewEvent,
    trace_parent: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO events (id, aggregate, aggregate_id, version, kind, data, trace_parent)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        kernel::id::new_id(),
        event.aggregate,
        event.aggregate_id,
        event.version,
        event.kind,
        event.data,
        trace_parent,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn insert_many(
    conn: &mut PgConnection,
    events: Vec<NewEvent>,
    trace_parent: Option<&str>,
) -> Result<(), sqlx::Error> {
    let count = events.len();
    let mut columns = Columns::with_capacity(count);
    for event in events {
        columns.push(event);
    }
    sqlx::query!(
        "INSERT INTO events (id, aggregate, aggregate_id, version, kind, data, trace_parent)
         SELECT id, aggregate, aggregate_id, version, kind, data, $7
         FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::jsonb[])
              WITH ORDINALITY AS new (id, aggregate, aggregate_id, version, kind, data, place)
         ORDER BY place",
        &columns.ids,
        &columns.aggregates as &[&str],
        &columns.aggregate_ids,
        &columns.versions,
        &columns.kinds as &[&str],
        &columns.data,
        trace_parent,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Events by column, as `unnest` takes them.
struct Columns {
    ids: Vec<Uuid>,
    aggregates: Vec<&'static str>,
    aggregate_ids: Vec<Uuid>,
    versions: Vec<i64>,
    kinds: Vec<&'static str>,
    data: Vec<Value>,
}

impl Columns {
    fn with_capacity(count: usize) -> Self {
        Self {
            ids: Vec::with_capacity(count),
            aggregates: Vec::with_capacity(count),
            aggregate_ids: Vec::with_capacity(count),
            versions: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            data: Vec::with_capacity(count),
        }
    }

    fn push(&mut self, event: NewEvent) {
        self.ids.push(kernel::id::new_id());
        self.aggregates.push(event.aggregate);
        self.aggregate_ids.push(event.aggregate_id);
        self.versions.push(event.version);
        self.kinds.push(event.kind);
        self.data.push(event.data);
    }
}

pub(crate) async fn of_object(
    conn: &mut PgConnection,
    aggregate: &str,
    aggregate_id: Uuid,
) -> Result<Vec<Envelope>, sqlx::Error> {
    let rows = sqlx::query_as!(
        EventRow,
        "SELECT position, id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
         FROM events WHERE aggregate_id = $1 AND aggregate = $2 ORDER BY version",
        aggregate_id,
        aggregate,
    )
    .fetch_all(conn)
    .await?;
    let source = |row: &EventRow| events::find(&row.kind).map_or("", |event| event.role);
    Ok(rows
        .into_iter()
        .map(|row| {
            let source = source(&row);
            row.into_envelope(source)
        })
        .collect())
}

pub(crate) async fn after(conn: &mut PgConnection, after: i64, limit: i64) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        "SELECT position, id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
         FROM events WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        after,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// Published events by sequence, of one kind or all, of one object or all.
pub(crate) async fn published(
    conn: &mut PgConnection,
    after: i64,
    kind: Option<&str>,
    object: Option<Uuid>,
    limit: i64,
) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        "SELECT position, id, sequence, aggregate, aggregate_id, version, kind, data, occurred_at, trace_parent
         FROM events WHERE sequence > $1 AND sequence <= (SELECT published FROM relay)
           AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR aggregate_id = $3)
         ORDER BY sequence LIMIT $4",
        after,
        kind,
        object,
        limit,
    )
    .fetch_all(conn)
    .await
}
