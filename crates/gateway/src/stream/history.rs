//! Events that are no longer recent, read from the role's log once for all who ask: many clients that come back at the
//! same time go over the same pages.

use std::sync::Arc;
use std::time::Duration;

use kernel::{Context, ErrorKind, Failure};
use metrics::counter;
use moka::future::Cache;

use super::event::Event;
use super::source::Source;

/// Events of one page. Pages begin at its multiples, so that clients at different places share them.
pub const PAGE: i64 = 250;
/// Bytes of pages that are kept for the next who asks.
const KEPT_BYTES: u64 = 16 * 1024 * 1024;
/// How long: what is newer than a page is not seen by who gets it from here.
const KEPT: Duration = Duration::from_secs(30);
/// Time that a role has for a page.
const BUDGET: Duration = Duration::from_secs(5);

type Page = Arc<Vec<Arc<Event>>>;

/// The pages.
pub struct History(Cache<(&'static str, i64), Page>);

impl History {
    /// No pages yet.
    pub fn new() -> Self {
        let weight = |_: &(&str, i64), page: &Page| {
            let bytes: usize = page.iter().map(|event| event.weight()).sum();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        Self(Cache::builder().max_capacity(KEPT_BYTES).time_to_live(KEPT).weigher(weight).build())
    }

    /// Events of `source` after `after`, at most to the end of a page. None: there are none yet.
    pub async fn after(&self, source: &Source, after: i64) -> Result<Vec<Arc<Event>>, Failure> {
        let start = after.div_euclid(PAGE) * PAGE;
        let key = (source.name, start);
        let page = self.0.try_get_with(key, read(source, start)).await.map_err(|failure| Failure::clone(&failure))?;
        if i64::try_from(page.len()).is_ok_and(|events| events < PAGE) {
            // It grows: the next one reads it again.
            self.0.invalidate(&key).await;
        }
        Ok(page.iter().filter(|event| event.sequence > after).cloned().collect())
    }
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

async fn read(source: &Source, after: i64) -> Result<Page, Failure> {
    counter!("stream_log_reads_total", "source" => source.name).increment(1);
    let context = Context::system("gateway.stream", BUDGET);
    let limit = u32::try_from(PAGE).unwrap_or_default();
    let envelopes = source.log.events_after(&context, after, limit).await?;
    let numbered = (after + 1..).zip(envelopes);
    let events = numbered.map(|(expected, envelope)| match envelope.sequence {
        Some(sequence) if sequence == expected => Ok(Arc::new(Event::new(&envelope, sequence))),
        _ => {
            tracing::error!(source = source.name, expected, found = envelope.sequence, "a log has a gap");
            Err(Failure::new(ErrorKind::Internal, "INTERNAL_ERROR", "The log has a gap"))
        }
    });
    events.collect::<Result<Vec<_>, _>>().map(Arc::new)
}
