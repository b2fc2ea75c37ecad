//! Which settings differ between two readings, by key. It must never show a value.

use std::collections::BTreeMap;

use config::{Map, Value, ValueKind};

/// Dotted keys whose values differ, or that only one of them has.
pub(super) fn differing(one: &Map<String, Value>, other: &Map<String, Value>) -> Vec<String> {
    let (one, other) = (flat(one), flat(other));
    let keys = one.keys().chain(other.keys());
    let mut keys: Vec<String> = keys
        .filter(|key| one.get(*key) != other.get(*key))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn flat(table: &Map<String, Value>) -> BTreeMap<String, ValueKind> {
    let mut flat = BTreeMap::new();
    let mut open: Vec<(String, &Map<String, Value>)> = vec![(String::new(), table)];
    while let Some((path, table)) = open.pop() {
        for (key, value) in table {
            let path = match path.is_empty() {
                true => key.clone(),
                false => format!("{path}.{key}"),
            };
            match &value.kind {
                ValueKind::Table(inner) => open.push((path, inner)),
                kind => {
                    flat.insert(path, kind.clone());
                }
            }
        }
    }
    flat
}
