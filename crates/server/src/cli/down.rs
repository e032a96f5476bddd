//! `tradepost down`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::{ShopArgs, print};
use crate::data_folder::{self, DataFolder};
use crate::split::{self, leftovers};

/// How long a shop has to end by itself.
const PATIENCE: Duration = Duration::from_mins(2);

/// End a shop that was started with `up --detach`.
#[derive(clap::Args)]
pub struct Down {
    /// Remove the shop's data too: databases, secrets, logs
    #[arg(long)]
    erase: bool,
}

impl Down {
    pub async fn run(self, shop: &ShopArgs) -> anyhow::Result<ExitCode> {
        let path = shop.data.clone().unwrap_or_else(|| PathBuf::from(data_folder::DEFAULT));
        if !path.exists() {
            print(format_args!("Nothing runs: there is no data folder {}", path.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let folder = DataFolder::existing(&path)?;
        end(&folder).await?;
        if self.erase {
            servers::erase(folder.path()).await?;
            for name in ["secrets.json", "run.json", "tradepost.log", "catalog-loaded", "lock"] {
                remove(&folder.path().join(name))?;
            }
            for name in [split::LOGS, split::CERTIFICATES] {
                let folder = folder.path().join(name);
                if folder.exists() {
                    std::fs::remove_dir_all(&folder)
                        .with_context(|| format!("{} cannot be removed", folder.display()))?;
                }
            }
            // Only what is ours is removed: a folder that holds other things stays.
            let _ = std::fs::remove_dir(folder.path());
            print(format_args!("Erased the data in {}", folder.path().display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Ends the process that holds the folder's lock, if one does.
async fn end(folder: &DataFolder) -> anyhow::Result<()> {
    if folder.lock()?.is_some() {
        leftovers::end(folder).await?;
        print(format_args!("Nothing runs in {}", folder.path().display()))?;
        return Ok(());
    }
    let pid = folder.run()?.and_then(|run| run.pids.get("tradepost").copied());
    let pid = pid.context("a shop is starting in this folder: try again when it is ready")?;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("run.json holds no process id")?;
    kill_process(pid, Signal::TERM).context("the shop's process cannot be told to end")?;
    let deadline = Instant::now() + PATIENCE;
    while folder.lock()?.is_none() {
        if Instant::now() > deadline {
            bail!("process {} has not ended within {} s", pid.as_raw_nonzero(), PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // It may have been killed just now, rather than told to end.
    leftovers::end(folder).await?;
    print(format_args!("Ended the shop in {}", folder.path().display()))?;
    Ok(())
}

fn remove(path: &std::path::Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}
