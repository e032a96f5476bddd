//! The role's database.

use pg::migrate::{Back, down, up};
use test_kit::TestDb;

#[tokio::test]
async fn every_table_keeps_to_the_rules() {
    let db = TestDb::new(&webhooks::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    assert_eq!(pg::catalogue::findings(&mut conn, &webhooks::SCHEMA).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn up_down_up_leaves_the_same_schema() {
    let db = TestDb::new(&webhooks::SCHEMA).await;
    let mut conn = db.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    let undone = down(db.owner(), &webhooks::SCHEMA, Back::To(0)).await.unwrap();
    assert_eq!(up(db.owner(), &webhooks::SCHEMA).await.unwrap().len(), undone.len());
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}
