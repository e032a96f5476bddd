//! Calls that fail at every step, and all at once by chance.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use test_kit::stripe::fault::Chance;
use test_kit::stripe::hooks::Delivery;
use test_kit::stripe::{Card, Fault, Paid};
use uuid::Uuid;

use super::{PATIENCE, StripeShop, hurry, total, unsettled};
use crate::support::{Client, admin};

/// Customers of the run by chance, and of a hundred calls so many that fail.
const CUSTOMERS: u64 = 24;
const FAILING: u64 = 20;

#[tokio::test]
async fn whatever_fails_at_a_capture_or_refund_money_moves_once() {
    let open = StripeShop::unheard().await;
    let (guest, staff) = (open.shop.guest(), open.shop.staff());
    for fault in Fault::ALL {
        let order = open.order(&guest).await;
        open.stripe.faults().order("/capture", fault);
        staff.capture(&order).await;
        open.work_until("SELECT NOT EXISTS (SELECT FROM orders WHERE pending_since IS NOT NULL)").await;
        open.stripe.faults().order("/v1/refunds", fault);
        staff.post(&format!("{}/refunds", admin(&order)), json!({ "amount": 500 })).await;
        open.work_until("SELECT NOT EXISTS (SELECT FROM orders WHERE pending_since IS NOT NULL)").await;
        let path = admin(&order);
        assert_eq!(staff.get(&path).await.data(200)["payment_state"], "partially_refunded", "{fault:?}");
        let books = open.stripe.books().await;
        let book = books.iter().find(|book| book.order_id == super::id(&order)).unwrap();
        assert_eq!((book.charges, book.captured, book.refunded), (1, total(&order), 500), "{fault:?}");
    }
    assert_eq!(open.stripe.faults().happened(), 2 * Fault::ALL.len());
    open.shop.assert_sound().await;
}

#[tokio::test]
async fn whatever_fails_at_a_checkout_there_is_one_order_or_none_and_no_promise_besides() {
    let open = StripeShop::unheard().await;
    let guest = open.shop.guest();
    for fault in Fault::ALL {
        let (cart, secret) = open.cart(&guest, 1).await;
        assert_eq!(open.stripe.pay(&secret, Card::Good, true).await, Paid::Promised);
        open.stripe.faults().order("/v1/payment_intents/", fault);
        let first = guest.complete(&cart).await;
        assert!(first.status == 201 || first.refusal() == (409, "CHECKOUT_IN_PROGRESS"), "{fault:?} {:?}", first.body);
        open.work_until("SELECT NOT EXISTS (SELECT FROM checkouts WHERE state IN ('running', 'undoing'))").await;
        assert_eq!(guest.complete(&cart).await.data(201)["state"], "placed", "{fault:?}");
    }
    for fault in Fault::ALL {
        let order = open.order(&guest).await;
        open.stripe.faults().order("/cancel", fault);
        open.shop.staff().post(&format!("{}/cancel", admin(&order)), json!({})).await;
        open.work_until("SELECT NOT EXISTS (SELECT FROM orders WHERE pending_since IS NOT NULL)").await;
        let shown = open.shop.staff().get(&admin(&order)).await.data(200);
        assert_eq!((&shown["state"], &shown["payment_state"]), (&json!("cancelled"), &json!("voided")), "{fault:?}");
    }
    let books = open.stripe.books().await;
    assert_eq!(books.iter().filter(|book| book.is_promised()).count(), Fault::ALL.len());
    open.shop.assert_sound().await;
}

/// One customer's way: a session, a card, a return to the shop or two or none, patience or not.
async fn buy(open: &StripeShop, client: &Client<'_>, seed: u64) {
    let mut chance = Chance(seed);
    let hat = open.shop.products.add_variant(1_000, 1_000);
    let cart = client.addressed_cart(&[(hat, 1 + i64::try_from(chance.below(3)).unwrap())]).await;
    for _ in 0..=chance.below(2) {
        let session = loop {
            let asked = client.post(&format!("{cart}/payment-sessions"), json!({ "provider": "stripe" })).await;
            match asked.status.as_u16() {
                200 => break asked.data(200)["payment_session"].clone(),
                409 => return,
                _ => {}
            }
        };
        let secret = session["client_data"]["client_secret"].as_str().unwrap();
        let card = [Card::Good, Card::Good, Card::AsksBank, Card::Declined][chance.index(4)];
        if chance.below(10) > 0 {
            open.stripe.pay(secret, card, chance.below(4) > 0).await;
        }
        match chance.below(4) {
            0 => {}
            1 => drop(client.complete(&cart).await),
            _ => drop(tokio::join!(client.complete(&cart), client.complete(&cart))),
        }
    }
}

