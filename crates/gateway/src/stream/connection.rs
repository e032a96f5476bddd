//! One connection: its subscriptions, its token, its pace.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use chrono::Utc;
use crypto::VerifiedToken;
use futures_util::SinkExt;
use kernel::{Context, ErrorKind, Failure};
use metrics::{counter, gauge, histogram};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::Stream;
use super::event::Event;
use super::places::Place;
use super::protocol::{Ask, Cut, Say, malformed};
use super::source::{Outlet, Source};
use super::topic::{Key, Rights, Topic};

/// Live events that are sent before the socket is flushed.
const BATCH: usize = 64;
/// How long a connection waits before it reads a log again that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Time that a role has to say how far its log is.
const BUDGET: Duration = Duration::from_secs(2);
/// Within which clients come back after a restart, each at a moment of its own.
const RECONNECT_MS: std::ops::Range<u64> = 500..5_000;

struct Connection {
    stream: Arc<Stream>,
    socket: WebSocket,
    place: Place,
    outlet: Arc<Outlet>,
    token: Option<Arc<VerifiedToken>>,
    warned: bool,
    followed: BTreeMap<&'static str, Followed>,
    errors: u32,
    heard_at: Instant,
    beat_at: Instant,
    retry_at: Option<Instant>,
}

/// What a connection follows of one role.
struct Followed {
    source: Arc<Source>,
    topics: Vec<(String, Topic)>,
    keys: HashSet<Key>,
    /// The last event that was sent or is none of this client's.
    cursor: i64,
    /// Whether events come by the queue; before that they are read.
    live: bool,
}

/// Serves a connection until either side ends it.
pub async fn serve(stream: Arc<Stream>, socket: WebSocket, place: Place, token: Option<Arc<VerifiedToken>>) {
    let (id, _open) = stream.hub.connect();
    let (queue, mut queued) = mpsc::channel(stream.config.queue_messages.max(1));
    let outlet = Arc::new(Outlet {
        id,
        queue,
        queued_bytes: AtomicUsize::new(0),
        max_bytes: stream.config.queue_bytes,
        overflow: Notify::new(),
    });
    let now = Instant::now();
    let mut connection = Connection {
        beat_at: now + Duration::from_secs(stream.config.heartbeat_seconds),
        stream,
        socket,
        place,
        outlet,
        token,
        warned: false,
        followed: BTreeMap::new(),
        errors: 0,
        heard_at: now,
        retry_at: None,
    };
    let cut = match connection.run(&mut queued).await {
        Ok(never) => match never {},
        Err(cut) => cut,
    };
    connection.end(cut).await;
}

impl Connection {
    async fn run(&mut self, queued: &mut mpsc::Receiver<Arc<Event>>) -> Result<std::convert::Infallible, Cut> {
        let closing = self.stream.hub.closing();
        self.say(&Say::Welcome { heartbeat_seconds: self.stream.config.heartbeat_seconds }).await?;
        let mut batch = Vec::new();
        loop {
            let behind = self.behind();
            let (hub, due) = (Arc::clone(&self.stream), self.next_moment());
            let ended = self.place.ended().clone();
            tokio::select! {
                () = closing.cancelled() => return Err(Cut::Restart),
                () = ended.cancelled() => return Err(Cut::SessionEnded),
                () = self.outlet.overflow.notified() => return Err(Cut::TooSlow),
                message = self.socket.recv() => self.hear(message).await?,
                _ = queued.recv_many(&mut batch, BATCH) => self.send_live(&mut batch).await?,
                page = read(&hub, behind.as_ref()), if behind.is_some() => self.send_page(behind, page).await?,
                () = tokio::time::sleep_until(due) => self.keep_time(queued).await?,
            }
        }
    }

    /// The first role of which events are to be read, and after which.
    fn behind(&self) -> Option<(Arc<Source>, i64)> {
        if self.retry_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        let followed = self.followed.values().find(|followed| !followed.live)?;
        Some((Arc::clone(&followed.source), followed.cursor))
    }

    fn rights(&self) -> Rights {
        self.token
            .as_ref()
            .map_or_else(Rights::default, |token| Rights { user: Some(token.user_id), scopes: token.scopes })
    }

