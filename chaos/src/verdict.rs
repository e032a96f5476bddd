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
    sequence: i64,
    aggregate_id: Uuid,
    version: i64,
}

/// Everything that is wrong once the shop has come to rest; nothing is good.
pub async fn findings(shop: &Shop, evidence: &Evidence<'_>, patience: Duration) -> anyhow::Result<Vec<String>> {
    let began = Instant::now();
    loop {
        let found = look(shop, evidence).await?;
        if found.is_empty() || began.elapsed() > patience {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

async fn look(shop: &Shop, evidence: &Evidence<'_>) -> anyhow::Result<Vec<String>> {
    let (mut found, readers) = (Vec::new(), evidence.readers.seen());
    books(shop, evidence, &mut found).await?;
    for source in SOURCES {
        let events = published(shop, source, evidence.kinds).await?;
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
    let orders: Vec<OrderRow> = sqlx::query_as("SELECT id, cart_id, state FROM orders").fetch_all(&pool).await?;
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
        let cancelled = order.is_some_and(|order| order.state == "cancelled");
        let given_back = journal.refunded(&intent.id);
        match (intent.status, payment) {
            (Status::Succeeded | Status::RequiresCapture, None) => Some("holds money of a customer without an order"),
            (Status::Canceled, Some(_)) if !cancelled => Some("was given up, but its order stands"),
            (Status::Succeeded, Some(_)) if cancelled && given_back < intent.captured => {
                Some("was not given back whole, though its order is cancelled")
            }
            (Status::RequiresCapture, Some(_)) if cancelled => Some("is still promised, though its order is cancelled"),
            _ if intent.captures > 1 => Some("was taken more than once"),
            (_, Some(payment)) if payment.captured_amount != intent.captured => {
                Some("was taken, and the shop's books say another amount")
            }
            (_, Some(payment)) if payment.refunded_amount != given_back => {
                Some("was given back, and the shop's books say another amount")
            }
            _ => None,
        }
    };
    add(found, journal.intents.values().filter_map(|intent| Some(format!("payment {} {}", intent.id, wrong(intent)?))));
    let unknown = payments.iter().filter(|payment| {
        payment.provider_ref.starts_with("pi_") && !journal.intents.contains_key(&payment.provider_ref)
    });
    add(found, unknown.map(|payment| format!("payment {} is unknown to the provider", payment.provider_ref)));
}

/// Events that the outside world is to be told of.
async fn published(shop: &Shop, source: &str, kinds: &[String]) -> anyhow::Result<Vec<EventRow>> {
    let pool: PgPool = shop.database(source).await?;
    let query = "SELECT sequence, aggregate_id, version FROM events WHERE sequence IS NOT NULL AND kind = ANY($1)";
    sqlx::query_as(query).bind(kinds).fetch_all(&pool).await.context("the log cannot be read")
}

fn deliveries(source: &str, events: &[EventRow], evidence: &Evidence<'_>, found: &mut Vec<String>) {
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

fn streams(source: &str, events: &[EventRow], readers: &[Read], found: &mut Vec<String>) {
    for (number, reader) in readers.iter().enumerate() {
        let Some(seen) = reader.seen.get(source) else { continue };
        let unordered = seen.windows(2).find(|pair| pair[0] >= pair[1]);
        add(found, unordered.map(|pair| format!("reader {number} saw {source} {} after {}", pair[1], pair[0])));
        let (Some(first), seen) = (reader.from.get(source), seen.iter().collect::<HashSet<_>>()) else { continue };
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
