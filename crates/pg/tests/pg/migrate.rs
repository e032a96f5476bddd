use pg::Schema;
use pg::migrate::{Back, MigrationError, Step, down, status, up};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use test_kit::TestDb;

use crate::support::{SCHEMA, migration};

async fn applied(pool: &PgPool) -> Vec<i64> {
    status(pool, &SCHEMA).await.unwrap().into_iter().filter(|step| step.applied).map(|step| step.version).collect()
}

fn versions(steps: &[Step]) -> Vec<i64> {
    steps.iter().map(|step| step.version).collect()
}

#[tokio::test]
async fn down_goes_back_by_steps_or_to_a_version_and_up_brings_back_what_is_missing() {
    let test = TestDb::new(&SCHEMA).await;
    let owner = test.owner();
    let mut conn = owner.acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    assert_eq!(applied(owner).await, [100, 101, 102]);
    assert_eq!(versions(&down(owner, &SCHEMA, Back::Steps(0)).await.unwrap()), [0_i64; 0]);
    assert_eq!(versions(&down(owner, &SCHEMA, Back::Steps(1)).await.unwrap()), [102]);
    assert_eq!(applied(owner).await, [100, 101]);
    assert_eq!(versions(&down(owner, &SCHEMA, Back::To(100)).await.unwrap()), [101]);
    assert_eq!(versions(&down(owner, &SCHEMA, Back::Steps(9)).await.unwrap()), [100]);
    assert_eq!(applied(owner).await, [0_i64; 0]);
    assert_eq!(versions(&up(owner, &SCHEMA).await.unwrap()), [100, 101, 102]);
    assert_eq!(versions(&up(owner, &SCHEMA).await.unwrap()), [0_i64; 0]);
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
}

#[tokio::test]
async fn several_runners_at_once_apply_each_migration_once() {
    let test = TestDb::new(&SCHEMA).await;
    down(test.owner(), &SCHEMA, Back::To(0)).await.unwrap();
    let (one, two, three) =
        tokio::join!(up(test.owner(), &SCHEMA), up(test.owner(), &SCHEMA), up(test.owner(), &SCHEMA));
    for run in [one, two, three] {
        run.unwrap();
    }
    assert_eq!(applied(test.owner()).await, [100, 101, 102]);
}

#[tokio::test]
async fn a_table_in_use_stops_a_migration_before_everything_queues_behind_it() {
    let test = TestDb::new(&SCHEMA).await;
    let mut reader = test.db().begin().await.unwrap();
    sqlx::query("SELECT FROM books").execute(&mut *reader).await.unwrap();
    let error = down(test.owner(), &SCHEMA, Back::Steps(1)).await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked), "{error}");
    reader.commit().await.unwrap();
    assert_eq!(versions(&down(test.owner(), &SCHEMA, Back::Steps(1)).await.unwrap()), [102]);
}

#[tokio::test]
async fn a_broken_migration_changes_nothing_and_a_later_run_is_not_blocked_by_it() {
    const BROKEN: Schema = Schema {
        migrations: || {
            let broken = migration(103, "ALTER TABLE books ADD pages INT; SELECT 1 / 0", "SELECT 1");
            Migrator::with_migrations((SCHEMA.migrations)().iter().cloned().chain(broken).collect())
        },
        ..SCHEMA
    };
    let test = TestDb::new(&SCHEMA).await;
    let mut conn = test.owner().acquire().await.unwrap();
    let before = pg::catalogue::describe(&mut conn).await.unwrap();
    assert!(matches!(up(test.owner(), &BROKEN).await.unwrap_err(), MigrationError::Migrate(_)));
    assert_eq!(pg::catalogue::describe(&mut conn).await.unwrap(), before);
    up(test.owner(), &SCHEMA).await.unwrap();
}

#[tokio::test]
async fn migrations_run_as_the_owner_only() {
    let test = TestDb::new(&SCHEMA).await;
    let error = up(test.db().primary(), &SCHEMA).await.unwrap_err();
    assert!(error.to_string().contains("test_pgtest_app"), "{error}");
}
