//! What client and server say to each other besides events. `docs/stream.md` is the reference.

use std::collections::BTreeMap;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes};
use chrono::{DateTime, Utc};
use kernel::{ErrorKind, Failure};
use serde::{Deserialize, Serialize};

/// Most bytes of a client's message: an access token fits.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Who it is, also again before its token expires.
    Authenticate {
        /// An access token.
        token: String,
    },
    /// What it wants to follow.
    Subscribe {
        /// Names of topics.
        topics: Vec<String>,
        /// By role, the last sequence that the client has seen: it gets what came after it.
        #[serde(default)]
        after: BTreeMap<String, i64>,
    },
    /// What it no longer wants to follow.
    Unsubscribe {
        /// Names of topics.
        topics: Vec<String>,
    },
    /// Whether the server is there.
    Ping {},
}

impl Ask {
    /// Reads a message. Failure: `MALFORMED_MESSAGE`.
    pub fn read(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| malformed(format!("The message can't be understood: {error}")))
    }
}

/// A message that is none.
pub fn malformed(message: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::new(ErrorKind::Malformed, "MALFORMED_MESSAGE", message)
}

/// What the server says. Kinds of events have a dot in their names, these have none.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Say<'a> {
    /// The connection is open.
    Welcome {
        /// Seconds between two heartbeats.
        heartbeat_seconds: u64,
    },
    /// The token is good.
    Authenticated {
        /// Until when.
        expires_at: DateTime<Utc>,
    },
    /// The token expires soon.
    TokenExpiring {
        /// When.
        expires_at: DateTime<Utc>,
    },
    /// The topics are followed.
    Subscribed {
        /// Their names.
        topics: &'a [String],
        /// By role, the sequence after which events come.
        sequences: BTreeMap<&'static str, i64>,
    },
    /// The topics are no longer followed.
    Unsubscribed {
        /// Their names.
        topics: &'a [String],
    },
    /// A heartbeat: everything up to these sequences was sent.
    Position {
        /// By role.
        sequences: BTreeMap<&'static str, i64>,
    },
    /// The answer to a ping.
    Pong,
    /// What the client said was not done.
    Error {
        /// A stable code.
        code: &'a str,
        /// A sentence for the developer.
        error: &'a str,
    },
    /// The server closes the connection.
    Closing {
        /// When it makes sense to connect again.
        reconnect_in_ms: u64,
    },
}

impl Say<'_> {
    /// As a frame.
    pub fn frame(&self) -> Message {
        // Plain values with text keys: writing them cannot fail.
        Message::Text(serde_json::to_string(self).unwrap_or_default().into())
    }
}

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The process stops; another one is there.
    Restart,
    /// The token expired and no other came.
    TokenExpired,
    /// The session was ended: signed out, suspended.
    SessionEnded,
    /// Nothing came from the client for two heartbeats.
    Idle,
    /// The client does not read as fast as events come.
    TooSlow,
    /// Too many messages were wrong.
    TooManyErrors,
    /// The session has too many connections.
    TooManyConnections,
    /// The client went.
    Gone,
}

impl Cut {
    /// The name in metrics and, in upper case, on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restart => "RESTART",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::SessionEnded => "SESSION_ENDED",
            Self::Idle => "IDLE",
            Self::TooSlow => "TOO_SLOW",
            Self::TooManyErrors => "TOO_MANY_ERRORS",
            Self::TooManyConnections => "TOO_MANY_CONNECTIONS",
            Self::Gone => "GONE",
        }
    }

    /// The frame that says so; none when nobody is there to read it.
    pub fn frame(self) -> Option<Message> {
        let code = match self {
            Self::Restart => 1012,
            Self::TokenExpired => 4001,
            Self::SessionEnded => 4002,
            Self::Idle => 4003,
            Self::TooSlow => 4004,
            Self::TooManyErrors => 4005,
            Self::TooManyConnections => 4006,
            Self::Gone => return None,
        };
        Some(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(self.name()) })))
    }
}
