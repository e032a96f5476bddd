//! What every role that publishes promises of its log.

use std::sync::Arc;

use events::Envelope;

use super::{assert_late, context, expired};
use crate::event_log::{EventLogClient, PAGE_LIMIT};

/// What the log of `source` promises: it has at least two events and at most a page, and gets no new ones meanwhile.
/// Gives its events.
pub async fn event_log(client: &EventLogClient, source: &str) -> Vec<Arc<Envelope>> {
    let last = client.last_sequence(&context()).await.unwrap();
    let all = client.events_after(&context(), 0, PAGE_LIMIT).await.unwrap();
    let sequences: Vec<_> = all.iter().filter_map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=last).collect::<Vec<_>>(), "in order, and without gaps");
    assert!(last >= 2, "{source} has only {last} events");
    assert!(all.iter().all(|event| event.source == source));

    // Page by page it is the same.
    let mut paged = Vec::new();
    for after in 0..=last {
        paged.extend(client.events_after(&context(), after, 1).await.unwrap());
    }
    assert_eq!(paged, all);
    assert_eq!(client.events_after(&context(), 1, u32::MAX).await.unwrap(), all[1..], "more than a page is a page");
    assert_eq!(client.events_after(&context(), -1, PAGE_LIMIT).await.unwrap(), all);
    for (after, limit) in [(last, PAGE_LIMIT), (i64::MAX, PAGE_LIMIT), (0, 0)] {
        assert_eq!(client.events_after(&context(), after, limit).await, Ok(Vec::new()));
    }
    assert_late(client.events_after(&expired(), 0, 1).await);
    assert_late(client.last_sequence(&expired()).await);
    all
}
