//! A database error as the failure that callers see.

use kernel::Failure;
use sqlx::Error;

/// What callers see of a database error: 503 when the pool has no connection to give or the server is gone, else 500.
/// The cause is logged here, and only here.
pub fn failure(error: &Error) -> Failure {
    if is_unavailable(error) {
        tracing::warn!(%error, "the database cannot be reached or is overloaded");
        return Failure::unavailable();
    }
    tracing::error!(%error, "a statement failed");
    Failure::internal()
}

/// Whether the database cannot answer at the moment, so that the same work may succeed later.
pub fn is_unavailable(error: &Error) -> bool {
    match error {
        // A connection that was cut off in the middle of a message shows as a breach of the protocol.
        Error::Protocol(_)
        | Error::Io(_)
        | Error::Tls(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => true,
        Error::Database(cause) => cause.code().is_some_and(|code| {
            // Connection lost (08), out of resources or connections (53), shut down or cancelled (57), the transaction
            // lost against another (40), a lock was not free in time (55P03).
            ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) || code == "55P03"
        }),
        _ => false,
    }
}

/// The constraint that a statement ran against, by its name in the schema.
pub fn violated_constraint(error: &Error) -> Option<&str> {
    error.as_database_error().and_then(|cause| cause.constraint())
}
