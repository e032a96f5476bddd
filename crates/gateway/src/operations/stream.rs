//! `GET /api/v1/stream`.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::header;
use kernel::{ErrorKind, Failure};
use runtime::http::ApiError;

use super::Edge;
use crate::stream::connection;
use crate::stream::protocol::MAX_MESSAGE_BYTES;

/// Buffers of a connection: events are short, and there are many connections.
const BUFFER_BYTES: usize = 4 * 1024;

/// Events as they happen
///
/// Opens a WebSocket. The protocol is described in the guide `docs/stream.md`: subscribe to topics, resume from a sequence,
/// authenticate by header or by message.
#[utoipa::path(get, path = "/api/v1/stream", operation_id = "stream", tag = "operations",
    responses((status = 101, description = "The connection is a WebSocket from here on.")))]
pub async fn stream(State(edge): State<Arc<Edge>>, request: Request) -> Result<Response, ApiError> {
    let stream = Arc::clone(&edge.stream);
    let address = edge.proxies.client(&request);
    let (mut parts, _) = request.into_parts();
    stream.check_origin(&parts.headers)?;
    let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.split_once(' ')).map(|(_, token)| stream.verifier.verify(token.trim()));
    let token = token.transpose().map_err(Failure::from)?;
    let Ok(upgrade) = WebSocketUpgrade::from_request_parts(&mut parts, &()).await else {
        let message = "This is a WebSocket: ask for an upgrade, by HTTP/1.1 and version 13";
        return Err(Failure::new(ErrorKind::Malformed, "UPGRADE_REQUIRED", message).into());
    };
    let place = stream.enter(address, token.as_deref())?;
    let upgrade = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(stream.config.queue_bytes.max(1024 * 1024))
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| connection::serve(stream, socket, place, token)).into_response())
}
