//! A server that runs as a child of this process.

use std::path::Path;
use std::process::ExitStatus;

use rustix::process::{Pid, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::process::Child;

use crate::error::ServerError;
use crate::home::Home;
use crate::process::{WaysToEnd, end, has_ended};

/// A running private server. Dropping it asks the server to end but doesn't wait: prefer [`stop`](Self::stop).
#[derive(Debug)]
pub struct Server {
    pub(crate) home: Home,
    pub(crate) child: Child,
    pub(crate) pid: Pid,
    pub(crate) port: u16,
    pub(crate) password: SecretString,
    pub(crate) ways_to_end: WaysToEnd,
    /// Another process that it needs and that ends with it.
    pub(crate) companion: Option<Child>,
}

impl Server {
    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// The folder with the server's files. It is not always in the data folder: servers don't run as root, and the
    /// account that one runs as instead may have no way into the data folder.
    pub fn folder(&self) -> &Path {
        self.home.folder()
    }

    /// Where it is reached with our login: scheme and login of its kind, and what comes after the port.
    pub(crate) fn address(&self, scheme: &str, login: &str, rest: &str) -> SecretString {
        let password = self.password.expose_secret();
        SecretString::from(format!("{scheme}://{login}:{password}@127.0.0.1:{}{rest}", self.port))
    }

    /// Waits until the server ends by itself, which it shouldn't. Can be dropped and asked again.
    pub async fn exited(&mut self) -> Result<ExitStatus, ServerError> {
        self.child.wait().await.map_err(ServerError::io("wait for", self.home.folder()))
    }

    /// Stops the server, gently and then harder: what it answered for is on disk.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        let Self { child, pid, ways_to_end, .. } = &mut self;
        end(*pid, ways_to_end, || has_ended(child)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (false, Some((signal, _))) = (has_ended(&mut self.child), self.ways_to_end.first()) {
            let _ = kill_process(self.pid, *signal);
        }
        if let Some(companion) = &mut self.companion {
            let _ = companion.start_kill();
        }
        self.home.release();
    }
}
