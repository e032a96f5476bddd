//! Spans on their way to a collector, and the context (W3C Trace Context) that ties them together across requests,
//! events and processes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter as OtlpExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::{TelemetryConfig, TelemetryError};

const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The context of the current span as a `traceparent` value, to be kept with an event or sent along with a request.
/// None while traces are off.
pub fn current_parent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove("traceparent")
}

/// Makes `span` continue the trace of a `traceparent` value. Call it before the span is entered. A value that can't be
/// read is passed over: it came from outside, and a trace is no reason to refuse a request.
pub fn follow(span: &Span, traceparent: &str) {
    let carrier = HashMap::from([("traceparent".to_owned(), traceparent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&carrier);
    // Fails while traces are off.
    let _ = span.set_parent(parent);
}

/// What sends spans to the configured collector, if there is one.
pub(super) fn exporter(config: &TelemetryConfig) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if !(0.0..=1.0).contains(&config.sample_ratio) {
        return Err(TelemetryError::SampleRatio(config.sample_ratio));
    }
    let Some(endpoint) = config.otlp_endpoint.as_deref() else { return Ok(None) };
    let unusable = |error: &dyn std::fmt::Display| TelemetryError::Endpoint(error.to_string());
    // The program installs it first of all; a test or tool may not have. The first one stays.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(SEND_TIMEOUT).build().map_err(|e| unusable(&e))?;
    let otlp = OtlpExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(endpoint))
        .with_timeout(SEND_TIMEOUT)
        .build()
        .map_err(|e| unusable(&e))?;
    let exporter = OnRuntime { otlp: Arc::new(otlp), runtime: Handle::current() };
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    let resource = Resource::builder().with_service_name(config.service_name.clone()).build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}

/// Takes the program's spans from `info` up, and each SQL statement (its text, never its values) as an event of the span
/// that sent it. What the exporter itself does is left out: it would trace its own traces.
pub(super) fn layer<S>(provider: &SdkTracerProvider) -> impl tracing_subscriber::Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    use tracing_subscriber::Layer as _;
    let off =
        ["h2", "hyper", "hyper_util", "reqwest", "rustls", "opentelemetry", "opentelemetry_sdk", "opentelemetry-otlp"];
    let filter = Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("sqlx::query", LevelFilter::DEBUG)
        .with_targets(off.map(|target| (target, LevelFilter::OFF)));
    tracing_opentelemetry::layer().with_tracer(provider.tracer("tradepost")).with_filter(filter)
}

/// The collector's path for traces, unless the endpoint names one already.
fn traces_url(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    if endpoint.ends_with("/v1/traces") { endpoint.to_owned() } else { format!("{endpoint}/v1/traces") }
}

/// Sends on the Tokio runtime. The batch processor exports from a thread of its own, where the HTTP client can't run.
#[derive(Debug)]
struct OnRuntime {
    otlp: Arc<OtlpExporter>,
    runtime: Handle,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let otlp = self.otlp.clone();
        let sent = self.runtime.spawn(async move { otlp.export(batch).await }).await;
        sent.unwrap_or_else(|error| Err(OTelSdkError::InternalFailure(error.to_string())))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // Called once, before the exporter is shared.
        if let Some(otlp) = Arc::get_mut(&mut self.otlp) {
            otlp.set_resource(resource);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::routing::post;
    use tokio::sync::mpsc;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn has(body: &[u8], text: &str) -> bool {
        body.windows(text.len()).any(|window| window == text.as_bytes())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn spans_arrive_at_the_collector_with_their_parent() {
        let (received, mut bodies) = mpsc::unbounded_channel();
        let collector = axum::Router::new().route(
            "/v1/traces",
            post(async move |body: Bytes| {
                received.send(body).unwrap();
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, collector).await });

        let config = TelemetryConfig { otlp_endpoint: Some(endpoint), ..TelemetryConfig::default() };
        let provider = exporter(&config).unwrap().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer(&provider));
        let passed_on = tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("place_order");
            follow(&span, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
            span.in_scope(|| {
                tracing::debug!(target: "sqlx::query", "INSERT INTO orders");
                tracing::info!(target: "hyper::client", "noise of the exporter");
                current_parent()
            })
        });
        assert!(passed_on.unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
        tokio::task::spawn_blocking(move || provider.shutdown()).await.unwrap().unwrap();

        let body = bodies.recv().await.unwrap();
        assert!(has(&body, "place_order") && has(&body, "tradepost") && has(&body, "INSERT INTO orders"));
        assert!(body.windows(8).any(|window| window == [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]));
        assert!(!has(&body, "noise of the exporter"));
    }

    #[test]
    fn without_traces_there_is_no_context_to_pass_on() {
        let span = tracing::info_span!("place_order");
        follow(&span, "not a traceparent");
        assert_eq!(span.in_scope(current_parent), None);
    }

    #[test]
    fn the_path_of_the_collector_is_added_once() {
        assert_eq!(traces_url("http://collector:4318/"), "http://collector:4318/v1/traces");
        assert_eq!(traces_url("http://collector:4318/v1/traces"), "http://collector:4318/v1/traces");
    }
}
