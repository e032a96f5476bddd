//! Takes deliveries that are due and sends them: so many at once, and so many to one endpoint. Every instance runs one;
//! leases keep them apart.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crypto::WebhookSecret;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::client::Message;
use crate::Webhooks;
use crate::error::Error;
use crate::ops;
use crate::store::leases::{Leased, Room};

/// How often it looks when nothing was due.
const POLL: Duration = Duration::from_millis(200);

/// Sends until `shutdown`, then sees what is under way through.
pub async fn run(webhooks: Arc<Webhooks>, shutdown: CancellationToken) {
    let mut dispatcher = Dispatcher { webhooks, sending: JoinSet::new(), endpoints: HashMap::new() };
    while !shutdown.is_cancelled() {
        let taken = match dispatcher.take().await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "webhooks that are due could not be taken");
                0
            }
        };
        if taken == 0 || !dispatcher.has_room() {
            shutdown.run_until_cancelled(dispatcher.wait()).await;
        }
    }
    while let Some(done) = dispatcher.sending.join_next_with_id().await {
        dispatcher.ended(done);
    }
}

struct Dispatcher {
    webhooks: Arc<Webhooks>,
    sending: JoinSet<()>,
    endpoints: HashMap<Id, Uuid>,
}

impl Dispatcher {
    fn has_room(&self) -> bool {
        self.sending.len() < self.webhooks.rules.concurrency
    }

    /// Waits until something ended, or for the time of a poll.
    async fn wait(&mut self) {
        let ended = async {
            match self.sending.join_next_with_id().await {
                Some(done) => done,
                None => std::future::pending().await,
            }
        };
        if let Ok(done) = tokio::time::timeout(POLL, ended).await {
            self.ended(done);
        }
    }

    fn ended(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(%error, "an attempt to send a webhook panicked");
                error.id()
            }
        };
        self.endpoints.remove(&id);
    }

    /// Begins to send what is due, as far as there is room; tells how many that are.
    async fn take(&mut self) -> Result<usize, Error> {
        while let Some(done) = self.sending.try_join_next_with_id() {
            self.ended(done);
        }
        let mut busy: HashMap<Uuid, usize> = HashMap::new();
        for endpoint in self.endpoints.values() {
            *busy.entry(*endpoint).or_default() += 1;
        }
        let busy: Vec<_> = busy.into_iter().collect();
        let rules = &self.webhooks.rules;
        let room = Room {
            total: rules.concurrency.saturating_sub(self.sending.len()),
            per_endpoint: rules.endpoint_concurrency,
            busy: &busy,
        };
        if room.total == 0 {
            return Ok(0);
        }
        let batch = ops::take_due(&self.webhooks, &room).await?;
        let taken = batch.len();
        for (leased, secrets) in batch {
            let endpoint = leased.endpoint_id;
            let task = self.sending.spawn(send(Arc::clone(&self.webhooks), leased, secrets));
            self.endpoints.insert(task.id(), endpoint);
        }
        Ok(taken)
    }
}

/// Sends one delivery and keeps what came of it. If that can't be kept, the lease ends by itself, and it is sent again.
async fn send(webhooks: Arc<Webhooks>, leased: Leased, secrets: Vec<WebhookSecret>) {
    let (at, started) = (webhooks.clock.now(), Instant::now());
    let message = Message { id: leased.id, url: &leased.url, body: &leased.body, secrets: &secrets, at };
    let outcome = webhooks.sender.send(&message).await;
    let took = started.elapsed();
    webhooks.duration.record(took);
    let attempt = ops::MadeAttempt { at, took, outcome };
    if let Err(error) = ops::record_attempt(&webhooks, &leased, attempt).await {
        tracing::warn!(%error, delivery_id = %leased.id, "what came of an attempt could not be kept");
    }
}
