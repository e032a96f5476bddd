//! Imports go one way, and some third-party crates stay behind walls.

use crate::metadata::Metadata;

/// What each of our crates may import of ours (`[dependencies]`; tests may use more).
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("events", &["kernel"]),
    ("contracts", &["kernel", "events", "crypto", "runtime"]),
    ("crypto", &["kernel"]),
    ("pg", &["kernel"]),
    ("servers", &[]),
    ("runtime", &["kernel", "crypto"]),
    ("messaging", &["kernel", "events", "pg", "runtime", "crypto"]),
    ("users", &["kernel", "events", "contracts", "pg", "messaging", "runtime", "crypto"]),
    ("products", &["kernel", "events", "contracts", "pg", "messaging", "runtime", "crypto"]),
    ("orders", &["kernel", "events", "contracts", "pg", "messaging", "runtime", "crypto"]),
    ("webhooks", &["kernel", "events", "contracts", "pg", "messaging", "runtime", "crypto"]),
    ("gateway", &["kernel", "events", "contracts", "runtime", "crypto"]),
];

/// Third-party crates that only some of ours may name. `server`, the test kit and the tests wire things: they are free.
const BEHIND_WALLS: &[(&str, &[&str])] = &[
    ("sqlx", &["pg", "messaging", "users", "products", "orders", "webhooks"]),
    ("lapin", &["messaging"]),
    ("redis", &["runtime"]),
    ("tonic", &["contracts"]),
    ("async-graphql", &["products"]),
    ("jsonwebtoken", &["crypto"]),
    ("aws-lc-rs", &["crypto"]),
    ("bcrypt", &["users"]),
    ("governor", &["runtime"]),
    ("reqwest", &["runtime", "orders", "webhooks"]),
    ("utoipa-swagger-ui", &["gateway"]),
];

/// Crates that know all others.
const FREE: &[&str] =
    &["tradepost", "tradepost-test-kit", "tradepost-tests", "tradepost-bench", "tradepost-chaos", "xtask"];

/// Every import that breaks a rule.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let mut findings = Vec::new();
    for package in metadata.packages.iter().filter(|p| p.is_ours() && !FREE.contains(&p.name.as_str())) {
        let name = package.name.trim_start_matches("tradepost-");
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(crate_name, _)| *crate_name == name) else {
            findings.push(format!("walls: {name} has no row in the table of who may import whom"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none()) {
            let ours =
                dependency.name.strip_prefix("tradepost-").or((dependency.name == "tradepost").then_some("server"));
            if ours.is_some_and(|imported| !allowed.contains(&imported)) {
                findings.push(format!("walls: {name} must not import {}", dependency.name));
            }
            let wall = BEHIND_WALLS.iter().find(|(third, _)| *third == dependency.name);
            if wall.is_some_and(|(_, inside)| !inside.contains(&name)) {
                findings.push(format!("walls: {} stays out of {name}", dependency.name));
            }
        }
    }
    findings
}