/// Staff captures, refunds and cancels what it finds.
async fn serve(open: &StripeShop, seed: u64) {
    let (staff, mut chance) = (open.shop.staff(), Chance(seed));
    let orders = staff.get("/api/v1/admin/orders?state=placed&limit=100").await.data(200);
    for listed in orders.as_array().unwrap() {
        let order = staff.get(&admin(listed)).await.data(200);
        let path = admin(&order);
        match chance.below(4) {
            0 => drop(staff.post(&format!("{path}/cancel"), json!({})).await),
            1 => {}
            _ => {
                staff.capture(&order).await;
                let refunds = format!("{path}/refunds");
                tokio::join!(
                    staff.post(&refunds, json!({ "amount": 700 })),
                    staff.post(&refunds, json!({ "amount": 900 })),
                );
            }
        }
    }
}

#[tokio::test]
async fn by_chance_nobody_is_charged_twice_or_for_nothing() {
    let seed = std::env::var("TRADEPOST_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("TRADEPOST_TEST_SEED={seed}");
    let open = StripeShop::open(seed).await;
    open.stripe.hooks().travel(Delivery { lost_percent: 25, doubled_percent: 25, delay_ms: 400 });
    open.stripe.faults().by_chance(FAILING);
    let clients: Vec<Client<'_>> = (0..CUSTOMERS).map(|_| open.shop.guest()).collect();
    let buying = clients.iter().zip(seed..).map(|(client, seed)| buy(&open, client, seed));
    let finished = std::sync::atomic::AtomicBool::new(false);
    let jobs = async {
        while !finished.load(std::sync::atomic::Ordering::Relaxed) {
            open.work().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let customers = async {
        futures_util::future::join_all(buying).await;
        serve(&open, seed).await;
        finished.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(customers, jobs);

    // Calm: nothing fails any more, carts that were left are removed, and all looks come due.
    open.stripe.faults().by_chance(0);
    let give_up = Instant::now() + PATIENCE;
    loop {
        open.work().await;
        sqlx::query("UPDATE carts SET updated_at = now() - interval '1 year' WHERE state = 'open'")
            .execute(open.shop.db.owner())
            .await
            .unwrap();
        orders::ops::expire_carts(&open.shop.orders).await.unwrap();
        let left = unsettled(&open.shop).await;
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < give_up, "the shop comes to rest: {left:#?} {:#?}", open.stripe.books().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
        hurry(&open.shop).await;
    }
    check_books(&open).await;
    open.shop.assert_sound().await;
}

#[derive(sqlx::FromRow)]
struct Paying {
    order_id: Uuid,
    cart_id: Uuid,
    order_state: String,
    step: String,
    reference: String,
    total: i64,
    captured: i64,
    refunded: i64,
}

async fn check_books(open: &StripeShop) {
    let sql =
        "SELECT o.id AS order_id, o.cart_id, o.state AS order_state, p.state AS step, p.provider_ref AS reference,
                      o.total_amount AS total, p.captured_amount AS captured, p.refunded_amount AS refunded
               FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.placed_at IS NOT NULL";
    let ours: Vec<Paying> = sqlx::query_as(sql).fetch_all(open.shop.db.owner()).await.unwrap();
    let mut carts: HashMap<Uuid, usize> = HashMap::new();
    for paying in &ours {
        *carts.entry(paying.cart_id).or_default() += 1;
    }
    assert!(carts.values().all(|orders| *orders == 1), "one order a cart");
    let by_reference: HashMap<&str, &Paying> = ours.iter().map(|paying| (paying.reference.as_str(), paying)).collect();
    let books = open.stripe.books().await;
    for book in &books {
        assert!(book.charges <= 1 && book.refunded <= book.captured, "{book:#?}");
        let Some(paying) = by_reference.get(book.intent.as_str()) else {
            assert_eq!((book.captured, book.is_promised()), (book.refunded, false), "for nothing: {book:#?}");
            continue;
        };
        assert_eq!(book.order_id, Some(paying.order_id), "{book:#?}");
        assert_eq!((book.amount, book.captured, book.refunded), (paying.total, paying.captured, paying.refunded));
        let promised = paying.step == "authorised" && paying.order_state != "cancelled";
        assert_eq!(book.is_promised(), promised, "{book:#?}");
    }
    println!("{} payments, {} orders, {} calls failed", books.len(), ours.len(), open.stripe.faults().happened());
    assert!(!ours.is_empty() && open.stripe.faults().happened() > 0, "the run had something to show");
}
