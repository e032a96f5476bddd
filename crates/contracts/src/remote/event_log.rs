//! The contract of every role that publishes, over gRPC.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use events::Envelope;
use kernel::{Context, Failure};
use tonic::{Request, Response, Status};

use super::proto::event_log as proto;
use super::proto::event_log::event_log_service_client::EventLogServiceClient;
use super::proto::event_log::event_log_service_server::{EventLogService, EventLogServiceServer};
use super::{Upstream, wire};
use crate::event_log::EventLog;

/// Largest answer: a page of events with generous payloads.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// The gRPC service of the roles in this process, by their names.
pub fn service(logs: BTreeMap<&'static str, Arc<dyn EventLog>>) -> Router {
    super::router(EventLogServiceServer::new(Service(logs)).max_encoding_message_size(MAX_ANSWER_BYTES))
}

/// The log of a role in other processes.
pub(crate) struct Remote(pub(crate) Upstream);

struct Service(BTreeMap<&'static str, Arc<dyn EventLog>>);

impl Service {
    fn log(&self, source: &str) -> Result<&Arc<dyn EventLog>, Failure> {
        self.0.get(source).ok_or_else(|| {
            tracing::error!(
                source,
                "asked for the events of a role that does not run here: see the caller's upstreams"
            );
            Failure::unavailable()
        })
    }
}

#[async_trait]
impl EventLog for Remote {
    async fn events_after(&self, context: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        let message = proto::EventsAfterRequest { source: self.0.role().to_owned(), after, limit };
        let answer = self.0.call(context, message, async |channel, request| {
            let client = EventLogServiceClient::new(channel).max_decoding_message_size(MAX_ANSWER_BYTES);
            { client }.events_after(request).await
        });
        answer.await?.events.into_iter().map(|event| Envelope::try_from(event).map(Arc::new)).collect()
    }

    async fn last_sequence(&self, context: &Context) -> Result<i64, Failure> {
        let message = proto::LastSequenceRequest { source: self.0.role().to_owned() };
        let answer = self.0.call(context, message, async |channel, request| {
            EventLogServiceClient::new(channel).last_sequence(request).await
        });
        answer.await.map(|answer| answer.sequence)
    }
}

#[async_trait]
impl EventLogService for Service {
    async fn events_after(
        &self,
        request: Request<proto::EventsAfterRequest>,
    ) -> Result<Response<proto::EventsAfterResponse>, Status> {
        wire::answer(request, async |context, message| {
            let events = self.log(&message.source)?.events_after(&context, message.after, message.limit).await?;
            Ok(proto::EventsAfterResponse { events: events.iter().map(|event| proto::Event::from(&**event)).collect() })
        })
        .await
    }

    async fn last_sequence(
        &self,
        request: Request<proto::LastSequenceRequest>,
    ) -> Result<Response<proto::LastSequenceResponse>, Status> {
        wire::answer(request, async |context, message| {
            let sequence = self.log(&message.source)?.last_sequence(&context).await?;
            Ok(proto::LastSequenceResponse { sequence })
        })
        .await
    }
}

impl From<&Envelope> for proto::Event {
    fn from(event: &Envelope) -> Self {
        Self {
            id: event.id.to_string(),
            sequence: event.sequence.unwrap_or_default(),
            source: event.source.clone(),
            kind: event.kind.clone(),
            aggregate: event.aggregate.clone(),
            aggregate_id: event.aggregate_id.to_string(),
            version: event.version,
            data_json: event.data.to_string(),
            occurred_at: Some(wire::timestamp(event.occurred_at)),
            trace_parent: event.trace_parent.clone(),
        }
    }
}

impl TryFrom<proto::Event> for Envelope {
    type Error = Failure;

    fn try_from(event: proto::Event) -> Result<Self, Failure> {
        Ok(Self {
            id: wire::id("id", &event.id)?,
            sequence: (event.sequence > 0).then_some(event.sequence),
            source: event.source,
            kind: event.kind,
            aggregate: event.aggregate,
            aggregate_id: wire::id("aggregate_id", &event.aggregate_id)?,
            version: event.version,
            data: serde_json::from_str(&event.data_json).map_err(|_| wire::unreadable("data_json"))?,
            occurred_at: wire::time("occurred_at", event.occurred_at)?,
            trace_parent: event.trace_parent,
        })
    }
}
