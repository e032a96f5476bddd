use pg::Schema;
use pg::catalogue::findings;
use sqlx::AssertSqlSafe;
use test_kit::TestDb;

use crate::support::SCHEMA;

async fn findings_after(ddl: &str) -> Vec<String> {
    let test = TestDb::new(&SCHEMA).await;
    let mut conn = test.owner().acquire().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(ddl.to_owned())).execute(&mut *conn).await.unwrap();
    findings(&mut conn, &SCHEMA).await.unwrap()
}

#[tokio::test]
async fn a_schema_that_keeps_to_the_rules_has_no_findings() {
    assert_eq!(findings_after("").await, Vec::<String>::new());
}

#[tokio::test]
async fn each_breach_is_found() {
    for (ddl, finding) in [
        ("DROP INDEX idx_books_shelf", "foreign key books_shelf_id_fkey of books has no index"),
        ("ALTER TABLE books ADD read_at TIMESTAMP", "books.read_at is timestamp without time zone"),
        ("ALTER TABLE books ADD weight REAL", "books.weight is real"),
        ("ALTER TABLE books ADD tags JSON", "books.tags is json"),
        ("ALTER TABLE books DROP created_at", "books lacks created_at"),
        ("ALTER TABLE books ALTER updated_at DROP NOT NULL", "books lacks updated_at"),
        ("ALTER TABLE books ALTER id DROP DEFAULT", "books.id is not UUID PRIMARY KEY"),
        ("ALTER TABLE books DROP currency", "books.price has no currency beside it"),
        ("ALTER TABLE books ADD total NUMERIC(10, 2)", "books.total is numeric, not BIGINT"),
        ("CREATE TABLE loose (a INT, created_at TIMESTAMPTZ NOT NULL DEFAULT now())", "loose has no primary key"),
        ("CREATE TABLE x (a INT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now())", "x has no grant"),
        ("DROP TABLE books", "books is granted but does not exist"),
    ] {
        let found = findings_after(ddl).await;
        assert!(found.iter().any(|line| line.starts_with(finding)), "{ddl}: {found:?}");
    }
}

#[tokio::test]
async fn an_amount_without_a_currency_can_be_named_as_meant_so() {
    const MEANT: Schema = Schema { unpaired_amounts: &["books.price"], ..SCHEMA };
    let test = TestDb::new(&SCHEMA).await;
    let mut conn = test.owner().acquire().await.unwrap();
    sqlx::query("ALTER TABLE books DROP currency").execute(&mut *conn).await.unwrap();
    assert_eq!(findings(&mut conn, &MEANT).await.unwrap(), Vec::<String>::new());
}
