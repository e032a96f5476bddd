//! What processes cost: their processor time and memory, as Linux counts them.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, ensure};

/// Linux counts in hundredths of a second towards programs, on every machine.
const MILLIS_PER_TICK: f64 = 10.0;

/// Processor time of a shop's two halves, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// Of the process under test.
    pub program: f64,
    /// Of PostgreSQL with all its children, ended ones too.
    pub postgres: f64,
}

impl Cpu {
    /// What has been used up to now.
    pub fn now(program: u32, postgres: u32) -> anyhow::Result<Self> {
        Ok(Self { program: of_process(program)?, postgres: of_family(postgres)? })
    }

    /// What was used since `before`, per operation.
    pub fn since(self, before: Self, operations: u64) -> Self {
        #[expect(clippy::cast_precision_loss)] // counts of a few minutes
        let per = |after: f64, before: f64| (after - before) / operations.max(1) as f64;
        Self { program: per(self.program, before.program), postgres: per(self.postgres, before.postgres) }
    }
}

/// Processor time of one process, in milliseconds.
pub fn of_process(pid: u32) -> anyhow::Result<f64> {
    let stat = Stat::read(pid).with_context(|| format!("process {pid} is gone"))?;
    Ok(stat.own * MILLIS_PER_TICK)
}

/// Processor time of a process, its children that run, and those that have ended, in milliseconds.
pub fn of_family(pid: u32) -> anyhow::Result<f64> {
    let parent = Stat::read(pid).with_context(|| format!("process {pid} is gone"))?;
    let children: f64 = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own)
        .sum();
    Ok((parent.own + parent.ended_children + children) * MILLIS_PER_TICK)
}

/// A line of `/proc/<pid>/status`, in MiB, such as `VmRSS` or `VmHWM`.
pub fn memory(pid: u32, line: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes = found.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kilobytes.with_context(|| format!("no {line} of process {pid}"))? / 1024.0)
}

/// How busy the machine is besides: load of the last minute, and the share of the last ten seconds in which something
/// waited for a processor.
pub fn conditions() -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split_whitespace().next().and_then(|text| text.parse().ok()).context("no load average")?;
    let mut conditions = BTreeMap::from([("load", load)]);
    // Not every kernel tells the pressure.
    if let Ok(pressure) = fs::read_to_string("/proc/pressure/cpu") {
        let share = pressure.split_once("avg10=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        conditions.extend(share.map(|share: f64| ("waiting_percent", share)));
    }
    Ok(conditions)
}

/// What we need of `/proc/<pid>/stat`, times in ticks.
struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field)?.parse::<f64>().ok();
        let parent = fields.get(1)?.parse().ok()?;
        Some(Self { parent, own: number(11)? + number(12)?, ended_children: number(13)? + number(14)? })
    }
}

/// Refuses to go on where the figures can't be taken.
pub fn require_linux() -> anyhow::Result<()> {
    ensure!(fs::exists("/proc/self/stat")?, "the figures need Linux: processor time is read from /proc");
    Ok(())
}
