//! Start and memory.

use std::time::{Duration, Instant};

use super::{Bench, Name};
use crate::processes;
use crate::report::{Aim, Report};
use crate::shop::Shop;

/// Starts are short: more rounds cost little.
const ROUNDS_TIMES: u32 = 2;
/// How long a process is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);
const MEMORY_AIM: Aim = Aim::AtMost(80.0);

/// From the start of the program to the first good answer of `/ready`, on migrated databases; then the idle memory.
pub async fn measure(bench: &Bench, shop: &Shop, report: &mut Report) -> anyhow::Result<()> {
    let (mut times, mut cpu, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..bench.rounds * ROUNDS_TIMES {
        let began = Instant::now();
        let server = shop.serve(&[]).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        cpu.push(processes::of_process(server.pid()?)?);
        if round < bench.rounds {
            tokio::time::sleep(IDLE).await;
            memory.push(processes::memory(server.pid()?, "VmRSS")?);
        }
        server.end().await?;
    }
    report.add("start", "from exec to ready", "ms", &times, Some(Aim::AtMost(300.0)));
    report.add("start", "CPU", "ms", &cpu, None);
    report.add("memory", "resident, idle", "MiB", &memory, Some(MEMORY_AIM));
    Ok(())
}

/// The memory of the shop's process after all of the figures.
pub async fn memory_after(shop: &Shop, names: &[Name], report: &mut Report) -> anyhow::Result<()> {
    if names.iter().any(|name| !matches!(name, Name::Import | Name::Start)) {
        tokio::time::sleep(IDLE).await;
        let after = processes::memory(shop.pid()?, "VmRSS")?;
        report.add("memory", "resident, after the load", "MiB", &[after], Some(MEMORY_AIM));
    }
    Ok(())
}
