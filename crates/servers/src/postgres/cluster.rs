//! PostgreSQL's own data folder.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::binaries::Binaries;
use crate::error::ServerError;
use crate::home::Home;

/// Where it is.
pub(super) fn folder(home: &Home) -> PathBuf {
    home.folder().join("cluster")
}

/// The major version that wrote the data, when there is any.
pub(super) fn version(home: &Home) -> Option<u32> {
    let text = fs::read_to_string(folder(home).join("PG_VERSION")).ok()?;
    text.trim().parse().ok()
}

/// Makes the cluster if there is none; answers the superuser's password.
pub(super) async fn ensure(home: &Home, binaries: &Binaries) -> Result<SecretString, ServerError> {
    if !folder(home).exists() {
        let password_file = home.new_password()?;
        make(home, binaries, "initdb", |command, unfinished| {
            command
                .arg("-D")
                .arg(unfinished)
                .args(["--username=postgres", "--encoding=UTF8", "--locale=C"])
                .args(["--auth=scram-sha-256", "--no-instructions"])
                .arg("--pwfile")
                .arg(&password_file);
        })
        .await?;
    }
    home.password()
}

/// Lets a program make a cluster. It is made beside its place and moved there in one step, so that one that was
/// interrupted is never taken for a whole one.
pub(super) async fn make(
    home: &Home,
    binaries: &Binaries,
    program: &str,
    arguments: impl FnOnce(&mut tokio::process::Command, &Path),
) -> Result<(), ServerError> {
    let (cluster, unfinished) = (folder(home), home.folder().join("cluster.new"));
    for folder in [&unfinished, &cluster] {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(ServerError::io("remove", folder))?;
        }
    }
    let program = binaries.program(program);
    let mut command = home.account.command(&program, home.folder());
    arguments(&mut command, &unfinished);
    let output = command.kill_on_drop(true).output().await.map_err(ServerError::io("run", &program))?;
    if !output.status.success() {
        return Err(ServerError::Failed {
            what: format!("making a database cluster in {} failed", home.folder().display()),
            log: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    fs::rename(&unfinished, &cluster).map_err(ServerError::io("rename", &unfinished))
}
