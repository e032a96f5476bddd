//! What `cargo metadata` says of the packages that are linked into a Linux build.

use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The packages of the resolved workspace.
#[derive(Deserialize)]
pub struct Metadata {
    /// Ours and others'.
    pub packages: Vec<Package>,
}

/// One version of one package.
#[derive(Deserialize)]
pub struct Package {
    /// Name on the registry.
    pub name: String,
    /// Version.
    pub version: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// None for our own.
    pub source: Option<String>,
    /// What it asks for.
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Deserialize)]
pub struct Dependency {
    /// Name on the registry.
    pub name: String,
    /// None for ordinary ones, else `dev` or `build`.
    pub kind: Option<String>,
}

impl Package {
    /// Whether it is part of this workspace.
    pub fn is_ours(&self) -> bool {
        self.source.is_none()
    }
}

/// Asks cargo.
pub fn read() -> anyhow::Result<Metadata> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"];
    let output = Command::new("cargo").args(arguments).output().context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the output of cargo metadata")
}
