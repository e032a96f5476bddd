//! A request that is repeated with the same `Idempotency-Key` has one effect, and each repeat the first answer.

use std::time::Duration;

use crypto::Keyring;
use kernel::{Actor, Context, ErrorKind, Failure, IdempotencyKey};
use pg::{Db, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::ground::ANSWERS_KEPT;
use crate::store;
use crate::store::idempotency_keys::Kept;

/// What answers are sealed for.
const PURPOSE: &str = "idempotency_keys.answer";
/// A request that was just answered may hold its key for a moment longer: a repeat asks again after these pauses.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(20)];

/// Recognises repeats of requests to one role.
#[derive(Clone)]
pub struct Idempotency {
    db: Db,
    keyring: Keyring,
}

/// Whether a request is a repeat.
pub enum Once<T> {
    /// It is: this is the first answer.
    Replay(T),
    /// It is not: work in this transaction.
    First(FirstTime),
}

/// The transaction of a request that is not a repeat. Dropped without [`FirstTime::finish`] it rolls back, and the key is
/// free again: what is refused may be tried once more.
pub struct FirstTime {
    tx: Tx,
    claim: Option<Claim>,
    keyring: Keyring,
}

/// A key that belongs to this transaction until it ends.
struct Claim {
    operation: &'static str,
    key_hash: Vec<u8>,
    request_hash: Vec<u8>,
}

impl Idempotency {
    /// For requests that change `db`.
    pub fn new(db: Db, keyring: Keyring) -> Self {
        Self { db, keyring }
    }

    /// Begins the transaction of a request, unless an equal one was answered within 24 hours. A key counts for one
    /// operation of one actor. Without a key this just begins a transaction.
    ///
    /// Errors: 422 `IDEMPOTENCY_KEY_REUSED` if the key came with another command; 409 `REQUEST_IN_PROGRESS` while the
    /// first request still runs, so that no connection waits.
    pub async fn begin<T: DeserializeOwned>(
        &self,
        ctx: &Context,
        operation: &'static str,
        command: &impl Serialize,
    ) -> Result<Once<T>, Failure> {
        let claim =
            ctx.idempotency_key.as_ref().map(|key| self.claim(&ctx.actor, key, operation, command)).transpose()?;
        let mut tx = self.db.begin().await.map_err(|error| pg::failure(&error))?;
        let keyring = self.keyring.clone();
        let Some(claim) = claim else { return Ok(Once::First(FirstTime { tx, claim, keyring })) };
        match first_answer(&mut tx, &claim).await {
            Ok(None) => Ok(Once::First(FirstTime { tx, claim: Some(claim), keyring })),
            Ok(Some(kept)) => {
                release(tx).await?;
                self.replay(&claim, &kept).map(Once::Replay)
            }
            Err(failure) => {
                release(tx).await?;
                Err(failure)
            }
        }
    }

    /// The first answer to a request with this key, without beginning a transaction: for an operation that has to read or
    /// ask elsewhere before it can begin one. None too while the first request still runs; [`Idempotency::begin`] decides.
    ///
    /// Error: 422 `IDEMPOTENCY_KEY_REUSED` if the key came with another command.
    pub async fn answered<T: DeserializeOwned>(
        &self,
        ctx: &Context,
        operation: &'static str,
        command: &impl Serialize,
    ) -> Result<Option<T>, Failure> {
        let Some(key) = &ctx.idempotency_key else { return Ok(None) };
        let claim = self.claim(&ctx.actor, key, operation, command)?;
        let mut conn = self.db.primary().acquire().await.map_err(|error| pg::failure(&error))?;
        let kept = store::idempotency_keys::find(&mut conn, &claim.key_hash, ANSWERS_KEPT).await;
        let kept = kept.map_err(|error| pg::failure(&error))?;
        kept.map(|kept| self.replay(&claim, &kept)).transpose()
    }

    fn claim(
        &self,
        actor: &Actor,
        key: &IdempotencyKey,
        operation: &'static str,
        command: &impl Serialize,
    ) -> Result<Claim, Failure> {
        let actor = match actor {
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::User { id, .. } => id.to_string(),
            Actor::System(name) => format!("system {name}"),
        };
        // A command is a struct, so its fields come in one order, whatever the order in the request was.
        let command = serde_json::to_string(command).map_err(|error| {
            tracing::error!(%error, operation, "a command cannot be written as JSON");
            Failure::internal()
        })?;
        let key = format!("{operation}\n{actor}\n{}", key.as_str());
        Ok(Claim {
            operation,
            key_hash: self.keyring.blind_index("idempotency_keys.key_hash", &key),
            request_hash: self.keyring.blind_index("idempotency_keys.request_hash", &command),
        })
    }

    fn replay<T: DeserializeOwned>(&self, claim: &Claim, kept: &Kept) -> Result<T, Failure> {
        if kept.request_hash != claim.request_hash {
            let message = "This Idempotency-Key was used for another request";
            return Err(Failure::new(ErrorKind::Invalid, "IDEMPOTENCY_KEY_REUSED", message));
        }
        let unreadable = |cause: &dyn std::fmt::Display| {
            tracing::error!(%cause, operation = claim.operation, "a kept answer cannot be read");
            Failure::internal()
        };
        let answer = self.keyring.open(PURPOSE, &claim.key_hash, &kept.answer).map_err(|error| unreadable(&error))?;
        metrics::counter!("idempotent_replays_total", "operation" => claim.operation).increment(1);
        serde_json::from_slice(&answer).map_err(|error| unreadable(&error))
    }
}

/// The answer to the first request with this key; none if this is it. The lock is asked for first and by itself: the
/// statement that looks must begin after the request before has committed.
async fn first_answer(tx: &mut Tx, claim: &Claim) -> Result<Option<Kept>, Failure> {
    let mut pauses = PAUSES.iter();
    while !store::idempotency_keys::try_claim(tx, &claim.key_hash).await.map_err(|error| pg::failure(&error))? {
        let Some(pause) = pauses.next() else {
            let message = "A request with this Idempotency-Key is still running";
            return Err(Failure::new(ErrorKind::Conflict, "REQUEST_IN_PROGRESS", message).retry_after(1));
        };
        tokio::time::sleep(*pause).await;
    }
    store::idempotency_keys::find(tx, &claim.key_hash, ANSWERS_KEPT).await.map_err(|error| pg::failure(&error))
}

/// Frees the key before the answer goes out: a dropped transaction ends only some time later.
async fn release(tx: Tx) -> Result<(), Failure> {
    tx.rollback().await.map_err(|error| pg::failure(&error))
}

impl FirstTime {
    /// The transaction's connection.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Rolls back and frees the key at once, for another try of the same request.
    pub async fn abandon(self) -> Result<(), Failure> {
        release(self.tx).await
    }

    /// Keeps the answer for repeats and commits.
    pub async fn finish(mut self, answer: &impl Serialize) -> Result<(), Failure> {
        if let Some(Claim { operation, key_hash, request_hash }) = self.claim {
            let answer = serde_json::to_vec(answer).map_err(|error| {
                tracing::error!(%error, operation, "an answer cannot be written as JSON");
                Failure::internal()
            })?;
            let kept = Kept { request_hash, answer: self.keyring.seal(PURPOSE, &key_hash, &answer) };
            let stored = store::idempotency_keys::keep(&mut self.tx, &key_hash, operation, &kept).await;
            stored.map_err(|error| pg::failure(&error))?;
        }
        self.tx.commit().await.map_err(|error| pg::failure(&error))
    }
}
