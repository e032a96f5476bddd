//! Checks of the workspace itself, run by `./dev check`.
//!
//! `cargo run -p xtask -- check` reads `cargo metadata` and refuses:
//! - [`walls`]: an import that goes the wrong way, or a third-party crate outside its walls;
//! - [`licences`]: a dependency under a licence that isn't allowed;
//! - [`duplicates`]: a second version of a dependency that isn't excused by name;
//! - [`error_codes`]: a code that stands in the source or on the error-code page alone.
//!
//! Why not a ready tool: see `docs/decisions/0004-workspace-checks.md`.

mod duplicates;
mod error_codes;
mod licences;
mod metadata;
mod walls;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    if std::env::args().nth(1).as_deref() != Some("check") {
        eprintln!("usage: cargo run -p xtask -- check");
        return Ok(ExitCode::from(2));
    }
    let metadata = metadata::read()?;
    let mut findings = walls::findings(&metadata);
    findings.extend(licences::findings(&metadata));
    findings.extend(duplicates::findings(&metadata));
    findings.extend(error_codes::findings()?);
    for finding in &findings {
        eprintln!("{finding}");
    }
    println!("workspace: {} packages, {} findings", metadata.packages.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
