//! What `run.json` says while processes come and go.

use std::sync::{Mutex, PoisonError};

use crate::data_folder::{DataFolder, Run};

/// The state of a split shop: told to the world once it is ready, and from then on at every change.
pub struct State {
    folder: DataFolder,
    run: Mutex<(Run, bool)>,
}

impl State {
    /// Not told yet.
    pub fn new(folder: DataFolder, run: Run) -> Self {
        Self { folder, run: Mutex::new((run, false)) }
    }

    /// Tells it from now on.
    pub fn publish(&self) -> anyhow::Result<Run> {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        run.1 = true;
        self.folder.write_run(&run.0)?;
        Ok(run.0.clone())
    }

    /// A server has this process id now.
    pub fn set_server(&self, name: &str, pid: u32) {
        self.change(|run| {
            run.pids.insert(name.to_owned(), pid);
        });
    }

    /// An instance of a role has this process id now.
    pub fn set_process(&self, role: &str, instance: usize, pid: u32) {
        self.change(|run| {
            if let Some(process) = run.roles.iter_mut().find(|p| p.role == role && p.instance == instance) {
                process.pid = pid;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Run)) {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut run.0);
        if run.1
            && let Err(error) = self.folder.write_run(&run.0)
        {
            tracing::warn!(%error, "run.json does not tell the newest process ids");
        }
    }
}
