//! The settings in force, as TOML that can be put into a file again.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::ConfigError;

/// One `section.key = value` a line, by name. Secrets are shown as `***`; what is not set, as a
/// comment.
pub fn show<T: Serialize>(settings: &T) -> Result<String, ConfigError> {
    let tree = serde_json::to_value(settings).map_err(|error| ConfigError::new(error.to_string()))?;
    let mut lines = String::new();
    write_lines(&mut lines, "", &tree);
    Ok(lines)
}

fn write_lines(lines: &mut String, path: &str, value: &Value) {
    match value {
        Value::Object(table) => {
            for (name, value) in table {
                let name = key(name);
                write_lines(lines, &if path.is_empty() { name } else { format!("{path}.{name}") }, value);
            }
        }
        Value::Null => writeln!(lines, "# {path} is not set").unwrap_or_default(),
        value => writeln!(lines, "{path} = {}", inline(value)).unwrap_or_default(),
    }
}

/// JSON's strings, numbers and booleans are TOML's; tables and what is not set differ.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let set = table.iter().filter(|(_, value)| !value.is_null());
            let pairs: Vec<_> = set.map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { name.to_owned() } else { Value::from(name).to_string() }
}
