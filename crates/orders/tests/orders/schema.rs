//! The role's database, and orders made again from their log.

use pg::migrate::{Back, down, up};
use serde_json::json;
use test_kit::TestDb;

use crate::support::{Shop, admin};

#[tokio::test]
async fn every_table_keeps_to_the_rules() {
    let db = TestDb::new(&orders::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    assert_eq!(pg::catalogue::findings(&mut conn, &orders::SCHEMA).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let db = TestDb::new(&orders::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    let undone = down(db.owner(), &orders::SCHEMA, Back::To(0)).await.unwrap();
    assert_eq!(up(db.owner(), &orders::SCHEMA).await.unwrap().len(), undone.len());
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}

async fn rows(shop: &Shop) -> Vec<String> {
    let sql = "SELECT t FROM (
        SELECT o.id AS key, o::text AS t FROM orders o UNION ALL SELECT id, l::text FROM order_lines l
        UNION ALL SELECT id, p::text FROM payments p UNION ALL SELECT id, r::text FROM refunds r
        UNION ALL SELECT id, f::text FROM fulfillments f) AS all_rows ORDER BY key, t";
    sqlx::query_scalar(sql).fetch_all(shop.db.owner()).await.unwrap()
}

#[tokio::test]
async fn orders_made_again_from_their_log_are_the_same_rows() {
    let shop = Shop::open().await;
    let (ada, staff) = (shop.customer(), shop.staff());
    let hat = shop.products.add_variant(1_000, 50);
    let order = ada.order(hat, 3).await;
    staff.capture(&order).await.data(200);
    staff.post(&format!("{}/fulfillments", admin(&order)), json!({"tracking_company": "Post"})).await.data(200);
    staff.post(&format!("{}/refunds", admin(&order)), json!({"amount": 700, "reason": "late"})).await.data(200);
    let cancelled = ada.order(hat, 1).await;
    staff.post(&format!("{}/cancel", admin(&cancelled)), json!({})).await.data(200);
    *shop.provider.decline.lock().unwrap() = true;
    let declined = ada.ready_cart(hat, 1).await;
    assert_eq!(ada.complete(&declined).await.status, 409);

    let before = rows(&shop).await;
    assert_eq!(orders::ops::rebuild_orders(&shop.orders).await.unwrap().orders, 3);
    assert_eq!(rows(&shop).await, before);

    sqlx::query("UPDATE orders SET country = 'FR'; ").execute(shop.db.owner()).await.unwrap();
    sqlx::query("UPDATE order_lines SET sku = 'other'").execute(shop.db.owner()).await.unwrap();
    let findings = shop.findings().await;
    assert_eq!(findings.iter().filter(|f| f.starts_with("projection_differs_from_log")).count(), 3, "{findings:?}");
    assert_eq!(orders::ops::rebuild_orders(&shop.orders).await.unwrap().differed, 3);
    assert_eq!(rows(&shop).await, before);
    shop.assert_sound().await;
}

#[tokio::test]
async fn doctor_finds_what_does_not_add_up() {
    let shop = Shop::open().await;
    let hat = shop.products.add_variant(1_000, 50);
    let order = shop.guest().order(hat, 3).await;
    shop.assert_sound().await;
    let context = kernel::Context::system("test", std::time::Duration::from_secs(10));
    let id = order["id"].as_str().unwrap().parse().unwrap();
    contracts::products::Products::release(&*shop.products, &context, id).await.unwrap();
    assert_eq!(shop.findings().await, [format!("order_without_stock {id}")]);
    for (damage, rule) in [
        ("UPDATE payments SET amount = amount - 1", "placed_without_payment"),
        ("UPDATE order_lines SET tax_amount = tax_amount + 1", "lines_do_not_add_up"),
        ("UPDATE orders SET state = 'pending'", "pending_without_checkout"),
    ] {
        sqlx::query(damage).execute(shop.db.owner()).await.unwrap();
        let findings = shop.findings().await;
        assert!(findings.iter().any(|finding| finding.starts_with(rule)), "{rule}: {findings:?}");
        orders::ops::rebuild_orders(&shop.orders).await.unwrap();
    }
}

#[tokio::test]
async fn lists_and_jobs_use_their_indexes() {
    let db = TestDb::new(&orders::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let fill = [
        "INSERT INTO orders (version, number, cart_id, user_id, subject, state, payment_state, fulfillment_state, currency,
             country, prices_include_tax, tax_name, tax_rate_bp, shipping_option, shipping_name, items_amount,
             shipping_amount, shipping_tax_amount, tax_amount, total_amount, placed_at)
         SELECT 1, n, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'placed', 'authorised', 'unfulfilled', 'EUR',
             'DE', true, 'MwSt', 1900, 'standard', 'Standard', 0, 0, 0, 0, 0, now() FROM generate_series(1, 20000) n",
        "INSERT INTO checkouts (order_id, cart_id, state, payment_session_id, provider, provider_ref, expires_at, lease_owner, lease_until)
         SELECT id, cart_id, 'placed', id, 'manual', '', now(), id, now() FROM orders",
        "INSERT INTO carts (subject, currency, updated_at) SELECT gen_random_uuid(), 'EUR', now() - make_interval(secs => n)
         FROM generate_series(1, 20000) n",
        "ANALYZE",
    ];
    for statement in fill {
        sqlx::query(statement).execute(&mut *conn).await.unwrap();
    }
    for (statement, index) in [
        ("EXPLAIN SELECT id FROM orders WHERE user_id = '00000000-0000-0000-0000-000000000001' AND placed_at IS NOT NULL
          AND number < 9000 ORDER BY number DESC LIMIT 21", "idx_orders_user_id"),
        ("EXPLAIN SELECT id FROM orders WHERE state = 'cancelled' AND number < 9000 ORDER BY number DESC LIMIT 21", "idx_orders_state"),
        ("EXPLAIN SELECT id FROM orders WHERE number < 9000 ORDER BY number DESC LIMIT 21", "idx_orders_number"),
        ("EXPLAIN SELECT id FROM orders WHERE pending_since < now() ORDER BY pending_since LIMIT 32", "idx_orders_pending_since"),
        ("EXPLAIN SELECT order_id FROM checkouts WHERE state IN ('running', 'undoing') AND lease_until < now()
          ORDER BY lease_until LIMIT 16", "idx_checkouts_lease_until"),
        ("EXPLAIN SELECT id FROM carts WHERE state = 'open' AND updated_at < now() - interval '30 days'
          ORDER BY updated_at LIMIT 500", "idx_carts_open_updated_at"),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut *conn).await.unwrap();
        assert!(plan.join("\n").contains(index), "{plan:#?}");
    }
}
