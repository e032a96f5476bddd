//! One trace leads from a request over its operation and its SQL to the event's consumer in another role.
//!
//! A test program of its own: telemetry is set up once in a process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::routing::post;
use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use runtime::telemetry::TelemetryConfig;
use tokio::net::TcpListener;
use tradepost_tests::{TestShop, start_telemetry};

/// How long a consumer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A collector of OTLP over HTTP: gives its address, and the spans as they come.
async fn start_collector() -> (String, Arc<Mutex<Vec<Span>>>) {
    let spans = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::clone(&spans);
    let receive = post(async move |body: Bytes| {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        received.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, axum::Router::new().route("/v1/traces", receive)).await });
    (address, spans)
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    let value = span.attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Whether a statement that holds `text` was sent within this span.
fn sends(span: &Span, text: &str) -> bool {
    span.events.iter().any(|event| format!("{event:?}").contains(text))
}

/// The names of the spans from `span` up to the root of its trace.
fn ancestry<'a>(spans: &'a HashMap<Vec<u8>, Span>, mut span: &'a Span) -> Vec<&'a str> {
    let mut names = vec![span.name.as_str()];
    while let Some(parent) = spans.get(&span.parent_span_id) {
        assert_eq!(parent.trace_id, span.trace_id, "{} has another trace than its parent", span.name);
        names.push(&parent.name);
        span = parent;
    }
    names
}

/// Waits until orders have dealt with the deletion of a user.
async fn wait_for_consumer(shop: &TestShop) {
    let orders = shop.databases()[2].owner();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let handled = "SELECT EXISTS (SELECT FROM inbox WHERE consumer = 'orders.on_user_deleted')";
    while !sqlx::query_scalar::<_, bool>(handled).fetch_one(orders).await.unwrap() {
        assert!(tokio::time::Instant::now() < deadline, "orders have not heard of the deletion");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_to_the_consumer() {
    let (collector, spans) = start_collector().await;
    let telemetry = start_telemetry(&TelemetryConfig { otlp_endpoint: Some(collector), ..TelemetryConfig::default() });
    let shop = TestShop::start().await;
    let variant = shop.add_variant(5).await;
    let customer = shop.customer().await;
    let cart = customer.ready_cart(&variant, 1).await;
    customer.complete(&cart, None).await.expect(201);
    let deleted = customer.send(Method::DELETE, "/api/v1/users/me", None, None).await;
    assert_eq!(deleted.status, 204);
    wait_for_consumer(&shop).await;
    shop.stop().await;
    telemetry.shutdown().await;

    let spans: HashMap<Vec<u8>, Span> =
        spans.lock().unwrap().drain(..).map(|span| (span.span_id.clone(), span)).collect();
    let operation = |name: &str| spans.values().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"));
    let consumer = spans.values().find(|span| attribute(span, "consumer") == Some("orders.on_user_deleted"));
    let consumer = consumer.expect("the consumer is traced");
    assert_eq!(ancestry(&spans, consumer), ["consume", "delete_me", "DELETE /api/v1/users/me"]);
    assert!(sends(operation("delete_me"), "DELETE FROM data_keys"), "{:#?}", operation("delete_me").events);
    assert!(sends(consumer, "inbox"), "{:#?}", consumer.events);

    // The purchase, with the statements of both roles in it.
    let complete = operation("complete_cart");
    assert_eq!(ancestry(&spans, complete), ["complete_cart", "POST /api/v1/carts/{id}/complete"]);
    assert!(sends(complete, "checkouts") && sends(complete, "reservations"), "{:#?}", complete.events);
}
