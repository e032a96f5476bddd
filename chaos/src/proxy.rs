//! A TCP proxy in front of a part of the shop, so that the part can be cut off: connections stay open, but nothing passes
//! in either direction, as when a cable is pulled.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Finds the port behind the proxy each time somebody connects: a part may come back on another one.
pub type Target = Arc<dyn Fn() -> Option<u16> + Send + Sync>;

/// A running proxy. It ends with this process.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
}

impl Proxy {
    /// Starts to pass on connections to `target`.
    pub async fn start(target: Target) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port")?;
        let address = listener.local_addr()?;
        let (cut, watched) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, Arc::clone(&target), watched.clone()));
            }
        });
        Ok(Self { address, cut })
    }

    /// Cuts the part off, or joins it again. What was sent meanwhile arrives late, as by a real network.
    pub fn cut(&self, off: bool) {
        self.cut.send_replace(off);
    }
}

async fn pass(client: TcpStream, target: Target, mut cut: watch::Receiver<bool>) {
    if joined(&mut cut).await.is_err() {
        return;
    }
    let Some(port) = target() else { return };
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // One side's end is the other's: nobody waits for a half that will never speak.
    tokio::select! {
        () = pump(client_read, server_write, cut.clone()) => {}
        () = pump(server_read, client_write, cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut cut: watch::Receiver<bool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if joined(&mut cut).await.is_err() || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits until the part is not cut off.
async fn joined(cut: &mut watch::Receiver<bool>) -> Result<(), watch::error::RecvError> {
    cut.wait_for(|off| !off).await.map(drop)
}
