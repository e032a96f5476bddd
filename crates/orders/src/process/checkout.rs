//! The checkout: from a cart to a placed order, or back.
//!
//! ```text
//! start      one transaction: order.created, the run with its lease, the cart closed     (ops::complete_cart)
//!   |
//! reserve    products holds the stock for this order until the run's end of time
//! authorise  the provider promises the money
//! commit     products makes the stock final
//! place      one transaction: order.payment_authorised, order.placed, run and cart completed
//! ```
//!
//! Whatever is refused on the way is written down first (`fail`) and then undone: the payment is voided, the stock
//! released, and in one transaction the order is abandoned and the cart opened again.
//!
//! **Stock is committed before the order is placed.** The other way round, a reservation could end between the two, and a
//! placed order would have no stock. This way a crash between the two leaves a pending order whose stock is final; the run
//! is resumed and places it. Nothing can fail after `commit` but our own database, for which the run waits.
//!
//! **No step is lost or done twice in effect.** A run is resumed from its beginning: `reserve`, `commit` and `release` are
//! idempotent by the order's id, `authorise` and `void` by a key made of it. Instances may even overlap, when one that was
//! thought dead wakes up: `place`, `fail` and the end of undoing hold only for the instance that has the lease. Releasing
//! and voiding are final, so that a late `reserve` or `authorise` of the other finds the door closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use contracts::products::{ReservationState, ReserveStock, Reserved, Shortage, StockLine};
use events::order::OrderPlaced;
use kernel::{Context, ErrorKind, Failure, FieldError, Money};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::failpoint::failpoint;
use crate::Orders;
use crate::domain::offer::Blocker;
use crate::domain::order::Order;
use crate::domain::order_event::{OrderEvent, PaymentAuthorised, Reason};
use crate::error::Error;
use crate::payments::{self, Authorisation, Instruction};
use crate::store;
use crate::store::checkouts::{Checkout, CheckoutState};

/// The code of products for a reservation that is committed, released or expired.
const RESERVATION_ENDED: &str = "RESERVATION_ENDED";
/// How long one run may work before it leaves the rest to a later one.
const BUDGET: Duration = Duration::from_mins(1);
/// Runs that one look for abandoned ones takes over.
const BATCH: i64 = 16;

/// How a run ended.
pub(crate) enum Outcome {
    /// With an order.
    Placed(Box<Order>),
    /// With nothing but reasons.
    Blocked(Vec<FieldError>),
}

/// Why a run cannot go forward.
enum Stop {
    /// For a reason that the customer is told; what was done is undone.
    Refused(Refusal),
    /// Something failed; the run is resumed later.
    Failed(Error),
}

struct Refusal {
    blockers: Vec<FieldError>,
    /// Whether a promise of money may exist.
    void_payment: bool,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Starts to work on a run whose lease this instance has. The work goes on when the caller stops waiting.
pub(crate) fn start(
    orders: &Arc<Orders>,
    context: &Context,
    checkout: Checkout,
    order: Order,
) -> JoinHandle<Result<Outcome, Error>> {
    let orders = Arc::clone(orders);
    let context = Context { deadline: Instant::now() + BUDGET, idempotency_key: None, ..context.clone() };
    let tracker = orders.running.clone();
    let work = async move {
        let outcome = under_lease(&orders, &checkout, advance(&orders, &context, &checkout, order)).await;
        if let Err(error) = &outcome {
            tracing::warn!(%error, order_id = %checkout.order_id, "a checkout stopped and will be resumed");
            let mut conn = orders.db.primary().acquire().await?;
            store::checkouts::hand_back(&mut conn, checkout.order_id, orders.instance).await?;
        }
        outcome
    };
    tracker.spawn(work.in_current_span())
}

/// Resumes runs that nobody works on. Gives how many.
pub async fn resume_checkouts(orders: &Arc<Orders>) -> Result<usize, Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let left = store::checkouts::take_over(&mut conn, orders.instance, orders.settings.lease, BATCH).await?;
    let mut started = Vec::with_capacity(left.len());
    for checkout in left {
        let order = store::orders::find(&mut conn, checkout.order_id).await?.ok_or(Error::OrderNotFound)?;
        started.push(start(orders, &Context::system("resume_checkouts", BUDGET), checkout, order));
    }
    drop(conn);
    let count = started.len();
    for run in started {
        // Why one stopped is logged there; the others go on.
        drop(run.await);
    }
    Ok(count)
}

