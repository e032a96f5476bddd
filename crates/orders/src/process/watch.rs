//! Looks at payments that customers promise at the provider itself, without asking us.
//!
//! A payment session of such a provider is watched until one of two things is certain: an order was placed with it, or
//! nothing can come of it any more. Providers tell when something happened (notices), browsers come back and complete the
//! cart, and what both forget is looked at from time to time. All three come to [`attend`], which asks the provider how
//! things stand and does the next step; so they may come in any order, twice, or not at all.
//!
//! | the session | the provider says | what is done |
//! |---|---|---|
//! | a cart can be completed with it | promised, taken | the cart is completed; if it can't be, the money goes back |
//! | | open | looked at again, ever more rarely |
//! | | void | taken from the cart |
//! | a checkout works with it | | looked at again soon |
//! | an order was placed with it | | no more looks |
//! | nothing can be bought with it | | the money goes back, the payment is closed for good |

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kernel::{Context, Money};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::mend::mend;
use crate::Orders;
use crate::error::Error;
use crate::ops::{self, CompleteCart};
use crate::payments::{Instruction, Outcome, Standing};
use crate::store;
use crate::store::payment_notices::Waiting;
use crate::store::payment_sessions::{SessionUse, WatchedSession};

/// How long one look may take, and the checkout that comes of it.
const BUDGET: Duration = Duration::from_secs(45);
/// What is taken is left to this instance for so long.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Looks at the same time.
const BATCH: i64 = 8;
/// Until the next look where something is under way.
const SOON: TimeDelta = TimeDelta::seconds(2);
/// The longest wait between two tries of a notice, in seconds.
const LONGEST_WAIT: i64 = 600;

/// Sees to notices that wait, until none does. Gives how many.
pub async fn see_to_notices(orders: &Arc<Orders>) -> Result<usize, Error> {
    // Whoever holds this sees to all that comes meanwhile.
    let Ok(_alone) = orders.seeing_to_notices.try_lock() else { return Ok(0) };
    let mut count = 0;
    loop {
        let mut conn = orders.db.primary().acquire().await?;
        let waiting = store::payment_notices::take_due(&mut conn, LEASE, BATCH).await?;
        drop(conn);
        if waiting.is_empty() {
            return Ok(count);
        }
        count += waiting.len();
        let mut looks = JoinSet::new();
        for notice in waiting {
            let orders = Arc::clone(orders);
            looks.spawn(async move { see_to(&orders, &notice).await });
        }
        while let Some(look) = looks.join_next().await {
            if let Ok(Err(error)) = look {
                tracing::warn!(%error, "a notice of a payment waits for another try");
            }
        }
    }
}

/// Looks at sessions whose time has come. Gives how many.
pub async fn look_at_sessions(orders: &Arc<Orders>) -> Result<usize, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let due = store::payment_sessions::take_due(&mut conn, LEASE, BATCH).await?;
    drop(conn);
    let mut looks = JoinSet::new();
    for id in &due {
        let (orders, id) = (Arc::clone(orders), *id);
        looks.spawn(async move {
            let context = Context::system("look_at_sessions", BUDGET);
            look_at_session(&orders, &context, id).await
        });
    }
    while let Some(look) = looks.join_next().await {
        if let Ok(Err(error)) = look {
            tracing::warn!(%error, "a payment session will be looked at again");
        }
    }
    Ok(due.len())
}

async fn see_to(orders: &Arc<Orders>, notice: &Waiting) -> Result<(), Error> {
    let context = Context::system("see_to_notices", BUDGET);
    let attended = attend(orders, &context, &notice.provider, &notice.provider_ref).await;
    let mut conn = orders.db.primary().acquire().await?;
    match attended {
        Ok(difference) => Ok(store::payment_notices::finish(&mut conn, notice, difference.as_deref()).await?),
        Err(error) => {
            let exponent = u32::try_from(notice.attempts).unwrap_or(u32::MAX).min(16);
            let wait = TimeDelta::seconds(2_i64.pow(exponent).min(LONGEST_WAIT));
            store::payment_notices::try_again(&mut conn, notice.id, wait).await?;
            Err(error)
        }
    }
}

/// Asks the provider how a payment stands, and does what follows. Gives in what our books differ, for staff to settle.
pub(crate) async fn attend(
    orders: &Arc<Orders>,
    context: &Context,
    provider: &str,
    provider_ref: &str,
) -> Result<Option<String>, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let session = store::payment_sessions::watched_by_ref(&mut conn, provider, provider_ref).await?;
    let payment = store::orders::of_payment(&mut conn, provider, provider_ref).await?;
    drop(conn);
    match (payment, session) {
        (Some((order_id, payment_id)), _) => mend(orders, context, order_id, payment_id).await,
        (None, Some(session)) => look_at_session(orders, context, session).await.map(|()| None),
        // Not one of ours.
        (None, None) => Ok(None),
    }
}

