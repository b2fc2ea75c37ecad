//! JSON Schema and example of every shipped event type, put together from one table of fields
//! (`catalogue.json`). Must never describe a type that the catalogue does not name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::catalogue::CatalogueEntry;

#[derive(Deserialize)]
struct Table {
    fields: BTreeMap<String, Field>,
    /// Fields by type, in the order in which they are shown.
    types: BTreeMap<String, Vec<String>>,
    /// Every `file.*` event of ours has all of these.
    file_fields: BTreeMap<String, Field>,
    /// What differs from the fields' examples.
    file_types: BTreeMap<String, Map<String, Value>>,
}

#[derive(Deserialize)]
struct Field {
    schema: Value,
    example: Value,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("catalogue.json")).expect("a test reads the table")
});

impl CatalogueEntry {
    /// The JSON Schema (2020-12) of the type's `data`. Further members are allowed: publishers may say more.
    #[must_use]
    pub fn schema(&self) -> Value {
        let fields = self.fields();
        let properties: Map<_, _> = fields
            .iter()
            .map(|(name, field)| ((*name).to_owned(), field.schema.clone()))
            .collect();
        let required: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.event_type.as_str(),
            "description": self.description,
            "type": "object",
            "required": required,
            "properties": properties,
        })
    }

    /// An example of the type's `data`, which its schema accepts.
    #[must_use]
    pub fn example(&self) -> Value {
        let name = self.event_type.as_str();
        let mut data: Map<_, _> = self
            .fields()
            .iter()
            .map(|(name, field)| ((*name).to_owned(), field.example.clone()))
            .collect();
        if let Some(differs) = TABLE.file_types.get(name) {
            data.extend(differs.clone());
        }
        Value::Object(data)
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        let table = &*TABLE;
        let name = self.event_type.as_str();
        if table.file_types.contains_key(name) {
            let all = table.file_fields.iter();
            return all.map(|(name, field)| (name.as_str(), field)).collect();
        }
        let names = table.types.get(name).into_iter().flatten();
        names
            .filter_map(|name| Some((name.as_str(), table.fields.get(name)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::CATALOGUE;
    use crate::file_event::{FileEventKind, FileSnapshot};

    #[test]
    fn every_type_is_described_and_nothing_else() {
        for entry in CATALOGUE {
            let example = entry.example();
            let members = example.as_object().unwrap();
            assert!(!members.is_empty(), "{}", entry.event_type);
            let schema = entry.schema();
            for name in schema["required"].as_array().unwrap() {
                assert!(members.contains_key(name.as_str().unwrap()), "{name}");
            }
        }
        let table = &*TABLE;
        assert_eq!(table.types.len() + table.file_types.len(), CATALOGUE.len());
        let mut used = table.types.values().flatten();
        assert!(used.all(|name| table.fields.contains_key(name)));
    }

    #[test]
    fn file_examples_are_complete_snapshots() {
        for kind in FileEventKind::ALL {
            let entry = CatalogueEntry::find(&kind.event_type()).unwrap();
            let example = entry.example();
            let snapshot: FileSnapshot = serde_json::from_value(example.clone()).unwrap();
            let again: Value = serde_json::from_str(snapshot.to_data().unwrap().as_str()).unwrap();
            let keys = |value: &Value| {
                value
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(keys(&again), keys(&example), "{}", entry.event_type);
        }
    }
}
