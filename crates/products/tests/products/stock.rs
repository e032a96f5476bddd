//! Reservations: the promise to orders.

use chrono::TimeDelta;
use contracts::products::{Products as _, ReservationState, ReserveStock, Reserved, Shortage, StockLine};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Shop, context};

fn order() -> Uuid {
    Uuid::now_v7()
}

#[tokio::test]
async fn a_reservation_holds_stock_until_it_is_committed_or_released() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 10).await;
    let (kept, given_back) = (order(), order());
    assert_eq!(shop.reserve(kept, &[(variant, 3)]).await, Ok(Reserved::Yes));
    assert_eq!(shop.reserve(given_back, &[(variant, 2)]).await, Ok(Reserved::Yes));
    assert_eq!(shop.available(variant).await, 5);
    shop.products.commit(&context(), kept).await.unwrap();
    shop.products.release(&context(), given_back).await.unwrap();
    assert_eq!(shop.available(variant).await, 7);
    let states = shop.products.reservations(&context(), vec![kept, given_back, order()]).await.unwrap();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&(kept, ReservationState::Committed)));
    assert!(states.contains(&(given_back, ReservationState::Released)));
    let holding = shop.products.reserved_orders(&context(), None, 10).await.unwrap();
    assert_eq!(holding, [(kept, ReservationState::Committed)]);
    shop.assert_sound().await;
}

#[tokio::test]
async fn asking_twice_changes_nothing() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 10).await;
    let order = order();
    for _ in 0..2 {
        assert_eq!(shop.reserve(order, &[(variant, 4)]).await, Ok(Reserved::Yes));
    }
    assert_eq!(shop.available(variant).await, 6);
    for _ in 0..2 {
        shop.products.commit(&context(), order).await.unwrap();
    }
    assert_eq!(shop.available(variant).await, 6);
    let late = shop.reserve(order, &[(variant, 4)]).await.unwrap_err();
    assert_eq!(late.code, "RESERVATION_ENDED");
    // An order that was cancelled before it was fulfilled puts its goods back.
    for _ in 0..2 {
        shop.products.release(&context(), order).await.unwrap();
    }
    assert_eq!(shop.available(variant).await, 10);
    assert_eq!(shop.products.commit(&context(), order).await.unwrap_err().code, "RESERVATION_ENDED");
    shop.assert_sound().await;
}

#[tokio::test]
async fn all_lines_are_reserved_or_none() {
    let shop = Shop::open().await;
    let (_, plenty) = shop.product("plenty", 100, 100).await;
    let (_, few) = shop.product("few", 100, 3).await;
    let unknown = Uuid::now_v7();
    // Lines of one variant are summed.
    let outcome = shop.reserve(order(), &[(few, 2), (plenty, 1), (few, 2), (unknown, 1)]).await.unwrap();
    let Reserved::Short(mut shortages) = outcome else { panic!("{outcome:?}") };
    shortages.sort_by_key(|shortage| -shortage.wanted);
    assert_eq!(
        shortages,
        [
            Shortage { variant_id: few, wanted: 4, available: 3 },
            Shortage { variant_id: unknown, wanted: 1, available: 0 },
        ]
    );
    assert_eq!((shop.available(plenty).await, shop.available(few).await), (100, 3));
    shop.assert_sound().await;
}

#[tokio::test]
async fn absurd_quantities_are_refused() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 3).await;
    for lines in [vec![], vec![(variant, 0)], vec![(variant, -1)], vec![(variant, i64::MAX)], vec![(variant, 1); 1001]]
    {
        assert_eq!(shop.reserve(order(), &lines).await.unwrap_err().code, "VALIDATION_FAILED");
    }
    assert_eq!(shop.available(variant).await, 3);
}

#[tokio::test]
async fn what_comes_after_the_release_is_refused() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 3).await;
    let order = order();
    shop.products.release(&context(), order).await.unwrap();
    assert_eq!(shop.reserve(order, &[(variant, 1)]).await.unwrap_err().code, "RESERVATION_ENDED");
    assert_eq!(shop.products.commit(&context(), order).await.unwrap_err().code, "RESERVATION_ENDED");
    assert_eq!(shop.available(variant).await, 3);
}

#[tokio::test]
async fn an_expired_reservation_is_not_committed_and_its_stock_comes_back() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 3).await;
    let (late, kept) = (order(), order());
    shop.reserve(late, &[(variant, 2)]).await.unwrap();
    shop.reserve(kept, &[(variant, 1)]).await.unwrap();
    shop.products.commit(&context(), kept).await.unwrap();
    assert_eq!(shop.products.expire_reservations().await.unwrap(), 0);
    shop.clock.advance(TimeDelta::minutes(16));
    assert_eq!(shop.products.commit(&context(), late).await.unwrap_err().code, "RESERVATION_ENDED");
    assert_eq!(shop.products.expire_reservations().await.unwrap(), 1);
    assert_eq!(shop.available(variant).await, 2);
    assert_eq!(shop.reserve(late, &[(variant, 1)]).await.unwrap_err().code, "RESERVATION_ENDED");
    shop.assert_sound().await;
}

