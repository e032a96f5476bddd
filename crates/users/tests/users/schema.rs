//! The role's database.

use pg::migrate::{Back, down, up};
use test_kit::TestDb;

#[tokio::test]
async fn every_table_keeps_to_the_rules() {
    let db = TestDb::new(&users::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    assert_eq!(pg::catalogue::findings(&mut conn, &users::SCHEMA).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let db = TestDb::new(&users::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    let undone = down(db.owner(), &users::SCHEMA, Back::To(0)).await.unwrap();
    assert_eq!(up(db.owner(), &users::SCHEMA).await.unwrap().len(), undone.len());
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}

#[tokio::test]
async fn the_runtime_login_cannot_delete_accounts_or_change_the_schema() {
    let db = TestDb::new(&users::SCHEMA).await;
    for statement in ["DELETE FROM users", "TRUNCATE users CASCADE", "DROP TABLE addresses", "CREATE TABLE x (id INT)"]
    {
        let refused = sqlx::query(statement).execute(db.db().primary()).await.unwrap_err();
        let code =
            refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
        assert_eq!(code, "42501", "{statement}: {refused}");
    }
}

#[tokio::test]
async fn sign_in_and_list_use_their_indexes() {
    let db = TestDb::new(&users::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let fill = "INSERT INTO users (email, email_index, password_hash, first_name, last_name)
                SELECT '\\x00', decode(md5(n::text), 'hex'), 'x', '\\x00', '\\x00' FROM generate_series(1, 20000) n";
    sqlx::query(fill).execute(&mut *conn).await.unwrap();
    sqlx::query("ANALYZE users").execute(&mut *conn).await.unwrap();
    for (statement, index) in [
        ("EXPLAIN SELECT id FROM users WHERE email_index = '\\x01' AND deleted_at IS NULL", "idx_users_email"),
        ("EXPLAIN SELECT id FROM users WHERE deleted_at IS NULL AND (created_at, id) < ('infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff')
          ORDER BY created_at DESC, id DESC LIMIT 21", "idx_users_created_at"),
    ] {
        let plan: Vec<String> = sqlx::query_scalar(statement).fetch_all(&mut *conn).await.unwrap();
        assert!(plan.join("\n").contains(index), "{plan:#?}");
    }
}
