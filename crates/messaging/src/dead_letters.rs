//! What a consumer gave up on. While an object has a dead letter, its later events are put behind it, so that nothing is
//! handled out of order; other objects go on.

use crate::consumer::{ConsumeError, Consumer};
use crate::store;
use crate::store::dead_letters::Stuck;

/// What came of trying dead letters again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Events that are handled now.
    pub handled: usize,
    /// Objects that failed again, and wait with the rest of their events.
    pub stuck: usize,
}

/// Tries the dead letters of a consumer again, each object's in order, until one fails.
pub async fn replay(consumer: &Consumer) -> Result<Replayed, sqlx::Error> {
    let mut conn = consumer.db.primary().acquire().await?;
    let objects = store::dead_letters::stuck(&mut conn, consumer.name).await?;
    drop(conn);
    let mut replayed = Replayed::default();
    for object in &objects {
        loop {
            match replay_first(consumer, object).await? {
                Outcome::Handled => replayed.handled += 1,
                Outcome::Failed => {
                    replayed.stuck += 1;
                    break;
                }
                Outcome::NoneLeft => break,
            }
        }
    }
    Ok(replayed)
}

enum Outcome {
    Handled,
    Failed,
    NoneLeft,
}

async fn replay_first(consumer: &Consumer, object: &Stuck) -> Result<Outcome, sqlx::Error> {
    let mut tx = consumer.db.begin().await?;
    let Some(letter) = store::dead_letters::first(&mut tx, consumer.name, object).await? else {
        return Ok(Outcome::NoneLeft);
    };
    let handled = consumer.handle(&mut tx, &letter.envelope).await;
    let Err(error) = handled else {
        store::inbox::enter_replayed(&mut tx, consumer.name, &letter.envelope).await?;
        store::dead_letters::delete(&mut tx, letter.id).await?;
        tx.commit().await?;
        return Ok(Outcome::Handled);
    };
    tx.rollback().await?;
    if let ConsumeError::Failed(why) = error {
        let mut conn = consumer.db.primary().acquire().await?;
        store::dead_letters::failed_again(&mut conn, letter.id, &why).await?;
    }
    Ok(Outcome::Failed)
}
