//! The operations, with idempotency keys: the same key with the same request is answered as the first time.

use std::collections::HashMap;

use axum::extract::{Path, Query, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use super::State;
use super::events;
use super::journal::{Entry, Intent, Journal, Kept, Refund, Status};

/// Most bytes of a form.
const FORM_BYTES: usize = 64 * 1024;
/// The card that its bank declines.
const DECLINED_CARD: &str = "pm_card_chargeDeclined";

type Form = HashMap<String, String>;

/// What a change gives: what is written down, and the answer.
type Changed = Result<(Entry, Value), (StatusCode, Value)>;

/// The operations.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(change))
        .route("/v1/payment_intents/{id}", get(get_intent).post(change))
        .route("/v1/payment_intents/{id}/{verb}", post(change))
        .route("/v1/refunds", get(list_refunds).post(change))
        .with_state(state)
}

async fn get_intent(Shared(state): Shared<State>, Path(id): Path<String>) -> Response {
    let journal = state.journal.lock().await;
    match journal.intents.get(&id) {
        Some(intent) => Json(shown(intent)).into_response(),
        None => answer(StatusCode::NOT_FOUND, &missing()),
    }
}

async fn list_refunds(Shared(state): Shared<State>, Query(query): Query<Form>) -> Json<Value> {
    let of = query.get("payment_intent").cloned().unwrap_or_default();
    let journal = state.journal.lock().await;
    let refunds = journal.refunds.values().filter(|refund| refund.payment_intent == of).map(shown_refund);
    Json(json!({ "object": "list", "data": refunds.collect::<Vec<_>>(), "has_more": false }))
}

/// Every operation that changes something.
async fn change(Shared(state): Shared<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, FORM_BYTES).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &problem("invalid_request_error", "too_large"));
    };
    let asked = format!("{} {}", parts.uri.path(), String::from_utf8_lossy(&body));
    let form: Form = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let key = key(&parts.headers, &parts.method);
    let mut journal = state.journal.lock().await;
    if let Some(kept) = key.as_ref().and_then(|key| journal.kept.get(key)) {
        if kept.request != asked {
            return answer(StatusCode::BAD_REQUEST, &problem("idempotency_error", "idempotency_key_reused"));
        }
        return answer(StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK), &kept.body);
    }
    let path: Vec<&str> = parts.uri.path().trim_start_matches("/v1/").split('/').collect();
    let (mut entry, status, body) = match carry_out(&journal, &path, &form) {
        Ok((entry, body)) => (entry, StatusCode::OK, body),
        Err((status, body)) => (Entry::default(), status, body),
    };
    entry.kept = key.map(|key| Kept { key, request: asked, status: status.as_u16(), body: body.clone() });
    match journal.write(entry) {
        Ok(()) => answer(status, &body),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, &problem("api_error", "journal")),
    }
}

fn key(headers: &HeaderMap, method: &Method) -> Option<String> {
    let key = headers.get("idempotency-key")?.to_str().ok()?;
    (method == Method::POST).then(|| key.to_owned())
}

fn carry_out(journal: &Journal, path: &[&str], form: &Form) -> Changed {
    match path {
        ["payment_intents"] => Ok(prepare(form)),
        ["payment_intents", id] => of(journal, id).map(|intent| update(intent, form)),
        ["payment_intents", id, "confirm"] => of(journal, id).and_then(|intent| confirm(intent, form)),
        ["payment_intents", id, "capture"] => of(journal, id).and_then(|intent| capture(intent, form)),
        ["payment_intents", id, "cancel"] => of(journal, id).and_then(cancel),
        ["refunds"] => refund(journal, form),
        _ => Err((StatusCode::NOT_FOUND, missing())),
    }
}

fn of(journal: &Journal, id: &str) -> Result<Intent, (StatusCode, Value)> {
    journal.intents.get(id).cloned().ok_or_else(|| (StatusCode::NOT_FOUND, missing()))
}

fn prepare(form: &Form) -> (Entry, Value) {
    let intent = Intent {
        id: format!("pi_{}", Uuid::new_v4().simple()),
        amount: number(form, "amount"),
        currency: form.get("currency").cloned().unwrap_or_default(),
        status: Status::RequiresPaymentMethod,
        captured: 0,
        captures: 0,
        metadata: metadata(form),
        last_error: None,
    };
    kept(intent, None)
}