    // ---- what the client says

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Cut> {
        let Some(Ok(message)) = message else { return Err(Cut::Gone) };
        self.heard_at = Instant::now();
        let answer = match message {
            Message::Text(text) => match Ask::read(&text) {
                Ok(ask) => self.answer(ask).await?,
                Err(failure) => Err(failure),
            },
            Message::Binary(_) => Err(malformed("Messages are text")),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => return Err(Cut::Gone),
        };
        let Err(failure) = answer else { return Ok(()) };
        self.say(&Say::Error { code: &failure.code, error: &failure.message }).await?;
        self.errors += 1;
        if self.errors > self.stream.config.max_errors { Err(Cut::TooManyErrors) } else { Ok(()) }
    }

    async fn answer(&mut self, ask: Ask) -> Result<Result<(), Failure>, Cut> {
        let said = match ask {
            Ask::Ping {} => {
                self.say(&Say::Pong).await?;
                Ok(())
            }
            Ask::Authenticate { token } => match self.authenticate(&token) {
                Ok(token) => {
                    self.say(&Say::Authenticated { expires_at: token.expires_at }).await?;
                    Ok(())
                }
                Err(failure) if failure.code == "TOO_MANY_CONNECTIONS" => return Err(Cut::TooManyConnections),
                Err(failure) => Err(failure),
            },
            Ask::Subscribe { topics, after } => match self.subscribe(&topics, &after).await {
                Ok(sequences) => {
                    self.say(&Say::Subscribed { topics: &topics, sequences }).await?;
                    Ok(())
                }
                Err(failure) => Err(failure),
            },
            Ask::Unsubscribe { topics } => {
                self.unsubscribe(&topics);
                self.say(&Say::Unsubscribed { topics: &topics }).await?;
                Ok(())
            }
        };
        Ok(said)
    }

    /// Takes a token: the first, or a fresh one of the same user. What is followed is authorised anew.
    fn authenticate(&mut self, token: &str) -> Result<Arc<VerifiedToken>, Failure> {
        let token = self.stream.verifier.verify(token)?;
        if self.token.as_ref().is_some_and(|before| before.user_id != token.user_id) {
            let message = "This connection is of another user; open one for this token";
            return Err(Failure::new(ErrorKind::Conflict, "OTHER_USER", message));
        }
        self.place.take_session(token.session)?;
        self.token = Some(Arc::clone(&token));
        self.warned = false;
        let rights = self.rights();
        for followed in self.followed.values_mut() {
            followed.rekey(&self.outlet, &rights);
        }
        Ok(token)
    }

