//! Failures as GraphQL says them: an error with the code in its extensions.

use async_graphql::{ErrorExtensionValues, ErrorExtensions, ServerError, Value};
use kernel::{ErrorKind, Failure};

/// A failure as the error of a field.
pub(super) fn error(failure: impl Into<Failure>) -> async_graphql::Error {
    let failure = failure.into();
    async_graphql::Error::new(failure.message.clone()).extend_with(|_, extensions| extend(extensions, &failure))
}

/// A failure as the error of a whole request.
pub(super) fn server_error(failure: &Failure) -> ServerError {
    let mut error = ServerError::new(failure.message.clone(), None);
    extend(error.extensions.get_or_insert_default(), failure);
    error
}

fn extend(extensions: &mut ErrorExtensionValues, failure: &Failure) {
    extensions.set("code", failure.code.as_ref());
    if !failure.details.is_empty() {
        extensions.set("details", async_graphql::value!(failure.details.iter().map(detail).collect::<Vec<_>>()));
    }
}

fn detail(field: &kernel::FieldError) -> Value {
    async_graphql::value!({
        "field": field.field.clone(),
        "code": field.code.as_ref(),
        "message": field.message.clone(),
    })
}

/// Gives a code to the errors that have none: those that come from reading and validating the document.
pub(super) fn with_code(error: &mut ServerError) {
    let code = match error.message.as_str() {
        "Query is too complex." => "QUERY_TOO_COSTLY",
        "Query is nested too deep." => "QUERY_TOO_DEEP",
        _ => "GRAPHQL_INVALID",
    };
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
}

/// Whether a refusal is an answer to the caller, which belongs into the payload, rather than an error.
pub(super) fn is_refusal(failure: &Failure) -> bool {
    matches!(failure.kind, ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Precondition)
}
