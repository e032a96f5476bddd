//! Calls between processes: instances that die, freeze or are not ours; deadlines, failures and what travels beside a call.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use contracts::event_log::{EventLog, EventLogClient};
use contracts::remote::{self, AddressError, Connector};
use contracts::suite::{Process, context, way};
use contracts::users::{Contact, Users, UsersClient};
use crypto::Jwks;
use events::Envelope;
use kernel::{Actor, Clock, Context, ErrorKind, Failure, Scope};
use runtime::internal::InternalConfig;
use tokio::net::TcpListener;
use uuid::Uuid;

/// Accounts that answer as they are told.
#[derive(Default)]
struct Accounts {
    calls: AtomicUsize,
    /// Work that was begun and given up.
    given_up: AtomicBool,
}

/// Users that must fail, or never answer, by their ids.
const REFUSED: Uuid = Uuid::from_u128(1);
const OF_ANOTHER_RELEASE: Uuid = Uuid::from_u128(2);
const ENDLESS: Uuid = Uuid::from_u128(3);

#[async_trait]
impl Users for Accounts {
    async fn contact(&self, context: &Context, user_id: Uuid) -> Result<Contact, Failure> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match user_id {
            REFUSED => Err(Failure::new(ErrorKind::NotFound, "USER_NOT_FOUND", "No such user").retry_after(7)),
            OF_ANOTHER_RELEASE => Err(Failure::new(ErrorKind::Conflict, "MOON_NOT_FULL", "Wait for it")),
            ENDLESS => {
                let _witness = Witness(&self.given_up);
                std::future::pending().await
            }
            _ => Ok(Contact { user_id, email: format!("{} {:?}", context.request_id, context.actor) }),
        }
    }

    async fn jwks(&self, _: &Context) -> Result<Jwks, Failure> {
        Ok(serde_json::from_str(r#"{"keys":[]}"#).unwrap())
    }
}

struct Witness<'a>(&'a AtomicBool);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn settings() -> InternalConfig {
    InternalConfig {
        secret: "dGhpcnR5LXR3byBieXRlcyBvciBtb3JlLCBzYWlkIHRoZSBib29r".into(),
        ..InternalConfig::default()
    }
}

async fn instance() -> (Arc<Accounts>, Process) {
    let accounts = Arc::new(Accounts::default());
    let process = Process::start(&settings(), remote::users::service(accounts.clone())).await;
    (accounts, process)
}

fn client(processes: &[&Process]) -> UsersClient {
    UsersClient::remote(way(&settings(), "users", processes))
}

#[tokio::test]
async fn who_acts_and_the_request_s_id_arrive() {
    let (_, process) = instance().await;
    let scopes = [Scope::Customer].into_iter().collect();
    let actor = Actor::User { id: Uuid::from_u128(8), session: Uuid::from_u128(9), scopes };
    let context = Context { actor: actor.clone(), request_id: "the-request".into(), ..context() };
    let contact = client(&[&process]).contact(&context, Uuid::now_v7()).await.unwrap();
    assert_eq!(contact.email, format!("the-request {actor:?}"));
    assert!(client(&[&process]).jwks(&context).await.unwrap().keys.is_empty());
}

#[tokio::test]
async fn a_failure_arrives_as_it_was_and_is_not_asked_for_again() {
    let (accounts, process) = instance().await;
    let client = client(&[&process]);
    let refused = client.contact(&context(), REFUSED).await.unwrap_err();
    assert_eq!(refused, Failure::new(ErrorKind::NotFound, "USER_NOT_FOUND", "No such user").retry_after(7));
    assert_eq!(accounts.calls.load(Ordering::SeqCst), 1);
    let unknown = client.contact(&context(), OF_ANOTHER_RELEASE).await.unwrap_err();
    assert_eq!((unknown.kind, &*unknown.code), (ErrorKind::Conflict, "STATE_CONFLICT"));
}

#[tokio::test]
async fn work_ends_when_the_caller_waits_no_longer() {
    let (accounts, process) = instance().await;
    let context = Context::system("test", Duration::from_millis(300));
    let late = client(&[&process]).contact(&context, ENDLESS).await.unwrap_err();
    assert!(matches!(late.kind, ErrorKind::Timeout), "{late:?}");
    let given_up = async {
        while !accounts.given_up.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), given_up).await.unwrap();
}