#[tokio::test]
async fn a_reservation_in_the_past_is_refused() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 3).await;
    let lines = vec![StockLine { variant_id: variant, quantity: 1 }];
    let command = ReserveStock { order_id: order(), lines, expires_at: shop.clock.now() };
    assert_eq!(shop.products.reserve(&context(), command).await.unwrap_err().code, "RESERVATION_ENDED");
}

#[tokio::test]
async fn stock_that_orders_hold_cannot_be_counted_away() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 5).await;
    shop.reserve(order(), &[(variant, 3)]).await.unwrap();
    assert_eq!(shop.set_stock(variant, 2).await["userErrors"][0]["code"], "STOCK_RESERVED");
    assert_eq!(shop.set_stock(variant, -1).await["userErrors"][0]["field"], "onHand");
    assert_eq!(shop.set_stock(variant, 3).await, json!({ "variant": { "inventoryCount": 0 }, "userErrors": [] }));
    shop.assert_sound().await;
}

#[tokio::test]
async fn an_order_is_served_from_several_locations() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 2).await;
    let other: Uuid = sqlx::query_scalar("INSERT INTO stock_locations (name) VALUES ('Other') RETURNING id")
        .fetch_one(shop.test_db().owner())
        .await
        .unwrap();
    let set = "mutation ($input: InventoryLevelSetInput!) { inventoryLevelSet(input: $input) { userErrors { code } } }";
    shop.staff(set, json!({ "input": { "variantId": variant, "locationId": other, "onHand": 3 } })).await;
    let order = order();
    assert_eq!(shop.reserve(order, &[(variant, 4)]).await, Ok(Reserved::Yes));
    let levels = "{ product(slug: \"board\") { variants { inventoryLevels { location { name } onHand reserved } } } }";
    let mut levels = shop.staff(levels, json!({})).await["product"]["variants"][0]["inventoryLevels"].clone();
    levels.as_array_mut().unwrap().sort_by_key(|level| level["location"]["name"].to_string());
    assert_eq!(
        levels,
        json!([
            { "location": { "name": "Main warehouse" }, "onHand": 2, "reserved": 2 },
            { "location": { "name": "Other" }, "onHand": 3, "reserved": 2 },
        ])
    );
    shop.products.commit(&context(), order).await.unwrap();
    assert_eq!(shop.available(variant).await, 1);
    shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_400_buyers_of_100_units_exactly_100_get_one() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("hot", 100, 100).await;
    let outcomes = join_all((0..400).map(async |_| shop.reserve(order(), &[(variant, 1)]).await)).await;
    let count = |wanted: fn(&Reserved) -> bool| outcomes.iter().filter(|it| it.as_ref().is_ok_and(wanted)).count();
    assert_eq!(count(|it| *it == Reserved::Yes), 100);
    assert_eq!(count(|it| matches!(it, Reserved::Short(_))), 300);
    assert_eq!(shop.available(variant).await, 0);
    shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn orders_over_the_same_products_in_any_order_do_not_block_each_other() {
    let shop = Shop::open().await;
    let mut variants = Vec::new();
    for n in 0..6 {
        variants.push(shop.product(&format!("p{n}"), 100, 1000).await.1);
    }
    let lines = |n: usize| -> Vec<(Uuid, i64)> {
        let mut lines: Vec<_> = variants.iter().map(|variant| (*variant, 1)).collect();
        lines.rotate_left(n % 6);
        if n.is_multiple_of(2) {
            lines.reverse();
        }
        lines
    };
    let orders: Vec<Uuid> = (0..60).map(|_| order()).collect();
    let outcomes = join_all(orders.iter().enumerate().map(async |(n, order)| {
        shop.reserve(*order, &lines(n)).await?;
        if n.is_multiple_of(3) {
            shop.products.release(&context(), *order).await
        } else {
            shop.products.commit(&context(), *order).await
        }
    }))
    .await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for variant in &variants {
        assert_eq!(shop.available(*variant).await, 960);
    }
    shop.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_order_reserved_many_times_at_once_is_reserved_once() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 50).await;
    let order = order();
    let outcomes = join_all((0..20).map(async |_| shop.reserve(order, &[(variant, 2)]).await)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Ok(Reserved::Yes)), "{outcomes:?}");
    assert_eq!(shop.available(variant).await, 48);
    shop.assert_sound().await;
}

#[tokio::test]
async fn findings_name_figures_that_were_tampered_with() {
    let shop = Shop::open().await;
    let (product, variant) = shop.product("board", 100, 5).await;
    shop.reserve(order(), &[(variant, 1)]).await.unwrap();
    for (statement, count) in [
        ("UPDATE inventory_levels SET on_hand = on_hand + 1", 2),
        ("UPDATE inventory_levels SET on_hand = on_hand - 1, reserved = 0", 2),
        ("UPDATE inventory_levels SET reserved = 1", 0),
        ("UPDATE products SET price = 0.5", 1),
    ] {
        sqlx::query(statement).execute(shop.test_db().owner()).await.unwrap();
        let findings = shop.products.findings().await.unwrap();
        assert!(findings.len() >= count, "{statement}: {findings:?}");
    }
    let findings = shop.products.findings().await.unwrap();
    assert!(findings.iter().any(|finding| finding.contains(&product.to_string())), "{findings:?}");
}
