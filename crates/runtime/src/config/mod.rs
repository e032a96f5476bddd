//! Settings: defaults < TOML file < environment < flags.
//!
//! - A setting `http.port` is `port` under `[http]` in the file, `TRADEPOST__HTTP__PORT` in the environment and
//!   `http.port` as a flag. Two underscores follow the product's name too: orchestrators set variables such as
//!   `TRADEPOST_PORT` themselves for a service of that name.
//! - `<setting>_file` names a file that holds the setting's value, as orchestrators mount secrets. So no setting's own
//!   name ends in `_file`.
//! - A [`kernel::Secret`] comes from the environment or from such a file: a settings file is copied and checked in, and
//!   flags are seen by everyone on the machine.
//! - Unknown keys are refused: sections carry `#[serde(default, deny_unknown_fields)]`.
//! - Durations and sizes carry their unit in the name: `_ms`, `_seconds`, `_bytes`.

mod error;
mod show;

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ::config::builder::DefaultState;
use ::config::{Config, ConfigBuilder, Environment, File, FileFormat, Map, Source, Value, ValueKind};
use kernel::Secret;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};

pub use error::ConfigError;
pub use show::show;

const PREFIX: &str = "TRADEPOST";
const SEPARATOR: &str = "__";
/// No setting is larger. A wrong path, such as a device, must not fill the memory.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where settings come from, later ones over earlier ones.
#[derive(Clone, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Environment variables. Only those that begin with `TRADEPOST__` are looked at.
    pub environment: HashMap<String, String>,
    /// Dotted keys with values, from the command line.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// This process's environment with a file and flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let mut environment = HashMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with(&format!("{PREFIX}{SEPARATOR}")) {
                continue;
            }
            let Ok(value) = value.into_string() else {
                return Err(ConfigError::new(format!("{name}: the value is not valid UTF-8")));
            };
            environment.insert(name, value);
        }
        Ok(Self { file, environment, flags })
    }
}

/// Reads the settings. Everything that is wrong with them is one line, fit for stderr.
pub fn load<T: DeserializeOwned + Serialize>(sources: &Sources) -> Result<T, ConfigError> {
    let layers = Layers::read(sources)?;
    let mut merged = layers.merged()?;
    let mut private: Vec<_> = sources.environment.values().cloned().collect();
    resolve_files(&mut merged, "", &mut private)?;
    let settings = Value::new(None, ValueKind::Table(merged)).try_deserialize::<T>();
    let settings = settings.map_err(|error| error::explain(error, &layers, &private))?;
    let shown = serde_json::to_value(&settings).map_err(|error| ConfigError::new(error.to_string()))?;
    for (layer, place) in [(&layers.file, layers.file_name()), (&layers.flags, "the command line".into())] {
        if let Some(key) = layer.iter().find_map(|(key, value)| find_secret(value, shown.get(key)?, key)) {
            let name = variable(&key);
            let remedy = format!("set {name}, or {name}_FILE to the path of a file that holds it");
            return Err(ConfigError::new(format!("{key}: a secret may not stand in {place}; {remedy}")));
        }
    }
    Ok(settings)
}

/// For lists: reads a TOML array, or the comma-separated text that fits a variable or a flag.
pub fn comma_separated<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + FromStr<Err: std::fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List<T> {
        Text(String),
        Array(Vec<T>),
    }
    match List::deserialize(deserializer)? {
        List::Array(items) => Ok(items),
        List::Text(text) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| item.parse().map_err(|error| D::Error::custom(format!("`{item}`: {error}")))).collect()
        }
    }
}

/// What each source says, before they are put together.
struct Layers<'a> {
    path: Option<&'a Path>,
    file: Map<String, Value>,
    environment: Map<String, Value>,
    flags: Map<String, Value>,
}

