//! `up --detach`: the same command once more, as a process of its own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use super::{PROGRESS, say, summary};
use crate::data_folder::DataFolder;
use crate::split::leftovers;

/// How often we look whether the shop is ready.
const POLL: Duration = Duration::from_millis(50);
/// Lines of the log that are shown when the start fails.
const LAST_LINES: usize = 10;

/// Starts the shop and returns once it is ready.
pub async fn start(folder: &DataFolder) -> anyhow::Result<ExitCode> {
    if folder.lock()?.is_none() {
        bail!("a shop runs in {} already: `./dev down` ends it", folder.path().display());
    }
    leftovers::end(folder).await?;
    let log = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(folder.log());
    let log = log.with_context(|| format!("{} cannot be written", folder.log().display()))?;
    let mut child = spawn(log)?;
    let mut progress = Progress::of(folder)?;
    loop {
        progress.show()?;
        if let Some(run) = folder.run()? {
            summary::print(&run, folder);
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(status) = child.try_wait()? {
            let text = std::fs::read_to_string(folder.log()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(PROGRESS)).collect();
            eprintln!("{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
            bail!("the shop did not start ({status}); its log is {}", folder.log().display());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// What the shop says of its start, as far as it was shown.
struct Progress {
    log: BufReader<File>,
    line: String,
}

impl Progress {
    fn of(folder: &DataFolder) -> anyhow::Result<Self> {
        Ok(Self { log: BufReader::new(File::open(folder.log())?), line: String::new() })
    }

    /// Shows the new lines of progress; a line that is still being written waits.
    fn show(&mut self) -> anyhow::Result<()> {
        while self.log.read_line(&mut self.line)? > 0 && self.line.ends_with('\n') {
            if let Some(what) = self.line.strip_prefix(PROGRESS) {
                say(what.trim_end());
            }
            self.line.clear();
        }
        Ok(())
    }
}

/// This command with the same arguments but `--detach`, outside of the terminal's process group, so that Ctrl-C there
/// doesn't reach it.
fn spawn(log: File) -> anyhow::Result<Child> {
    let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--detach");
    let errors = log.try_clone()?;
    Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .context("the shop's process cannot be started")
}
