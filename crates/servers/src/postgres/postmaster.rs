//! The server process as its cluster sees it: who runs there, is it ready, end it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::error::ServerError;
use crate::process::{WaysToEnd, end, works_in};

/// The ways to end a server, gentlest first, and how long each may take: "fast" (roll back and write everything),
/// "immediate" (recovers at its next start), and kill.
pub(super) const WAYS_TO_END: WaysToEnd = &[
    (Signal::INT, Duration::from_secs(30)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(10)),
];

/// What the server wrote into its cluster about itself.
pub(super) struct PidFile {
    /// Process id.
    pub(super) pid: Pid,
    /// It takes connections.
    pub(super) ready: bool,
}

impl PidFile {
    fn path(cluster: &Path) -> PathBuf {
        cluster.join("postmaster.pid")
    }

    /// Reads it; `None` while there is none or it is only half written.
    pub(super) fn read(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(Self::path(cluster)).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok().and_then(Pid::from_raw)?;
        let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
        Some(Self { pid, ready })
    }
}

/// Ends the server that an earlier process of ours left behind when it was killed, and removes a file that names a
/// process which is none of ours (process ids are used again after a restart of the machine).
pub(super) async fn end_leftover(cluster: &Path) -> Result<(), ServerError> {
    let Some(PidFile { pid, .. }) = PidFile::read(cluster) else {
        return Ok(());
    };
    if runs_on(pid, cluster) {
        tracing::info!(pid = pid.as_raw_nonzero(), "ending the PostgreSQL that an earlier run left behind");
        return end(pid, WAYS_TO_END, || !runs_on(pid, cluster)).await;
    }
    let path = PidFile::path(cluster);
    fs::remove_file(&path).map_err(ServerError::io("remove", &path))
}

/// Whether the process is a PostgreSQL server on this very cluster, which it has as its working folder.
fn runs_on(pid: Pid, cluster: &Path) -> bool {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim() == "postgres") && works_in(pid, cluster)
}
