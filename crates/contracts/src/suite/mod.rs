//! For tests: what every implementation of a contract must do, be it the role's object or the way to it over gRPC; and a role
//! served as a process of its own would serve it.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up, or fails, panics")]

mod event_log;
mod products;
mod users;

use std::fmt::Debug;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use kernel::{Clock, Context, ErrorKind, Failure};
use runtime::http::serve;
use runtime::internal::{self, InternalConfig, Peers};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use self::event_log::event_log;
pub use self::products::{Offer, products};
pub use self::users::users;
use crate::remote::{Connector, Upstream};

/// A process with these services behind its internal listener. Ends when dropped.
pub struct Process {
    /// Where it is.
    pub address: String,
    stop: CancellationToken,
}

impl Process {
    /// Serves `router` on a free port.
    pub async fn start(config: &InternalConfig, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener").port();
        let peers = Peers::new(config.verifier(Clock::system()).expect("a good secret"));
        let router = router.layer(from_fn_with_state(peers, internal::entry::enter));
        let tls = config.tls.as_ref().map(|files| files.server().expect("good certificates"));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let stop = CancellationToken::new();
        tokio::spawn(serve::serve_peers(listener, tls, router, stop.clone(), Duration::from_millis(100)));
        Self { address: format!("{scheme}://127.0.0.1:{port}"), stop }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The way from a process with these settings to `role` in other processes.
pub fn way(config: &InternalConfig, role: &'static str, processes: &[&Process]) -> Upstream {
    let addresses: Vec<String> = processes.iter().map(|process| process.address.clone()).collect();
    way_to(config, role, &addresses)
}

/// The same to processes at these addresses.
pub fn way_to(config: &InternalConfig, role: &'static str, addresses: &[String]) -> Upstream {
    let connector = Connector::new(config, "orders", Clock::system()).expect("good settings");
    connector.upstream(role, addresses).expect("good addresses")
}

/// A context with time enough.
pub fn context() -> Context {
    Context::system("suite", Duration::from_secs(10))
}

/// A context whose time is over.
fn expired() -> Context {
    Context::system("suite", Duration::ZERO)
}

fn assert_refused(refused: &Failure, kind: ErrorKind, code: &str) {
    assert_eq!((refused.kind, &*refused.code), (kind, code), "{refused:?}");
}

fn assert_late<T: Debug>(answer: Result<T, Failure>) {
    assert_refused(&answer.unwrap_err(), ErrorKind::Timeout, "DEADLINE_EXCEEDED");
}