/// Does `work` while renewing the lease; ends when the lease is lost.
async fn under_lease(
    orders: &Orders,
    checkout: &Checkout,
    work: impl Future<Output = Result<Outcome, Error>>,
) -> Result<Outcome, Error> {
    let lease = orders.settings.lease;
    let renewing = async {
        loop {
            tokio::time::sleep(lease.to_std().unwrap_or_default() / 3).await;
            let renewed = match orders.db.primary().acquire().await {
                Ok(mut conn) => store::checkouts::renew(&mut conn, checkout.order_id, orders.instance, lease).await,
                Err(error) => Err(error),
            };
            // An error is no reason to stop: what is done without a lease does not count.
            if matches!(renewed, Ok(false)) {
                return;
            }
        }
    };
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = renewing => Err(Error::CheckoutInProgress),
    }
}

async fn advance(orders: &Orders, context: &Context, checkout: &Checkout, order: Order) -> Result<Outcome, Error> {
    if checkout.state == CheckoutState::Undoing {
        return undo(orders, context, checkout, &order, checkout.blockers.clone(), checkout.void_payment).await;
    }
    match forward(orders, context, checkout, &order).await {
        Ok(placed) => Ok(Outcome::Placed(Box::new(placed))),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::Refused(Refusal { blockers, void_payment })) => {
            fail(orders, checkout, &blockers, void_payment).await?;
            undo(orders, context, checkout, &order, blockers, void_payment).await
        }
    }
}

async fn forward(orders: &Orders, context: &Context, checkout: &Checkout, order: &Order) -> Result<Order, Stop> {
    failpoint("checkout.after_start");
    if orders.clock.now() >= checkout.expires_at {
        return Err(refused("CHECKOUT_EXPIRED", "cart", "The checkout took too long; complete the cart again", true));
    }
    reserve(orders, context, checkout, order).await?;
    failpoint("checkout.after_reserve");
    authorise(orders, context, checkout, order).await?;
    failpoint("checkout.after_authorise");
    commit(orders, context, checkout).await?;
    failpoint("checkout.after_commit");
    let placed = place(orders, checkout, order).await?;
    failpoint("checkout.after_place");
    Ok(placed)
}

async fn reserve(orders: &Orders, context: &Context, checkout: &Checkout, order: &Order) -> Result<(), Stop> {
    let line = |line: &crate::domain::order::OrderLine| StockLine {
        variant_id: line.bought.variant_id,
        quantity: line.bought.quantity,
    };
    let lines = order.lines.iter().map(line).collect();
    let command = ReserveStock { order_id: order.id, lines, expires_at: checkout.expires_at };
    match orders.products.reserve(context, command).await {
        Ok(Reserved::Yes) => Ok(()),
        Ok(Reserved::Short(shortages)) => {
            Err(Stop::Refused(Refusal { blockers: short(order, &shortages), void_payment: false }))
        }
        // An earlier run got as far as `commit`, or the reservation is gone.
        Err(failure) if failure.code == RESERVATION_ENDED => {
            let states = orders.products.reservations(context, vec![order.id]).await?;
            match states.first() {
                Some((_, ReservationState::Committed)) => Ok(()),
                _ => Err(reservation_lost()),
            }
        }
        Err(failure) => Err(final_or_later(failure, "line_items", false)),
    }
}

async fn authorise(orders: &Orders, context: &Context, checkout: &Checkout, order: &Order) -> Result<(), Stop> {
    let provider = orders.providers.get(&checkout.provider)?;
    let field = "payment_session";
    match provider.authorise(context, instruction(checkout, order, "authorise")).await {
        Ok(Authorisation::Authorised) => Ok(()),
        Ok(Authorisation::ActionRequired) => {
            Err(refused("PAYMENT_ACTION_REQUIRED", field, "The customer must confirm the payment first", false))
        }
        Ok(Authorisation::Declined(reason)) => {
            Err(refused("PAYMENT_DECLINED", field, format!("The payment was declined: {reason}"), true))
        }
        Err(failure) => Err(final_or_later(failure, field, true)),
    }
}

async fn commit(orders: &Orders, context: &Context, checkout: &Checkout) -> Result<(), Stop> {
    match orders.products.commit(context, checkout.order_id).await {
        Ok(()) => Ok(()),
        Err(failure) if failure.code == RESERVATION_ENDED => Err(reservation_lost()),
        Err(failure) => Err(Stop::Failed(failure.into())),
    }
}

