//! Answers and headers that operations have in common.

use runtime::http::{Access, Body, Route};
use serde_json::{Map, Value, json};

use super::parameters::{takes_if_match, takes_query};

/// A failure that the layers can give: status, name, an example's code, when it comes.
const FAILURES: [(u16, &str, &str, &str); 14] = [
    (400, "Malformed", "MALFORMED_JSON", "The request can't be understood."),
    (401, "Unauthenticated", "TOKEN_EXPIRED", "The access token is missing or not valid."),
    (403, "Forbidden", "SCOPE_MISSING", "The access token does not allow this."),
    (404, "NotFound", "CART_NOT_FOUND", "There is no such object, or none that the caller may see."),
    (409, "Conflict", "REQUEST_IN_PROGRESS", "The state of the object does not allow this."),
    (412, "PreconditionFailed", "VERSION_MISMATCH", "The object is not at the version that `If-Match` names."),
    (413, "TooLarge", "BODY_TOO_LARGE", "The body is larger than this operation takes."),
    (414, "UriTooLong", "URI_TOO_LONG", "The path with its query is longer than any of this API need be."),
    (415, "UnsupportedMedia", "UNSUPPORTED_MEDIA_TYPE", "The content type is not one that this operation takes."),
    (422, "Invalid", "VALIDATION_FAILED", "A value is not acceptable; `details` name the fields."),
    (429, "RateLimited", "RATE_LIMITED", "Too many requests."),
    (500, "Internal", "INTERNAL_ERROR", "A fault of the server."),
    (503, "Unavailable", "SERVICE_UNAVAILABLE", "Something that is needed can't be reached, or is overloaded."),
    (504, "Timeout", "DEADLINE_EXCEEDED", "The request took longer than it may."),
];

/// Whether an answer with this status says when to try again.
fn says_when(status: u16) -> bool {
    matches!(status, 429 | 503 | 504)
}

/// The failures, by name.
pub fn components() -> Value {
    let component = |(status, name, code, description): (u16, &str, &str, &str)| {
        let mut headers = common_headers();
        if says_when(status) {
            headers.insert("Retry-After".into(), reference("headers", "Retry-After"));
        }
        if status == 401 {
            headers.insert("WWW-Authenticate".into(), reference("headers", "WWW-Authenticate"));
        }
        let id = "0198c7a2-5f0e-7c3b-9d52-1f6f0b5e8a11";
        let example = json!({"error": description, "code": code, "request_id": id, "details": []});
        let content = json!({"application/json": {"schema": reference("schemas", "Failure"), "example": example}});
        (name.to_owned(), json!({"description": description, "headers": headers, "content": content}))
    };
    FAILURES.into_iter().map(component).collect::<Map<_, _>>().into()
}

/// The headers, by name.
pub fn headers() -> Value {
    let count = |description: &str| {
        let schema = json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": 4_294_967_295_u32});
        json!({"description": description, "schema": schema})
    };
    let text = |description: &str, max: u32, pattern: &str| {
        let schema = json!({"type": "string", "maxLength": max, "pattern": pattern});
        json!({"description": description, "schema": schema})
    };
    json!({
        "X-Request-Id": text("The request's id; name it when you ask about a request.", 64, "^[0-9a-f-]*$"),
        "RateLimit-Limit": count("Requests that may come at once."),
        "RateLimit-Remaining": count("Requests that may follow at once."),
        "RateLimit-Reset": count("Seconds until all of them are there again."),
        "Retry-After": count("Seconds after which a retry makes sense."),
        "Location": text("Where the new object is.", 2048, "^/.*$"),
        "WWW-Authenticate": text("How to authenticate.", 64, "^Bearer$"),
        "Access-Control-Allow-Origin": text("The page's origin, where it is one that may call.", 255, "^https?://.*$"),
    })
}

/// Adds the failures that follow from the route, and the common headers to the handler's own answers.
pub fn complete(operation: &mut Value, route: &Route) {
    let takes_body = route.body != Body::None;
    let safe = route.method.is_safe();
    let fits = |status: u16| match status {
        401 => route.access != Access::Public,
        403 => matches!(route.access, Access::Scope(_)),
        404 => route.path.contains('{'),
        409 => !safe,
        412 => takes_if_match(operation),
        413 | 415 => takes_body,
        414 => takes_query(operation),
        422 => !safe || takes_query(operation),
        _ => true,
    };
    let given: Vec<_> = FAILURES.iter().filter(|(status, ..)| fits(*status)).collect();
    let Some(answers) = operation["responses"].as_object_mut() else { return };
    for (status, answer) in answers.iter_mut() {
        if answer.get("$ref").is_none() {
            add_headers(status, answer);
        }
    }
    for (status, name, ..) in given {
        answers.entry(status.to_string()).or_insert_with(|| reference("responses", name));
    }
}

fn add_headers(status: &str, answer: &mut Value) {
    let mut headers = common_headers();
    if status == "201" || status == "202" {
        headers.insert("Location".into(), reference("headers", "Location"));
    }
    if let Some(own) = answer["headers"].as_object() {
        headers.extend(own.clone());
    }
    answer["headers"] = headers.into();
    // A failure that the handler documents itself has the one form of all failures.
    if status.starts_with(['4', '5']) && answer["content"].is_null() {
        answer["content"] = json!({"application/json": {"schema": reference("schemas", "Failure")}});
    }
}

fn common_headers() -> Map<String, Value> {
    let names =
        ["X-Request-Id", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Access-Control-Allow-Origin"];
    names.into_iter().map(|name| (name.to_owned(), reference("headers", name))).collect()
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}
