//! Redis for tests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Certificate;

/// Where the tests' Redis is. Tests share it: each takes a prefix of its own.
const SERVER: &str = "TRADEPOST_TEST_REDIS";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The address of the Redis that tests share.
pub fn shared_url() -> String {
    std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} is not set: run ./dev test, which starts a server and sets it"))
}

/// A Redis of one test, to be frozen and killed. Ends with it.
pub struct PrivateRedis {
    folder: TempDir,
    port: u16,
    /// Where it speaks TLS, and what it shows there.
    tls: Option<(u16, Vec<String>)>,
    child: Child,
}

impl PrivateRedis {
    /// Starts a server and waits until it answers.
    pub fn start() -> Self {
        Self::start_showing(None)
    }

    /// The same with TLS.
    pub fn start_with_tls(certificate: &Certificate) -> Self {
        Self::start_showing(Some(certificate))
    }

    fn start_showing(certificate: Option<&Certificate>) -> Self {
        let folder = tempfile::tempdir().expect("a folder is made");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let port = free_port();
            let tls = certificate.map(|certificate| {
                let port = free_port();
                (port, tls_settings(port, certificate))
            });
            // Another process may take a port in between: then there is another one.
            if let Some(child) = launch(&folder, port, tls.as_ref()) {
                return Self { folder, port, tls, child };
            }
            assert!(Instant::now() < deadline, "redis-server does not start");
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        match &self.tls {
            Some((port, _)) => format!("rediss://127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Stops it where it is: connections stay open, nothing is answered.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Has it write all that it holds into a file, from which it starts when it is restarted.
    pub fn save(&self) {
        self.command("SAVE");
    }

    /// Has it forget everything.
    pub fn flush(&self) {
        self.command("FLUSHALL");
    }

    fn command(&self, command: &str) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("redis-server is there");
        let mut answer = [0; 5];
        stream.write_all(format!("{command}\r\n").as_bytes()).expect("it takes a command");
        stream.read_exact(&mut answer).expect("it answers");
        assert_eq!(&answer, b"+OK\r\n");
    }

    /// Kills it. All that it held and did not save is gone.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Starts it again where it was, with what it saved.
    pub fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        self.child = loop {
            if let Some(child) = launch(&self.folder, self.port, self.tls.as_ref()) {
                break child;
            }
            assert!(Instant::now() < deadline, "redis-server does not start again");
        };
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a child has an id");
        kill_process(pid, signal).expect("a child takes signals");
    }
}

impl Drop for PrivateRedis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("a listener has an address").port()
}

fn tls_settings(port: u16, files: &Certificate) -> Vec<String> {
    let path = |path: &Path| path.to_str().expect("a path of a test is text").to_owned();
    let pairs = [
        ("--tls-port", port.to_string()),
        ("--tls-cert-file", path(&files.certificate)),
        ("--tls-key-file", path(&files.key)),
        ("--tls-ca-cert-file", path(&files.authority)),
        ("--tls-auth-clients", "no".to_owned()),
    ];
    pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

/// Starts a server; none if it ended instead.
fn launch(folder: &TempDir, port: u16, tls: Option<&(u16, Vec<String>)>) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(tls.map(|(_, settings)| settings.as_slice()).unwrap_or_default())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is on PATH");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("a child can be asked").is_none() {
        if answers(port) {
            return Some(child);
        }
        assert!(Instant::now() < deadline, "redis-server does not answer");
        sleep(Duration::from_millis(5));
    }
    None
}

fn answers(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut answer = [0; 5];
    stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer)).is_ok() && &answer == b"+PONG"
}
