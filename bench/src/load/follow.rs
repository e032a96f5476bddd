//! Followers of the stream, thousands of them in one lean process: each a WebSocket with small buffers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, Utc};
use futures_util::{SinkExt, StreamExt};
use rustix::process::{Resource, Rlimit};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::{Latencies, Latency};
use crate::event_log::KIND;

/// Connections from one address of this machine; a gateway bounds them, and each address has its own ports.
const PER_ADDRESS: usize = 500;
/// Connections that are being made at once.
const CONNECTING: usize = 32;
/// Bytes of a connection's buffers.
const BUFFER: usize = 1024;
/// How long an answer, or the rest of the messages, may take.
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<TcpStream>;

/// Who follows what.
#[derive(Serialize, Deserialize)]
pub struct Plan {
    /// The gateway.
    pub address: SocketAddr,
    /// Customers, who are not signed in.
    pub customers: usize,
    /// Products that each of them follows.
    pub each: usize,
    /// The products that there are.
    pub products: Vec<String>,
    /// Staff, who follow everything.
    pub staff: usize,
    /// The token of each twenty of them.
    pub tokens: Vec<String>,
}

/// Said when all follow.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ready {
    /// Seconds from the first connection until then.
    pub seconds: f64,
}

/// Told when everything has been changed that will be.
#[derive(Serialize, Deserialize)]
pub struct Changed {
    /// Messages that come of it, all followers together.
    pub messages: u64,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Messages that came.
    pub messages: u64,
    /// From the time in the event, which is set before the commit, until it was read.
    pub delay: Latency,
}

/// Runs the plan of this process.
pub async fn main() -> anyhow::Result<()> {
    let plan: Arc<Plan> = Arc::new(super::next_told()?);
    raise_file_limit(plan.customers + plan.staff)?;
    let (began, delays) = (Instant::now(), Arc::new(Mutex::new(Latencies::new()?)));
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    let (ready, mut readies) = mpsc::unbounded_channel();
    let mut followers = JoinSet::new();
    for number in 0..plan.customers + plan.staff {
        let (plan, connecting) = (Arc::clone(&plan), Arc::clone(&connecting));
        let (delays, ready) = (Arc::clone(&delays), ready.clone());
        followers.spawn(async move {
            let turn = connecting.acquire_owned().await?;
            let socket = open(&plan, number).await.with_context(|| format!("follower {number}"))?;
            drop(turn);
            ready.send(())?;
            read(socket, &delays).await.with_context(|| format!("follower {number}"))
        });
    }
    for _ in 0..plan.customers + plan.staff {
        tokio::select! {
            _ = readies.recv() => {}
            ended = followers.join_next() => bail!("a follower has ended: {ended:?}"),
        }
    }
    super::say(&Ready { seconds: began.elapsed().as_secs_f64() })?;
    let told = tokio::task::spawn_blocking(super::next_told::<Changed>);
    let changed = tokio::select! {
        changed = told => changed??,
        ended = followers.join_next() => bail!("a follower has ended: {ended:?}"),
    };
    let deadline = Instant::now() + PATIENCE;
    let look = || delays.lock().unwrap_or_else(PoisonError::into_inner).count();
    while look() < changed.messages && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
    super::say(&Outcome { messages: delays.count(), delay: delays.latency() })
}

/// Each connection is a file.
fn raise_file_limit(connections: usize) -> anyhow::Result<()> {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    let needed = u64::try_from(connections)? + 100;
    ensure!(maximum.is_none_or(|maximum| maximum >= needed), "{needed} open files are not allowed: ulimit -Hn");
    Ok(rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// Connects and follows; returns when the gateway has said so.
async fn open(plan: &Plan, number: usize) -> anyhow::Result<Socket> {
    let tcp = TcpSocket::new_v4()?;
    let last = u8::try_from(number / PER_ADDRESS % 200)? + 2;
    tcp.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
    let tcp = tokio::time::timeout(PATIENCE, tcp.connect(plan.address)).await??;
    tcp.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    let address = format!("ws://{}/api/v1/stream", plan.address);
    let handshake = tokio_tungstenite::client_async_with_config(address, tcp, Some(config));
    let (mut socket, _) = tokio::time::timeout(PATIENCE, handshake).await??;
    let topics: Vec<String> = match number.checked_sub(plan.customers) {
        Some(staff) => {
            let token = plan.tokens.get(staff % plan.tokens.len().max(1)).context("staff without a token")?;
            let authenticate = json!({"type": "authenticate", "token": token});
            socket.send(Message::text(authenticate.to_string())).await?;
            vec![KIND.to_owned()]
        }
        None => {
            let from = number * plan.each;
            let product = |at: usize| format!("product:{}", plan.products[at % plan.products.len()]);
            (from..from + plan.each).map(product).collect()
        }
    };
    socket.send(Message::text(json!({"type": "subscribe", "topics": topics}).to_string())).await?;
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await?.context("the gateway closed")??;
        let Message::Text(text) = message else { continue };
        ensure!(!text.contains("\"type\":\"error\""), "{text}");
        if text.contains("\"type\":\"subscribed\"") {
            return Ok(socket);
        }
    }
}

/// Reads until the connection ends, which it must not.
async fn read(mut socket: Socket, delays: &Mutex<Latencies>) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) if text.contains(KIND) => {
                let took = (Utc::now() - time(&text).context("an event without its time")?).to_std();
                delays.lock().unwrap_or_else(PoisonError::into_inner).add(took.unwrap_or_default());
            }
            Message::Close(reason) => bail!("the gateway closed: {reason:?}"),
            _ => {}
        }
    }
    bail!("the connection was lost")
}

/// The time of an event. Parsing all of it ten thousand times would cost more than sending it did.
fn time(event: &str) -> Option<DateTime<Utc>> {
    let (_, rest) = event.split_once("\"time\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}
