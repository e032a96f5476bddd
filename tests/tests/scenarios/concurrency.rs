//! Many at once: exactly what there is gets sold, exactly once.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::join_all;
use serde_json::json;
use tradepost_tests::{Answer, Buyer, TestShop, Variant};
use uuid::Uuid;

use crate::TOPOLOGY;

/// `count` carts that are ready to be completed.
async fn ready_carts(shop: &TestShop, variant: &Variant, count: usize) -> Vec<(Buyer, String)> {
    let mut carts = Vec::with_capacity(count);
    // In groups, as a queue in front of a sale would let them in.
    while carts.len() < count {
        let group = (0..50.min(count - carts.len())).map(|_| async {
            let buyer = shop.guest();
            let cart = buyer.ready_cart(variant, 1).await;
            (buyer, cart)
        });
        carts.extend(join_all(group).await);
    }
    carts
}

/// How many answers of each kind: `placed`, or the code of the refusal.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let kind = match answer.status.as_u16() {
            201 => "placed",
            _ => answer.body["details"][0]["code"].as_str().or(answer.body["code"].as_str()).unwrap_or("?"),
        };
        *tally.entry(kind.to_owned()).or_default() += 1;
    }
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_buyers_of_a_hundred_units_get_exactly_a_hundred() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(100).await;
    let carts = ready_carts(&shop, &variant, 400).await;
    let answers = join_all(carts.iter().map(|(buyer, cart)| buyer.complete_for_sure(cart))).await;

    let expected = BTreeMap::from([("placed".to_owned(), 100), ("OUT_OF_STOCK".to_owned(), 300)]);
    assert_eq!(tally(&answers), expected);
    let staff = shop.staff().await;
    let query = format!(r#"{{ product(slug: "{}") {{ variants {{ inventoryCount }} }} }}"#, variant.handle);
    assert_eq!(staff.graphql(&query).await["data"]["product"]["variants"][0]["inventoryCount"], 0);
    let charged: i64 = sqlx::query_scalar("SELECT count(*) FROM payments WHERE state IN ('authorised', 'captured')")
        .fetch_one(shop.databases()[2].owner())
        .await
        .unwrap();
    assert_eq!(charged, 100, "nobody is charged for nothing");
    shop.assert_sound().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_fifty_times_at_once_is_one_order() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(100).await;
    let buyer = shop.guest();
    let cart = buyer.ready_cart(&variant, 1).await;
    let key = Uuid::new_v4().to_string();
    let answers = join_all((0..50).map(|_| buyer.complete(&cart, Some(&key)))).await;

    for answer in &answers {
        match answer.status.as_u16() {
            201 => {}
            409 => assert!(
                ["REQUEST_IN_PROGRESS", "CHECKOUT_IN_PROGRESS"].contains(&answer.body["code"].as_str().unwrap())
            ),
            other => panic!("{other}: {:#}", answer.body),
        }
    }
    let last = buyer.complete(&cart, Some(&key)).await.expect(201);
    let orders: HashSet<&str> = answers.iter().filter_map(|answer| answer.body["data"]["id"].as_str()).collect();
    assert!(orders.iter().all(|id| *id == last["id"]), "one order: {orders:?}");
    assert_eq!(order_count(&shop).await, 1);
    shop.assert_sound().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_complete_one_cart_get_one_order() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(100).await;
    for _ in 0..10 {
        let (one, other) = (shop.guest(), shop.guest());
        let cart = one.ready_cart(&variant, 1).await;
        let before = order_count(&shop).await;
        let answers = join_all([one.complete(&cart, None), other.complete(&cart, None)]).await;
        let orders: HashSet<_> =
            answers.into_iter().map(|answer| answer.expect(201)["id"].clone().to_string()).collect();
        assert_eq!(orders.len(), 1);
        assert_eq!(order_count(&shop).await, before + 1);
    }
    shop.assert_sound().await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_refunds_at_once_never_exceed_what_was_paid() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(10).await;
    let (buyer, staff) = (shop.guest(), shop.staff().await);
    let cart = buyer.ready_cart(&variant, 1).await;
    let order = buyer.complete(&cart, None).await.expect(201);
    let total = order["totals"]["total"]["amount"].as_i64().unwrap();
    let admin = format!("/api/v1/admin/orders/{}", order["id"].as_str().unwrap());
    let payment = order["payments"][0]["id"].as_str().unwrap();
    staff.post(&format!("{admin}/payments/{payment}/capture"), json!({})).await.expect(200);

    let refunds = format!("{admin}/refunds");
    let part = total * 3 / 10;
    let answers = join_all((0..20).map(|_| staff.post(&refunds, json!({ "amount": part })))).await;
    let done = answers.iter().filter(|answer| answer.status.is_success()).count();
    assert_eq!(done, 3, "{:?}", tally(&answers));
    let after = staff.get(&admin).await.expect(200);
    assert_eq!(after["payments"][0]["refunded"]["amount"], 3 * part);
    shop.assert_sound().await;
    shop.stop().await;
}

async fn order_count(shop: &TestShop) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(shop.databases()[2].owner()).await.unwrap()
}
