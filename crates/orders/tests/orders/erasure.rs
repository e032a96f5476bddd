//! Personal data: sealed where it is stored, gone with its key.

use events::Envelope;
use events::user::UserDeleted;
use serde_json::json;
use uuid::Uuid;

use crate::support::{Client, Shop, admin};

async fn delete_account(shop: &Shop, who: &Client<'_>) {
    let event = Envelope {
        id: Uuid::new_v4(),
        sequence: Some(1),
        source: "users".into(),
        kind: UserDeleted::KIND.into(),
        aggregate: "user".into(),
        aggregate_id: who.user_id,
        version: 2,
        data: json!({}),
        occurred_at: shop.clock.now(),
        trace_parent: None,
    };
    let consumers = orders::consumers(&shop.orders);
    let consumer = consumers.iter().find(|consumer| consumer.kinds.contains(&UserDeleted::KIND)).unwrap();
    consumer.deliver(&event).await;
    consumer.deliver(&event).await;
}

#[tokio::test]
async fn a_deleted_user_is_erased_and_the_orders_stay() {
    let shop = Shop::open().await;
    let (ada, bob, staff) = (shop.customer(), shop.customer(), shop.staff());
    let hat = shop.products.add_variant(1_000, 50);
    let order = ada.order(hat, 1).await;
    let open = ada.ready_cart(hat, 1).await;
    let other = bob.order(hat, 1).await;
    delete_account(&shop, &ada).await;

    let left = staff.get(&admin(&order)).await.data(200);
    assert_eq!(
        (&left["email"], &left["shipping_address"], &left["user_id"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!((&left["totals"], &left["state"]), (&order["totals"], &json!("placed")));
    assert_eq!(ada.get(&open).await.refusal(), (404, "CART_NOT_FOUND"));
    assert_eq!(ada.get("/api/v1/orders").await.data(200), json!([]));
    let late = ada.post("/api/v1/carts", json!({"email": "ada@example.com"})).await;
    assert_eq!(late.refusal(), (403, "ACCOUNT_DELETED"), "nothing is kept of a deleted user any more");
    assert_eq!(staff.get(&admin(&other)).await.data(200)["email"], "ada@example.com");
    assert_eq!(shop.count("SELECT count(*) FROM events WHERE kind = 'order.customer_erased'").await, 1);
    shop.assert_sound().await;
}

#[tokio::test]
async fn no_personal_data_is_stored_in_the_clear() {
    let shop = Shop::open().await;
    let (ada, guest) = (shop.customer(), shop.guest());
    let hat = shop.products.add_variant(1_000, 50);
    ada.order(hat, 1).await;
    let cart = guest.ready_cart(hat, 1).await;
    guest.keyed("0123456789abcdef", &format!("{cart}/complete"), None).await.data(201);
    let tables = ["carts", "orders", "events", "idempotency_keys", "checkouts", "payment_sessions", "order_lines"];
    for table in tables {
        let sql = sqlx::AssertSqlSafe(format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t"));
        let rows: String = sqlx::query_scalar(sql).fetch_one(shop.db.owner()).await.unwrap();
        for word in ["ada@", "Quill", "Larch", "LS1", "account.example"] {
            // Bytes are printed in hexadecimal.
            let hex: Vec<String> = word.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!rows.contains(word) && !rows.contains(&hex.concat()), "{word} in {table}");
        }
    }
}
