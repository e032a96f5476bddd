//! Every error code in the source has a row on the error-code page, and every row a place in the source.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

/// Texts in the form of a code that are something else.
const NO_CODES: &[&str] = &["OWNER_URL"];
/// Codes of one word, which cannot be told from other texts by their form.
const ONE_WORD: &[&str] = &["OVERLOADED", "INCONSISTENT"];
/// Crates whose codes callers never see.
const NO_CALLERS: &[&str] = &["server", "servers", "test-kit"];

/// Codes that stand in one place only.
pub fn findings() -> anyhow::Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut used = BTreeSet::new();
    for krate in std::fs::read_dir(root.join("crates"))? {
        let krate = krate?;
        if !NO_CALLERS.iter().any(|name| krate.file_name() == *name) {
            collect(&krate.path().join("src"), &mut used)?;
        }
    }
    let page = std::fs::read_to_string(root.join("docs/errors.md")).context("docs/errors.md")?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    let missing = used.difference(&documented).map(|code| format!("error codes: {code} has no row in docs/errors.md"));
    let stale = documented.difference(&used).map(|code| format!("error codes: nothing gives {code} of docs/errors.md"));
    Ok(missing.chain(stale).collect())
}

fn collect(folder: &Path, codes: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, codes)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let source = std::fs::read_to_string(&path)?;
            let code = source.split("#[cfg(test)]").next().unwrap_or_default();
            codes.extend(code.split('"').filter(|text| is_code(text)).map(str::to_owned));
        }
    }
    Ok(())
}

/// Upper-case words joined by underscores.
fn is_code(text: &str) -> bool {
    if ONE_WORD.contains(&text) {
        return true;
    }
    let words: Vec<&str> = text.split('_').collect();
    let word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    words.len() > 1
        && words.iter().all(word)
        && !text.starts_with("TRADEPOST_")
        && !text.starts_with("CARGO_")
        && !NO_CODES.contains(&text)
}
