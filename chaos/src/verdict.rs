//! Whether the books are right after all that was done to them. Every check goes by what outsiders saw: customers, the
//! payment provider, the merchant's endpoint, the stream's readers; the shop's own `doctor` comes on top.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context;
use sqlx::{FromRow, PgPool};
use tokio::time::Instant;
use uuid::Uuid;

use crate::people::{End, Purchase};
use crate::readers::{Read, Readers};
use crate::receiver::Receiver;
use crate::shop::Shop;
use crate::stand_in::journal::{Intent, Journal, Status};

/// Findings of one kind that are shown.
const SHOWN: usize = 5;

/// Roles whose events the outside world is told of.
pub const SOURCES: [&str; 4] = ["users", "products", "orders", "webhooks"];

/// What outsiders saw.
pub struct Evidence<'a> {
    /// What customers were told.
    pub purchases: &'a [Purchase],
    /// What the merchant's endpoint got.
    pub receiver: &'a Receiver,
    /// From which sequence on, by source, the endpoint is to get events.
    pub since: &'a HashMap<String, i64>,
    /// What the stream's readers saw.
    pub readers: &'a Readers,
    /// Kinds of events that are published.
    pub kinds: &'a [String],
}

#[derive(FromRow)]
struct OrderRow {
    id: Uuid,
    cart_id: Uuid,
    state: String,
    total_amount: i64,
}

#[derive(FromRow)]
struct PaymentRow {
    order_id: Uuid,
    provider_ref: String,
    captured_amount: i64,
    refunded_amount: i64,
}

#[derive(FromRow)]
struct EventRow {
    /// None while the relay has not published it.
    number: Option<i64>,
    aggregate_id: Uuid,
    version: i64,
}

/// An event that the outside world is to know.
struct Published {
    sequence: i64,
    aggregate_id: Uuid,
    version: i64,
}

