//! What went wrong, in a form that can cross every boundary: process, role, wire.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a failure. Each kind has exactly one HTTP status (see `runtime::http`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request cannot be understood (400).
    Malformed,
    /// No valid credentials (401).
    Unauthenticated,
    /// Known, but not allowed (403).
    Forbidden,
    /// Not there, or not visible to this caller (404).
    NotFound,
    /// The path exists, the method does not (405).
    MethodNotAllowed,
    /// None of the media types that the caller accepts can be served (406).
    NotAcceptable,
    /// The state of the object does not allow this (409).
    Conflict,
    /// `If-Match` does not hold (412).
    Precondition,
    /// The body is larger than allowed (413).
    TooLarge,
    /// The content type is not one that this operation takes (415).
    UnsupportedMedia,
    /// Understood, but a value is not acceptable (422).
    Invalid,
    /// Too many requests (429).
    RateLimited,
    /// A fault of ours (500).
    Internal,
    /// A part that is needed cannot be reached or is overloaded; try again (503).
    Unavailable,
    /// The deadline passed (504).
    Timeout,
}

/// One field of the request that was not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field in the request, such as `shipping_address.country` or `lines[2].quantity`.
    pub field: String,
    /// Stable code, SCREAMING_SNAKE_CASE.
    pub code: Cow<'static, str>,
    /// A sentence for the developer who reads the answer.
    pub message: String,
}

/// A failure with its public face. Everything in it may be shown to the caller; causes are logged where they occur.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub kind: ErrorKind,
    /// Stable code, SCREAMING_SNAKE_CASE, documented in `docs/errors.md`.
    pub code: Cow<'static, str>,
    /// A sentence for the developer who reads the answer.
    pub message: Cow<'static, str>,
    /// The fields concerned, if any.
    pub details: Vec<FieldError>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
}

impl Failure {
    /// A failure without field details.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, code: Cow::Borrowed(code), message: message.into(), details: Vec::new(), retry_after: None }
    }

    /// 422 `VALIDATION_FAILED` with the fields that were wrong.
    pub fn invalid(details: Vec<FieldError>) -> Self {
        Self { details, ..Self::new(ErrorKind::Invalid, "VALIDATION_FAILED", "The request has invalid fields") }
    }

    /// 422 `VALIDATION_FAILED` for one field.
    pub fn invalid_field(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, code, message)])
    }

    /// 500 `INTERNAL_ERROR`. Log the cause first: the caller gets none of it.
    pub fn internal() -> Self {
        Self::new(ErrorKind::Internal, "INTERNAL_ERROR", "Something went wrong on our side")
    }

    /// 503 `SERVICE_UNAVAILABLE`, worth a retry after a second.
    pub fn unavailable() -> Self {
        let message = "The service cannot answer at the moment; try again";
        Self { retry_after: Some(1), ..Self::new(ErrorKind::Unavailable, "SERVICE_UNAVAILABLE", message) }
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl FieldError {
    /// A field with its code and sentence.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code: Cow::Borrowed(code), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
