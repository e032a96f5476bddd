//! SQL of the role. Secrets are sealed and opened here.

pub mod deliveries;
pub mod endpoints;
pub mod health;
pub mod lanes;
pub mod leases;
pub mod secrets;

/// A value in the database that this release does not understand.
fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
