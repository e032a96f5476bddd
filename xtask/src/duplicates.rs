//! One version of each dependency, but for those excused here.

use std::collections::BTreeMap;

use crate::metadata::Metadata;

/// Packages that come in several versions because crates that we need disagree. Take a name out when the tree allows.
const EXCUSED: &[&str] = &[];

/// Every package with two or more versions that isn't excused, and every excuse that is no longer needed.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata.packages.iter().filter(|p| !p.is_ours()) {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let doubled = |name: &str| versions.get(name).is_some_and(|v| v.len() > 1);
    let mut findings: Vec<String> = versions
        .iter()
        .filter(|(name, found)| found.len() > 1 && !EXCUSED.contains(name))
        .map(|(name, found)| format!("duplicates: {name} in versions {}", found.join(", ")))
        .collect();
    let stale = EXCUSED.iter().filter(|name| !doubled(name));
    findings.extend(stale.map(|name| format!("duplicates: {name} needs no excuse any more")));
    findings
}
