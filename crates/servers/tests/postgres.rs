//! The private PostgreSQL, really started: first start, restart, crashes, taken ports, odd places.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use servers::postgres::{PostgresOptions, start, superuser_url};
use servers::{Server, ServerError, erase};
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

/// Set for the process that holds a server until it is killed.
const HOLD: &str = "TRADEPOST_TEST_HOLD_SERVER_IN";

fn options(data_dir: &Path) -> PostgresOptions {
    PostgresOptions {
        data_dir: data_dir.to_owned(),
        settings: vec![("fsync".to_owned(), "off".to_owned()), ("shared_buffers".to_owned(), "16MB".to_owned())],
        ..PostgresOptions::default()
    }
}

/// A data folder that every account may pass through, with a space and a comma in its name.
fn data_folder() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data_dir = outer.path().join("my shop, \"new\"");
    (outer, data_dir)
}

async fn connect(server: &Server) -> PgConnection {
    PgConnection::connect(superuser_url(server, "postgres").expose_secret()).await.unwrap()
}

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(connection).await.unwrap()
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn data_outlives_a_stop_and_a_crash_of_the_server() {
    let (_outer, data_dir) = data_folder();
    let server = start(options(&data_dir)).await.unwrap();
    let mut connection = connect(&server).await;
    sqlx::query("CREATE TABLE kept (n int)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO kept VALUES (1)").execute(&mut connection).await.unwrap();
    server.stop().await.unwrap();
    assert!(connection.ping().await.is_err());

    let mut server = start(options(&data_dir)).await.unwrap();
    let mut connection = connect(&server).await;
    sqlx::query("INSERT INTO kept VALUES (2)").execute(&mut connection).await.unwrap();
    kill(server.pid());
    assert!(!server.exited().await.unwrap().success());
    drop(server);

    let server = start(options(&data_dir)).await.unwrap();
    let mut connection = connect(&server).await;
    let kept: Vec<i32> = sqlx::query_scalar("SELECT n FROM kept ORDER BY n").fetch_all(&mut connection).await.unwrap();
    assert_eq!(kept, [1, 2]);
    server.stop().await.unwrap();

    erase(&data_dir).await.unwrap();
    assert!(!data_dir.join("postgres").exists());
}

