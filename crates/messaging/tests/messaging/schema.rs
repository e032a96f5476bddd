//! The ground's tables keep to the rules, and the runtime login can do no more than it needs.

use pg::migrate::{Back, down, up};
use test_kit::TestDb;

use crate::support::{SCHEMA, change_and_commit, create_object};

#[tokio::test]
async fn the_schema_keeps_to_the_rules() {
    let test = TestDb::new(&SCHEMA).await;
    let mut conn = test.owner().acquire().await.unwrap();
    assert_eq!(pg::catalogue::findings(&mut conn, &SCHEMA).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let test = TestDb::new(&SCHEMA).await;
    let mut conn = test.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    assert_eq!(down(test.owner(), &SCHEMA, Back::To(0)).await.unwrap().len(), 3);
    assert_eq!(up(test.owner(), &SCHEMA).await.unwrap().len(), 3);
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}

#[tokio::test]
async fn the_runtime_login_cannot_rewrite_the_log() {
    let test = TestDb::new(&SCHEMA).await;
    let object = create_object(test.db()).await;
    change_and_commit(test.db(), object).await;
    for statement in [
        "UPDATE events SET data = '{}'",
        "UPDATE events SET version = 7",
        "DELETE FROM events",
        "TRUNCATE events",
        "DELETE FROM relay",
        "INSERT INTO relay (id) VALUES (1)",
        "UPDATE inbox SET event_id = gen_random_uuid()",
        "DROP TABLE events",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id INT)",
        "DELETE FROM _sqlx_migrations",
        "SET ROLE test_ground_owner",
    ] {
        let error = sqlx::query(statement).execute(test.db().primary()).await.unwrap_err();
        let code = error.as_database_error().and_then(|cause| cause.code().map(String::from));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
}