impl<'a> Layers<'a> {
    fn read(sources: &'a Sources) -> Result<Self, ConfigError> {
        let path = sources.file.as_deref();
        let mut file = Config::builder();
        if let Some(path) = path {
            let text = read_text(path).map_err(|error| ConfigError::new(format!("{}: {error}", path.display())))?;
            file = file.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let file = table(file).map_err(|error| {
            ConfigError::new(match path {
                Some(path) => format!("{}: {error}", path.display()),
                None => error.to_string(),
            })
        })?;
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            // What a compose file or a shell leaves empty is not set.
            .ignore_empty(true)
            .source(Some(sources.environment.clone()));
        let environment = table(Config::builder().add_source(environment))
            .map_err(|error| ConfigError::new(format!("environment: {error}")))?;
        let mut flags = Config::builder();
        for (key, value) in &sources.flags {
            flags = flags
                .set_override(key, value.as_str())
                .map_err(|_| ConfigError::new(format!("`{key}` on the command line is no setting's name")))?;
        }
        let flags = table(flags).map_err(|error| ConfigError::new(format!("command line: {error}")))?;
        Ok(Self { path, file, environment, flags })
    }

    fn merged(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut merged = Config::builder();
        for layer in [&self.file, &self.environment, &self.flags] {
            merged = merged.add_source(Layer(layer.clone()));
        }
        table(merged).map_err(|error| ConfigError::new(error.to_string()))
    }

    fn file_name(&self) -> String {
        self.path.map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// The place where an operator finds the setting, as they wrote it.
    fn origin(&self, key: &str) -> String {
        let says = |layer: &Map<String, Value>| {
            let mut parts = key.split('.');
            let first = parts.next().and_then(|part| layer.get(part));
            let found = parts.try_fold(first, |value, part| match &value?.kind {
                ValueKind::Table(table) => Some(table.get(part)),
                _ => None,
            });
            found.flatten().is_some()
        };
        if says(&self.flags) {
            format!("{key} on the command line")
        } else if says(&self.environment) {
            variable(key)
        } else if says(&self.file) {
            format!("{}: {key}", self.file_name())
        } else {
            key.to_owned()
        }
    }
}

/// Values that were read before, as a source.
#[derive(Clone, Debug)]
struct Layer(Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ::config::ConfigError> {
        Ok(self.0.clone())
    }
}

fn table(builder: ConfigBuilder<DefaultState>) -> Result<Map<String, Value>, ::config::ConfigError> {
    builder.build()?.collect()
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// Replaces each `<setting>_file` by `<setting>` with the file's content, which is added to `private`.
fn resolve_files(table: &mut Map<String, Value>, path: &str, private: &mut Vec<String>) -> Result<(), ConfigError> {
    for key in table.keys().cloned().collect::<Vec<_>>() {
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if let Some(ValueKind::Table(inner)) = table.get_mut(&key).map(|value| &mut value.kind) {
            resolve_files(inner, &here, private)?;
            continue;
        }
        let Some(setting) = key.strip_suffix("_file") else { continue };
        if table.contains_key(setting) {
            let setting = here.trim_end_matches("_file");
            return Err(ConfigError::new(format!("{setting} and {here} are both set; leave one out")));
        }
        let file = table.remove(&key).map(Value::into_string).transpose();
        let file =
            file.ok().flatten().ok_or_else(|| ConfigError::new(format!("{here}: expected the path of a file")))?;
        let text = read_text(Path::new(&file)).map_err(|error| ConfigError::new(format!("{here}: {file}: {error}")))?;
        // Editors and `echo` end a file with a line break that is not part of the value.
        let text = text.strip_suffix('\n').map_or(&*text, |text| text.strip_suffix('\r').unwrap_or(text));
        private.push(text.to_owned());
        table.insert(setting.to_owned(), Value::new(None, text));
    }
    Ok(())
}

/// The key of a value in `given` that the loaded settings hold as a secret.
fn find_secret(given: &Value, shown: &serde_json::Value, key: &str) -> Option<String> {
    match (&given.kind, shown) {
        (ValueKind::Table(table), serde_json::Value::Object(shown)) => {
            table.iter().find_map(|(name, value)| find_secret(value, shown.get(name)?, &format!("{key}.{name}")))
        }
        (ValueKind::Array(items), serde_json::Value::Array(shown)) => {
            items.iter().zip(shown).find_map(|(value, shown)| find_secret(value, shown, key))
        }
        (_, serde_json::Value::String(text)) => (text == Secret::MASK).then(|| key.to_owned()),
        _ => None,
    }
}

/// The environment variable of a setting.
fn variable(key: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase())
}

#[cfg(test)]
mod tests;