    async fn subscribe(
        &mut self,
        names: &[String],
        after: &BTreeMap<String, i64>,
    ) -> Result<BTreeMap<&'static str, i64>, Failure> {
        let rights = self.rights();
        let mut wanted: BTreeMap<&'static str, Vec<(String, Topic)>> = BTreeMap::new();
        let before: HashSet<&str> = self.followed.values().flat_map(Followed::names).collect();
        let new: HashSet<&str> = names.iter().map(String::as_str).filter(|name| !before.contains(name)).collect();
        if before.len() + new.len() > self.stream.config.max_subscriptions {
            let message = format!("At most {} topics a connection", self.stream.config.max_subscriptions);
            return Err(Failure::new(ErrorKind::Invalid, "TOO_MANY_SUBSCRIPTIONS", message));
        }
        for name in new {
            let topic = Topic::parse(name)?;
            for role in topic.sources(&rights)? {
                wanted.entry(role).or_default().push((name.to_owned(), topic.clone()));
            }
        }
        if let Some(role) = after.keys().find(|role| !wanted.contains_key(role.as_str())) {
            return Err(malformed(format!("`after` names {role:.40}, which none of the new topics is about")));
        }
        let mut begun = Vec::new();
        for (role, topics) in wanted {
            begun.push((role, topics, self.begin(role, after.get(role).copied()).await?));
        }
        let mut sequences = BTreeMap::new();
        for (role, topics, (source, cursor)) in begun {
            gauge!("stream_subscriptions").increment(f64::from(u32::try_from(topics.len()).unwrap_or(u32::MAX)));
            let new = || Followed { source, topics: Vec::new(), keys: HashSet::new(), cursor, live: false };
            let followed = self.followed.entry(role).or_insert_with(new);
            followed.topics.extend(topics);
            followed.rekey(&self.outlet, &rights);
            followed.join(&self.outlet);
            sequences.insert(role, followed.cursor);
        }
        Ok(sequences)
    }

    /// Where following a role begins. Failures: `ALREADY_FOLLOWED`, `UNKNOWN_SEQUENCE`, `SOURCE_UNAVAILABLE`.
    async fn begin(&mut self, role: &'static str, after: Option<i64>) -> Result<(Arc<Source>, i64), Failure> {
        let unavailable = || {
            let message = format!("Events of {role} can't be followed at the moment; try again");
            Failure::new(ErrorKind::Unavailable, "SOURCE_UNAVAILABLE", message)
        };
        let source = Arc::clone(self.stream.hub.source(role).ok_or_else(unavailable)?);
        if after.is_some() && self.followed.contains_key(role) {
            let message = format!("Events of {role} come already; `after` goes with the first topic of a role");
            return Err(Failure::new(ErrorKind::Conflict, "ALREADY_FOLLOWED", message));
        }
        let position = source.position().ok_or_else(unavailable)?;
        let cursor = after.unwrap_or(position);
        // Another gateway may be ahead of this one, but not of the log.
        if cursor < 0 || cursor > position && is_beyond(&source, cursor).await {
            let message = format!("{role} has no event of sequence {cursor} yet");
            return Err(Failure::new(ErrorKind::Invalid, "UNKNOWN_SEQUENCE", message));
        }
        Ok((source, cursor))
    }

    fn unsubscribe(&mut self, names: &[String]) {
        let rights = self.rights();
        for followed in self.followed.values_mut() {
            let before = followed.topics.len();
            followed.topics.retain(|(name, _)| !names.contains(name));
            let gone = u32::try_from(before - followed.topics.len()).unwrap_or(u32::MAX);
            gauge!("stream_subscriptions").decrement(f64::from(gone));
            followed.rekey(&self.outlet, &rights);
        }
        self.followed.retain(|_, followed| !followed.topics.is_empty());
    }

    // ---- what is sent

    async fn send_live(&mut self, batch: &mut Vec<Arc<Event>>) -> Result<(), Cut> {
        self.check_session()?;
        let bytes: usize = batch.iter().map(|event| event.weight()).sum();
        for event in batch.drain(..) {
            let Some(kind) = event.kind else { continue };
            self.feed(kind.role, &event).await?;
        }
        self.outlet.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.flush().await
    }

    async fn send_page(
        &mut self,
        behind: Option<(Arc<Source>, i64)>,
        page: Result<Vec<Arc<Event>>, Failure>,
    ) -> Result<(), Cut> {
        self.check_session()?;
        let Some((source, _)) = behind else { return Ok(()) };
        let events = page.unwrap_or_else(|failure| {
            tracing::debug!(source = source.name, %failure, "a page for a client can't be read yet");
            Vec::new()
        });
        if events.is_empty() {
            self.retry_at = Some(Instant::now() + RETRY);
        }
        for event in events {
            self.feed(source.name, &event).await?;
        }
        self.flush().await?;
        if let Some(followed) = self.followed.get_mut(source.name) {
            followed.join(&self.outlet);
        }
        Ok(())
    }

    /// Sends an event once, if it is this client's. What was sent before, or passed over, is not above the cursor.
    async fn feed(&mut self, role: &str, event: &Event) -> Result<(), Cut> {
        let rights = self.rights();
        let Some(followed) = self.followed.get_mut(role) else { return Ok(()) };
        if event.sequence <= followed.cursor {
            return Ok(());
        }
        followed.cursor = event.sequence;
        let frame = followed.topics.iter().find_map(|(_, topic)| topic.frame(&rights, event));
        let Some(frame) = frame.cloned() else { return Ok(()) };
        let lag = (Utc::now() - event.at).to_std().unwrap_or_default();
        self.within_write_time(Some(Message::Text(frame))).await?;
        counter!("stream_messages_sent_total").increment(1);
        if followed_live(&self.followed, role) {
            histogram!("stream_lag_seconds").record(lag.as_secs_f64());
        }
        Ok(())
    }

    async fn say(&mut self, say: &Say<'_>) -> Result<(), Cut> {
        self.within_write_time(Some(say.frame())).await?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Cut> {
        self.within_write_time(None).await
    }

    /// Writes a message, or what is buffered, unless the client takes too long to take it.
    async fn within_write_time(&mut self, message: Option<Message>) -> Result<(), Cut> {
        let limit = Duration::from_secs(self.stream.config.write_seconds);
        let write = async {
            match message {
                Some(message) => self.socket.feed(message).await,
                None => self.socket.flush().await,
            }
        };
        tokio::select! {
            written = tokio::time::timeout(limit, write) => match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(Cut::Gone),
                Err(_) => Err(Cut::TooSlow),
            },
            () = self.outlet.overflow.notified() => Err(Cut::TooSlow),
        }
    }

    // ---- time

    fn next_moment(&self) -> Instant {
        let retry = self.retry_at.into_iter();
        let token = self.token.iter().map(|token| {
            let left = (token.expires_at - Utc::now()).to_std().unwrap_or_default();
            let warning = Duration::from_secs(self.stream.config.token_warning_seconds.into());
            let wait = if self.warned { left } else { left.saturating_sub(warning) };
            // At least a moment: this clock is not the timer's.
            Instant::now() + wait.max(Duration::from_millis(20))
        });
        retry.chain(token).chain([self.beat_at]).min().unwrap_or(self.beat_at)
    }

    async fn keep_time(&mut self, queued: &mpsc::Receiver<Arc<Event>>) -> Result<(), Cut> {
        let now = Instant::now();
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        if let Some(token) = self.token.clone() {
            let left = (token.expires_at - Utc::now()).num_seconds();
            if token.expires_at <= Utc::now() {
                return Err(Cut::TokenExpired);
            }
            if !self.warned && left <= self.stream.config.token_warning_seconds.into() {
                self.warned = true;
                self.say(&Say::TokenExpiring { expires_at: token.expires_at }).await?;
            }
        }
        if self.beat_at <= now {
            self.beat(queued).await?;
        }
        Ok(())
    }

    /// Fails when the session has ended: which of all that is ready comes first is left to chance, but not this.
    fn check_session(&self) -> Result<(), Cut> {
        if self.place.ended().is_cancelled() { Err(Cut::SessionEnded) } else { Ok(()) }
    }

    async fn beat(&mut self, queued: &mpsc::Receiver<Arc<Event>>) -> Result<(), Cut> {
        let beat = Duration::from_secs(self.stream.config.heartbeat_seconds);
        if self.heard_at.elapsed() > beat * 2 {
            return Err(Cut::Idle);
        }
        self.beat_at = Instant::now() + beat;
        for followed in self.followed.values_mut().filter(|followed| followed.live) {
            // Whatever moved the position was in the queue by then; if nothing waits there, it was dealt with.
            let position = followed.source.position();
            if let Some(position) = position
                && queued.is_empty()
            {
                followed.cursor = followed.cursor.max(position);
            }
        }
        let sequences = self.followed.iter().map(|(role, followed)| (*role, followed.cursor)).collect();
        self.within_write_time(Some(Say::Position { sequences }.frame())).await?;
        self.within_write_time(Some(Message::Ping(Bytes::default()))).await?;
        self.flush().await
    }

    async fn end(mut self, cut: Cut) {
        counter!("stream_closed_total", "reason" => cut.name()).increment(1);
        let names: Vec<String> = self.followed.values().flat_map(Followed::names).map(str::to_owned).collect();
        self.unsubscribe(&names);
        let Some(frame) = cut.frame() else { return };
        let goodbye = async {
            if cut == Cut::Restart {
                let reconnect_in_ms = rand::random_range(RECONNECT_MS);
                self.socket.feed(Say::Closing { reconnect_in_ms }.frame()).await?;
            }
            self.socket.send(frame).await
        };
        // A client that reads nothing learns it from its end of the connection.
        drop(tokio::time::timeout(Duration::from_secs(1), goodbye).await);
    }
}