/// Everything that is wrong once the shop has come to rest; nothing is good.
pub async fn findings(shop: &Shop, evidence: &Evidence<'_>, patience: Duration) -> anyhow::Result<Vec<String>> {
    let began = Instant::now();
    loop {
        let looked = look(shop, evidence).await;
        let is_clean = looked.as_ref().is_ok_and(Vec::is_empty);
        // A part that is still starting is no reason to give up.
        if is_clean || began.elapsed() > patience {
            return looked;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn look(shop: &Shop, evidence: &Evidence<'_>) -> anyhow::Result<Vec<String>> {
    let (mut found, readers) = (Vec::new(), evidence.readers.seen());
    books(shop, evidence, &mut found).await?;
    for source in SOURCES {
        let events = published(shop, source, evidence.kinds, &mut found).await?;
        deliveries(source, &events, evidence, &mut found);
        streams(source, &events, &readers, &mut found);
    }
    let forged = evidence.receiver.look(|received| received.forged);
    if forged > 0 {
        found.push(format!("{forged} deliveries had no good signature"));
    }
    found.extend(shop.doctor().await?);
    Ok(found)
}

/// Orders against what customers were told, and against the provider's own journal.
async fn books(shop: &Shop, evidence: &Evidence<'_>, found: &mut Vec<String>) -> anyhow::Result<()> {
    let pool = shop.database("orders").await?;
    let orders: Vec<OrderRow> =
        sqlx::query_as("SELECT id, cart_id, state, total_amount FROM orders").fetch_all(&pool).await?;
    let payments: Vec<PaymentRow> =
        sqlx::query_as("SELECT order_id, provider_ref, captured_amount, refunded_amount FROM payments")
            .fetch_all(&pool)
            .await?;
    let placed: HashMap<Uuid, &OrderRow> =
        orders.iter().filter(|order| order.state != "pending").map(|order| (order.id, order)).collect();
    let lost = evidence.purchases.iter().filter_map(|purchase| match &purchase.end {
        End::Placed(order) if !order.parse().is_ok_and(|id: Uuid| placed.contains_key(&id)) => Some(format!(
            "order {order} of cart {} with payment {} was promised to its customer and is not there",
            purchase.cart, purchase.payment
        )),
        _ => None,
    });
    add(found, lost);
    let standing: HashSet<String> =
        placed.values().filter(|order| order.state != "cancelled").map(|order| order.cart_id.to_string()).collect();
    let refused = evidence.purchases.iter().filter_map(|purchase| match &purchase.end {
        End::Refused(code) if standing.contains(&purchase.cart) => {
            Some(format!("cart {} became an order, though its customer was told {code}", purchase.cart))
        }
        _ => None,
    });
    add(found, refused);
    let half = orders.iter().filter(|order| matches!(order.state.as_str(), "pending" | "cancelling"));
    add(found, half.map(|order| format!("order {} is half done: {}", order.id, order.state)));
    let mut carts = HashSet::new();
    // A cart whose checkout failed may be completed again; only one may have come to be an order.
    let with_payment: HashSet<Uuid> = payments.iter().map(|payment| payment.order_id).collect();
    let twice = orders.iter().filter(|order| with_payment.contains(&order.id) && !carts.insert(order.cart_id));
    add(found, twice.map(|order| format!("cart {} became two orders", order.cart_id)));
    money(&shop.payments(), &payments, &placed, found);
    Ok(())
}

fn money(journal: &Journal, payments: &[PaymentRow], orders: &HashMap<Uuid, &OrderRow>, found: &mut Vec<String>) {
    let by_reference: HashMap<&str, &PaymentRow> = payments.iter().map(|p| (p.provider_ref.as_str(), p)).collect();
    let wrong = |intent: &Intent| {
        let payment = by_reference.get(intent.id.as_str());
        let order = payment.and_then(|payment| orders.get(&payment.order_id));
        intent_fault(intent, payment.copied(), order.copied(), journal.refunded(&intent.id))
    };
    add(found, journal.intents.values().filter_map(|intent| Some(format!("payment {} {}", intent.id, wrong(intent)?))));
    let unknown = payments.iter().filter(|payment| {
        payment.provider_ref.starts_with("pi_") && !journal.intents.contains_key(&payment.provider_ref)
    });
    add(found, unknown.map(|payment| format!("payment {} is unknown to the provider", payment.provider_ref)));
    let mut paying: HashMap<Uuid, u32> = HashMap::new();
    for payment in payments {
        let holds = |intent: &Intent| matches!(intent.status, Status::RequiresCapture | Status::Succeeded);
        let held = journal.intents.get(&payment.provider_ref).is_some_and(holds);
        *paying.entry(payment.order_id).or_default() += u32::from(held);
    }
    let paid = |order: &OrderRow| paying.get(&order.id).copied().unwrap_or(0);
    let standing = orders.values().filter(|order| order.state != "cancelled" && paid(order) != 1);
    add(found, standing.map(|order| format!("order {} is paid by {} payments", order.id, paid(order))));
}

/// What is wrong with a payment of the provider, beside what the shop has in its books of it.
fn intent_fault(
    intent: &Intent,
    payment: Option<&PaymentRow>,
    order: Option<&OrderRow>,
    given_back: i64,
) -> Option<&'static str> {
    let holds_money = matches!(intent.status, Status::Succeeded | Status::RequiresCapture);
    let Some(payment) = payment else {
        return holds_money.then_some("holds money of a customer without an order");
    };
    let cancelled = order.is_some_and(|order| order.state == "cancelled");
    let faults = [
        (intent.captures > 1, "was taken more than once"),
        (!holds_money && !cancelled, "holds no money, but its order stands"),
        (holds_money && order.is_none(), "holds money, but its order was not placed"),
        (order.is_some_and(|order| order.total_amount != intent.amount), "is not of its order's total"),
        (cancelled && given_back < intent.captured, "was not given back whole, though its order is cancelled"),
        (cancelled && intent.status == Status::RequiresCapture, "is still promised, though its order is cancelled"),
        (payment.captured_amount != intent.captured, "was taken, and the shop's books say another amount"),
        (payment.refunded_amount != given_back, "was given back, and the shop's books say another amount"),
    ];
    faults.into_iter().find_map(|(is_so, what)| is_so.then_some(what))
}

/// Events that the outside world is to be told of. What is in the log and was not published is a finding.
async fn published(
    shop: &Shop,
    source: &str,
    kinds: &[String],
    found: &mut Vec<String>,
) -> anyhow::Result<Vec<Published>> {
    let pool: PgPool = shop.database(source).await?;
    let query = "SELECT sequence AS number, aggregate_id, version FROM events WHERE kind = ANY($1)";
    let events: Vec<EventRow> =
        sqlx::query_as(query).bind(kinds).fetch_all(&pool).await.context("the log cannot be read")?;
    let waiting = events.iter().filter(|event| event.number.is_none());
    add(found, waiting.map(|event| format!("an event of {source} {} was not published", event.aggregate_id)));
    let numbered = events.into_iter().filter_map(|EventRow { number, aggregate_id, version }| {
        Some(Published { sequence: number?, aggregate_id, version })
    });
    Ok(numbered.collect())
}

fn deliveries(source: &str, events: &[Published], evidence: &Evidence<'_>, found: &mut Vec<String>) {
    let since = evidence.since.get(source).copied().unwrap_or(0);
    evidence.receiver.look(|received| {
        let missing = events.iter().filter(|event| {
            event.sequence > since && !received.taken.contains_key(&(source.to_owned(), event.sequence))
        });
        add(found, missing.map(|event| format!("event {source} {} reached no webhook", event.sequence)));
        let objects: HashSet<String> = events.iter().map(|event| event.aggregate_id.to_string()).collect();
        let disordered = received.versions.iter().filter(|(object, versions)| {
            objects.contains(*object) && versions.windows(2).any(|pair| pair[0] >= pair[1])
        });
        add(found, disordered.map(|(object, versions)| format!("webhooks of {object} came as {versions:?}")));
    });
}

fn streams(source: &str, events: &[Published], readers: &[Read], found: &mut Vec<String>) {
    for (number, reader) in readers.iter().enumerate() {
        // A reader that was never let in proves nothing.
        let Some(first) = reader.from.get(source) else {
            found.push(format!("reader {number} never followed {source}"));
            continue;
        };
        let seen = reader.seen.get(source).map_or(&[][..], Vec::as_slice);
        let unordered = seen.windows(2).find(|pair| pair[0] >= pair[1]);
        add(found, unordered.map(|pair| format!("reader {number} saw {source} {} after {}", pair[1], pair[0])));
        let seen: HashSet<&i64> = seen.iter().collect();
        let missed = events.iter().filter(|event| event.sequence > *first && !seen.contains(&event.sequence));
        add(
            found,
            missed.map(|event| {
                format!(
                    "reader {number} never saw {source} {} (object {}, version {})",
                    event.sequence, event.aggregate_id, event.version
                )
            }),
        );
    }
}

/// Adds the first few, and says how many more there are.
fn add(found: &mut Vec<String>, new: impl IntoIterator<Item = String>) {
    let new: Vec<String> = new.into_iter().collect();
    let more = new.len().saturating_sub(SHOWN);
    found.extend(new.into_iter().take(SHOWN));
    if more > 0 {
        found.push(format!("… and {more} more of this kind"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(status: Status, captured: i64) -> Intent {
        let (currency, metadata) = ("eur".to_owned(), HashMap::new());
        let captures = u32::from(captured > 0);
        Intent { id: "pi_1".into(), amount: 900, currency, status, captured, captures, metadata, last_error: None }
    }

    fn payment(captured_amount: i64, refunded_amount: i64) -> PaymentRow {
        PaymentRow { order_id: Uuid::nil(), provider_ref: "pi_1".into(), captured_amount, refunded_amount }
    }

    fn order(state: &str, total_amount: i64) -> OrderRow {
        OrderRow { id: Uuid::nil(), cart_id: Uuid::nil(), state: state.to_owned(), total_amount }
    }

    #[test]
    fn money_that_is_not_where_it_belongs_is_found() {
        use Status::{Canceled, RequiresCapture, RequiresPaymentMethod, Succeeded};
        let (placed, cancelled) = (order("placed", 900), order("cancelled", 900));
        let right = [
            (intent(RequiresPaymentMethod, 0), None, None, 0),
            (intent(Canceled, 0), None, None, 0),
            (intent(RequiresCapture, 0), Some(payment(0, 0)), Some(&placed), 0),
            (intent(Succeeded, 900), Some(payment(900, 100)), Some(&placed), 100),
            (intent(Succeeded, 900), Some(payment(900, 900)), Some(&cancelled), 900),
            (intent(Canceled, 0), Some(payment(0, 0)), Some(&cancelled), 0),
        ];
        for (intent, payment, order, given_back) in right {
            assert_eq!(intent_fault(&intent, payment.as_ref(), order, given_back), None, "{intent:?}");
        }
        let (twice, other_total) = (Intent { captures: 2, ..intent(Succeeded, 900) }, order("placed", 1_900));
        let wrong = [
            (intent(RequiresCapture, 0), None, None, 0),
            (intent(Succeeded, 900), None, None, 0),
            (intent(Succeeded, 900), Some(payment(900, 0)), None, 0),
            (twice, Some(payment(900, 0)), Some(&placed), 0),
            (intent(RequiresPaymentMethod, 0), Some(payment(0, 0)), Some(&placed), 0),
            (intent(Canceled, 0), Some(payment(0, 0)), Some(&placed), 0),
            (intent(RequiresCapture, 0), Some(payment(0, 0)), Some(&other_total), 0),
            (intent(RequiresCapture, 0), Some(payment(0, 0)), Some(&cancelled), 0),
            (intent(Succeeded, 900), Some(payment(900, 800)), Some(&cancelled), 800),
            (intent(Succeeded, 900), Some(payment(0, 0)), Some(&placed), 0),
            (intent(Succeeded, 900), Some(payment(900, 0)), Some(&placed), 100),
        ];
        for (intent, payment, order, given_back) in wrong {
            assert!(intent_fault(&intent, payment.as_ref(), order, given_back).is_some(), "{intent:?}");
        }
    }

    #[test]
    fn a_reader_that_missed_doubled_or_swapped_an_event_is_found() {
        let event = |sequence| Published { sequence, aggregate_id: Uuid::nil(), version: sequence };
        let events = [1, 2, 3, 4].map(event);
        let finds = |from: Option<i64>, seen: Vec<i64>| {
            let source = || "orders".to_owned();
            let from = from.map(|from| (source(), from)).into_iter().collect();
            let seen = if seen.is_empty() { HashMap::new() } else { HashMap::from([(source(), seen)]) };
            let mut found = Vec::new();
            streams("orders", &events, &[Read { from, seen, reconnects: 0 }], &mut found);
            !found.is_empty()
        };
        assert!(!finds(Some(1), vec![2, 3, 4]));
        assert!(!finds(Some(4), vec![]));
        for (from, seen) in [
            (None, vec![]),
            (Some(1), vec![]),
            (Some(1), vec![2, 4]),
            (Some(1), vec![2, 3]),
            (Some(1), vec![2, 2, 3, 4]),
            (Some(1), vec![2, 4, 3]),
        ] {
            assert!(finds(from, seen.clone()), "{from:?} {seen:?}");
        }
    }
}
