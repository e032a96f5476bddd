//! The doctor names each kind of damage, and nothing once it is mended.

use sqlx::AssertSqlSafe;
use tradepost::doctor::{self, Finding};
use tradepost::shop::Roles;
use tradepost_tests::TestShop;

use crate::TOPOLOGY;

/// Damage to a role's database, as its owner.
struct Damage {
    role: &'static str,
    /// What the doctor says of it.
    named: &'static str,
    done: &'static str,
    mended: &'static str,
}

const DAMAGES: &[Damage] = &[
    Damage {
        role: "products",
        named: "its counters differ from its movements",
        done: "UPDATE inventory_levels SET on_hand = on_hand + 1",
        mended: "UPDATE inventory_levels SET on_hand = on_hand - 1",
    },
    Damage {
        role: "products",
        named: "its counters differ from its movements",
        done: "CREATE TABLE lost AS SELECT * FROM stock_movements WHERE kind = 'commit'; \
               DELETE FROM stock_movements WHERE kind = 'commit'",
        mended: "INSERT INTO stock_movements OVERRIDING SYSTEM VALUE SELECT * FROM lost; DROP TABLE lost",
    },
    Damage {
        role: "products",
        named: "its inventory count differs from its variants' stock",
        done: "UPDATE products SET inventory_count = inventory_count + 1",
        mended: "UPDATE products SET inventory_count = inventory_count - 1",
    },
    Damage {
        role: "products",
        named: "its reserved units differ from the open reservations",
        done: "UPDATE reservations SET state = 'reserved' WHERE state = 'committed'",
        mended: "UPDATE reservations SET state = 'committed' WHERE state = 'reserved'",
    },
    Damage {
        role: "orders",
        named: "stock_held_for_no_order: 00000000-0000-4000-8000-000000000001",
        // By the book in every other way: level, ledger and count agree.
        done: "INSERT INTO reservations (order_id, state, expires_at) \
                 VALUES ('00000000-0000-4000-8000-000000000001', 'reserved', now() + interval '1 hour'); \
               INSERT INTO reservation_lines (order_id, level_id, quantity) \
                 SELECT '00000000-0000-4000-8000-000000000001', id, 1 FROM inventory_levels; \
               INSERT INTO stock_movements (level_id, kind, on_hand_delta, reserved_delta, order_id) \
                 SELECT id, 'reserve', 0, 1, '00000000-0000-4000-8000-000000000001' FROM inventory_levels; \
               UPDATE inventory_levels SET reserved = reserved + 1; \
               UPDATE products SET inventory_count = inventory_count - 1",
        mended: "DELETE FROM reservation_lines WHERE order_id = '00000000-0000-4000-8000-000000000001'; \
                 DELETE FROM reservations WHERE order_id = '00000000-0000-4000-8000-000000000001'; \
                 DELETE FROM stock_movements WHERE order_id = '00000000-0000-4000-8000-000000000001'; \
                 UPDATE inventory_levels SET reserved = reserved - 1; \
                 UPDATE products SET inventory_count = inventory_count + 1",
    },
    Damage {
        role: "orders",
        named: "projection_differs_from_log",
        done: "UPDATE orders SET country = 'FR'",
        mended: "UPDATE orders SET country = 'DE'",
    },
    Damage {
        role: "orders",
        named: "placed_without_payment",
        done: "UPDATE payments SET amount = amount - 1",
        mended: "UPDATE payments SET amount = amount + 1",
    },
    Damage {
        role: "orders",
        named: "lines_do_not_add_up",
        done: "UPDATE order_lines SET tax_amount = tax_amount + 1",
        mended: "UPDATE order_lines SET tax_amount = tax_amount - 1",
    },
    Damage {
        role: "products",
        named: "1 events are unsent",
        done: "INSERT INTO events (aggregate, aggregate_id, version, kind, data, occurred_at) \
                 VALUES ('test', gen_random_uuid(), 1, 'test.happened', '{}', now() - interval '1 hour')",
        mended: "DELETE FROM events WHERE aggregate = 'test'",
    },
    Damage {
        role: "orders",
        named: "1 events are dead letters",
        done: "INSERT INTO dead_letters (consumer, event_id, aggregate, aggregate_id, version, envelope, error, attempts) \
                 VALUES ('test', gen_random_uuid(), 'test', gen_random_uuid(), 1, '{}', 'broken', 5)",
        mended: "DELETE FROM dead_letters",
    },
    Damage {
        role: "users",
        named: "version_differs_from_events",
        done: "UPDATE users SET version = version + 1",
        mended: "UPDATE users SET version = version - 1",
    },
];

async fn execute(shop: &TestShop, role: &str, statements: &'static str) {
    let database = shop.databases().iter().find(|database| database.db().role() == role).unwrap();
    sqlx::raw_sql(AssertSqlSafe(statements)).execute(database.owner()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_damage_is_named_until_it_is_mended() {
    let shop = TestShop::start(TOPOLOGY).await;
    let variant = shop.add_variant(10).await;
    let customer = shop.customer().await;
    let cart = customer.ready_cart(&variant, 2).await;
    customer.complete(&cart, None).await.expect(201);
    shop.assert_sound().await;
    shop.settle().await;
    // At work, the shop would send the unsent event and put the damage right or make it worse.
    shop.halt().await;

    let roles = Roles::connect(&shop.settings).await.unwrap();
    for Damage { role, named, done, mended } in DAMAGES {
        // The reservation lies with products, but it is orders that miss an order for it.
        let damaged = if named.starts_with("stock_held") { "products" } else { role };
        execute(&shop, damaged, done).await;
        let found = doctor::findings(&roles).await.unwrap();
        let is_named = |finding: &Finding| finding.role == *role && finding.what.contains(named);
        assert!(found.iter().any(is_named), "{named}: {found:?}");
        execute(&shop, damaged, mended).await;
        assert_eq!(doctor::findings(&roles).await.unwrap(), [], "after mending: {named}");
    }
    for db in &roles.databases {
        db.close().await;
    }
}