#[tokio::test]
async fn only_the_password_opens_it_and_its_log_stays_silent_about_data() {
    let (_outer, data_dir) = data_folder();
    let server = start(options(&data_dir)).await.unwrap();
    let mut connection = connect(&server).await;
    assert_eq!(setting(&mut connection, "listen_addresses").await, "127.0.0.1");
    assert_eq!(setting(&mut connection, "server_encoding").await, "UTF8");
    assert_eq!(setting(&mut connection, "synchronous_commit").await, "on");
    let refused = sqlx::query("SELECT 'ada@example.org'::int").execute(&mut connection).await;
    assert!(refused.is_err());

    let port = server.port();
    let stranger = format!("postgres://postgres:guess@127.0.0.1:{port}/postgres");
    assert!(PgConnection::connect(&stranger).await.is_err());

    let folder = server.folder().to_owned();
    server.stop().await.unwrap();
    let log = fs::read_to_string(folder.join("server.log")).unwrap();
    assert!(log.contains("ready to accept connections"));
    assert!(!log.contains("ada@example.org"));
    let mode = fs::metadata(folder.join("password")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_taken_port_is_replaced_and_a_free_one_kept() {
    let (_outer, data_dir) = data_folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let wanting = PostgresOptions { preferred_port: Some(port), ..options(&data_dir) };
    let server = start(wanting.clone()).await.unwrap();
    assert_ne!(server.port(), port);
    server.stop().await.unwrap();

    drop(taken);
    let server = start(wanting).await.unwrap();
    assert_eq!(server.port(), port);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_an_interrupted_first_start_left_is_made_anew() {
    let (_outer, data_dir) = data_folder();
    let half_made = data_dir.join("postgres/cluster.new");
    fs::create_dir_all(&half_made).unwrap();
    fs::write(half_made.join("PG_VERSION"), "15\n").unwrap();
    let server = start(options(&data_dir)).await.unwrap();
    connect(&server).await;
    assert!(!half_made.exists());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_that_names_a_foreign_process_does_not_hinder() {
    let (_outer, data_dir) = data_folder();
    let server = start(options(&data_dir)).await.unwrap();
    let cluster = server.folder().join("cluster");
    let pid_file = cluster.join("postmaster.pid");
    let text = fs::read_to_string(&pid_file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    server.stop().await.unwrap();

    // PostgreSQL itself would take a process of its own account for another server.
    let mut foreign = Command::new("sleep");
    foreign.arg("600");
    if rustix::process::geteuid().is_root() {
        foreign.uid(fs::metadata(&cluster).unwrap().uid());
    }
    let mut foreign = foreign.spawn().unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", foreign.id())).unwrap();
    let server = start(options(&data_dir)).await;
    let survived = foreign.try_wait().unwrap().is_none();
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    assert!(survived);
    server.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn a_second_owner_is_refused_and_the_first_goes_on() {
    let (_outer, data_dir) = data_folder();
    let server = start(options(&data_dir)).await.unwrap();
    let second = start(options(&data_dir)).await;
    assert!(matches!(second, Err(ServerError::InUse { .. })));
    assert!(matches!(erase(&data_dir).await, Err(ServerError::InUse { .. })));
    connect(&server).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_can_not_start_says_why() {
    let (_outer, data_dir) = data_folder();
    let mut wrong = options(&data_dir);
    wrong.settings.push(("shared_buffers".to_owned(), "plenty".to_owned()));
    let error = start(wrong).await.unwrap_err().to_string();
    assert!(error.contains("did not start"), "{error}");
    assert!(error.contains("shared_buffers"), "{error}");
}

#[tokio::test]
async fn a_folder_without_programs_is_named_in_the_remedy() {
    let (outer, data_dir) = data_folder();
    let nowhere = PostgresOptions { binaries: Some(outer.path().to_owned()), ..options(&data_dir) };
    let error = start(nowhere).await.unwrap_err().to_string();
    assert!(error.contains("install it"), "{error}");
    assert!(error.contains(&outer.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn a_data_folder_closed_to_the_servers_account_is_served_from_elsewhere() {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let data_dir = outer.path().join("data");
    let server = start(options(&data_dir)).await.unwrap();
    connect(&server).await;
    let folder = server.folder().to_owned();
    assert_eq!(data_dir.join("postgres").canonicalize().unwrap(), folder);
    // Only root has to hand the server to an account that can't pass.
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(folder.starts_with(outer.path().canonicalize().unwrap()), !is_root);
    server.stop().await.unwrap();
    erase(&data_dir).await.unwrap();
    assert!(!folder.exists());
    assert!(data_dir.join("postgres").symlink_metadata().is_err());
}

#[tokio::test]
async fn the_server_of_a_killed_owner_is_taken_over() {
    let (_outer, data_dir) = data_folder();
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owner_to_be_killed", "--nocapture"])
        .env(HOLD, &data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(owner.stdout.take().unwrap()).lines();
    let orphan: u32 = output.find_map(|line| line.unwrap().strip_prefix("server pid ")?.parse().ok()).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(Path::new(&format!("/proc/{orphan}")).exists());

    let server = start(options(&data_dir)).await.unwrap();
    assert_ne!(server.pid(), orphan);
    connect(&server).await;
    server.stop().await.unwrap();
}

/// Not a test of its own: the process that `the_server_of_a_killed_owner_is_taken_over` starts and kills.
#[tokio::test]
async fn owner_to_be_killed() {
    let Some(data_dir) = std::env::var_os(HOLD) else {
        return;
    };
    let mut server = start(options(Path::new(&data_dir))).await.unwrap();
    println!("\nserver pid {}", server.pid());
    server.exited().await.unwrap();
}
