//! For tests: what every implementation of a contract must do, be it the role's object or the way to it over gRPC; and a role
//! served as a process of its own would serve it.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot be set up, or fails, panics")]

use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use chrono::{TimeDelta, Utc};
use kernel::{Clock, Context, Currency, Money};
use runtime::http::serve;
use runtime::internal::{self, InternalConfig, Peers};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::products::{ProductsClient, ReservationState, ReserveStock, Reserved, Shortage, StockLine};
use crate::remote::{Connector, Upstream};

/// A variant that products must know: at least three of it can be sold.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its id.
    pub variant_id: Uuid,
    /// What one costs.
    pub price: Money,
    /// A currency that it isn't sold in.
    pub other_currency: Currency,
    /// How many can be sold.
    pub available: i64,
}

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
    let connector = Connector::new(config, "orders", Clock::system()).expect("good settings");
    connector.upstream(role, &addresses).expect("good addresses")
}

/// What products promises. Leaves two units less that can be sold.
pub async fn products(client: &ProductsClient, offer: &Offer) {
    quotes(client, offer).await;
    reservations_end_as_they_are_told(client, offer).await;
    what_is_short_is_named(client, offer).await;
    too_much_at_once_is_refused_by_field(client).await;
}

/// A context with time enough.
pub fn context() -> Context {
    Context::system("suite", Duration::from_secs(10))
}

fn command(order_id: Uuid, variant_id: Uuid, quantity: i64) -> ReserveStock {
    let lines = vec![StockLine { variant_id, quantity }];
    ReserveStock { order_id, lines, expires_at: Utc::now() + TimeDelta::minutes(5) }
}

async fn quotes(client: &ProductsClient, offer: &Offer) {
    let wanted = vec![offer.variant_id, Uuid::now_v7()];
    let quotes = client.quote(&context(), offer.price.currency, wanted.clone()).await.unwrap();
    assert_eq!(quotes.len(), 1, "a variant that doesn't exist is missing");
    assert_eq!((quotes[0].variant_id, quotes[0].unit_price), (offer.variant_id, Some(offer.price)));
    assert_eq!(quotes[0].available, offer.available);
    let elsewhere = client.quote(&context(), offer.other_currency, wanted).await.unwrap();
    assert!(elsewhere.iter().all(|quote| quote.unit_price.is_none()));
}

async fn reservations_end_as_they_are_told(client: &ProductsClient, offer: &Offer) {
    let (kept, given_back) = (Uuid::now_v7(), Uuid::now_v7());
    // Whoever lost the answer asks again.
    for _ in 0..2 {
        assert_eq!(client.reserve(&context(), command(kept, offer.variant_id, 2)).await, Ok(Reserved::Yes));
    }
    assert_eq!(client.reserve(&context(), command(given_back, offer.variant_id, 1)).await, Ok(Reserved::Yes));
    for _ in 0..2 {
        client.commit(&context(), kept).await.unwrap();
        client.release(&context(), given_back).await.unwrap();
    }
    let ended = client.commit(&context(), given_back).await.unwrap_err();
    assert_eq!((ended.kind, &*ended.code), (kernel::ErrorKind::Conflict, "RESERVATION_ENDED"));

    let states = client.reservations(&context(), vec![kept, given_back, Uuid::now_v7()]).await.unwrap();
    assert_eq!(states.len(), 2);
    assert!(states.contains(&(kept, ReservationState::Committed)));
    assert!(states.contains(&(given_back, ReservationState::Released)));
    let holding = client.reserved_orders(&context(), None, 1000).await.unwrap();
    assert!(holding.contains(&(kept, ReservationState::Committed)));
    assert!(holding.iter().all(|(order, _)| *order != given_back));
    assert_eq!(client.reserved_orders(&context(), Some(kept), 0).await.unwrap(), []);
}

async fn what_is_short_is_named(client: &ProductsClient, offer: &Offer) {
    let wanted = offer.available + 1000;
    let outcome = client.reserve(&context(), command(Uuid::now_v7(), offer.variant_id, wanted)).await.unwrap();
    let available = offer.available - 2;
    assert_eq!(outcome, Reserved::Short(vec![Shortage { variant_id: offer.variant_id, wanted, available }]));
}

async fn too_much_at_once_is_refused_by_field(client: &ProductsClient) {
    let refused = client.reservations(&context(), vec![Uuid::now_v7(); 1001]).await.unwrap_err();
    assert_eq!((refused.kind, &*refused.code), (kernel::ErrorKind::Invalid, "VALIDATION_FAILED"));
    assert_eq!((&*refused.details[0].field, &*refused.details[0].code), ("ids", "TOO_MANY"));
}
