//! Where the programs of Redis and RabbitMQ are: on the `PATH`, or where Debian puts them.

use std::env;
use std::path::{Path, PathBuf};

use crate::error::ServerError;

/// Where Debian puts RabbitMQ. The program on the `PATH` there is a front that takes root or its own account only.
const DEBIAN_RABBITMQ: &str = "/usr/lib/rabbitmq/lib";

/// `redis-server`.
pub(crate) fn redis() -> Result<PathBuf, ServerError> {
    on_path("redis-server").ok_or(ServerError::NoProgram { program: "redis-server", package: "redis-server" })
}

/// RabbitMQ's own start script, which has the scripts that it reads beside it.
pub(crate) fn rabbitmq() -> Result<PathBuf, ServerError> {
    // The front goes by another name, once links are followed.
    let is_real =
        |script: &PathBuf| script.ends_with("rabbitmq-server") && script.with_file_name("rabbitmq-env").is_file();
    let real = |script: PathBuf| script.canonicalize().ok().filter(is_real);
    let installed = || {
        let versions = std::fs::read_dir(DEBIAN_RABBITMQ).ok()?;
        let mut scripts: Vec<_> =
            versions.flatten().map(|version| version.path().join("sbin/rabbitmq-server")).filter_map(real).collect();
        scripts.sort();
        scripts.pop()
    };
    let script = on_path("rabbitmq-server").and_then(real).or_else(installed);
    script.ok_or(ServerError::NoProgram { program: "rabbitmq-server", package: "rabbitmq-server" })
}

/// Erlang's name server, which RabbitMQ needs.
pub(crate) fn epmd() -> Result<PathBuf, ServerError> {
    on_path("epmd").ok_or(ServerError::NoProgram { program: "epmd", package: "erlang-base" })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder: PathBuf| folder.join(program)).find(|path: &PathBuf| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
