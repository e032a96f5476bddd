//! Readers of the stream: staff who follow everything, over whichever gateway answers, and take up where they were.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::client::{Client, SESSION};

/// Readers at once.
const READERS: usize = 4;
/// What staff with every scope may follow.
const TOPICS: [&str; 1] = ["*"];
/// How long a connection may be silent: the server's heartbeat is shorter.
const SILENCE: Duration = Duration::from_mins(1);

/// What one reader saw.
#[derive(Clone, Default)]
pub struct Read {
    /// By source, after which sequence it began.
    pub from: HashMap<String, i64>,
    /// By source, the sequences in the order in which they came.
    pub seen: HashMap<String, Vec<i64>>,
    /// Connections made after the first.
    pub reconnects: u32,
}

/// Readers at work.
pub struct Readers {
    seen: Vec<Arc<Mutex<Read>>>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// Starts them. Each signs in by itself, also when its token has expired.
pub fn start(gateways: &[String], login: &Arc<(String, String)>, guest: &Client) -> Readers {
    let (stop, stopped) = watch::channel(false);
    let (mut tasks, mut seen) = (JoinSet::new(), Vec::new());
    for _ in 0..READERS {
        let read = Arc::new(Mutex::new(Read::default()));
        seen.push(Arc::clone(&read));
        tasks.spawn(follow(gateways.to_vec(), Arc::clone(login), guest.clone(), read, stopped.clone()));
    }
    Readers { seen, tasks, stop }
}

impl Readers {
    /// What they have seen so far.
    pub fn seen(&self) -> Vec<Read> {
        self.seen.iter().map(|read| read.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect()
    }

    /// Waits until each of them follows the stream: what one does not see from then on is a gap.
    pub async fn follow(&self, patience: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.seen().iter().any(|read| read.from.is_empty()) {
            ensure!(began.elapsed() < patience, "the stream lets its readers wait");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Sends them home.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.tasks.join_all().await;
    }
}

async fn follow(
    gateways: Vec<String>,
    login: Arc<(String, String)>,
    guest: Client,
    read: Arc<Mutex<Read>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut signed_in: Option<(Client, Instant)> = None;
    loop {
        let session = async {
            // Attempts to sign in are limited: a token is used as long as it lasts.
            let (staff, since) = match signed_in.take().filter(|(_, since)| since.elapsed() < SESSION) {
                Some(known) => known,
                None => (guest.sign_in(&login.0, &login.1).await.ok().context("not signed in")?, Instant::now()),
            };
            let (staff, _) = signed_in.insert((staff, since));
            let gateway = gateways.choose(&mut rand::rng()).context("no gateway")?;
            listen(gateway, staff.token().unwrap_or_default(), &read).await
        };
        tokio::select! {
            // Whatever ended it: it is taken up again.
            ended = session => drop(ended),
            _ = stop.wait_for(|stop| *stop) => return,
        }
        read.lock().unwrap_or_else(PoisonError::into_inner).reconnects += 1;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// One connection, until it ends.
async fn listen(gateway: &str, token: &str, read: &Mutex<Read>) -> anyhow::Result<()> {
    let address = format!("{}/api/v1/stream", gateway.replacen("http", "ws", 1));
    let (mut socket, _) = tokio::time::timeout(Duration::from_secs(5), connect_async(address)).await??;
    let after = position(&read.lock().unwrap_or_else(PoisonError::into_inner));
    let first = after.is_empty();
    socket.send(Message::text(json!({ "type": "authenticate", "token": token }).to_string())).await?;
    let mut subscribe = json!({ "type": "subscribe", "topics": TOPICS });
    if !first {
        subscribe["after"] = json!(after);
    }
    socket.send(Message::text(subscribe.to_string())).await?;
    while let Some(message) = tokio::time::timeout(SILENCE, socket.next()).await? {
        let Message::Text(text) = message? else { continue };
        let message: Value = serde_json::from_str(&text)?;
        let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
        match (message["source"].as_str(), message["sequence"].as_i64()) {
            (Some(source), Some(sequence)) => read.seen.entry(source.to_owned()).or_default().push(sequence),
            _ if message["type"] == "subscribed" && first => {
                read.from = serde_json::from_value(message["sequences"].clone())?;
            }
            _ if message["type"] == "error" => anyhow::bail!("{message}"),
            _ => {}
        }
    }
    Ok(())
}

/// By source, the last sequence seen; where the reader began when it has seen none since.
fn position(read: &Read) -> BTreeMap<String, i64> {
    let last = |source: &String, from: i64| read.seen.get(source).and_then(|seen| seen.last().copied()).unwrap_or(from);
    read.from.iter().map(|(source, from)| (source.clone(), last(source, *from))).collect()
}
