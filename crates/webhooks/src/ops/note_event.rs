//! Puts an event on its way to every endpoint that wants it.

use events::Envelope;
use kernel::Clock;
use sqlx::PgConnection;

use crate::domain::{event_types, message};
use crate::error::Error;
use crate::store;

/// Makes a delivery for each endpoint that wants the event, in the transaction of `conn`.
pub(crate) async fn note_event(conn: &mut PgConnection, clock: &Clock, event: &Envelope) -> Result<(), Error> {
    let endpoints = store::lanes::hold_matching(conn, &event_types::matching(&event.kind)).await?;
    if endpoints.is_empty() {
        return Ok(());
    }
    store::lanes::lock_object(conn, event.aggregate_id).await?;
    store::lanes::append(conn, &endpoints, event, &message::of_event(event), clock.now()).await?;
    Ok(())
}
