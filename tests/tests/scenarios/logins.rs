//! A role's runtime login can do what the role does, and nothing else.

use sqlx::{Connection, PgConnection};
use tradepost_tests::TestShop;

use crate::TOPOLOGY;

async fn refused(login: &str, statement: &'static str) {
    let mut conn = PgConnection::connect(login).await.expect("the login connects to its own database");
    let error = sqlx::query(statement).execute(&mut conn).await.expect_err(statement);
    let code = error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
    assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_logins_cannot_touch_what_they_need_not() {
    let shop = TestShop::start(TOPOLOGY).await;
    let [users, products, orders, _] = shop.databases();
    for database in shop.databases() {
        let login = database.urls().app.expose();
        refused(login, "DELETE FROM events").await;
        refused(login, "UPDATE events SET data = '{}'").await;
        refused(login, "TRUNCATE events").await;
        refused(login, "DROP TABLE events").await;
        refused(login, "ALTER TABLE events ADD COLUMN extra text").await;
        refused(login, "CREATE TABLE extra (id int)").await;
        refused(login, "CREATE ROLE extra").await;
        refused(login, "UPDATE _sqlx_migrations SET success = false").await;
        refused(login, "SELECT * FROM pg_authid").await;
        refused(database.urls().read.expose(), "INSERT INTO inbox DEFAULT VALUES").await;
    }
    refused(users.urls().app.expose(), "DELETE FROM users").await;
    refused(products.urls().app.expose(), "UPDATE stock_movements SET on_hand_delta = 0").await;
    refused(products.urls().app.expose(), "DELETE FROM stock_movements").await;
    refused(orders.urls().app.expose(), "UPDATE tax_rates SET rate_bp = 0").await;
    shop.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_cannot_enter_another_roles_database() {
    let shop = TestShop::start(TOPOLOGY).await;
    let [users, _, orders, _] = shop.databases();
    let (own, other) = (users.urls().app.expose(), orders.urls().app.expose());
    let database = other.rsplit_once('/').unwrap().1;
    let foreign = format!("{}/{database}", own.rsplit_once('/').unwrap().0);
    let error = PgConnection::connect(&foreign).await.expect_err("another role's database");
    let code = error.as_database_error().and_then(|e| e.code().map(std::borrow::Cow::into_owned));
    assert_eq!(code.as_deref(), Some("42501"), "{error}");
    shop.stop().await;
}
