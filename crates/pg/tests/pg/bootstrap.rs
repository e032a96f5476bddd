use kernel::Secret;
use pg::bootstrap::{Names, Passwords, Urls, ensure, quote_identifier, urls};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use test_kit::TestDb;

use crate::support::SCHEMA;

fn superuser() -> Secret {
    std::env::var("TRADEPOST_TEST_POSTGRES").unwrap().into()
}

fn passwords(tag: &str) -> Passwords {
    // Characters that must be quoted, in SQL and in a URL.
    let password = |login: &str| Secret::from(format!("{tag} {login}'\\@:/%\"?"));
    Passwords { owner: password("owner"), app: password("app"), read: password("read") }
}

/// Two roles' databases on the tests' server, dropped with their logins.
struct Shop {
    shelf: Names,
    till: Names,
}

impl Shop {
    fn new() -> Self {
        let prefix = format!("boot_{}", kernel::id::new_capability().simple());
        Self { shelf: Names::new(&prefix, "shelf"), till: Names::new(&prefix, "till") }
    }

    async fn drop(self) {
        let mut server = PgConnection::connect(superuser().expose()).await.unwrap();
        for names in [&self.shelf, &self.till] {
            let database = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote_identifier(&names.database));
            sqlx::query(AssertSqlSafe(database)).execute(&mut server).await.unwrap();
            for login in [&names.owner, &names.app, &names.read] {
                let role = format!("DROP ROLE IF EXISTS {}", quote_identifier(login));
                sqlx::query(AssertSqlSafe(role)).execute(&mut server).await.unwrap();
            }
        }
    }
}

async fn code(url: &str, statement: &'static str) -> Option<String> {
    let mut conn = PgConnection::connect(url).await.unwrap();
    let error = sqlx::query(statement).execute(&mut conn).await.err()?;
    error.as_database_error().and_then(|cause| cause.code().map(String::from))
}

#[tokio::test]
async fn starts_at_once_and_repeated_make_one_database_whose_logins_reach_no_other() {
    let shop = Shop::new();
    let (url, words) = (superuser(), passwords("first"));
    let (one, two, three) = tokio::join!(
        ensure(&url, &shop.shelf, &words),
        ensure(&url, &shop.shelf, &words),
        ensure(&url, &shop.till, &words),
    );
    one.unwrap();
    two.unwrap();
    let till = three.unwrap();
    // A repeat sets new passwords.
    let shelf: Urls = ensure(&url, &shop.shelf, &passwords("second")).await.unwrap();
    for url in [&shelf.owner, &shelf.app, &shelf.read, &till.app] {
        PgConnection::connect(url.expose()).await.unwrap().close().await.unwrap();
    }
    let elsewhere = Names { database: shop.till.database.clone(), ..shop.shelf.clone() };
    let elsewhere = urls(&url, &elsewhere, &passwords("second")).unwrap();
    for url in [elsewhere.owner, elsewhere.app, elsewhere.read] {
        let error = PgConnection::connect(url.expose()).await.unwrap_err();
        assert!(error.to_string().contains("permission denied for database"), "{error}");
    }

    let owner = PgPool::connect(shelf.owner.expose()).await.unwrap();
    pg::migrate::up(&owner, &SCHEMA).await.unwrap();
    owner.close().await;
    let denied = Some("42501".to_owned());
    assert_eq!(code(shelf.app.expose(), "SELECT FROM shelves").await, None);
    assert_eq!(code(shelf.app.expose(), "UPDATE books SET title = ''").await, None);
    assert_eq!(code(shelf.app.expose(), "UPDATE books SET price = 0").await, denied);
    assert_eq!(code(shelf.app.expose(), "INSERT INTO shelves DEFAULT VALUES").await, denied);
    assert_eq!(code(shelf.app.expose(), "CREATE TABLE mine (id INT)").await, denied);
    assert_eq!(code(shelf.app.expose(), "CREATE TEMPORARY TABLE mine (id INT)").await, denied);
    assert_eq!(code(shelf.app.expose(), "CREATE ROLE mine").await, denied);
    assert_eq!(code(shelf.read.expose(), "SELECT FROM books").await, None);
    assert_eq!(code(shelf.read.expose(), "DELETE FROM books").await, denied);
    shop.drop().await;
}

#[tokio::test]
async fn a_grant_that_is_no_longer_named_is_taken_away() {
    const LESS: pg::Schema = pg::Schema { grants: &[&[pg::Grant { table: "books", runtime: "SELECT" }]], ..SCHEMA };
    let test = TestDb::new(&SCHEMA).await;
    let app = test.urls().app.expose();
    assert_eq!(code(app, "UPDATE books SET title = ''").await, None);
    pg::migrate::up(test.owner(), &LESS).await.unwrap();
    assert_eq!(code(app, "SELECT FROM books").await, None);
    assert_eq!(code(app, "UPDATE books SET title = ''").await.as_deref(), Some("42501"));
    assert_eq!(code(app, "SELECT FROM shelves").await.as_deref(), Some("42501"));
}
