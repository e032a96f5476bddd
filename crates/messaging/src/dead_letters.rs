//! What a consumer put aside. While an object has a dead letter, its later events are put behind it, so that nothing is
//! handled out of order; other objects go on.
//!
//! A letter that was tried less than [`ATTEMPTS`] times is tried again by the transport, where that can call later
//! ([`crate::rabbitmq`]). One that was tried so often is given up: it waits for [`replay`].

use chrono::{DateTime, Utc};
use pg::Db;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::consumer::{ATTEMPTS, ConsumeError, Consumer};
use crate::store;
use crate::store::dead_letters::DeadLetterRow;

/// Most objects that [`stuck`] lists.
const LISTED: i64 = 1_000;

/// The events of one object, which are handled one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The sort of object.
    pub aggregate: String,
    /// Which one.
    pub aggregate_id: Uuid,
}

/// An object that a consumer is stuck on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StuckLane {
    /// The consumer.
    pub consumer: String,
    /// The sort of object.
    pub aggregate: String,
    /// Which one.
    pub aggregate_id: Uuid,
    /// The event that failed.
    pub event_id: Uuid,
    /// The object's version after it.
    pub version: i64,
    /// What it says has happened.
    pub kind: String,
    /// Why it failed the last time.
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was put aside.
    pub since: DateTime<Utc>,
    /// When it was tried last.
    pub last_tried: DateTime<Utc>,
    /// How many later events of the object wait for it.
    pub behind: i64,
}

impl StuckLane {
    /// Whether nobody tries it again by itself.
    pub fn is_given_up(&self) -> bool {
        self.attempts >= ATTEMPTS
    }
}

/// Which dead letters to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// All of the consumer.
    All,
    /// Those of an object, by its id.
    Object(Uuid),
    /// Those of the object that this event is about.
    Event(Uuid),
}

/// What came of trying dead letters again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events that are handled now.
    pub handled: usize,
    /// Objects that failed again, and wait with the rest of their events.
    pub stuck: usize,
}

/// What a role's consumers are stuck on: at most 1,000 objects, of one consumer or of all.
pub async fn stuck(db: &Db, consumer: Option<&str>) -> Result<Vec<StuckLane>, sqlx::Error> {
    let mut conn = db.primary().acquire().await?;
    store::dead_letters::stuck(&mut conn, consumer, LISTED).await
}

/// Tries dead letters of a consumer again, each object's in order, until one fails. What fails here is given up again.
pub async fn replay(consumer: &Consumer, selection: Selection) -> Result<Replayed, sqlx::Error> {
    let mut conn = consumer.db.primary().acquire().await?;
    let lanes = store::dead_letters::lanes(&mut conn, consumer.name, &selection).await?;
    drop(conn);
    let mut replayed = Replayed::default();
    for lane in &lanes {
        loop {
            match try_front(consumer, lane, |_| true, |tries| ATTEMPTS.max(tries + 1)).await? {
                Tried::Handled => replayed.handled += 1,
                Tried::Failed | Tried::Unavailable(_) => {
                    replayed.stuck += 1;
                    break;
                }
                Tried::NotDue | Tried::NoneLeft => break,
            }
        }
    }
    Ok(replayed)
}

/// What came of a call to try an object's letters again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Retried {
    /// None is left.
    Done,
    /// One failed.
    Failed,
    /// Somebody else did what the call was for.
    NotDue,
}

/// Tries the letters of an object again, in order, if the first was tried `tries` times so far, or not at all: then it is
/// what a try that was cut off has left.
pub(crate) async fn retry(consumer: &Consumer, lane: &Lane, tries: i32) -> Result<Retried, ConsumeError> {
    let mut handled_one = false;
    loop {
        let is_due = |made| handled_one || made == tries || made == 0;
        match try_front(consumer, lane, is_due, |made| made + 1).await? {
            Tried::Handled => handled_one = true,
            Tried::Failed => return Ok(Retried::Failed),
            Tried::Unavailable(why) => return Err(ConsumeError::Unavailable(why)),
            Tried::NotDue => return Ok(Retried::NotDue),
            Tried::NoneLeft => return Ok(Retried::Done),
        }
    }
}

enum Tried {
    Handled,
    Failed,
    Unavailable(String),
    NotDue,
    NoneLeft,
}

/// Tries the first letter of an object. `is_due` decides by how often it was tried; `next` says what counts when it fails.
async fn try_front(
    consumer: &Consumer,
    lane: &Lane,
    is_due: impl Fn(i32) -> bool,
    next: impl Fn(i32) -> i32,
) -> Result<Tried, sqlx::Error> {
    let mut tx = consumer.db.begin().await?;
    let Some(letter) = store::dead_letters::take_front(&mut tx, consumer.name, lane).await? else {
        return Ok(Tried::NoneLeft);
    };
    if !is_due(letter.attempts) {
        return Ok(Tried::NotDue);
    }
    let is_new = store::inbox::enter_letter(&mut tx, consumer.name, &letter.envelope).await?;
    let handled = if is_new { consumer.handle(&mut tx, &letter.envelope).await } else { Ok(()) };
    match handled {
        Ok(()) => {
            store::dead_letters::delete(&mut tx, letter.id).await?;
            tx.commit().await?;
            metrics::counter!("events_consumed_total", "consumer" => consumer.name, "outcome" => "mended").increment(1);
            Ok(Tried::Handled)
        }
        Err(ConsumeError::Unavailable(why)) => Ok(Tried::Unavailable(why)),
        Err(ConsumeError::Failed(why)) => {
            tx.rollback().await?;
            note_failure(consumer, &letter, next(letter.attempts), &why).await?;
            Ok(Tried::Failed)
        }
    }
}

async fn note_failure(consumer: &Consumer, letter: &DeadLetterRow, tries: i32, why: &str) -> Result<(), sqlx::Error> {
    if tries >= ATTEMPTS {
        let event = letter.envelope.id;
        tracing::error!(consumer = consumer.name, %event, error = why, "an event is given up: it is a dead letter");
    }
    let mut conn = consumer.db.primary().acquire().await?;
    store::dead_letters::failed_again(&mut conn, letter, tries, why).await
}
