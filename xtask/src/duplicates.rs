//! One version of each dependency, but for those excused here.

use std::collections::BTreeMap;

use crate::metadata::Metadata;

/// Packages that come in several versions because crates that we need disagree, with who holds which. Take a name out when
/// the tree allows.
const EXCUSED: &[(&str, &str)] = &[
    ("base64", "0.22: sqlx, metrics; 0.23: hyper-util, bcrypt"),
    ("block-buffer", "with digest"),
    ("cipher", "with hmac"),
    ("const-oid", "with hmac"),
    ("cpufeatures", "with sha2"),
    ("crypto-common", "with digest"),
    ("digest", "0.10: sqlx; 0.11: bcrypt's blowfish"),
    ("foldhash", "0.1: hashbrown of protox, build only; 0.2: the rest"),
    ("getrandom", "with rand"),
    ("hashbrown", "0.14: dashmap of governor; newer: indexmap, sqlx"),
    ("hmac", "0.12: lapin's key store; 0.13: sqlx"),
    ("inout", "with cipher"),
    ("itertools", "0.13: criterion of porcupine-rs, tests only"),
    ("nom", "7: lapin's key store; 8: config"),
    ("pem", "3: jsonwebtoken; 4: rcgen"),
    ("rand", "0.8: phf of the build; 0.9: opentelemetry_sdk, metrics-util; 0.10: uuid"),
    ("rand_chacha", "with rand"),
    ("rand_core", "with rand"),
    ("serde_spanned", "with toml"),
    ("sha1", "0.10: axum's WebSocket; 0.11: the rest"),
    ("sha2", "0.10: sqlx; 0.11: the rest"),
    ("syn", "2: async-graphql, axum-macros; 3: the rest; build only"),
    ("synstructure", "0.13: lapin's key store; 0.14: the rest; build only"),
    ("toml", "0.8: sqlx; 1: config"),
    ("toml_datetime", "with toml"),
    ("toml_edit", "with toml"),
    ("tower-http", "0.6: reqwest; 0.7: ours"),
    ("unicode-width", "0.1: protox, build only; 0.2: indicatif"),
    ("untrusted", "0.7: aws-lc-rs; 0.9: rustls-webpki"),
    ("winnow", "with toml"),
];

/// Every package with two or more versions that isn't excused, and every excuse that is no longer needed.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in metadata.packages.iter().filter(|p| !p.is_ours()) {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let excused = |name: &str| EXCUSED.iter().any(|(excused, _)| *excused == name);
    let mut findings: Vec<String> = versions
        .iter()
        .filter(|(name, found)| found.len() > 1 && !excused(name))
        .map(|(name, found)| format!("duplicates: {name} in versions {}", found.join(", ")))
        .collect();
    let stale = EXCUSED.iter().filter(|(name, _)| versions.get(name).is_none_or(|found| found.len() < 2));
    findings.extend(stale.map(|(name, _)| format!("duplicates: {name} needs no excuse any more")));
    findings
}
