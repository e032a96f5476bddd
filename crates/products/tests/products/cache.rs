//! Kept answers are good answers.

use std::sync::Arc;

use contracts::products::Products as _;
use events::Envelope;
use futures_util::future::join_all;
use messaging::{InProcess, Transport};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Shop, context};

const PAGE: &str = "{ product(slug: \"board\") { name price { amount } } }";
const STOCK: &str = "{ product(slug: \"board\") { inventoryCount } }";
const LIST: &str = "{ products(sort: NAME) { nodes { slug name } } }";
const IN_STOCK: &str = "{ products(filter: { inStock: true }, sort: NAME) { nodes { slug } } }";
const TREE: &str = "{ categories { slug } }";

/// Changes the table behind the role's back, so that an answer tells whether it was kept.
async fn rename_behind_the_back(shop: &Shop, slug: &str, name: &str) {
    let renamed = sqlx::query("UPDATE products SET name = $2 WHERE slug = $1").bind(slug).bind(name);
    renamed.execute(shop.test_db().owner()).await.unwrap();
}

fn names(list: &Value) -> Vec<&str> {
    list["products"]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_answer_is_kept_until_its_product_changes() {
    let shop = Shop::open().await;
    let (product, variant) = shop.product("board", 100, 5).await;
    let first = shop.ask(PAGE).await;
    rename_behind_the_back(&shop, "board", "Hidden").await;
    assert_eq!(shop.ask(PAGE).await, first);
    let set = "mutation ($id: UUID!) {
        variantPriceSet(variantId: $id, input: { currency: \"EUR\", amount: 200 }) { userErrors { code } } }";
    shop.staff(set, json!({ "id": variant })).await;
    let changed = json!({ "product": { "name": "Hidden", "price": { "amount": 200 } } });
    assert_eq!(shop.ask(PAGE).await, changed);
    let delete = "mutation ($id: UUID!) { productDelete(id: $id) { deletedId } }";
    shop.staff(delete, json!({ "id": product })).await;
    assert_eq!(shop.ask(PAGE).await, json!({ "product": null }));
    shop.product("board", 300, 1).await;
    assert_eq!(shop.ask(PAGE).await["product"]["price"]["amount"], 300);
}

#[tokio::test]
async fn a_change_of_stock_leaves_answers_without_stock_alone() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 5).await;
    let (page, list) = (shop.ask(PAGE).await, shop.ask(LIST).await);
    assert_eq!(shop.ask(STOCK).await["product"]["inventoryCount"], 5);
    rename_behind_the_back(&shop, "board", "Hidden").await;
    shop.reserve(Uuid::now_v7(), &[(variant, 2)]).await.unwrap();
    assert_eq!(shop.ask(STOCK).await["product"]["inventoryCount"], 3);
    assert_eq!((shop.ask(PAGE).await, shop.ask(LIST).await), (page, list));
}

#[tokio::test]
async fn a_change_of_one_product_leaves_answers_about_others_alone() {
    let shop = Shop::open().await;
    shop.product("board", 100, 5).await;
    let page = shop.ask(PAGE).await;
    rename_behind_the_back(&shop, "board", "Hidden").await;
    let (_, other) = shop.product("spoon", 100, 5).await;
    shop.set_stock(other, 3).await;
    assert_eq!(shop.ask(PAGE).await, page);
}

#[tokio::test]
async fn lists_follow_their_products() {
    let shop = Shop::open().await;
    let (first, variant) = shop.product("a", 100, 1).await;
    assert_eq!(names(&shop.ask(LIST).await), ["Product a"]);
    shop.product("b", 100, 0).await;
    assert_eq!(names(&shop.ask(LIST).await), ["Product a", "Product b"]);
    let in_stock = async || shop.ask(IN_STOCK).await["products"]["nodes"].clone();
    assert_eq!(in_stock().await, json!([{ "slug": "a" }]));
    let order = Uuid::now_v7();
    shop.reserve(order, &[(variant, 1)]).await.unwrap();
    assert_eq!(in_stock().await, json!([]));
    shop.products.release(&context(), order).await.unwrap();
    assert_eq!(in_stock().await, json!([{ "slug": "a" }]));
    let hide = "mutation ($id: UUID!) { productUpdate(id: $id, input: { isActive: false }) { userErrors { code } } }";
    shop.staff(hide, json!({ "id": first })).await;
    assert_eq!((in_stock().await, names(&shop.ask(LIST).await)), (json!([]), vec!["Product b"]));
}

#[tokio::test]
async fn categories_follow_their_changes() {
    let shop = Shop::open().await;
    assert_eq!(shop.ask(TREE).await["categories"], json!([]));
    shop.category("Kitchen", None).await;
    assert_eq!(shop.ask(TREE).await["categories"], json!([{ "slug": "kitchen" }]));
}

#[tokio::test]
async fn answers_with_errors_and_answers_to_staff_are_not_kept() {
    let shop = Shop::open().await;
    shop.product("board", 100, 5).await;
    let seen_by_staff = shop.staff(PAGE, json!({})).await;
    rename_behind_the_back(&shop, "board", "Renamed").await;
    assert_ne!(shop.staff(PAGE, json!({})).await, seen_by_staff);
    // Half an answer: one field fails, one does not.
    let half = json!({ "query": "{ product(slug: \"board\") { name } products(first: 0) { nodes { slug } } }" });
    let first = shop.post(&half, None).await;
    assert_eq!(first.body["errors"][0]["extensions"]["code"], "VALIDATION_FAILED");
    assert!(first.headers.get("etag").is_none());
}

#[tokio::test]
async fn an_event_of_another_process_is_heard() {
    let shop = Shop::open().await;
    let (product, _) = shop.product("board", 100, 5).await;
    let transport = InProcess::new();
    products::consumers::subscribe(&shop.products, &transport);
    let tell = async |kind: &str, aggregate: &str, data: Value| {
        let event = Envelope {
            id: Uuid::now_v7(),
            sequence: Some(1),
            source: "products".into(),
            kind: kind.into(),
            aggregate: aggregate.into(),
            aggregate_id: product,
            version: 2,
            data,
            occurred_at: shop.clock.now(),
            trace_parent: None,
        };
        transport.publish(&[Arc::new(event)]).await.unwrap();
    };
    let count = async || shop.ask(STOCK).await["product"]["inventoryCount"].clone();
    let name = async || shop.ask(PAGE).await["product"]["name"].clone();
    assert_eq!((name().await, count().await), (json!("Product board"), json!(5)));
    sqlx::query("UPDATE products SET name = 'Elsewhere', inventory_count = 4")
        .execute(shop.test_db().owner())
        .await
        .unwrap();
    let level =
        json!({ "product_id": product, "variant_id": product, "location_id": product, "on_hand": 4, "reserved": 0 });
    tell("inventory.changed", "inventory", level).await;
    assert_eq!((name().await, count().await), (json!("Product board"), json!(4)));
    tell("product.updated", "product", json!({ "slug": "board" })).await;
    assert_eq!(name().await, "Elsewhere");
}

/// Readers and a writer at once: whoever asks after a change has been answered sees it or a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_reads_what_was_there_before_an_answered_change() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("board", 100, 0).await;
    let answered = std::sync::atomic::AtomicI64::new(0);
    let write = async {
        for on_hand in 1..=60 {
            shop.set_stock(variant, on_hand).await;
            answered.store(on_hand, std::sync::atomic::Ordering::SeqCst);
        }
    };
    let read = async || {
        while answered.load(std::sync::atomic::Ordering::SeqCst) < 60 {
            let before = answered.load(std::sync::atomic::Ordering::SeqCst);
            let seen = shop.ask(STOCK).await["product"]["inventoryCount"].as_i64().unwrap();
            assert!(seen >= before, "read {seen} after {before} was answered");
            // A kept answer is there at once: let the others go on.
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(write, join_all((0..8).map(|_| read())));
    assert_eq!(shop.ask(STOCK).await["product"]["inventoryCount"], 60);
}
