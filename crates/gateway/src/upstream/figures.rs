//! What is counted.

use kernel::Failure;
use metrics::{Counter, Gauge, counter, gauge};

use super::instance::State;

/// How a try went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer below 500.
    Answered,
    /// An answer of 500 or more.
    Error,
    /// No connection, or not a byte sent.
    Unsent,
    /// Sent, and the connection ended before the answer.
    Lost,
    /// No answer in time.
    Late,
    /// The answer ended before it was complete.
    Broken,
}

const OUTCOMES: [&str; 6] = ["answered", "error", "unsent", "lost", "late", "broken"];

/// Of an instance.
pub struct InstanceFigures {
    outcomes: [Counter; 6],
    /// How often it was left out.
    pub ejections: Counter,
}

impl InstanceFigures {
    /// Those of `instance`.
    pub fn new(upstream: &'static str, instance: &str) -> Self {
        let requests = |outcome| {
            let instance = instance.to_owned();
            counter!("upstream_requests_total", "upstream" => upstream, "instance" => instance, "outcome" => outcome)
        };
        let ejections = counter!("upstream_ejections_total", "upstream" => upstream, "instance" => instance.to_owned());
        Self { outcomes: OUTCOMES.map(requests), ejections }
    }

    /// A try ended.
    pub fn count(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].increment(1);
    }
}

/// Of an upstream.
pub struct Figures {
    upstream: &'static str,
    /// Second and third tries.
    pub retries: Counter,
    /// Retries that there was no budget for.
    pub budget_exhausted: Counter,
    /// Requests to instances that are ejected or not ready, because no other is better.
    pub panics: Counter,
    /// Answers that were given from memory.
    pub degraded: Counter,
    states: [Gauge; 4],
}

impl Figures {
    /// Those of `upstream`.
    pub fn new(upstream: &'static str) -> Self {
        let states = ["ready", "not_ready", "ejected", "silent"]
            .map(|state| gauge!("upstream_instances", "upstream" => upstream, "state" => state));
        Self {
            upstream,
            retries: counter!("upstream_retries_total", "upstream" => upstream),
            budget_exhausted: counter!("upstream_retry_budget_exhausted_total", "upstream" => upstream),
            panics: counter!("upstream_panic_picks_total", "upstream" => upstream),
            degraded: counter!("upstream_degraded_answers_total", "upstream" => upstream),
            states,
        }
    }

    /// A request ended without an answer of the role.
    pub fn refused(&self, failure: &Failure) {
        let code = failure.code.clone().into_owned();
        counter!("upstream_refusals_total", "upstream" => self.upstream, "code" => code).increment(1);
    }

    /// How the instances do.
    pub fn instances(&self, states: &[State]) {
        for (gauge, state) in self.states.iter().zip([State::Ready, State::NotReady, State::Ejected, State::Silent]) {
            let count = states.iter().filter(|it| **it == state).count();
            gauge.set(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }
}
