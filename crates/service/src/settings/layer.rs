//! The layers above the defaults: a file, environment variables, flags; each checked on its own, so
//! that a mistake names where it was made. It must never merge layers.

use std::ffi::OsString;
use std::path::Path;

use config::{FileFormat, Map, Source, Value, ValueKind};

use super::error::{Fault, SettingsError};
use super::schema::{Kind, Node};

/// Start of every environment variable that is a setting.
const ENVIRONMENT_PREFIX: &str = "DRAFTWIRE__";

/// Checked settings, every value knowing its layer.
#[derive(Debug, Clone)]
pub(super) struct Layer(pub(super) Map<String, Value>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

pub(super) fn from_file(
    path: &Path,
    schema: &Node,
    faults: &mut Vec<Fault>,
) -> Result<Layer, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    // Parsed here first: config's error would show the line, which may hold a secret.
    toml::from_str::<toml::Table>(&text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        line: line_of(&text, error.span()),
        detail: error.message().to_owned(),
    })?;
    let table = config::File::from_str(&text, FileFormat::Toml).collect()?;
    let mut check = Check {
        schema,
        layer: path.display().to_string(),
        path: Vec::new(),
        faults,
    };
    Ok(Layer(check.entries(schema, table)))
}

pub(super) fn from_environment<K: Into<OsString>, V: Into<OsString>>(
    environment: impl IntoIterator<Item = (K, V)>,
    schema: &Node,
    faults: &mut Vec<Fault>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (name, value) in environment {
        // A name that is not UTF-8 cannot be one of ours.
        let Ok(name) = name.into().into_string() else {
            continue;
        };
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let layer = format!("environment variable {name}");
        let Ok(value) = value.into().into_string() else {
            let expected = "UTF-8";
            faults.push(Fault::Malformed { layer, expected });
            continue;
        };
        let path = key.split("__").map(str::to_lowercase).collect();
        layers.extend(from_text(path, &value, layer, schema, faults));
    }
    layers
}

pub(super) fn from_flags(
    overrides: &[String],
    schema: &Node,
    faults: &mut Vec<Fault>,
) -> Vec<Layer> {
    let mut layers = Vec::new();
    for flag in overrides {
        let Some((key, value)) = flag.split_once('=') else {
            faults.push(Fault::Malformed {
                layer: format!("flag {flag}"),
                expected: "of the form section.key=value",
            });
            continue;
        };
        let path = key.trim().split('.').map(str::to_owned).collect();
        let layer = format!("flag {}", key.trim());
        layers.extend(from_text(path, value, layer, schema, faults));
    }
    layers
}

/// One setting given as text: typed by what the setting is.
fn from_text(
    path: Vec<String>,
    text: &str,
    layer: String,
    schema: &Node,
    faults: &mut Vec<Fault>,
) -> Option<Layer> {
    let key = path.join(".");
    let Some(node) = schema.find(&path) else {
        let nearest = schema.nearest(&path);
        faults.push(Fault::Unknown {
            key,
            layer,
            nearest,
        });
        return None;
    };
    let (expected, parsed) = match node {
        Node::Leaf { kind, .. } => (kind.expected(), parse(*kind, text)),
        _ => ("a table, which only a file can hold", None),
    };
    let Some(kind) = parsed else {
        faults.push(Fault::Type {
            key,
            layer,
            expected,
        });
        return None;
    };
    let leaf = Value::new(Some(&layer), kind);
    let nested = path.into_iter().rfold(leaf, |inner, segment| {
        Value::new(None, Map::from_iter([(segment, inner)]))
    });
    nested.into_table().ok().map(Layer)
}

fn parse(kind: Kind, text: &str) -> Option<ValueKind> {
    let text = text.trim();
    match kind {
        Kind::Switch => text.parse::<bool>().ok().map(ValueKind::from),
        Kind::Whole => whole(text.replace('_', "").parse().ok()?),
        Kind::Number => number(text.parse().ok()?),
        Kind::Text => Some(ValueKind::from(text)),
        Kind::Texts => {
            let items = text.split(',').map(str::trim);
            let items = items.filter(|item| !item.is_empty());
            Some(ValueKind::from(
                items.map(str::to_owned).collect::<Vec<_>>(),
            ))
        }
    }
}

fn whole(value: i64) -> Option<ValueKind> {
    (value >= 0).then_some(ValueKind::I64(value))
}

fn number(value: f64) -> Option<ValueKind> {
    value.is_finite().then_some(ValueKind::Float(value))
}

/// The walk through one file.
struct Check<'a> {
    schema: &'a Node,
    layer: String,
    path: Vec<String>,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    fn entries(&mut self, node: &Node, table: Map<String, Value>) -> Map<String, Value> {
        let mut checked = Map::new();
        for (key, value) in table {
            self.path.push(key.clone());
            match node.child(&key) {
                Some(child) => {
                    let value = self.value(child, value.kind);
                    checked.extend(value.map(|value| (key, value)));
                }
                None => self.faults.push(Fault::Unknown {
                    key: self.path.join("."),
                    layer: self.layer.clone(),
                    nearest: self.schema.nearest(&self.path),
                }),
            }
            self.path.pop();
        }
        checked
    }

    fn value(&mut self, node: &Node, given: ValueKind) -> Option<Value> {
        let (expected, kind) = match (node, given) {
            (Node::Leaf { kind, .. }, given) => (kind.expected(), typed(*kind, given)),
            (_, ValueKind::Table(table)) => {
                let entries = self.entries(node, table);
                return Some(Value::new(None, entries));
            }
            _ => ("a table", None),
        };
        if kind.is_none() {
            self.faults.push(Fault::Type {
                key: self.path.join("."),
                layer: self.layer.clone(),
                expected,
            });
        }
        kind.map(|kind| Value::new(Some(&self.layer), kind))
    }
}

fn typed(kind: Kind, given: ValueKind) -> Option<ValueKind> {
    match (kind, given) {
        (Kind::Switch, given @ ValueKind::Boolean(_)) => Some(given),
        (Kind::Text, given @ ValueKind::String(_)) => Some(given),
        (Kind::Whole, ValueKind::I64(value)) => whole(value),
        (Kind::Number, ValueKind::Float(value)) => number(value),
        // `0` is as good a number as `0.0`; settings are far below what f64 holds exactly.
        (Kind::Number, ValueKind::I64(value)) => number(f64::from(i32::try_from(value).ok()?)),
        (Kind::Texts, ValueKind::Array(items)) => items
            .iter()
            .all(|item| matches!(item.kind, ValueKind::String(_)))
            .then_some(ValueKind::Array(items)),
        _ => None,
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = text.get(..span.map_or(0, |span| span.start));
    before.map_or(1, |before| before.matches('\n').count() + 1)
}