async fn place(orders: &Orders, checkout: &Checkout, order: &Order) -> Result<Order, Stop> {
    let created = &order.created;
    let total = Money::new(created.total_amount, created.currency);
    let authorised = PaymentAuthorised {
        payment_id: checkout.payment_session_id,
        provider: checkout.provider.clone(),
        provider_ref: checkout.provider_ref.clone(),
        amount: total,
    };
    let line = |line: &crate::domain::order_event::CreatedLine| events::order::OrderLine {
        line_id: line.id,
        variant_id: line.variant_id,
        quantity: line.quantity,
        unit_price: Money::new(line.unit_amount, created.currency),
    };
    let placed = OrderPlaced {
        number: created.number,
        user_id: order.user_id,
        lines: created.lines.iter().map(line).collect(),
        total,
    };
    let events = vec![OrderEvent::PaymentAuthorised(authorised), OrderEvent::Placed(placed)];
    let mut tx = orders.db.begin().await?;
    let at = store::checkouts::place(&mut tx, order.id, orders.instance).await?.ok_or(Error::CheckoutInProgress)?;
    let placed = store::orders::append(&mut tx, order, events, at).await?;
    tx.commit().await?;
    metrics::counter!("orders_placed_total").increment(1);
    Ok(placed)
}

/// Writes down that the run failed and why, before anything is undone.
async fn fail(orders: &Orders, checkout: &Checkout, blockers: &[FieldError], void_payment: bool) -> Result<(), Error> {
    let mut conn = orders.db.primary().acquire().await?;
    let noted = store::checkouts::fail(&mut conn, checkout.order_id, orders.instance, blockers, void_payment).await?;
    failpoint("checkout.after_fail");
    if noted { Ok(()) } else { Err(Error::CheckoutInProgress) }
}

async fn undo(
    orders: &Orders,
    context: &Context,
    checkout: &Checkout,
    order: &Order,
    blockers: Vec<FieldError>,
    void_payment: bool,
) -> Result<Outcome, Error> {
    let mut voided = false;
    if void_payment {
        let provider = orders.providers.get(&checkout.provider)?;
        // Refused means that there is no promise to give back, or that the money was taken: the watch will tell.
        voided = provider.void(context, instruction(checkout, order, "void")).await? == payments::Outcome::Done;
        failpoint("checkout.after_void");
    }
    orders.products.release(context, order.id).await?;
    failpoint("checkout.after_release");
    let reason = blockers.first().map_or_else(|| "CHECKOUT_FAILED".to_owned(), |blocker| blocker.code.to_string());
    let mut tx = orders.db.begin().await?;
    let at = store::checkouts::end(&mut tx, order.id, orders.instance).await?.ok_or(Error::CheckoutInProgress)?;
    store::orders::append(&mut tx, order, vec![OrderEvent::Abandoned(Reason { reason })], at).await?;
    store::carts::reopen(&mut tx, order.id, void_payment).await?;
    if voided {
        store::payment_sessions::close(&mut tx, checkout.payment_session_id).await?;
    } else if void_payment {
        store::payment_sessions::look_soon(&mut tx, checkout.payment_session_id, TimeDelta::zero()).await?;
    }
    tx.commit().await?;
    metrics::counter!("checkouts_failed_total").increment(1);
    Ok(Outcome::Blocked(blockers))
}

fn instruction(checkout: &Checkout, order: &Order, step: &str) -> Instruction {
    Instruction {
        key: format!("{}-{step}", order.id),
        reference: checkout.provider_ref.clone(),
        amount: Money::new(order.created.total_amount, order.currency()),
        order_id: Some(order.id),
    }
}

/// A failure that says no is final; any other may pass.
fn final_or_later(failure: Failure, field: &str, void_payment: bool) -> Stop {
    match failure.kind {
        ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Forbidden => {
            let blocker = FieldError { field: field.to_owned(), code: failure.code, message: failure.message.into() };
            Stop::Refused(Refusal { blockers: vec![blocker], void_payment })
        }
        _ => Stop::Failed(failure.into()),
    }
}

fn refused(code: &'static str, field: &str, message: impl Into<String>, void_payment: bool) -> Stop {
    Stop::Refused(Refusal { blockers: vec![FieldError::new(field, code, message)], void_payment })
}

fn reservation_lost() -> Stop {
    refused("CHECKOUT_EXPIRED", "line_items", "The stock was not held any more; complete the cart again", true)
}

fn short(order: &Order, shortages: &[Shortage]) -> Vec<FieldError> {
    let blocker = |shortage: &Shortage| {
        let position = order.lines.iter().position(|line| line.bought.variant_id == shortage.variant_id)?;
        Some(FieldError::from(&Blocker::out_of_stock(position, shortage.available.max(0))))
    };
    shortages.iter().filter_map(blocker).collect()
}
