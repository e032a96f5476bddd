//! What a process tells of itself: logs on stderr, traces over OTLP, metrics for Prometheus.
//!
//! | module | holds |
//! |---|---|
//! | [`latency`] | how long work takes: buckets, p50, p95, p99 |
//! | [`metrics`] | the Prometheus page, the process's own figures |
//! | [`trace`] | export of spans, and their context across requests and events |

pub mod latency;
pub mod metrics;
pub mod trace;

use std::io::IsTerminal as _;

use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use latency::Latency;
pub use metrics::Metrics;

/// Said before the configured filter, which may overrule each part. Libraries that write every frame, header block or
/// connection at debug level stay quiet, so that `debug` is about this product. PostgreSQL's notices ("relation exists")
/// come from migrations that may run twice. The edge's spans are for traces: the log has the operation's own.
const QUIET: &str = "h2=info,hyper=info,hyper_util=info,reqwest=info,rustls=info,tower=info,opentelemetry=warn,\
     opentelemetry_sdk=warn,opentelemetry-otlp=warn,sqlx::postgres::notice=warn,gateway::request=off";

/// What is logged and traced, and where to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// What to log: a level, or levels by module as in `info,orders=debug`.
    pub log: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Collector for traces (OTLP over HTTP), such as `http://127.0.0.1:4318`. Unset: no traces.
    pub otlp_endpoint: Option<String>,
    /// The name of this process in traces.
    pub service_name: String,
    /// Share of requests to trace, 0 to 1, for requests that come without a decision of their caller.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            log: "info".into(),
            format: LogFormat::Human,
            otlp_endpoint: None,
            service_name: "tradepost".into(),
            sample_ratio: 1.0,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// Telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `telemetry.log` is no filter.
    #[error("telemetry.log: {0}")]
    Filter(#[from] ParseError),
    /// `telemetry.sample_ratio` is out of range.
    #[error("telemetry.sample_ratio: {0} is not between 0 and 1")]
    SampleRatio(f64),
    /// `telemetry.otlp_endpoint` can't be used.
    #[error("telemetry.otlp_endpoint: {0}")]
    Endpoint(String),
    /// It was started before in this process.
    #[error("telemetry is started already")]
    Started,
}

/// The telemetry of this process. Call [`Telemetry::shutdown`] last, or the last spans are lost.
pub struct Telemetry {
    metrics: Metrics,
    spans: Option<SdkTracerProvider>,
}

/// Starts logs, traces and metrics for the whole process. Needs a Tokio runtime when traces are exported.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::builder().parse(format!("{QUIET},{}", config.log))?;
    let spans = trace::exporter(config)?;
    // Colours are for a terminal: in a file they are noise.
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let logs = match config.format {
        LogFormat::Human => logs.boxed(),
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(logs.with_filter(filter))
        .with(spans.as_ref().map(trace::layer))
        .try_init()
        .map_err(|_| TelemetryError::Started)?;
    let metrics = Metrics::install()?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Telemetry { metrics, spans })
}

/// Says where a panic was. Its message is left out: it can quote the value that nobody expected.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(location, %backtrace, "a panic");
}

impl Telemetry {
    /// The metrics, for the page that serves them.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Sends the spans that still wait.
    pub async fn shutdown(self) {
        let Some(spans) = self.spans else { return };
        // It blocks until the exporter, which runs on this runtime, is done.
        let outcome = tokio::task::spawn_blocking(move || spans.shutdown()).await;
        if let Ok(Err(error)) = outcome {
            tracing::warn!(%error, "the last spans could not be sent");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_filter_is_named() {
        let error = init(&TelemetryConfig { log: "orders=loud".into(), ..TelemetryConfig::default() }).err().unwrap();
        assert!(error.to_string().starts_with("telemetry.log: error parsing level filter"), "{error}");
    }

    #[test]
    fn a_share_of_more_than_all_is_refused() {
        let config =
            TelemetryConfig { sample_ratio: 1.5, otlp_endpoint: Some("http://[::1]".into()), ..Default::default() };
        assert_eq!(init(&config).err().unwrap().to_string(), "telemetry.sample_ratio: 1.5 is not between 0 and 1");
    }
}
