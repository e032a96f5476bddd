//! Background work of one process: supervised, and ended together within a deadline.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::telemetry::Latency;

/// The background work of a process. Clones share it.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: CancellationToken,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<&'static str, usize>,
    failure: Option<TaskFailure>,
}

/// A task ended that the process can't do without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{task} ended: {reason}")]
pub struct TaskFailure {
    /// The task's name.
    pub task: &'static str,
    /// Its error or the message of its panic.
    pub reason: String,
}

/// Tasks did not end within the deadline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("still running after the deadline: {}", tasks.join(", "))]
pub struct Unfinished {
    /// Their names.
    pub tasks: Vec<&'static str>,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process is to end. Long work watches it.
    pub fn shutdown_token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts work that the process can't do without, such as a listener or the relay. If it fails or panics, the whole
    /// process is told to shut down: half a process that looks alive is worse than one that is started anew.
    pub fn spawn<E: Display>(&self, name: &'static str, work: impl Future<Output = Result<(), E>> + Send + 'static) {
        let tasks = self.clone();
        self.lock().enter(name);
        self.tracker.spawn(async move {
            let outcome = supervised(work).await;
            let mut state = tasks.lock();
            state.leave(name);
            if let Err(reason) = outcome {
                tracing::error!(task = name, reason, "a task failed that the process needs: shutting down");
                counter!("task_failures_total", "task" => name).increment(1);
                state.failure.get_or_insert(TaskFailure { task: name, reason });
                tasks.shutdown.cancel();
            }
        });
    }

    /// Runs `work` now and then every `period`, give or take a tenth so that many processes don't beat together. Runs
    /// never overlap. A run that fails or panics is logged and counted, and the next one comes as usual; a run that is
    /// under way at shutdown is finished.
    pub fn every<F, Fut, E>(&self, name: &'static str, period: Duration, mut work: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: Display,
    {
        let shutdown = self.shutdown_token();
        self.spawn(name, async move {
            let failures = counter!("job_failures_total", "job" => name);
            let last_success = gauge!("job_last_success_timestamp_seconds", "job" => name);
            let duration = Latency::new("job", &[("job", name)]);
            let mut pause = period.mul_f64(rand::random_range(0.0..0.1));
            while shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
                let started = Instant::now();
                // The closure's own code runs inside the supervision too.
                let run = supervised(async { work().await }).instrument(tracing::info_span!("job", name));
                let outcome = run.await;
                duration.record(started.elapsed());
                match outcome {
                    Ok(()) => last_success.set(unix_seconds()),
                    Err(reason) => {
                        failures.increment(1);
                        tracing::error!(job = name, reason, "a run of a job failed");
                    }
                }
                pause = period.mul_f64(rand::random_range(0.9..1.1));
            }
            Ok::<_, std::convert::Infallible>(())
        });
    }

    /// Why the process is shutting down, if a task failed.
    pub fn failure(&self) -> Option<TaskFailure> {
        self.lock().failure.clone()
    }

    /// Tells all tasks to end and waits for them, at most until the deadline.
    pub async fn shutdown(&self, deadline: Duration) -> Result<(), Unfinished> {
        self.shutdown.cancel();
        self.tracker.close();
        let ended = tokio::time::timeout(deadline, self.tracker.wait()).await;
        ended.map_err(|_| Unfinished { tasks: self.lock().running.keys().copied().collect() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(&mut self, name: &'static str) {
        *self.running.entry(name).or_default() += 1;
    }

    fn leave(&mut self, name: &'static str) {
        if let Some(count) = self.running.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.running.remove(name);
            }
        }
    }
}

/// Runs `work` with a panic turned into an error.
async fn supervised<E: Display>(work: impl Future<Output = Result<(), E>>) -> Result<(), String> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("panicked: {}", panic_message(&*panic))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

fn unix_seconds() -> f64 {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn an_error_of_a_needed_task_shuts_the_process_down() {
        let tasks = Tasks::new();
        tasks.spawn("relay", async { Err("connection lost") });
        tasks.shutdown_token().cancelled().await;
        let failure = tasks.failure().unwrap();
        assert_eq!(failure.to_string(), "relay ended: connection lost");
    }

    #[tokio::test]
    async fn a_panic_of_a_needed_task_shuts_the_process_down() {
        let tasks = Tasks::new();
        tasks.spawn("relay", async { if true { panic!("no {}", "way") } else { Ok::<(), String>(()) } });
        tasks.shutdown_token().cancelled().await;
        assert_eq!(tasks.failure().unwrap().reason, "panicked: no way");
    }

    #[tokio::test]
    async fn a_task_that_is_done_leaves_the_process_running() {
        let tasks = Tasks::new();
        tasks.spawn("warm-up", async { Ok::<(), String>(()) });
        while !tasks.tracker.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(!tasks.shutdown_token().is_cancelled());
        assert_eq!(tasks.failure(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_goes_on_after_an_error_and_after_a_panic() {
        let tasks = Tasks::new();
        let (ran, mut runs) = mpsc::unbounded_channel();
        let mut count = 0;
        tasks.every("expire", Duration::from_mins(1), move || {
            count += 1;
            ran.send(tokio::time::Instant::now()).unwrap();
            let outcome = match count {
                1 => Err("database away"),
                2 => panic!("a defect"),
                _ => Ok(()),
            };
            async move { outcome }
        });
        let mut times = Vec::new();
        for _ in 0..4 {
            times.push(runs.recv().await.unwrap());
        }
        for pair in times.windows(2) {
            let gap = pair[1] - pair[0];
            assert!((53..=67).contains(&gap.as_secs()), "{gap:?} between two runs");
        }
        assert!(!tasks.shutdown_token().is_cancelled());
        tasks.shutdown(DEADLINE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn runs_of_a_job_never_overlap() {
        let tasks = Tasks::new();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (ran, mut runs) = mpsc::unbounded_channel();
        let seen = most.clone();
        tasks.every("slow", Duration::from_secs(1), move || {
            let (running, most, ran) = (running.clone(), most.clone(), ran.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(5)).await;
                running.fetch_sub(1, Ordering::SeqCst);
                ran.send(()).unwrap();
                Ok::<_, String>(())
            }
        });
        for _ in 0..3 {
            runs.recv().await.unwrap();
        }
        assert_eq!(seen.load(Ordering::SeqCst), 1);
        tasks.shutdown(DEADLINE).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_lets_a_run_finish() {
        let tasks = Tasks::new();
        let (tell, mut told) = mpsc::unbounded_channel();
        tasks.every("expire", Duration::from_secs(1), move || {
            let tell = tell.clone();
            async move {
                tell.send("begun").unwrap();
                tokio::time::sleep(Duration::from_secs(3)).await;
                tell.send("finished").unwrap();
                Ok::<_, String>(())
            }
        });
        assert_eq!(told.recv().await, Some("begun"));
        tasks.shutdown(DEADLINE).await.unwrap();
        assert_eq!(told.recv().await, Some("finished"));
        assert_eq!(told.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_names_what_did_not_end_in_time() {
        let tasks = Tasks::new();
        tasks.spawn("stuck", std::future::pending::<Result<(), String>>());
        let token = tasks.shutdown_token();
        tasks.spawn("polite", async move {
            token.cancelled().await;
            Ok::<_, String>(())
        });
        let unfinished = tasks.shutdown(DEADLINE).await.unwrap_err();
        assert_eq!(unfinished.to_string(), "still running after the deadline: stuck");
    }
}
