//! The bound to measure the gateway against: an axum handler that returns the same bytes and does nothing else.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::Running;

/// What to answer.
#[derive(Serialize, Deserialize)]
pub struct Plan {
    /// The body.
    pub body: String,
    /// Path of the request.
    pub path: String,
}

/// Starts it in a process of its own; gives its address.
pub async fn serve(body: String, path: &str) -> anyhow::Result<(Running, SocketAddr)> {
    let mut running = Running::start("bare", &Plan { body, path: path.to_owned() }).await?;
    let address = running.hear().await?;
    Ok((running, address))
}

/// Serves until it is ended. Says its address in one line.
pub async fn main() -> anyhow::Result<()> {
    let plan: Plan = super::next_told()?;
    let body = Bytes::from(plan.body);
    // It takes the request's body in, as any answer to it must.
    let handler = move |_request: Bytes| async move { ([(CONTENT_TYPE, "application/json")], body) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    super::say(&listener.local_addr()?)?;
    axum::serve(listener, Router::new().route(&plan.path, post(handler))).await?;
    Ok(())
}
