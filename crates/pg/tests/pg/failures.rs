use kernel::ErrorKind;
use pg::{DatabaseConfig, Db};
use test_kit::TestDb;

use crate::support::SCHEMA;

fn config(url: &str) -> DatabaseConfig {
    DatabaseConfig { url: url.into(), max_connections: 1, acquire_timeout_ms: 50, ..DatabaseConfig::default() }
}

#[tokio::test]
async fn a_pool_without_a_free_connection_is_unavailable() {
    let test = TestDb::new(&SCHEMA).await;
    let db = Db::connect("pgtest", &config(test.urls().app.expose())).await.unwrap();
    let _only = db.begin().await.unwrap();
    let failure = pg::failure(&db.begin().await.unwrap_err());
    assert_eq!((failure.kind, failure.retry_after), (ErrorKind::Unavailable, Some(1)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_its_password_is_not_told() {
    let url = "postgres://someone:hunter2@127.0.0.1:1/none";
    let error = Db::connect("pgtest", &config(url)).await.unwrap_err();
    assert_eq!(pg::failure(&error).kind, ErrorKind::Unavailable);
    assert!(!format!("{error:?} {:?}", config(url)).contains("hunter2"));
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_cut_off() {
    let test = TestDb::new(&SCHEMA).await;
    let limits =
        DatabaseConfig { statement_timeout_ms: 20, acquire_timeout_ms: 5_000, ..config(test.urls().app.expose()) };
    let db = Db::connect("pgtest", &limits).await.unwrap();
    let error = sqlx::query("SELECT pg_sleep(60)").execute(db.primary()).await.unwrap_err();
    assert_eq!(pg::failure(&error).kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_wrong_statement_is_our_fault_and_says_nothing_to_the_caller() {
    let test = TestDb::new(&SCHEMA).await;
    let error = sqlx::query("SELECT nonsense").execute(test.db().primary()).await.unwrap_err();
    let failure = pg::failure(&error);
    assert_eq!(failure.kind, ErrorKind::Internal);
    assert!(!failure.to_string().contains("nonsense"));
}
