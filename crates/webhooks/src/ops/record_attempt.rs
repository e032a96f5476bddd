//! Keeps what came of an attempt, and decides what becomes of the delivery, its lane and its endpoint.

use std::time::Duration;

use chrono::{DateTime, Utc};
use metrics::counter;
use sqlx::PgConnection;

use super::disable;
use crate::Webhooks;
use crate::domain::delivery::Status;
use crate::domain::endpoint::DisabledReason;
use crate::domain::schedule;
use crate::error::Error;
use crate::sender::client::Outcome;
use crate::store;
use crate::store::leases::{Leased, Verdict};

/// The status by which a receiver says that it is gone for good.
const GONE: u16 = 410;

/// An attempt that was made.
pub struct MadeAttempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

/// Keeps an attempt. After a failed one the delivery waits, or is given up when that was the last; one that is done makes
/// room for the next of its object. An endpoint that failed for too long, or is gone, is disabled.
pub(crate) async fn record_attempt(webhooks: &Webhooks, leased: &Leased, attempt: MadeAttempt) -> Result<(), Error> {
    let now = webhooks.clock.now();
    let verdict = verdict(webhooks, leased, &attempt.outcome, now);
    let mut tx = webhooks.db.begin().await?;
    let disabled = if attempt.outcome.is_success() {
        if store::leases::hold_endpoint(&mut tx, leased.endpoint_id).await? {
            store::leases::mark_working(&mut tx, leased.endpoint_id).await?;
        }
        None
    } else {
        failed(webhooks, &mut tx, leased, &attempt).await?
    };
    store::lanes::lock_object(&mut tx, leased.aggregate_id).await?;
    if !store::leases::end(&mut tx, leased, &verdict, now).await? {
        // Somebody else took the delivery over, and tells what comes of it.
        tx.rollback().await?;
        counter!("webhook_attempts_total", "outcome" => "lease_lost").increment(1);
        tracing::warn!(delivery_id = %leased.id, "an attempt took longer than its lease");
        return Ok(());
    }
    store::deliveries::add_attempt(&mut tx, leased.id, &attempt).await?;
    if verdict.status != Status::Pending.as_str() {
        store::lanes::settle(&mut tx, leased.endpoint_id, Some(leased.aggregate_id), now).await?;
    }
    tx.commit().await?;
    report(leased, &attempt.outcome, &verdict, disabled);
    Ok(())
}

fn verdict(webhooks: &Webhooks, leased: &Leased, outcome: &Outcome, now: DateTime<Utc>) -> Verdict {
    if outcome.is_success() {
        return Verdict { status: Status::Delivered.as_str(), attempts: leased.attempts + 1, next_attempt_at: now };
    }
    let attempts = leased.attempts + 1;
    let wish = match outcome {
        Outcome::Answered { retry_after, .. } => *retry_after,
        Outcome::Unanswered(_) => None,
    };
    let chance = rand::random_range(0.0..1.0);
    match schedule::pause(&webhooks.rules.retries, attempts, wish, chance) {
        Some(pause) => Verdict { status: Status::Pending.as_str(), attempts, next_attempt_at: now + pause },
        None => Verdict { status: Status::Failed.as_str(), attempts, next_attempt_at: now },
    }
}

/// Notes on the endpoint that it failed; tells why it was disabled, if it was.
async fn failed(
    webhooks: &Webhooks,
    conn: &mut PgConnection,
    leased: &Leased,
    attempt: &MadeAttempt,
) -> Result<Option<DisabledReason>, Error> {
    let now = webhooks.clock.now();
    let Some(mut endpoint) = store::endpoints::lock_for_failure(conn, leased.endpoint_id, now).await? else {
        return Ok(None);
    };
    let since = *endpoint.failing_since.get_or_insert(attempt.at);
    let reason = match &attempt.outcome {
        Outcome::Answered { status: GONE, .. } => Some(DisabledReason::Gone),
        _ => (now - since >= webhooks.rules.disable_after).then_some(DisabledReason::Failing),
    };
    match reason.filter(|_| endpoint.disabled.is_none()) {
        Some(reason) => {
            disable(webhooks, conn, &mut endpoint, reason).await?;
            Ok(Some(reason))
        }
        None => {
            store::leases::mark_failing(conn, leased.endpoint_id, since).await?;
            Ok(None)
        }
    }
}

fn report(leased: &Leased, outcome: &Outcome, verdict: &Verdict, disabled: Option<DisabledReason>) {
    let label = match outcome {
        _ if outcome.is_success() => "delivered",
        Outcome::Answered { .. } => "refused",
        Outcome::Unanswered(_) => "unanswered",
    };
    counter!("webhook_attempts_total", "outcome" => label).increment(1);
    let (delivery_id, endpoint_id) = (leased.id, leased.endpoint_id);
    if verdict.status == Status::Failed.as_str() {
        counter!("webhook_deliveries_failed_total").increment(1);
        tracing::warn!(%delivery_id, %endpoint_id, attempts = verdict.attempts, "a webhook was given up");
    }
    if let Some(reason) = disabled {
        tracing::warn!(%endpoint_id, reason = reason.as_str(), "a webhook endpoint was disabled");
    }
}
