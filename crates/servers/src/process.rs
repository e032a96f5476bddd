//! The process of a server, also one that a process of ours left behind when it was killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::error::ServerError;
use crate::home::Home;

/// How often a condition is looked at while waiting for it.
pub(crate) const POLL: Duration = Duration::from_millis(10);

/// The ways to end a server, gentlest first, and how long each may take.
pub(crate) type WaysToEnd = &'static [(Signal, Duration)];

/// For servers that finish their work at SIGTERM.
pub(crate) const TERM_THEN_KILL: WaysToEnd =
    &[(Signal::TERM, Duration::from_secs(20)), (Signal::KILL, Duration::from_secs(10))];

/// Ends the process, by harder means if it doesn't go; `gone` says when it did.
pub(crate) async fn end(pid: Pid, ways: WaysToEnd, mut gone: impl FnMut() -> bool) -> Result<(), ServerError> {
    for (signal, patience) in ways {
        if gone() {
            return Ok(());
        }
        // An error means that it is gone already, which is looked at next.
        let _ = kill_process(pid, *signal);
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline {
            if gone() {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }
    Err(ServerError::Failed { what: format!("process {} can't be ended", pid.as_raw_nonzero()), log: String::new() })
}

/// Notes which process runs, for whoever finds it left behind.
pub(crate) fn note(home: &Home, name: &str, pid: Pid) -> Result<(), ServerError> {
    home.write_private(&format!("{name}.pid"), &SecretString::from(pid.as_raw_nonzero().to_string())).map(drop)
}

/// Ends the process that was noted, if it still runs in this server's folder: process ids are used again.
pub(crate) async fn end_noted(home: &Home, name: &str) -> Result<(), ServerError> {
    let file = home.folder().join(format!("{name}.pid"));
    let pid = fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && works_in(pid, home.folder())
    {
        tracing::info!(server = name, pid = pid.as_raw_nonzero(), "ending what an earlier run left behind");
        end(pid, TERM_THEN_KILL, || !works_in(pid, home.folder())).await?;
    }
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ServerError::io("remove", &file)(error)),
        _ => Ok(()),
    }
}

/// Whether a live process has this working folder.
pub(crate) fn works_in(pid: Pid, folder: &Path) -> bool {
    let process = format!("/proc/{}/cwd", pid.as_raw_nonzero());
    fs::read_link(process).is_ok_and(|works_in| works_in == folder)
}

/// The process id of a child that was just started.
pub(crate) fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
}

/// Whether the child has ended; a child that can't be asked about any more has.
pub(crate) fn has_ended(child: &mut Child) -> bool {
    child.try_wait().map_or(true, |status| status.is_some())
}

/// Waits until our standard input ends: when it is a pipe from the process that started us, until that process has ended
/// in whatever way.
pub async fn input_ended() {
    let (sender, ended) = tokio::sync::oneshot::channel();
    // A thread of its own: the read can't be cut off, and must not hold up the end of the runtime.
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let _ = std::io::copy(&mut input, &mut std::io::sink());
        drop(sender);
    });
    let _: Result<(), _> = ended.await;
}
