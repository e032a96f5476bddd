//! A relay that is broken on purpose, so that a test can show that it would be caught. Compiled only with the feature
//! `failpoints`.

use std::borrow::Cow;
use std::sync::Arc;

use events::Envelope;

/// Says how the relay is broken: `skip` loses events that it calls published.
#[cfg(feature = "failpoints")]
const VARIABLE: &str = "TRADEPOST_BREAK_RELAY";
/// It loses one of so many.
#[cfg(feature = "failpoints")]
const ONE_OF: i64 = 20;

/// What of a batch is published.
#[cfg(feature = "failpoints")]
pub(crate) fn published_part(batch: &[Arc<Envelope>]) -> Cow<'_, [Arc<Envelope>]> {
    let skips = std::env::var(VARIABLE).is_ok_and(|how| how == "skip");
    let is_lost = |event: &Envelope| skips && event.sequence.is_some_and(|sequence| sequence % ONE_OF == 0);
    Cow::Owned(batch.iter().filter(|event| !is_lost(event)).cloned().collect())
}

/// All of it, without the feature `failpoints`.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn published_part(batch: &[Arc<Envelope>]) -> Cow<'_, [Arc<Envelope>]> {
    Cow::Borrowed(batch)
}