/// See the table above.
async fn look_at_session(orders: &Arc<Orders>, context: &Context, id: Uuid) -> Result<(), Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let Some(session) = store::payment_sessions::find_watched(&mut conn, id).await? else { return Ok(()) };
    match session.used {
        SessionUse::Ordered => return Ok(store::payment_sessions::close(&mut conn, id).await?),
        SessionUse::InCheckout => return Ok(store::payment_sessions::look_soon(&mut conn, id, SOON).await?),
        SessionUse::Current | SessionUse::Orphan => drop(conn),
    }
    if session.used == SessionUse::Orphan {
        return give_back(orders, context, &session).await;
    }
    let provider = orders.providers.get(&session.provider)?;
    let seen = provider.look(context, &session.provider_ref, session.currency).await?;
    match seen.map_or(Standing::Void, |seen| seen.standing) {
        Standing::Promised | Standing::Taken => complete(orders, context, &session).await,
        Standing::Void => give_back(orders, context, &session).await,
        Standing::Open => {
            let mut conn = orders.db.primary().acquire().await?;
            Ok(store::payment_sessions::look_again(&mut conn, id, orders.settings.look_after).await?)
        }
    }
}

/// Completes the cart as its customer would. What can't be completed is given back.
async fn complete(orders: &Arc<Orders>, context: &Context, session: &WatchedSession) -> Result<(), Error> {
    let command = CompleteCart { cart_id: session.cart_id, seen_version: None };
    match ops::complete_cart(orders, context, command).await {
        Ok(_) => {
            metrics::counter!("payments_completed_unasked_total").increment(1);
            Ok(())
        }
        // The promise went away between two looks.
        Err(Error::Blocked(blockers)) if blockers.iter().any(|b| b.code == "PAYMENT_ACTION_REQUIRED") => {
            let mut conn = orders.db.primary().acquire().await?;
            Ok(store::payment_sessions::look_soon(&mut conn, session.id, SOON).await?)
        }
        Err(Error::Blocked(blockers)) => {
            let why = blockers.first().map(|blocker| blocker.code.to_string()).unwrap_or_default();
            tracing::info!(cart_id = %session.cart_id, why, "a payment goes back: its cart can't be completed");
            give_back(orders, context, session).await
        }
        Err(Error::CheckoutInProgress | Error::CartBusy | Error::CartNotFound) => {
            let mut conn = orders.db.primary().acquire().await?;
            Ok(store::payment_sessions::look_soon(&mut conn, session.id, SOON).await?)
        }
        Err(error) => Err(error),
    }
}

/// Closes a payment for good; what was taken goes back.
async fn give_back(orders: &Orders, context: &Context, session: &WatchedSession) -> Result<(), Error> {
    let mut tx = orders.db.begin().await?;
    store::payment_sessions::detach(&mut tx, session.id).await?;
    let now = store::payment_sessions::find_watched(&mut tx, session.id).await?;
    tx.commit().await?;
    let mut conn = orders.db.primary().acquire().await?;
    // A checkout may have begun with it since: that one decides.
    if now.is_none_or(|now| now.used != SessionUse::Orphan) {
        return Ok(store::payment_sessions::look_soon(&mut conn, session.id, SOON).await?);
    }
    drop(conn);
    let provider = orders.providers.get(&session.provider)?;
    let instruction = |step: &str, amount| Instruction {
        key: format!("{}-{step}", session.id),
        reference: session.provider_ref.clone(),
        amount: Money::new(amount, session.currency),
        order_id: None,
    };
    let mut given_back = provider.void(context, instruction("void", session.amount)).await?;
    if given_back != Outcome::Done {
        let seen = provider.look(context, &session.provider_ref, session.currency).await?;
        given_back = match seen {
            None => Outcome::Done,
            Some(seen) if seen.standing == Standing::Void => Outcome::Done,
            Some(seen) if seen.standing == Standing::Taken => {
                let others = seen.refunds.iter().filter(|refund| refund.key.is_none());
                let left = seen.captured - others.map(|refund| refund.amount).sum::<i64>();
                match left {
                    1.. => provider.refund(context, instruction("give-back", left)).await?,
                    _ => Outcome::Done,
                }
            }
            Some(_) => given_back,
        };
    }
    conn = orders.db.primary().acquire().await?;
    match given_back {
        Outcome::Done => {
            metrics::counter!("payments_given_back_total").increment(1);
            Ok(store::payment_sessions::close(&mut conn, session.id).await?)
        }
        Outcome::Refused(reason) => {
            tracing::error!(reason, reference = session.provider_ref, "a payment of no order can't be given back");
            Ok(store::payment_sessions::look_again(&mut conn, session.id, orders.settings.look_after).await?)
        }
    }
}
