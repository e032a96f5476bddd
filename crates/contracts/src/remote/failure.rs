//! Failures as gRPC statuses, and back.
//!
//! The status' code is there for tools between the roles; the roles themselves go by the details. A code that this release does
//! not know (the role that answers may be newer) becomes the general one of its kind, so that the public API gives no code that
//! its documents don't have.

use std::borrow::Cow;

use kernel::{ErrorKind, Failure, FieldError};
use prost::Message as _;
use serde::Deserialize as _;
use serde::de::IntoDeserializer;
use serde::de::value::Error as NoSuchKind;
use tonic::{Code, Status};

use super::proto::failure as proto;

/// The codes with which contract calls fail.
const KNOWN: &[&str] = &[
    "DEADLINE_EXCEEDED",
    "INTERNAL_ERROR",
    "RESERVATION_ENDED",
    "SERVICE_UNAVAILABLE",
    "USER_NOT_FOUND",
    "VALIDATION_FAILED",
    "VARIANT_NOT_FOUND",
];

/// The failure of a role as the status of its answer.
pub(super) fn into_status(failure: Failure) -> Status {
    let details = failure.details.into_iter().map(|field| proto::FieldError {
        field: field.field,
        code: field.code.into_owned(),
        message: field.message,
    });
    let message = proto::Failure {
        kind: kind_name(failure.kind),
        code: failure.code.into_owned(),
        message: failure.message.into_owned(),
        details: details.collect(),
        retry_after: failure.retry_after,
    };
    Status::with_details(code(failure.kind), message.code.clone(), message.encode_to_vec().into())
}

/// What a role said; none when the status is not from a role.
pub(super) fn from_status(status: &Status) -> Option<Failure> {
    if status.details().is_empty() {
        return None;
    }
    let message = proto::Failure::decode(status.details()).ok()?;
    let kind = kind(&message.kind).unwrap_or(ErrorKind::Internal);
    let code = KNOWN.iter().find(|known| **known == message.code).copied();
    let code = code.unwrap_or_else(|| {
        tracing::warn!(code = message.code, kind = message.kind, "a role failed with a code of another release");
        general_code(kind)
    });
    let details = message.details.into_iter().map(|field| FieldError {
        field: field.field,
        code: Cow::Owned(field.code),
        message: field.message,
    });
    Some(Failure {
        kind,
        code: Cow::Borrowed(code),
        message: message.message.into(),
        details: details.collect(),
        retry_after: message.retry_after,
    })
}

/// A kind has the name that JSON gives it.
fn kind_name(kind: ErrorKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn kind(name: &str) -> Option<ErrorKind> {
    ErrorKind::deserialize(IntoDeserializer::<NoSuchKind>::into_deserializer(name)).ok()
}

fn code(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Malformed
        | ErrorKind::Invalid
        | ErrorKind::NotAcceptable
        | ErrorKind::TooLarge
        | ErrorKind::UnsupportedMedia => Code::InvalidArgument,
        ErrorKind::Unauthenticated => Code::Unauthenticated,
        ErrorKind::Forbidden => Code::PermissionDenied,
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::MethodNotAllowed => Code::Unimplemented,
        ErrorKind::Conflict => Code::Aborted,
        ErrorKind::Precondition => Code::FailedPrecondition,
        ErrorKind::RateLimited => Code::ResourceExhausted,
        ErrorKind::Internal => Code::Internal,
        ErrorKind::Unavailable => Code::Unavailable,
        ErrorKind::Timeout => Code::DeadlineExceeded,
    }
}

/// The code of a failure of which only the kind is known.
fn general_code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Malformed | ErrorKind::Invalid => "VALIDATION_FAILED",
        ErrorKind::Unauthenticated => "INVALID_TOKEN",
        ErrorKind::Forbidden => "SCOPE_MISSING",
        ErrorKind::NotFound => "NOT_FOUND",
        ErrorKind::MethodNotAllowed => "METHOD_NOT_ALLOWED",
        ErrorKind::NotAcceptable => "NOT_ACCEPTABLE",
        ErrorKind::Conflict => "STATE_CONFLICT",
        ErrorKind::Precondition => "VERSION_MISMATCH",
        ErrorKind::TooLarge => "BODY_TOO_LARGE",
        ErrorKind::UnsupportedMedia => "UNSUPPORTED_MEDIA_TYPE",
        ErrorKind::RateLimited => "RATE_LIMITED",
        ErrorKind::Internal => "INTERNAL_ERROR",
        ErrorKind::Unavailable => "SERVICE_UNAVAILABLE",
        ErrorKind::Timeout => "DEADLINE_EXCEEDED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_arrives_as_it_was() {
        let field = FieldError::new("ids", "TOO_MANY", "at most 1000");
        for sent in [
            Failure::unavailable(),
            Failure::invalid(vec![field]),
            Failure::new(ErrorKind::Conflict, "RESERVATION_ENDED", "The reservation has ended").retry_after(3),
        ] {
            assert_eq!(from_status(&into_status(sent.clone())), Some(sent));
        }
    }

    #[test]
    fn a_code_of_another_release_becomes_the_general_one_of_its_kind() {
        let sent = Failure::new(ErrorKind::Conflict, "MOON_NOT_FULL", "Wait for it");
        let arrived = from_status(&into_status(sent)).unwrap();
        assert_eq!(
            (arrived.kind, &*arrived.code, &*arrived.message),
            (ErrorKind::Conflict, "STATE_CONFLICT", "Wait for it")
        );

        let unknown = proto::Failure { kind: "sideways".into(), code: "ODD".into(), ..proto::Failure::default() };
        let status = Status::with_details(Code::Unknown, "", unknown.encode_to_vec().into());
        let arrived = from_status(&status).unwrap();
        assert_eq!((arrived.kind, &*arrived.code), (ErrorKind::Internal, "INTERNAL_ERROR"));
    }

    #[test]
    fn a_status_of_somebody_in_between_is_no_failure_of_the_role() {
        assert_eq!(from_status(&Status::unavailable("connection refused")), None);
    }
}
