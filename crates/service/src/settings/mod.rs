//! Settings in layers: built-in defaults, file, environment, flags; every key known and typed.
//! It must never know what a setting means: each service deserialises and judges its own section.

mod changes;
mod error;
mod layer;
mod print;
mod schema;
mod secret;

use std::ffi::OsString;
use std::path::Path;

use config::{Config, Map, Source, Value, ValueKind};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

pub use error::{Fault, SettingsError};
pub use print::mask_credentials;
pub use secret::SecretText;

use layer::Layer;
use schema::Node;

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "draftwire.toml";

/// The effective configuration: all layers merged and checked against `config/default.toml`.
#[derive(Debug, Clone)]
pub struct Settings {
    merged: Map<String, Value>,
}

impl Settings {
    /// Reads and merges all layers: built-in defaults < `file` (without one, `draftwire.toml` in
    /// the working directory if present) < environment `DRAFTWIRE__SECTION__KEY` < `overrides`
    /// (each `section.key=value`).
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML, and for every unknown key or wrong type in any
    /// layer, all of them in one [`SettingsError::Invalid`].
    pub fn load<K, V>(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (K, V)>,
        overrides: &[String],
    ) -> Result<Self, SettingsError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let schema = Node::builtin();
        let mut faults = Vec::new();
        let mut layers = Vec::new();
        let present = Path::new(DEFAULT_FILE);
        if let Some(path) = file.or_else(|| present.exists().then_some(present)) {
            layers.push(layer::from_file(path, &schema, &mut faults)?);
        }
        layers.extend(layer::from_environment(environment, &schema, &mut faults));
        layers.extend(layer::from_flags(overrides, &schema, &mut faults));
        if !faults.is_empty() {
            return Err(SettingsError::Invalid(faults));
        }
        // Entries with names of their own take their defaults only once all names are known.
        let given = merge(layers)?;
        let defaults = Layer(schema.defaults(&given));
        let merged = merge(vec![defaults, Layer(given)])?;
        Ok(Self { merged })
    }

    /// The part at a dotted `path` (`ingest.delivery`, or one key such as `data_dir`) as `T`.
    ///
    /// # Errors
    /// [`SettingsError::Section`] when the values do not make a `T`, naming the key and its layer.
    pub fn section<T: DeserializeOwned>(&self, path: &str) -> Result<T, SettingsError> {
        let values = self.find(path).map_or(Json::Null, json);
        serde_path_to_error::deserialize(values).map_err(|error| {
            let key = match error.path().iter().count() {
                0 => path.to_owned(),
                _ => format!("{path}.{}", error.path()),
            };
            let layer = self.find(&key).and_then(Value::origin);
            SettingsError::Section {
                layer: layer.unwrap_or("the built-in defaults").to_owned(),
                detail: error.inner().to_string(),
                key,
            }
        })
    }

    /// The effective configuration as TOML, secrets masked; a comment names the layer of every
    /// value that is not a default.
    pub fn print(&self) -> String {
        print::toml(&self.merged)
    }

    /// Dotted keys whose values are not the same in `other`, sorted.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        changes::differing(&self.merged, &other.merged)
    }

    /// Path of the file that is read when none is named.
    pub const DEFAULT_FILE: &'static str = DEFAULT_FILE;

    fn find(&self, path: &str) -> Option<&Value> {
        let mut segments = path.split('.');
        let first = self.merged.get(segments.next()?);
        segments.fold(first, |value, segment| match &value?.kind {
            ValueKind::Table(table) => table.get(segment),
            _ => None,
        })
    }
}

fn merge(layers: Vec<Layer>) -> Result<Map<String, Value>, SettingsError> {
    let empty = Config::builder();
    let builder = layers
        .into_iter()
        .fold(empty, |all, layer| all.add_source(layer));
    Ok(builder.build()?.collect()?)
}

/// The same value for serde, whose errors through JSON name the field and the accepted words.
fn json(value: &Value) -> Json {
    match &value.kind {
        ValueKind::Boolean(value) => Json::from(*value),
        ValueKind::I64(value) => Json::from(*value),
        ValueKind::Float(value) => Json::from(*value),
        ValueKind::Array(items) => items.iter().map(json).collect(),
        ValueKind::Table(table) => table.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
        other => Json::from(other.to_string()),
    }
}
