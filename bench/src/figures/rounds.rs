//! Rounds of a shop whose roles run apart, each beside one of a bare program that does nothing but the same transport.

use std::collections::BTreeMap;

use crate::report::Report;
use crate::shop::Shop;

/// What both did, round by round.
#[derive(Default)]
pub struct Rounds {
    share: Vec<f64>,
    per_second: Vec<f64>,
    bare_per_second: Vec<f64>,
    cpu: BTreeMap<String, Vec<f64>>,
}

/// What the lines of a figure are called.
pub struct Names {
    /// The figure.
    pub figure: &'static str,
    /// What the shop does.
    pub ours: &'static str,
    /// The bare program.
    pub bare: &'static str,
    /// One operation.
    pub operation: &'static str,
}

impl Rounds {
    /// Adds a round: operations a second of both, and the shop's processor time for its operations since `before`.
    pub fn add(
        &mut self,
        shop: &Shop,
        before: &BTreeMap<String, f64>,
        operations: f64,
        ours: f64,
        bare: f64,
    ) -> anyhow::Result<()> {
        for (part, time) in shop.processor_time()? {
            let used = time - before.get(&part).copied().unwrap_or_default();
            self.cpu.entry(part).or_default().push(used / operations);
        }
        self.per_second.push(ours);
        self.bare_per_second.push(bare);
        self.share.push(ours / bare);
        Ok(())
    }

    /// Tells of all rounds. A part that takes less than a hundredth of a millisecond has no line.
    pub fn tell(&self, names: &Names, report: &mut Report) {
        let Names { figure, ours, bare, operation } = names;
        report.add(figure, &format!("per second as a share of {bare}"), "", &self.share, None);
        report.add(figure, ours, "/s", &self.per_second, None);
        report.add(figure, bare, "/s", &self.bare_per_second, None);
        for (part, values) in self.cpu.iter().filter(|(_, values)| values.iter().any(|value| *value >= 0.01)) {
            report.add(figure, &format!("CPU per {operation}: {part}"), "ms", values, None);
        }
    }
}
