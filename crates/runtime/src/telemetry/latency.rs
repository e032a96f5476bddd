//! How long work takes, kept twice.
//!
//! `<what>_duration_seconds` is a histogram with fixed buckets: it can be summed over processes and any span of time, as
//! dashboards and alerts over a fleet need. `<what>_latency_seconds` holds p50, p95 and p99 of the last half to whole
//! minute of this process, within 1 %: readable on its page without a Prometheus server. The exporter's own summaries
//! would take up to a megabyte a series for that; these take some kilobytes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use metrics::{Label, SharedString, gauge, histogram};

const QUANTILES: [(&str, f64); 3] = [("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99)];
/// Quantiles are told of the window that is being filled and the one before.
const WINDOW: Duration = Duration::from_secs(30);
/// Longer pieces of work count as this long; shorter than a microsecond as one.
const LONGEST: Duration = Duration::from_mins(10);

/// Every series of this process, to be put on the page when somebody reads it.
static SERIES: Mutex<Vec<Arc<Recent>>> = Mutex::new(Vec::new());

/// How long one kind of work takes. Make it once and keep it: that is what costs, recording is cheap.
#[derive(Clone)]
pub struct Latency {
    all: metrics::Histogram,
    recent: Arc<Recent>,
}

struct Recent {
    name: SharedString,
    labels: Vec<Label>,
    windows: Mutex<Windows>,
}

struct Windows {
    began: Instant,
    current: Histogram<u32>,
    previous: Histogram<u32>,
}

impl Latency {
    /// `what` becomes `<what>_duration_seconds` and `<what>_latency_seconds`. The same name and labels are the same
    /// series, wherever it is made.
    pub fn new<V: Into<SharedString> + Clone>(what: &str, labels: &[(&'static str, V)]) -> Self {
        let labels: Vec<_> = labels.iter().map(|(name, value)| Label::new(*name, value.clone())).collect();
        let all = histogram!(format!("{what}_duration_seconds"), labels.clone());
        let name = format!("{what}_latency_seconds");
        let mut series = lock(&SERIES);
        let known = series.iter().find(|recent| *recent.name == *name && recent.labels == labels).cloned();
        let recent = known.unwrap_or_else(|| {
            let windows = Mutex::new(Windows::new(Instant::now()));
            let recent = Arc::new(Recent { name: name.into(), labels, windows });
            series.push(recent.clone());
            recent
        });
        Self { all, recent }
    }

    /// Records one piece of work.
    pub fn record(&self, took: Duration) {
        self.all.record(took);
        lock(&self.recent.windows).record(took, Instant::now());
    }
}

impl Windows {
    fn new(now: Instant) -> Self {
        Self { began: now, current: empty(), previous: empty() }
    }

    fn record(&mut self, took: Duration, now: Instant) {
        self.turn(now);
        let micros = u64::try_from(took.min(LONGEST).as_micros()).unwrap_or(u64::MAX);
        // It grows to whatever comes, which LONGEST bounds.
        let _ = self.current.record(micros);
    }

    /// Begins a new window when the current one is full.
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.began);
        if age < WINDOW {
            return;
        }
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current.reset();
        if age >= WINDOW * 2 {
            self.previous.reset();
        }
        self.began = now;
    }

    /// p50, p95 and p99 in seconds; not a number if nothing was recorded lately.
    #[expect(clippy::cast_precision_loss)] // Ten minutes in microseconds are far below 2^52.
    fn quantiles(&mut self, now: Instant) -> [(&'static str, f64); 3] {
        self.turn(now);
        let mut both = self.previous.clone();
        // It grows here too.
        let _ = both.add(&self.current);
        QUANTILES.map(|(name, quantile)| {
            let seconds = both.value_at_quantile(quantile) as f64 / 1e6;
            (name, if both.is_empty() { f64::NAN } else { seconds })
        })
    }
}

/// Puts the quantiles of every series on the page.
pub(super) fn publish() {
    let series = lock(&SERIES).clone();
    for recent in series {
        for (name, seconds) in lock(&recent.windows).quantiles(Instant::now()) {
            let mut labels = recent.labels.clone();
            labels.push(Label::new("quantile", name));
            gauge!(recent.name.clone(), labels).set(seconds);
        }
    }
}

/// Two significant digits; it grows with the largest value seen.
fn empty() -> Histogram<u32> {
    // A series that can grow is refused only with more than five digits.
    #[expect(clippy::expect_used)]
    Histogram::new(2).expect("two digits are allowed")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p95(windows: &mut Windows, now: Instant) -> f64 {
        windows.quantiles(now)[1].1
    }

    #[test]
    fn quantiles_are_within_one_percent() {
        let now = Instant::now();
        let mut windows = Windows::new(now);
        (1..=1000).for_each(|n| windows.record(Duration::from_micros(n * 100), now));
        for ((name, seconds), expected) in windows.quantiles(now).into_iter().zip([0.05, 0.095, 0.099]) {
            assert!((seconds - expected).abs() <= expected * 0.011, "{name}: {seconds}");
        }
    }

    #[test]
    fn old_work_is_forgotten() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut windows = Windows::new(start);
        windows.record(Duration::from_secs(9), start);
        windows.record(Duration::from_millis(1), after(40));
        assert!(p95(&mut windows, after(40)) > 8.9, "the window before still counts");
        assert!(p95(&mut windows, after(75)) < 0.002);
        assert!(p95(&mut windows, after(200)).is_nan());
    }

    #[test]
    fn absurd_durations_are_taken() {
        let now = Instant::now();
        let mut windows = Windows::new(now);
        windows.record(Duration::ZERO, now);
        windows.record(Duration::MAX, now);
        assert!((598.0..=606.0).contains(&windows.quantiles(now)[2].1));
    }
}
