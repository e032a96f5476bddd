//! The operating system account that servers run under. They refuse to run as root or shouldn't, so root hands the work to
//! another account.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// How the names of variables begin that are meant for other servers.
const FOREIGN: [&str; 3] = ["PG", "RABBITMQ_", "ERL_"];

/// An account to start a server's programs with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    /// User and group to change to; `None` is the account we run under ourselves.
    change_to: Option<(u32, u32)>,
}

impl Account {
    /// Our own account, unless we are root: then whoever owns `home` already, else the server's `usual` one, else `nobody`.
    pub(crate) fn choose(home: &Path, usual: &str) -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self { change_to: None };
        }
        let owner = fs::metadata(home).ok().map(|meta| (meta.uid(), meta.gid())).filter(|(uid, _)| *uid != 0);
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let change_to = owner
            .or_else(|| lookup(&accounts, usual))
            .or_else(|| lookup(&accounts, "nobody"))
            .unwrap_or((65534, 65534));
        Self { change_to: Some(change_to) }
    }

    /// A command that runs under this account, in `folder`, untouched by variables meant for other servers.
    pub(crate) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if FOREIGN.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        if let Some((uid, gid)) = self.change_to {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes a file or folder that we created belong to this account.
    pub(crate) fn take(self, path: &Path) -> io::Result<()> {
        match self.change_to {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// Whether this account may enter `folder`: a folder under root's home, say, is closed to others. Asked by trying,
    /// because permission bits alone don't tell (access lists, mounts).
    pub(crate) async fn can_enter(self, folder: &Path) -> io::Result<bool> {
        if self.change_to.is_none() {
            return Ok(true);
        }
        match self.command(Path::new("true"), folder).status().await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// User and group of `name` in the text of a passwd file.
fn lookup(accounts: &str, name: &str) -> Option<(u32, u32)> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some((uid, gid))
    })
}

#[cfg(test)]
mod tests {
    use super::lookup;

    #[test]
    fn accounts_are_found_by_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7::/:/bin/sh\npostgres:x:101:104:a,,:/var:/bin/bash\n";
        assert_eq!(lookup(accounts, "postgres"), Some((101, 104)));
        assert_eq!(lookup(accounts, "nobody"), None);
    }
}
