//! Redis and RabbitMQ, really started: who may use them, crashes, and what is left behind.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret;
use servers::rabbitmq::{self, RabbitmqOptions};
use servers::redis::{self, RedisOptions};
use servers::{Server, end_leftovers, erase};
use tempfile::TempDir;

fn data_folder() -> (TempDir, PathBuf) {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let data_dir = outer.path().join("a shop");
    (outer, data_dir)
}

/// Sends bytes; gives as many of the answer as asked for.
fn ask(port: u16, question: &[u8], length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(question).unwrap();
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).unwrap();
    answer
}

/// The process ids that were noted in a server's folder.
fn noted(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "pid")).map(|p| fs::read_to_string(p).unwrap()).collect()
}

fn is_alive(pid: &str) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

async fn kill(mut server: Server) -> u16 {
    kill_process(Pid::from_raw(server.pid().cast_signed()).unwrap(), Signal::KILL).unwrap();
    server.exited().await.unwrap();
    server.port()
}

#[tokio::test]
async fn redis_answers_who_knows_the_password_and_comes_back_where_it_was() {
    let (_outer, data_dir) = data_folder();
    let options = RedisOptions { data_dir: data_dir.clone(), preferred_port: None };
    let server = redis::start(options.clone()).await.unwrap();
    let url = redis::url(&server).expose_secret().to_owned();
    assert_eq!(ask(server.port(), b"PING\r\n", 7), b"-NOAUTH");
    let port = kill(server).await;
    let server = redis::start(RedisOptions { preferred_port: Some(port), ..options }).await.unwrap();
    assert_eq!(redis::url(&server).expose_secret(), url, "those who use it find it again");
    server.stop().await.unwrap();
    erase(&data_dir).await.unwrap();
    assert!(!data_dir.join("redis").exists());
}

#[tokio::test]
async fn rabbitmq_comes_back_where_it_was_and_leaves_nothing() {
    let (_outer, data_dir) = data_folder();
    let options = RabbitmqOptions { data_dir: data_dir.clone(), ..RabbitmqOptions::default() };
    let server = rabbitmq::start(options.clone()).await.unwrap();
    let url = rabbitmq::url(&server).expose_secret().to_owned();
    // A frame of the method class: the broker begins the conversation.
    assert_eq!(ask(server.port(), b"AMQP\x00\x00\x09\x01", 1), [1]);
    let first = noted(server.folder());
    assert_eq!(first.len(), 2, "the node and the name server");
    let port = kill(server).await;
    let server = rabbitmq::start(RabbitmqOptions { preferred_port: Some(port), ..options }).await.unwrap();
    assert_eq!(rabbitmq::url(&server).expose_secret(), url, "those who use it find it again");
    let second = noted(server.folder());
    server.stop().await.unwrap();
    end_leftovers(&data_dir).await.unwrap();
    assert!(!first.iter().chain(&second).any(|pid| is_alive(pid)), "{first:?} {second:?}");
    erase(&data_dir).await.unwrap();
    assert!(!data_dir.join("rabbitmq").exists());
}
