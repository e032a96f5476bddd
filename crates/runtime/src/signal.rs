//! Waiting for the end: Ctrl-C or SIGTERM. The second one does not wait.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Returns once the process is asked to end. A second request from then on ends it at once, with the exit code that a
/// shell expects of a process killed by that signal (128 + its number).
pub async fn wait() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        let kind = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        tracing::warn!("asked to end a second time: ending at once");
        std::process::exit(128 + kind.as_raw_value());
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::process::Command;

    /// Makes this test program play the process that is asked to end.
    const CHILD: &str = "TRADEPOST_SIGNAL_TEST_CHILD";

    #[tokio::test]
    async fn the_first_request_is_answered_and_the_second_forces() {
        if std::env::var_os(CHILD).is_some() {
            println!("\nwaiting");
            super::wait().await.unwrap();
            println!("\nstopping");
            // Work that does not end by itself.
            tokio::time::sleep(Duration::from_mins(10)).await;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["signal::tests::the_first_request_is_answered_and_the_second_forces", "--exact", "--nocapture"])
            .env(CHILD, "1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pid = child.id().unwrap().to_string();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen =
            async |text: &str| while lines.next_line().await.unwrap().expect("the child still writes") != text {};
        seen("waiting").await;
        // The line is written just before the handlers are set; a signal in between would simply end the child.
        while !has_handler(&pid) {
            tokio::task::yield_now().await;
        }
        kill("-INT", &pid).await;
        seen("stopping").await;
        kill("-TERM", &pid).await;
        assert_eq!(child.wait().await.unwrap().code(), Some(128 + 15));
    }

    /// Whether the process catches SIGTERM (bit 14 of the mask that Linux shows).
    fn has_handler(pid: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
        u64::from_str_radix(mask, 16).unwrap() & (1 << 14) != 0
    }

    async fn kill(signal: &str, pid: &str) {
        assert!(Command::new("kill").args([signal, pid]).status().await.unwrap().success());
    }
}
