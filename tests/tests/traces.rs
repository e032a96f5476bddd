//! One trace leads from a request over its operation and its SQL to the event's consumer in another role.
//!
//! A test program of its own: telemetry is set up once in a process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::routing::post;
use http::Method;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use runtime::telemetry::TelemetryConfig;
use tokio::net::TcpListener;
use tradepost_tests::{TestShop, Topology, start_telemetry};

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

/// A purchase, and a deletion that another role hears of.
async fn buy_and_leave(topology: Topology) {
    let shop = TestShop::start(topology).await;
    let variant = shop.add_variant(5).await;
    let customer = shop.customer().await;
    let cart = customer.ready_cart(&variant, 1).await;
    customer.complete(&cart, None).await.expect(201);
    let deleted = customer.send(Method::DELETE, "/api/v1/users/me", None, None).await;
    assert_eq!(deleted.status, 204);
    wait_for_consumer(&shop).await;
    shop.stop().await;
}

/// The spans of one shop.
struct Spans(HashMap<Vec<u8>, Span>);

impl Spans {
    fn of<'a>(spans: impl Iterator<Item = &'a Span>) -> Self {
        Self(spans.map(|span| (span.span_id.clone(), span.clone())).collect())
    }

    fn operation(&self, name: &str) -> &Span {
        self.0.values().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn consumer(&self) -> &Span {
        let is_it = |span: &&Span| attribute(span, "consumer") == Some("orders.on_user_deleted");
        self.0.values().find(is_it).unwrap_or_else(|| panic!("the consumer is not traced"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_the_request_to_the_consumer() {
    let (collector, received) = start_collector().await;
    let telemetry = start_telemetry(&TelemetryConfig { otlp_endpoint: Some(collector), ..TelemetryConfig::default() });
    buy_and_leave(Topology::Together).await;
    let between = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    buy_and_leave(Topology::Apart).await;
    telemetry.shutdown().await;
    let received = received.lock().unwrap().clone();
    let (together, apart): (Vec<_>, Vec<_>) =
        received.iter().partition(|span| u128::from(span.start_time_unix_nano) < between);

    let spans = Spans::of(together.into_iter());
    let consumer = spans.consumer();
    assert_eq!(ancestry(&spans.0, consumer), ["consume", "delete_me", "DELETE /api/v1/users/me"]);
    let delete = spans.operation("delete_me");
    assert!(sends(delete, "DELETE FROM data_keys"), "{:#?}", delete.events);
    assert!(sends(consumer, "inbox"), "{:#?}", consumer.events);
    // The purchase, with the statements of both roles in it.
    let complete = spans.operation("complete_cart");
    assert_eq!(ancestry(&spans.0, complete), ["complete_cart", "POST /api/v1/carts/{id}/complete"]);
    assert!(sends(complete, "checkouts") && sends(complete, "reservations"), "{:#?}", complete.events);

    // The same over sockets and the broker: every place is in the one trace.
    let spans = Spans::of(apart.into_iter());
    let delete = "DELETE /api/v1/users/me";
    assert_eq!(ancestry(&spans.0, spans.consumer()), ["consume", "delete_me", delete, delete]);
    let complete = ancestry(&spans.0, spans.operation("complete_cart"));
    assert_eq!(complete.last(), Some(&"POST /api/v1/carts/{id}/complete"));
    assert_eq!(complete.len(), 3, "the operation, its request at orders, the client's at the edge: {complete:?}");
    let reserved: Vec<_> = spans.0.values().filter(|span| sends(span, "INSERT INTO reservations")).collect();
    assert_eq!(reserved.len(), 1);
    let reserve = ancestry(&spans.0, reserved[0]);
    assert_eq!(reserve[0], "POST /tradepost.products.v1.ProductsService/Reserve");
    assert_eq!(reserve[1..], complete);
}
