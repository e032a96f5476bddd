//! The clients of the guide, run as they stand.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contracts::event_log::EventLog as _;
use kernel::{Context, Scope};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::support::{Edge, PATIENCE};

/// A way to the edge that can be cut.
struct Way {
    address: SocketAddr,
    cut: Arc<Notify>,
    connections: Arc<AtomicUsize>,
}

impl Way {
    async fn to(edge: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self { address: listener.local_addr().unwrap(), cut: Arc::default(), connections: Arc::default() };
        let (cut, connections) = (Arc::clone(&way.cut), Arc::clone(&way.connections));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let cut = Arc::clone(&cut);
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(edge).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        way
    }

    /// Cuts the connection, and waits until the client is back.
    async fn cut(&self) {
        let before = self.connections.load(Ordering::SeqCst);
        self.cut.notify_waiters();
        let is_back = async {
            while self.connections.load(Ordering::SeqCst) == before {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, is_back).await.expect("the client comes back");
    }
}

/// The example, and what it prints.
struct Example {
    child: Child,
    printed: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(program: &str, arguments: &[&str], shop: SocketAddr, token: &str) -> Self {
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples");
        let program = std::env::var(program).unwrap_or_else(|_| panic!("{program} is not set: run ./dev test"));
        let mut child = Command::new(program)
            .current_dir(examples)
            .args(arguments)
            .args([&format!("http://{shop}"), "orders"])
            .env("TOKEN", token)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, printed }
    }

    /// The sequence of the next event.
    async fn next(&mut self) -> i64 {
        let line = timeout(PATIENCE, self.printed.next_line()).await.expect("an event in time").unwrap().unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(event["type"], "order.placed");
        event["sequence"].as_i64().unwrap()
    }
}

/// Follows all orders while they are placed, is cut off and misses nothing; ends with its session, which ends while it listens
/// or while it is away.
async fn follow(program: &str, arguments: &[&str]) {
    for is_away in [false, true] {
        let edge = Arc::new(Edge::start().await);
        let way = Way::to(edge.address).await;
        let token = edge.token(Uuid::new_v4(), &[Scope::ReadOrders], 600);
        let mut example = Example::start(program, arguments, way.address, &token);
        let shop = Arc::clone(&edge);
        let placing = tokio::spawn(async move {
            loop {
                shop.order("order.placed", Uuid::new_v4(), None);
                sleep(Duration::from_millis(20)).await;
            }
        });
        let mut last = example.next().await;
        for _ in 0..2 {
            way.cut().await;
            let placed = edge.orders.last_sequence(&context()).await.unwrap();
            while last <= placed {
                let next = example.next().await;
                assert_eq!(next, last + 1);
                last = next;
            }
        }
        placing.abort();
        if is_away {
            way.cut.notify_waiters();
        }
        edge.end_session(&token);
        while timeout(PATIENCE, example.printed.next_line()).await.expect("it ends").unwrap().is_some() {}
        timeout(PATIENCE, example.child.wait()).await.expect("it ends").unwrap();
    }
}

fn context() -> Context {
    Context::system("test", PATIENCE)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_node_misses_nothing_and_ends_with_its_session() {
    follow("TRADEPOST_TEST_NODE", &["--experimental-websocket", "stream.mjs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_for_python_misses_nothing_and_ends_with_its_session() {
    follow("TRADEPOST_TEST_PYTHON", &["stream.py"]).await;
}
