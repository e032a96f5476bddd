//! What travels beside a call: how long the caller waits, its trace, the request's id, who acts.

use std::str::FromStr;
use std::time::{Duration, Instant};

use crypto::InternalSigner;
use kernel::{Actor, Context, Scopes};
use runtime::http::entry;
use runtime::telemetry::trace;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Extensions, Request};
use uuid::Uuid;

const ACTOR: &str = "x-tradepost-actor";
const REQUEST_ID: &str = "x-request-id";
const TRACE_PARENT: &str = "traceparent";
const TOKEN: &str = "x-tradepost-internal";
const TIMEOUT: &str = "grpc-timeout";
/// What the system is called in a role that another role's system calls.
const PEER: &str = "peer";

/// The request of a call that waits for `limit`.
pub(super) fn request<M>(context: &Context, limit: Duration, signer: &InternalSigner, message: M) -> Request<M> {
    let mut request = Request::from_parts(MetadataMap::new(), Extensions::default(), message);
    request.set_timeout(limit);
    let mut put = |name: &'static str, text: &str| {
        if let Ok(value) = MetadataValue::from_str(text) {
            request.metadata_mut().insert(name, value);
        }
    };
    put(REQUEST_ID, &context.request_id);
    put(ACTOR, &actor_text(&context.actor));
    if let Some(parent) = trace::current_parent() {
        put(TRACE_PARENT, &parent);
    }
    if let Ok(mut token) = MetadataValue::<Ascii>::from_str(&signer.token()) {
        token.set_sensitive(true);
        request.metadata_mut().insert(TOKEN, token);
    }
    request
}

/// The context of a call that arrived: the internal listener has checked who calls.
pub(super) fn context(metadata: &MetadataMap) -> Context {
    let text = |name: &str| metadata.get(name).and_then(|value| value.to_str().ok());
    let left = text(TIMEOUT).and_then(timeout).unwrap_or(crate::CALL_LIMIT).min(crate::CALL_LIMIT);
    Context {
        actor: text(ACTOR).map_or(Actor::System(PEER), actor),
        request_id: entry::current().id,
        deadline: Instant::now() + left,
        idempotency_key: None,
    }
}

fn actor_text(actor: &Actor) -> String {
    match actor {
        Actor::Anonymous => "anonymous".to_owned(),
        Actor::System(_) => "system".to_owned(),
        Actor::User { id, session, scopes } => format!("user {id} {session} {scopes}"),
    }
}

/// What can't be read may do what anybody may.
fn actor(text: &str) -> Actor {
    let mut words = text.splitn(4, ' ');
    let id = |words: &mut std::str::SplitN<'_, char>| words.next().and_then(|word| word.parse::<Uuid>().ok());
    match words.next() {
        Some("system") => Actor::System(PEER),
        Some("user") => match (id(&mut words), id(&mut words)) {
            (Some(id), Some(session)) => {
                Actor::User { id, session, scopes: Scopes::parse(words.next().unwrap_or_default()) }
            }
            _ => Actor::Anonymous,
        },
        _ => Actor::Anonymous,
    }
}

/// `grpc-timeout`: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use kernel::Scope;

    use runtime::internal;

    use super::*;

    #[test]
    fn names_are_those_that_the_internal_listener_knows() {
        assert_eq!((entry::REQUEST_ID.as_str(), internal::TOKEN.as_str()), (REQUEST_ID, TOKEN));
    }

    #[test]
    fn who_acts_arrives_as_it_was() {
        let user = Actor::User {
            id: Uuid::new_v4(),
            session: Uuid::new_v4(),
            scopes: [Scope::Customer, Scope::ReadOrders].into_iter().collect(),
        };
        for sent in [user, Actor::Anonymous, Actor::System(PEER)] {
            assert!(HeaderValue::from_str(&actor_text(&sent)).is_ok());
            assert_eq!(actor(&actor_text(&sent)), sent);
        }
        assert_eq!(actor("user not-an-id"), Actor::Anonymous);
    }

    #[test]
    fn time_is_read_in_every_unit() {
        assert_eq!(timeout("2S"), Some(Duration::from_secs(2)));
        assert_eq!(timeout("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_hours(99_999_999)));
        for text in ["", "S", "999999999S", "5", "5x", "-1S", "5ä"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
