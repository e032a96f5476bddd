//! A way to the broker that can be cut or made to swallow everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub struct Proxy {
    state: Arc<State>,
    running: JoinHandle<()>,
}

struct State {
    /// Each cut counts; connections from before it end.
    cuts: watch::Sender<usize>,
    /// Nothing that the broker says reaches the client.
    is_mute: AtomicBool,
    connections: AtomicUsize,
}

impl Proxy {
    /// To the broker of an `amqp://` URL.
    pub async fn to(url: &str) -> (Self, String) {
        let (before, address) = url.rsplit_once('@').unwrap();
        let target = target_of(address).to_owned();
        let rest = &address[target.len()..];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            cuts: watch::Sender::new(0),
            is_mute: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(carry(client, target.clone(), Arc::clone(&shared)));
            }
        });
        let through = format!("{before}@127.0.0.1:{port}{rest}");
        (Self { state, running }, through)
    }

    /// Ends every connection, as the restart of a broker does.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether the client hears nothing of what the broker says.
    pub fn mute(&self, is_mute: bool) {
        self.state.is_mute.store(is_mute, Ordering::SeqCst);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

fn target_of(address: &str) -> &str {
    address.split('/').next().unwrap()
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
        self.cut();
    }
}

async fn carry(client: TcpStream, target: String, state: Arc<State>) {
    let mut cuts = state.cuts.subscribe();
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = tokio::io::copy(&mut from_client, &mut to_server);
    let back = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            if !state.is_mute.load(Ordering::SeqCst) && to_client.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
        _ = cuts.changed() => {}
    }
}
