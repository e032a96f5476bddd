//! Which headers pass from one side to the other.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use runtime::http::entry;
use runtime::telemetry::trace;

/// What begins with this is spoken between our processes alone.
const OURS: &str = "x-tradepost-";
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Meant for the next hop only.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Takes away what is not for the other side.
pub fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
    let ours: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(OURS)).cloned().collect();
    for name in ours {
        headers.remove(name);
    }
}

/// The client's headers, made ready for a role.
pub fn of_request(headers: &mut HeaderMap) {
    strip(headers);
    // HTTP/2 has it in the address. The listener has said "continue" already.
    headers.remove(header::HOST);
    headers.remove(header::EXPECT);
    // Said anew of what is sent: a body that nobody reads is not.
    headers.remove(header::CONTENT_LENGTH);
    if let Ok(id) = HeaderValue::from_str(&entry::current().id) {
        headers.insert(entry::REQUEST_ID, id);
    }
    if let Some(parent) = trace::current_parent().and_then(|parent| HeaderValue::try_from(parent).ok()) {
        headers.insert(TRACEPARENT, parent);
    }
}

/// Milliseconds from now to `until`.
pub fn left(until: Instant) -> HeaderValue {
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_the_clients_body_is_not_passed_off_as_ours() {
        let mut headers = HeaderMap::from_iter([
            (header::CONTENT_LENGTH, HeaderValue::from_static("2")),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        of_request(&mut headers);
        assert!(!headers.contains_key(header::CONTENT_LENGTH) && headers.contains_key(header::CONTENT_TYPE));
    }

    #[test]
    fn what_is_for_the_next_hop_or_ours_does_not_pass() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, X-Once"),
            ("x-once", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("x-tradepost-internal", "forged"),
            ("x-tradepost-deadline-ms", "999999"),
            ("authorization", "Bearer x"),
            ("if-match", "\"1\""),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "if-match"]);
    }
}
