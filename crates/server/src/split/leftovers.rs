//! What a shop of this machine left behind whose process was killed: its servers, and for a moment its roles' processes.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::data_folder::{DataFolder, RoleProcess};

/// How long the processes have to finish their work: they were told to by the end of their parent.
const PATIENCE: Duration = Duration::from_secs(25);
/// How often we look.
const POLL: Duration = Duration::from_millis(50);

/// Ends it. The caller holds the folder's lock, or knows that nobody does.
pub async fn end(folder: &DataFolder) -> anyhow::Result<()> {
    // One that can't be read is no reason not to start.
    let roles = folder.run().ok().flatten().map(|run| run.roles).unwrap_or_default();
    let deadline = Instant::now() + PATIENCE;
    for process in &roles {
        while let Some(pid) = alive(process) {
            if Instant::now() > deadline {
                let _ = kill_process(pid, Signal::KILL);
            }
            tokio::time::sleep(POLL).await;
        }
    }
    servers::end_leftovers(folder.path()).await?;
    folder.remove_run()
}

/// The process, if it still runs and is the one that was noted: process ids are used again.
fn alive(process: &RoleProcess) -> Option<Pid> {
    let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
    let line = std::fs::read(Path::new("/proc").join(process.pid.to_string()).join("cmdline")).ok()?;
    let metrics = process.metrics.strip_prefix("http://")?.strip_suffix("/metrics")?;
    let listens = format!("gateway.metrics_listen={metrics}");
    line.split(|byte| *byte == 0).any(|argument| argument == listens.as_bytes()).then_some(pid)
}