impl Followed {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|(name, _)| name.as_str())
    }

    /// Follows by the keys that its topics have now.
    fn rekey(&mut self, outlet: &Arc<Outlet>, rights: &Rights) {
        let keys = self.topics.iter().map(|(_, topic)| topic.key(rights)).collect();
        if self.live {
            self.source.change(outlet, &self.keys, &keys);
        }
        self.keys = keys;
    }

    /// Joins the live feed if nothing is left to be read.
    fn join(&mut self, outlet: &Arc<Outlet>) {
        self.live = self.live || self.source.join(outlet, &self.keys, self.cursor);
    }
}

fn followed_live(followed: &BTreeMap<&'static str, Followed>, role: &str) -> bool {
    followed.get(role).is_some_and(|followed| followed.live)
}

/// Whether the log of `source` has no event `cursor` yet. Unless it can't be asked.
async fn is_beyond(source: &Source, cursor: i64) -> bool {
    let last = source.log.last_sequence(&Context::system("gateway.stream", BUDGET)).await;
    last.is_ok_and(|last| cursor > last)
}

async fn read(stream: &Stream, behind: Option<&(Arc<Source>, i64)>) -> Result<Vec<Arc<Event>>, Failure> {
    match behind {
        Some((source, cursor)) => stream.hub.after(source, *cursor).await,
        None => Ok(Vec::new()),
    }
}
