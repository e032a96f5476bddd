//! What handlers take. Each refuses bad input with a code and the field.

use std::fmt;

use axum::extract::{FromRequest, FromRequestParts, Request};
use http::header;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError};
use kernel::{Context, ErrorKind, Failure, FieldError};
use serde::de::{self, DeserializeOwned, Deserializer, Unexpected, Visitor};

use super::reply::ApiError;

/// The request's [`Context`], made by the guard.
#[derive(Debug)]
pub struct Caller(pub Context);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Context>() {
            Some(context) => Ok(Self(context.clone())),
            None => {
                tracing::error!("a handler runs without its guard");
                Err(ApiError(Failure::internal()))
            }
        }
    }
}

/// A JSON body. 400 `MALFORMED_JSON` when it isn't JSON, 422 `VALIDATION_FAILED` with the field when it doesn't fit.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = read_body(request).await?;
        Ok(Self(parse_json(&bytes)?))
    }
}

/// Reads a whole body, up to the limit that the guard set on it.
async fn read_body(request: Request) -> Result<bytes::Bytes, Failure> {
    match request.into_body().collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(body_failure(&error)),
    }
}

/// The failure behind an error that reading a body gave.
pub fn body_failure(error: &axum::Error) -> Failure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_large();
        }
        cause = error.source();
    }
    Failure::new(ErrorKind::Malformed, "BODY_INCOMPLETE", "The body ended before it was complete")
}

/// 413 `BODY_TOO_LARGE`.
pub fn too_large() -> Failure {
    Failure::new(ErrorKind::TooLarge, "BODY_TOO_LARGE", "The body is larger than this operation takes")
}

/// Parses JSON. No byte of it appears in a log.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let malformed = |message: String| Failure::new(ErrorKind::Malformed, "MALFORMED_JSON", message);
    if bytes.is_empty() {
        return Err(malformed("The body is empty where JSON is expected".into()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // A value that doesn't fit is met before a later mistake in the text: what isn't JSON at all is said first.
        match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) if error.is_data() => wrong_field(&path, &error.to_string()),
            Err(error) => malformed(format!("The body is not JSON: {error}")),
            Ok(_) => malformed(format!("The body is not JSON: {error}")),
        }
    })?;
    reader.end().map_err(|error| malformed(format!("The body is not one JSON document: {error}")))?;
    // serde takes an array for a struct, field by field; nobody who sends one means that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Failure::invalid_field(".", "INVALID_VALUE", "The body takes a JSON object"));
    }
    Ok(parsed)
}

/// serde says what is wrong in words alone; the words begin in a fixed way.
fn wrong_field(path: &str, message: &str) -> Failure {
    let named = |prefix: &str| {
        let rest = message.strip_prefix(prefix)?;
        rest.split('`').nth(1).map(str::to_owned)
    };
    let within = |name: String| if path == "." { name } else { format!("{path}.{name}") };
    // The position in the text helps no one who has the field's name.
    let sentence = message.split(" at line ").next().unwrap_or(message).to_owned();
    let (field, code) = match (named("unknown field "), named("missing field ")) {
        // serde_path_to_error ends the path with the unknown field already.
        (Some(name), _) => (if path.ends_with(&name) { path.to_owned() } else { within(name) }, "UNKNOWN_FIELD"),
        (_, Some(name)) => (within(name), "MISSING_FIELD"),
        _ => (path.to_owned(), "INVALID_VALUE"),
    };
    Failure::invalid(vec![FieldError::new(field, code, sentence)])
}

/// Reads a whole number as JSON Schema means it: `2.0` is 2. For `#[serde(deserialize_with)]`.
pub fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    deserializer.deserialize_i64(WholeNumber)
}

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<i64, E> {
        Ok(number)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<i64, E> {
        i64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<i64, E> {
        // Beyond this, floating point leaves whole numbers out.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() == 0.0 && number.abs() <= EXACT {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the range")]
            return Ok(number as i64);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// The query string. 400 `INVALID_QUERY`, with the message of what is wrong.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let message = format!("The query string does not fit: {}", rejection.body_text());
                Err(Failure::new(ErrorKind::Malformed, "INVALID_QUERY", message).into())
            }
        }
    }
}

/// The path's parameters. 400 `INVALID_PATH`.
#[derive(Debug)]
pub struct PathParam<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParam<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(parameters)) => Ok(Self(parameters)),
            Err(_) => {
                let message = "A parameter in the path is not of its form, such as a UUID";
                Err(Failure::new(ErrorKind::Malformed, "INVALID_PATH", message).into())
            }
        }
    }
}

/// The version that the caller's `If-Match` names; none when there is no such header or it is `*`.
#[derive(Clone, Copy, Debug)]
pub struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let digits = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
        let digits = digits.filter(|t| t.len() <= 18 && t.bytes().all(|b| b.is_ascii_digit()));
        let version = digits.and_then(|t| t.parse().ok());
        match version {
            Some(version) => Ok(Self(Some(version))),
            None => {
                let message = "If-Match takes the ETag of an earlier answer";
                Err(Failure::new(ErrorKind::Malformed, "INVALID_IF_MATCH", message).into())
            }
        }
    }
}

impl IfMatch {
    /// Whether an object at `version` may be changed. Failure: 412 `VERSION_MISMATCH`.
    pub fn check(self, version: i64) -> Result<(), Failure> {
        match self.0 {
            Some(wanted) if wanted != version => Err(Failure::new(
                ErrorKind::Precondition,
                "VERSION_MISMATCH",
                "The object has changed since; read it again",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only parsed")]
        lines: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only parsed")]
        quantity: u32,
    }

    fn refusal(body: &str) -> (String, String) {
        let failure = parse_json::<Outer>(body.as_bytes()).unwrap_err();
        let field = failure.details.first().map(|d| format!("{}:{}", d.field, d.code)).unwrap_or_default();
        (failure.code.into_owned(), field)
    }

    #[test]
    fn refusals_name_the_field() {
        let invalid = |field: &str| ("VALIDATION_FAILED".to_owned(), field.to_owned());
        assert_eq!(refusal("{}"), invalid("lines:MISSING_FIELD"));
        assert_eq!(
            refusal(r#"{"lines":[{"quantity":1},{"quantity":"x"}]}"#),
            invalid("lines[1].quantity:INVALID_VALUE")
        );
        assert_eq!(refusal(r#"{"lines":[{"quantity":-1}]}"#), invalid("lines[0].quantity:INVALID_VALUE"));
        assert_eq!(refusal(r#"{"lines":[{"quantity":1,"colour":2}]}"#), invalid("lines[0].colour:UNKNOWN_FIELD"));
        assert_eq!(refusal(r#"{"lines":[{}]}"#), invalid("lines[0].quantity:MISSING_FIELD"));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        #[derive(Deserialize)]
        struct Units(#[serde(deserialize_with = "whole_number")] i64);
        let read = |text: &str| serde_json::from_str::<Units>(text).ok().map(|units| units.0);
        assert_eq!([read("7"), read("7.0"), read("-7e0"), read("70e-1")], [Some(7), Some(7), Some(-7), Some(7)]);
        for text in ["7.5", "1e300", "18446744073709551615", "\"7\"", "null", "true"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_malformed() {
        for body in ["", "{", "{}{}", "\"\\ud800\"", "[1,]", "\u{0}"] {
            assert_eq!(refusal(body).0, "MALFORMED_JSON", "{body:?}");
        }
    }
}
