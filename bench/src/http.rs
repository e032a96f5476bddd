//! A small HTTP/1.1 client for one address: it must cost little beside the server that it measures, and the same for
//! each of them. It knows bodies with a length, and nothing else.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest answer that is read.
const LONGEST: usize = 16 * 1024 * 1024;

/// A connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer. The body is valid until the next request.
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// The body of a good answer as JSON.
    pub fn json(&self) -> anyhow::Result<Value> {
        ensure!((200..300).contains(&self.status), "{}: {}", self.status, String::from_utf8_lossy(self.body));
        serde_json::from_slice(self.body).context("the answer is no JSON")
    }
}

/// The bytes of a request with a JSON body.
pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Vec<u8> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{token}");
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("{address} takes no connection"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer.
    pub async fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head_end = loop {
            self.read_more().await?;
            if let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..head_end]).context("the answer's head is no text")?;
        let status = head.get(9..12).and_then(|text| text.parse().ok()).context("the answer has no status")?;
        let length = content_length(head).unwrap_or(0);
        ensure!(length <= LONGEST && !is_chunked(head), "an answer without a length, or too long");
        while self.buffer.len() < head_end + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: &self.buffer[head_end..head_end + length] })
    }

    async fn read_more(&mut self) -> anyhow::Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

fn content_length(head: &str) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

fn is_chunked(head: &str) -> bool {
    header(head, "transfer-encoding").is_some()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