#[tokio::test]
async fn every_instance_gets_its_part_and_the_rest_when_one_is_gone() {
    let ((first, one), (second, other)) = (instance().await, instance().await);
    let client = client(&[&one, &other]);
    for _ in 0..40 {
        client.contact(&context(), Uuid::now_v7()).await.unwrap();
    }
    let (of_first, of_second) = (first.calls.load(Ordering::SeqCst), second.calls.load(Ordering::SeqCst));
    assert_eq!(of_first + of_second, 40);
    assert!(of_first >= 5 && of_second >= 5, "{of_first} and {of_second}");
    drop(one);
    for _ in 0..40 {
        client.contact(&context(), Uuid::now_v7()).await.unwrap();
    }
}

#[tokio::test]
async fn a_frozen_instance_costs_a_few_calls_some_time_and_none_their_answer() {
    let (accounts, alive) = instance().await;
    // Takes connections and says nothing, as a stopped process does.
    let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [format!("http://{}", frozen.local_addr().unwrap()), alive.address.clone()];
    let connector = Connector::new(&settings(), "orders", Clock::system()).unwrap();
    let client = UsersClient::remote(connector.upstream("users", &addresses).unwrap());
    for _ in 0..20 {
        client.contact(&context(), Uuid::now_v7()).await.unwrap();
    }
    assert!(accounts.calls.load(Ordering::SeqCst) >= 20);
}

#[tokio::test]
async fn a_role_that_nobody_runs_is_unavailable_and_comes_back() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let connector = Connector::new(&settings(), "orders", Clock::system()).unwrap();
    let upstream = connector.upstream("users", &[format!("http://localhost:{port}")]).unwrap();
    let failure = UsersClient::remote(upstream).contact(&context(), Uuid::now_v7()).await.unwrap_err();
    assert_eq!((failure.kind, &*failure.code), (ErrorKind::Unavailable, "SERVICE_UNAVAILABLE"));
    assert_eq!(failure.retry_after, Some(1));
}

#[tokio::test]
async fn a_caller_with_another_secret_gets_nothing() {
    let (accounts, process) = instance().await;
    let stranger =
        InternalConfig { secret: "YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyBvciBzbw==".into(), ..settings() };
    let client = UsersClient::remote(way(&stranger, "users", &[&process]));
    let refused = client.contact(&context(), Uuid::now_v7()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert_eq!(accounts.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn addresses_that_cannot_be_meant_are_named() {
    let connector = Connector::new(&settings(), "orders", Clock::system()).unwrap();
    let refusal = |address: &str| connector.upstream("users", &[address.to_owned()]).unwrap_err();
    assert!(matches!(connector.upstream("users", &[]).unwrap_err(), AddressError::None("users")));
    assert!(matches!(refusal("not an address"), AddressError::Form(_)));
    assert!(matches!(refusal("ftp://127.0.0.1"), AddressError::Form(_)));
    assert!(matches!(refusal("https://127.0.0.1:7001"), AddressError::NoTls(_)));
}

/// A log of so many events.
struct Log(i64);

#[async_trait]
impl EventLog for Log {
    async fn events_after(&self, _: &Context, after: i64, limit: u32) -> Result<Vec<Arc<Envelope>>, Failure> {
        Ok((after + 1..=self.0).take(limit as usize).map(|sequence| Arc::new(event(sequence))).collect())
    }

    async fn last_sequence(&self, _: &Context) -> Result<i64, Failure> {
        Ok(self.0)
    }
}

fn event(sequence: i64) -> Envelope {
    Envelope {
        id: Uuid::from_u128(sequence.unsigned_abs().into()),
        sequence: Some(sequence),
        source: "users".into(),
        kind: "user.updated".into(),
        aggregate: "user".into(),
        aggregate_id: Uuid::from_u128(7),
        version: sequence,
        data: serde_json::json!({"amount": 9_007_199_254_740_993_i64, "text": "\u{0}ä"}),
        occurred_at: "2026-02-03T04:05:06.789123Z".parse().unwrap(),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}

#[tokio::test]
async fn events_arrive_as_they_were_written() {
    let logs: BTreeMap<&str, Arc<dyn EventLog>> = BTreeMap::from([("users", Arc::new(Log(5)) as Arc<dyn EventLog>)]);
    let process = Process::start(&settings(), remote::event_log::service(logs)).await;
    let client = EventLogClient::remote(way(&settings(), "users", &[&process]));
    assert_eq!(client.last_sequence(&context()).await.unwrap(), 5);
    let events = client.events_after(&context(), 2, 2).await.unwrap();
    assert_eq!(events.iter().map(|event| (**event).clone()).collect::<Vec<_>>(), [event(3), event(4)]);
}
