//! `GET /api/v1/stream`: events of the shop over a WebSocket, to whom they concern, each once and in order.
//!
//! | module | holds |
//! |---|---|
//! | [`hub`] | [`Hub`]: takes the live feed and makes of it each role's sequence without gap or double |
//! | [`source`] | what the hub knows of one role: position, recent events, who follows what |
//! | [`history`] | events that are no longer recent, read from the role's log once for all who ask |
//! | [`event`] | an event as it is sent: written once, for all who get it |
//! | [`topic`] | what can be followed, and who may |
//! | [`protocol`] | what client and server say to each other besides events |
//! | [`connection`] | one connection: its subscriptions, its token, its pace |
//! | [`places`] | bounds on the number of connections, and the end of those whose session has ended |
//! | [`config`] | settings |
//!
//! # How nothing is lost or doubled
//!
//! A connection has a cursor in the sequence of each role that it follows. Behind the hub's position it reads pages, from
//! the hub's recent events or from the role's log, at the pace of its client. When nothing lies between, it joins the live
//! feed under the lock that the position moves under, so no event can fall between the two; what comes twice is not above
//! the cursor.

pub mod config;
pub mod connection;
pub mod event;
pub mod history;
pub mod hub;
pub mod places;
pub mod protocol;
pub mod source;
pub mod topic;

pub use config::StreamConfig;
pub use hub::Hub;

use std::net::IpAddr;
use std::sync::Arc;

use crypto::{TokenVerifier, VerifiedToken};
use http::{HeaderMap, HeaderValue, header};
use kernel::{ErrorKind, Failure};

use crate::config::{CorsConfig, GatewayConfig};
use places::{Place, Places};

/// What the operation needs.
pub struct Stream {
    pub(crate) hub: Arc<Hub>,
    pub(crate) verifier: TokenVerifier,
    pub(crate) config: StreamConfig,
    places: Arc<Places>,
    cors: CorsConfig,
}

impl Stream {
    /// The stream of `hub` as `config` says.
    pub fn new(config: &GatewayConfig, hub: Arc<Hub>, verifier: TokenVerifier) -> Arc<Self> {
        let stream = config.stream.clone();
        let places = Places::new(&stream, verifier.ended_sessions());
        Arc::new(Self { hub, verifier, config: stream, places, cors: config.cors.clone() })
    }

    /// A place for a connection from `address`, if there is one.
    pub fn enter(&self, address: IpAddr, token: Option<&VerifiedToken>) -> Result<Place, Failure> {
        if self.hub.is_closing() {
            return Err(Failure::unavailable());
        }
        let mut place = self.places.enter(address)?;
        if let Some(token) = token {
            place.take_session(token.session)?;
        }
        Ok(place)
    }

    /// Refuses pages of origins that are not allowed. What is no browser sends no origin.
    pub fn check_origin(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
        let own = [b"https://".as_slice(), b"http://"]
            .iter()
            .any(|scheme| origin.as_bytes().strip_prefix(*scheme).is_some_and(|rest| !host.is_empty() && rest == host));
        if own || self.cors.allowed_origins.iter().any(|allowed| allowed.header() == origin) {
            return Ok(());
        }
        Err(Failure::new(ErrorKind::Forbidden, "ORIGIN_NOT_ALLOWED", "Pages of this origin may not open the stream"))
    }
}
