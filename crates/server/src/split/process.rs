//! One process of a split shop: an instance of a role, started again whenever it ends.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::pauses::Pauses;
use super::state::State;

/// How long a process has to finish its work: what `serve` allows itself, and a little more.
const PATIENCE: Duration = Duration::from_secs(25);
/// A longer log is set aside at the next start, over the one set aside before.
const LOG_LIMIT: u64 = 8 * 1024 * 1024;

/// How to start an instance of a role.
pub struct Process {
    pub role: &'static str,
    pub instance: usize,
    /// The arguments after `tradepost`.
    pub arguments: Vec<String>,
    /// Settings that nobody may read on the command line.
    pub environment: BTreeMap<String, String>,
    /// Where it tells whether it is ready.
    pub metrics: String,
    pub log: PathBuf,
    /// How often it has ended by itself.
    pub ended: AtomicUsize,
}

impl Process {
    /// What it is called.
    pub fn name(&self) -> String {
        format!("{}-{}", self.role, self.instance)
    }

    /// Keeps it running until `stop`, and then ends it.
    pub async fn keep(self: Arc<Self>, state: Arc<State>, stop: CancellationToken) {
        let mut pauses = Pauses::new();
        while !stop.is_cancelled() {
            match self.start() {
                Ok(mut child) => {
                    // Waiting would close it.
                    let _input = child.stdin.take();
                    state.set_process(self.role, self.instance, child.id().unwrap_or_default());
                    tokio::select! {
                        status = child.wait() => {
                            let status = status.map(|status| status.to_string()).unwrap_or_default();
                            tracing::warn!(process = self.name(), status, "a process ended and is started again");
                        }
                        () = stop.cancelled() => return self.end(child).await,
                    }
                }
                Err(error) => {
                    tracing::error!(process = self.name(), error = format!("{error:#}"), "a process does not start");
                }
            }
            self.ended.fetch_add(1, Ordering::Relaxed);
            stop.run_until_cancelled(pauses.rest()).await;
        }
    }

    fn start(&self) -> anyhow::Result<Child> {
        let log = self.open_log()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(&self.arguments)
            .envs(&self.environment)
            .env_remove("TRADEPOST_CONFIG")
            // It ends when this pipe does: with us, however we end.
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C in a terminal goes to the whole group: we end our processes in their order.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().context("the program cannot be started")
    }

    fn open_log(&self) -> anyhow::Result<File> {
        let path = &self.log;
        if path.metadata().is_ok_and(|meta| meta.len() > LOG_LIMIT) {
            std::fs::rename(path, path.with_extension("log.old"))?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        file.with_context(|| format!("{} cannot be written", path.display()))
    }

    async fn end(&self, mut child: Child) {
        if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
            tracing::warn!(process = self.name(), "a process did not end in time and is killed");
            let _ = child.kill().await;
        }
    }

    /// The last line of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().last().unwrap_or("it says nothing").to_owned()
    }

    /// Whether it can serve.
    pub async fn is_ready(&self) -> bool {
        let ask = async {
            let mut stream = TcpStream::connect(&self.metrics).await?;
            let question = format!("GET /ready HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.metrics);
            stream.write_all(question.as_bytes()).await?;
            let mut status = [0; 12];
            stream.read_exact(&mut status).await?;
            std::io::Result::Ok(status.ends_with(b" 200"))
        };
        tokio::time::timeout(Duration::from_secs(3), ask).await.is_ok_and(|answer| answer.unwrap_or(false))
    }
}
