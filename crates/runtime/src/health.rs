//! Readiness: every dependency by name, and all of them together.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long an answer is kept, so that a flood of questions does not become a flood of queries.
const KEPT: Duration = Duration::from_secs(1);
/// A check that takes longer has failed: whoever waits for it would wait too long as well.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long who asks waits for checks that run. Then the last answer is given: a process that is late with its own looks as if
/// it were frozen itself.
const HASTE: Duration = Duration::from_millis(250);
/// An answer that is older is not given: nobody has asked for a while, and it may be about another time.
const TRUSTED: Duration = Duration::from_secs(10);

type Run = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

#[derive(Clone)]
struct Check {
    name: &'static str,
    /// Whether the process can't serve while it fails.
    is_needed: bool,
    run: Run,
}

/// The readiness checks of one process. Clones share them.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<Mutex<Vec<Check>>>,
    /// The last answer, and when it was found.
    last: Arc<watch::Sender<Option<(Instant, Readiness)>>>,
    /// Held while the checks run, so that they run once for all who ask meanwhile.
    looking: Arc<tokio::sync::Mutex<()>>,
}

/// Whether the process can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// All checks passed that the process can't do without.
    pub ready: bool,
    /// Each check, in the order in which it was added.
    pub checks: Vec<CheckResult>,
}

/// The outcome of one check. The reason of a failure is in the log, not here: anyone may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// What was checked, such as `orders.database`.
    pub name: &'static str,
    /// How it went.
    pub status: Status,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It can be used.
    Ok,
    /// It can't be used.
    Failed,
    /// It can't be used, and the process does without.
    Degraded,
}

impl Health {
    /// Adds a check. It runs when readiness is asked, at most once a second.
    pub fn add<F, Fut, E>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        self.push(name, true, check);
    }

    /// Adds a check of something that the process can do without: it is told, and the process is ready all the same.
    pub fn note<F, Fut, E>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        self.push(name, false, check);
    }

    fn push<F, Fut, E>(&self, name: &'static str, is_needed: bool, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let run: Run = Arc::new(move || check().map(|outcome| outcome.map_err(|e| e.to_string())).boxed());
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push(Check { name, is_needed, run });
    }

    /// What the checks say: of less than a second ago, or of now, or, where they hang, of the last time.
    pub async fn ready(&self) -> Readiness {
        let mut last = self.last.subscribe();
        let age = last.borrow_and_update().as_ref().map(|(at, _)| at.elapsed());
        if age.is_none_or(|age| age >= KEPT) {
            self.look();
            let patience = if age.is_some_and(|age| age < TRUSTED) { HASTE } else { PATIENCE + HASTE };
            // Either there is a new answer then, or the last one must do.
            let _ = tokio::time::timeout(patience, last.changed()).await;
        }
        let answer = last.borrow();
        answer.as_ref().map_or_else(Readiness::unknown, |(_, readiness)| readiness.clone())
    }

    /// Begins to run all checks side by side, unless they run.
    fn look(&self) {
        let Ok(looking) = Arc::clone(&self.looking).try_lock_owned() else { return };
        let checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = Arc::clone(&self.last);
        tokio::spawn(async move {
            let results = join_all(checks.into_iter().map(run)).await;
            let ready = results.iter().all(|check| check.status != Status::Failed);
            last.send_replace(Some((Instant::now(), Readiness { ready, checks: results })));
            drop(looking);
        });
    }
}

impl Readiness {
    /// Before the first checks have ended, which they do within their time.
    fn unknown() -> Self {
        Self { ready: false, checks: Vec::new() }
    }
}

async fn run(Check { name, is_needed, run }: Check) -> CheckResult {
    let outcome = match tokio::time::timeout(PATIENCE, run()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    };
    metrics::gauge!("ready", "check" => name).set(if outcome.is_ok() { 1.0 } else { 0.0 });
    let status = match outcome {
        Ok(()) => Status::Ok,
        Err(reason) => {
            tracing::warn!(check = name, reason, "readiness check failed");
            if is_needed { Status::Failed } else { Status::Degraded }
        }
    };
    CheckResult { name, status }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_failed_check_makes_the_whole_not_ready() {
        let health = Health::default();
        health.add("database", || async { Ok::<_, String>(()) });
        assert!(health.ready().await.ready);

        let health = Health::default();
        health.add("database", || async { Ok::<_, String>(()) });
        health.add("relay", || async { Err("behind") });
        let readiness = serde_json::to_value(health.ready().await).unwrap();
        let checks = serde_json::json!([{"name": "database", "status": "ok"}, {"name": "relay", "status": "failed"}]);
        assert_eq!(readiness, serde_json::json!({"ready": false, "checks": checks}));
    }

    #[tokio::test]
    async fn what_the_process_can_do_without_is_told_and_does_not_count() {
        let health = Health::default();
        health.note("redis", || async { Err("away") });
        let readiness = serde_json::to_value(health.ready().await).unwrap();
        let checks = serde_json::json!([{"name": "redis", "status": "degraded"}]);
        assert_eq!(readiness, serde_json::json!({"ready": true, "checks": checks}));
    }

    #[tokio::test]
    async fn a_flood_of_questions_runs_the_checks_once() {
        let health = Health::default();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        health.add("database", move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, String>(()) }
        });
        join_all((0..100).map(|_| health.ready())).await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_has_failed() {
        let health = Health::default();
        health.add("database", std::future::pending::<Result<(), String>>);
        let checks = vec![CheckResult { name: "database", status: Status::Failed }];
        assert_eq!(health.ready().await, Readiness { ready: false, checks });
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_check_hangs_the_last_answer_is_given_without_waiting_for_it() {
        let health = Health::default();
        let is_frozen = Arc::new(AtomicBool::new(false));
        let frozen = is_frozen.clone();
        health.add("database", move || {
            let frozen = frozen.clone();
            async move {
                if frozen.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                Ok::<_, String>(())
            }
        });
        assert!(health.ready().await.ready);
        is_frozen.store(true, Ordering::SeqCst);
        let mut answers = Vec::new();
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let asked = tokio::time::Instant::now();
            answers.push(health.ready().await.ready);
            assert!(asked.elapsed() <= HASTE);
        }
        // What was known for as long as a check may take; then that it has failed, while it is tried again.
        assert!(answers[0] && !answers[3..].contains(&true), "{answers:?}");
        is_frozen.store(false, Ordering::SeqCst);
        while !health.ready().await.ready {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_of_long_ago_is_not_given() {
        let health = Health::default();
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        health.add("database", move || {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            async move {
                if !is_first {
                    std::future::pending::<()>().await;
                }
                Ok::<_, String>(())
            }
        });
        assert!(health.ready().await.ready);
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert!(!health.ready().await.ready);
    }
}
