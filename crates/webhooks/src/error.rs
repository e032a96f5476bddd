//! What can go wrong in this role.

use kernel::{ErrorKind, Failure};
use thiserror::Error;

use crate::domain::delivery::MAX_REDELIVERED;
use crate::domain::endpoint::MAX_ENDPOINTS;

/// What went wrong.
#[derive(Debug, Error)]
pub enum Error {
    /// No such endpoint.
    #[error("Webhook endpoint not found")]
    EndpointNotFound,
    /// The shop has as many as it may have.
    #[error("A shop has at most {MAX_ENDPOINTS} webhook endpoints")]
    TooManyEndpoints,
    /// Nothing is sent to a disabled endpoint.
    #[error("The webhook endpoint is disabled: enable it first")]
    EndpointDisabled,
    /// No such delivery.
    #[error("Webhook delivery not found")]
    DeliveryNotFound,
    /// More deliveries in a range than are sent again at once.
    #[error("More than {MAX_REDELIVERED} deliveries are in this range: choose a shorter time")]
    RangeTooLarge,
    /// A failure of the ground: validation, version, idempotency.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Error {
    /// The class of the failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::EndpointNotFound | Error::DeliveryNotFound => ErrorKind::NotFound,
            Error::TooManyEndpoints | Error::EndpointDisabled => ErrorKind::Conflict,
            Error::RangeTooLarge => ErrorKind::Invalid,
            Error::Failure(failure) => failure.kind,
            Error::Database(_) => ErrorKind::Internal,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Error::EndpointNotFound => "WEBHOOK_ENDPOINT_NOT_FOUND",
            Error::TooManyEndpoints => "TOO_MANY_WEBHOOK_ENDPOINTS",
            Error::EndpointDisabled => "WEBHOOK_ENDPOINT_DISABLED",
            Error::DeliveryNotFound => "WEBHOOK_DELIVERY_NOT_FOUND",
            Error::RangeTooLarge => "RANGE_TOO_LARGE",
            // These carry their own code; see the conversion below.
            Error::Failure(_) | Error::Database(_) => "INTERNAL_ERROR",
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Failure(failure) => failure.clone(),
            Error::Database(cause) => pg::failure(cause),
            _ => Failure::new(error.kind(), error.code(), error.to_string()),
        }
    }
}
