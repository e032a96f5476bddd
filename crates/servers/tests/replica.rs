//! The replica, really started: it follows, over restarts of the primary too, and is made anew when it can't.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use servers::postgres::replica::{self, PRIMARY_SETTINGS, Primary, ReplicaOptions};
use servers::postgres::{self, PostgresOptions, superuser_url};
use servers::{Server, erase};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// How long a change may take to arrive.
const PATIENCE: Duration = Duration::from_mins(1);

fn data_folder() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data_dir = outer.path().join("a shop's data");
    (outer, data_dir)
}

async fn start_primary(data_dir: &Path, preferred_port: Option<u16>) -> Server {
    let mut settings: Vec<(String, String)> =
        PRIMARY_SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    settings.push(("shared_buffers".to_owned(), "16MB".to_owned()));
    let options = PostgresOptions { data_dir: data_dir.to_owned(), preferred_port, binaries: None, settings };
    postgres::start(options).await.unwrap()
}

async fn start_replica(data_dir: &Path, primary: &Server) -> Server {
    let settings = vec![("shared_buffers".to_owned(), "16MB".to_owned())];
    let options = ReplicaOptions { data_dir: data_dir.to_owned(), preferred_port: None, binaries: None, settings };
    replica::start(options, &Primary::of(primary)).await.unwrap()
}

async fn execute(server: &Server, statement: &'static str) {
    let mut connection = PgConnection::connect(superuser_url(server, "postgres").expose_secret()).await.unwrap();
    sqlx::query(statement).execute(&mut connection).await.unwrap();
}

/// The rows that the replica has, once it has as many.
async fn wait_for_rows(replica: &Server, count: i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut connection = PgConnection::connect(superuser_url(replica, "postgres").expose_secret()).await.unwrap();
        let rows = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connection).await;
        if rows.is_ok_and(|rows: i64| rows == count) {
            return;
        }
        assert!(Instant::now() < deadline, "the replica does not have {count} rows");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_replica_follows_over_crashes_and_is_made_anew_when_it_can_not() {
    let (_outer, data_dir) = data_folder();
    let mut primary = start_primary(&data_dir, None).await;
    execute(&primary, "CREATE TABLE kept (n int)").await;
    let replica = start_replica(&data_dir, &primary).await;
    execute(&primary, "INSERT INTO kept VALUES (1)").await;
    wait_for_rows(&replica, 1).await;
    let mut connection = PgConnection::connect(superuser_url(&replica, "postgres").expose_secret()).await.unwrap();
    let refused = sqlx::query("INSERT INTO kept VALUES (0)").execute(&mut connection).await.unwrap_err();
    assert_eq!(
        refused.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
        Some("25006"),
        "{refused}"
    );

    // The primary crashes and comes back where it was.
    let port = primary.port();
    kill_process(Pid::from_raw(primary.pid().cast_signed()).unwrap(), Signal::KILL).unwrap();
    primary.exited().await.unwrap();
    drop(primary);
    let primary = start_primary(&data_dir, Some(port)).await;
    assert_eq!(primary.port(), port);
    execute(&primary, "INSERT INTO kept VALUES (2)").await;
    wait_for_rows(&replica, 2).await;
    assert!(!replica::is_lost(&replica));

    // The primary keeps nothing for it any more.
    replica.stop().await.unwrap();
    execute(&primary, "SELECT pg_drop_replication_slot('tradepost_replica')").await;
    execute(&primary, "INSERT INTO kept VALUES (3)").await;
    let lost = start_replica(&data_dir, &primary).await;
    let deadline = Instant::now() + PATIENCE;
    while !replica::is_lost(&lost) {
        assert!(Instant::now() < deadline, "the replica does not tell that it is lost");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    lost.stop().await.unwrap();
    let replica = start_replica(&data_dir, &primary).await;
    wait_for_rows(&replica, 3).await;

    replica.stop().await.unwrap();
    primary.stop().await.unwrap();
    erase(&data_dir).await.unwrap();
    assert!(!data_dir.join("replica").exists() && !data_dir.join("postgres").exists());
}
