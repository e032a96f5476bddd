//! Rules that the tables and the published schema keep to.

use pg::migrate::{Back, down, up};
use test_kit::TestDb;

use crate::support::Shop;

#[tokio::test]
async fn the_tables_keep_to_the_rules() {
    let shop = Shop::open().await;
    let mut conn = shop.test_db().owner().acquire().await.unwrap();
    let findings = pg::catalogue::findings(&mut conn, &products::SCHEMA).await.unwrap();
    assert_eq!(findings, Vec::<String>::new());
}

#[tokio::test]
async fn migrations_up_down_and_up_leave_the_same_schema() {
    let db = TestDb::new(&products::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    let undone = down(db.owner(), &products::SCHEMA, Back::To(0)).await.unwrap();
    let bare = pg::catalogue::describe(&mut conn).await.unwrap();
    assert!(!undone.is_empty() && bare.len() < before.len());
    up(db.owner(), &products::SCHEMA).await.unwrap();
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}

#[tokio::test]
async fn the_ledger_cannot_be_changed() {
    let shop = Shop::open().await;
    let (_, variant) = shop.product("ledger", 100, 5).await;
    assert_eq!(shop.available(variant).await, 5);
    for statement in
        ["UPDATE stock_movements SET on_hand_delta = 0", "DELETE FROM stock_movements", "DELETE FROM products"]
    {
        let refused = sqlx::query(statement).execute(shop.test_db().db().primary()).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{statement}: {refused}");
    }
}

#[test]
fn the_checked_in_schema_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api/schema.graphql");
    let checked_in = std::fs::read_to_string(&path).unwrap();
    assert!(checked_in == products::sdl(), "docs/api/schema.graphql differs from the code: run ./dev gen");
}