fn update(mut intent: Intent, form: &Form) -> (Entry, Value) {
    intent.metadata.extend(metadata(form));
    if form.contains_key("amount") {
        intent.amount = number(form, "amount");
    }
    kept(intent, None)
}

/// What the customer does with their card. The shop never comes here.
fn confirm(mut intent: Intent, form: &Form) -> Changed {
    if form.get("client_secret") != Some(&secret(&intent)) {
        return Err((StatusCode::UNAUTHORIZED, problem("invalid_request_error", "client_secret")));
    }
    if intent.status != Status::RequiresPaymentMethod {
        return Err(unexpected());
    }
    if form.get("payment_method").is_some_and(|card| card == DECLINED_CARD) {
        intent.last_error = Some(problem("card_error", "card_declined")["error"].clone());
        return Ok(kept(intent, Some("payment_intent.payment_failed")));
    }
    intent.status = Status::RequiresCapture;
    intent.last_error = None;
    Ok(kept(intent, Some("payment_intent.amount_capturable_updated")))
}

fn capture(mut intent: Intent, form: &Form) -> Changed {
    let amount = form.get("amount_to_capture").map_or(intent.amount, |_| number(form, "amount_to_capture"));
    if intent.status != Status::RequiresCapture || amount > intent.amount {
        return Err(unexpected());
    }
    intent.status = Status::Succeeded;
    intent.captured += amount;
    intent.captures += 1;
    Ok(kept(intent, Some("payment_intent.succeeded")))
}

fn cancel(mut intent: Intent) -> Changed {
    if !matches!(intent.status, Status::RequiresCapture | Status::RequiresPaymentMethod) {
        return Err(unexpected());
    }
    intent.status = Status::Canceled;
    Ok(kept(intent, Some("payment_intent.canceled")))
}

fn refund(journal: &Journal, form: &Form) -> Changed {
    let intent = of(journal, form.get("payment_intent").map_or("", String::as_str))?;
    let amount = number(form, "amount");
    if amount < 1 || journal.refunded(&intent.id) + amount > intent.captured {
        return Err((StatusCode::BAD_REQUEST, problem("invalid_request_error", "charge_already_refunded")));
    }
    let id = format!("re_{}", Uuid::new_v4().simple());
    let refund = Refund { id, payment_intent: intent.id, amount, metadata: metadata(form) };
    let body = shown_refund(&refund);
    let event =
        events::event("charge.refunded", &json!({ "object": "charge", "payment_intent": refund.payment_intent }));
    Ok((Entry { refund: Some(refund), event: Some(event), ..Entry::default() }, body))
}

/// A payment as it is now, and the event that tells of it.
fn kept(intent: Intent, kind: Option<&str>) -> (Entry, Value) {
    let body = shown(&intent);
    let event = kind.map(|kind| events::event(kind, &body));
    (Entry { intent: Some(intent), event, ..Entry::default() }, body)
}

fn shown(intent: &Intent) -> Value {
    let capturable = if intent.status == Status::RequiresCapture { intent.amount } else { 0 };
    json!({
        "object": "payment_intent", "id": intent.id, "status": intent.status, "amount": intent.amount,
        "currency": intent.currency, "client_secret": secret(intent), "amount_capturable": capturable,
        "amount_received": intent.captured, "metadata": intent.metadata, "last_payment_error": intent.last_error,
        "capture_method": "manual",
    })
}

fn shown_refund(refund: &Refund) -> Value {
    json!({
        "object": "refund", "id": refund.id, "amount": refund.amount, "status": "succeeded",
        "payment_intent": refund.payment_intent, "metadata": refund.metadata,
    })
}

fn secret(intent: &Intent) -> String {
    format!("{}_secret_of_a_stand_in", intent.id)
}

fn metadata(form: &Form) -> HashMap<String, String> {
    let entry = |(name, value): (&String, &String)| {
        Some((name.strip_prefix("metadata[")?.strip_suffix(']')?.to_owned(), value.clone()))
    };
    form.iter().filter_map(entry).collect()
}

fn number(form: &Form, name: &str) -> i64 {
    form.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn unexpected() -> (StatusCode, Value) {
    (StatusCode::BAD_REQUEST, problem("invalid_request_error", "payment_intent_unexpected_state"))
}

fn missing() -> Value {
    problem("invalid_request_error", "resource_missing")
}

fn problem(kind: &str, code: &str) -> Value {
    json!({ "error": { "type": kind, "code": code, "message": code } })
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, Json(body)).into_response()
}
