//! The Prometheus page and the process's own figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::metrics::gauge;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use super::{TelemetryError, latency};
use crate::tasks::Tasks;

/// Seconds. 5 to 50 ms are where the targets of the product lie, so the steps are small there.
const BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// What Linux counts CPU time in for programs, on every architecture, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

/// The metrics of this process. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    page: PrometheusHandle,
    started: Arc<Instant>,
}

impl Metrics {
    /// Makes this the recorder of the process. Error: there is one already.
    pub fn install() -> Result<Self, TelemetryError> {
        let recorder = builder().build_recorder();
        let page = recorder.handle();
        ::metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Started)?;
        gauge!("build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Ok(Self { page, started: Arc::new(Instant::now()) })
    }

    /// The page in Prometheus' text format, with the process's own figures of this moment.
    pub fn render(&self) -> String {
        gauge!("process_uptime_seconds").set(self.started.elapsed().as_secs_f64());
        measure_process();
        latency::publish();
        self.page.render()
    }

    /// Folds samples into histograms every few seconds. Without it they pile up until somebody reads the page.
    pub fn keep_up(&self, tasks: &Tasks) {
        let page = self.page.clone();
        tasks.every("metrics.keep_up", Duration::from_secs(5), move || {
            page.run_upkeep();
            std::future::ready(Ok::<_, std::convert::Infallible>(()))
        });
    }
}

fn builder() -> PrometheusBuilder {
    // The builder refuses only an empty list.
    PrometheusBuilder::new().set_buckets(BUCKETS).unwrap_or_default()
}

/// Figures that Linux keeps. Elsewhere they are left out.
fn measure_process() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kibibytes) = status_field(&status, "VmRSS:") {
        gauge!("process_resident_memory_bytes").set(kibibytes * 1024.0);
    }
    if let Some(threads) = status_field(&status, "Threads:") {
        gauge!("process_threads").set(threads);
    }
    if let Some(seconds) = cpu_seconds(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default()) {
        gauge!("process_cpu_seconds_total").set(seconds);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        #[expect(clippy::cast_precision_loss)] // Far below 2^52 files.
        gauge!("process_open_fds").set(open.count() as f64);
    }
}

fn status_field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time from `/proc/self/stat`. The program's name, in brackets, may hold spaces and brackets itself.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Latency;

    #[test]
    fn a_latency_shows_buckets_and_quantiles() {
        let recorder = builder().build_recorder();
        ::metrics::with_local_recorder(&recorder, || {
            let latency = Latency::new("http_request", &[("operation", "get_product")]);
            (1..=100).for_each(|milliseconds| latency.record(Duration::from_millis(milliseconds)));
            latency::publish();
        });
        let page = recorder.handle().render();
        let value = |series: &str| -> &str {
            let line = page.lines().find_map(|line| line.strip_prefix(series));
            line.unwrap_or_else(|| panic!("{series} is not on\n{page}")).trim()
        };
        assert_eq!(value(r#"http_request_duration_seconds_bucket{operation="get_product",le="0.05"}"#), "50");
        assert_eq!(value(r#"http_request_duration_seconds_count{operation="get_product"}"#), "100");
        let p95 = value(r#"http_request_latency_seconds{operation="get_product",quantile="0.95"}"#);
        let p95: f64 = p95.parse().unwrap();
        assert!((0.094..0.097).contains(&p95), "p95 is {p95}");
    }

    #[test]
    fn the_process_shows_memory_cpu_and_files() {
        let recorder = builder().build_recorder();
        ::metrics::with_local_recorder(&recorder, measure_process);
        let page = recorder.handle().render();
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"] {
            assert!(page.contains(&format!("\n{name} ")), "{name} is missing");
        }
    }

    #[test]
    fn cpu_time_is_read_past_an_odd_program_name() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194304 1 0 0 0 250 50 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
    }
}
