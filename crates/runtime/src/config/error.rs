//! What is wrong with the settings, in one line that says where.

use super::Layers;

/// Settings that can't be used. The message is one line and shows no value from the environment or a secret's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    /// Keeps to one line, also of causes with several.
    pub(super) fn new(message: impl AsRef<str>) -> Self {
        let lines: Vec<_> = message.as_ref().lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Self(lines.join("; "))
    }
}

/// Says where the setting was made and what is wrong with it. `private` are the values that may not be shown.
pub(super) fn explain(error: ::config::ConfigError, layers: &Layers<'_>, private: &[String]) -> ConfigError {
    let (key, problem) = parts(error);
    let key = key.unwrap_or_default();
    if let Some((name, known)) = problem.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, ")) {
        let key = if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
        return ConfigError::new(format!("{}: there is no such setting, {known}", layers.origin(&key)));
    }
    // A value in the wrong place, such as a database's address where a section is expected, would be quoted.
    let problem = private.iter().filter(|text| text.len() >= 8).fold(problem, |problem, text| {
        let quoted = format!("{text:?}");
        problem.replace(quoted.trim_matches('"'), "***").replace(text, "***")
    });
    ConfigError::new(format!("{}: {problem}", layers.origin(&key)))
}

/// The loader speaks of enums and constructors; operators don't.
fn unknown_word(problem: &str) -> String {
    let word = problem.strip_prefix("enum ").and_then(|rest| rest.split_once(" does not have variant constructor "));
    word.map_or_else(|| problem.to_owned(), |(_, word)| format!("`{word}` is none of the words it takes"))
}

/// The key and the problem, without the origin, which [`Layers::origin`] knows better.
fn parts(error: ::config::ConfigError) -> (Option<String>, String) {
    use ::config::ConfigError as E;
    match error {
        E::NotFound(key) => (Some(key), "not set".into()),
        E::Type { unexpected, expected, key, .. } => (key, format!("expected {expected}, not {unexpected}")),
        E::At { error, key, .. } => {
            let (inner, problem) = parts(*error);
            (key.or(inner), problem)
        }
        other => (None, unknown_word(&other.to_string())),
    }
}
