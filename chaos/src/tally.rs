//! What was asked of the shop, and what came back: the figures of availability.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts of one run.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// See [`Tally`].
#[derive(Clone, Default)]
pub struct Counts {
    /// Calls: each is what a client wants done, in one or more tries.
    pub calls: u64,
    /// Calls whose first try was answered.
    pub answered_at_once: u64,
    /// Calls that were answered in the end.
    pub answered: u64,
    /// Tries that were not answered, by what was seen instead.
    pub failures: BTreeMap<String, u64>,
    /// Refusals that are answers, by code: out of stock, declined.
    pub refusals: BTreeMap<String, u64>,
    /// The longest time until an answer of a call that needed more than one try.
    pub longest: Duration,
}

impl Tally {
    /// A call ended after `tries`, answered or given up.
    pub fn call(&self, tries: u32, answered: bool, took: Duration) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.calls += 1;
        counts.answered_at_once += u64::from(answered && tries == 1);
        counts.answered += u64::from(answered);
        if answered && tries > 1 {
            counts.longest = counts.longest.max(took);
        }
    }

    /// A try was not answered.
    pub fn failure(&self, kind: String) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.failures.entry(kind).or_insert(0) += 1;
    }

    /// The shop said no, with a reason.
    pub fn refusal(&self, code: String) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.refusals.entry(code).or_insert(0) += 1;
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
