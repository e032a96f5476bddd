//! What the roles promise each other: per role a trait, its plain data, and a cloneable client.
//!
//! | module | promises |
//! |---|---|
//! | [`products`] | quotes and stock reservations, for orders |
//! | [`users`] | a user's contact data, for orders; the keys of access tokens |
//! | [`event_log`] | every role: its published events, for the stream and for whoever missed some |
//! | [`remote`] | all of them over gRPC, for roles that run apart |
//! | `suite` | for tests: what every implementation of a contract must do (feature `suite`) |
//!
//! A caller holds the client and never knows where the role runs: in this process the client wraps the role's object, elsewhere
//! a caller of [`remote`]. The protobuf documents are in `proto/`.
//!
//! Arguments are owned plain data; every call takes a [`kernel::Context`] whose deadline bounds it. Failures are
//! [`kernel::Failure`]s with the role's own codes; a caller that doesn't know a code goes by its kind.

pub mod event_log;
pub mod products;
pub mod remote;
#[cfg(feature = "suite")]
pub mod suite;
pub mod users;

use std::time::Duration;

use kernel::{Context, ErrorKind, Failure};

/// Longest that a call between roles may take when the request would leave it more.
const CALL_LIMIT: Duration = Duration::from_secs(10);

/// Ends a call at the context's deadline; past it, none is begun. Failure: `DEADLINE_EXCEEDED`.
async fn within_deadline<T>(context: &Context, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let budget = context.remaining().min(CALL_LIMIT);
    if budget.is_zero() {
        return Err(deadline_exceeded());
    }
    match tokio::time::timeout(budget, call).await {
        Ok(answer) => answer,
        Err(_) => Err(deadline_exceeded()),
    }
}

fn deadline_exceeded() -> Failure {
    Failure::new(ErrorKind::Timeout, "DEADLINE_EXCEEDED", "The request took longer than its deadline")
}
