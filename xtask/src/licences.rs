//! Every dependency's licence is one that a product may ship under.

use crate::metadata::Metadata;

/// SPDX names that are allowed.
const ALLOWED: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "OpenSSL",
    "MPL-2.0",
];

/// Packages that state no licence expression, read by hand: name and what their licence file says.
const READ_BY_HAND: &[(&str, &str)] = &[];

/// Every package whose expression can't be met with allowed licences.
pub fn findings(metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.packages.iter().filter(|p| !p.is_ours());
    let refused = foreign.filter(|p| !READ_BY_HAND.iter().any(|(name, _)| *name == p.name)).filter_map(|package| {
        let expression = package.license.as_deref().unwrap_or("no licence stated");
        (!is_met(expression)).then(|| format!("licences: {} {} is under {expression}", package.name, package.version))
    });
    refused.collect()
}

/// Whether an SPDX expression can be met. `/` is the old way to write OR. All of an AND's sides must be allowed, one of an OR's.
fn is_met(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let groups = expression.replace(['(', ')'], " ");
    // Of the expressions that occur, those with AND hold at most one parenthesised OR; reading each AND side by itself
    // accepts no expression that the full grammar would refuse.
    groups.split(" AND ").all(|side| side.split(" OR ").any(|name| ALLOWED.contains(&name.trim())))
}

#[cfg(test)]
mod tests {
    use super::is_met;

    #[test]
    fn expressions_are_read() {
        assert!(is_met("MIT OR Apache-2.0"));
        assert!(is_met("MIT/Apache-2.0"));
        assert!(is_met("(MIT OR Apache-2.0) AND Unicode-3.0"));
        assert!(is_met("ISC AND (Apache-2.0 OR ISC)"));
        assert!(!is_met("GPL-3.0-only"));
        assert!(!is_met("MIT AND GPL-3.0-only"));
    }
}
