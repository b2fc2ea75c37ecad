//! Which settings exist, of which type: read from `config/default.toml`, the one list of them.
//! It must never hold a key of its own.

use std::collections::BTreeMap;

use config::{FileFormat, Map, Source, Value, ValueKind};

/// A table of this name in `default.toml` is the pattern for entries with names of their own.
const ANY_NAME: &str = "<name>";
/// Longest such name.
const NAME_BYTES_MAX: usize = 64;

/// One place in the tree of settings.
#[derive(Debug)]
pub(super) enum Node {
    Leaf { kind: Kind, default: Value },
    Table(BTreeMap<String, Node>),
    Named(Box<Node>),
}

/// Type of a setting, known from its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Switch,
    Whole,
    Number,
    Text,
    Texts,
}

impl Kind {
    /// The end of "… must be …".
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Whole => "a whole number, 0 or more",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Texts => "a list of texts",
        }
    }

    fn of(default: &ValueKind) -> Self {
        match default {
            ValueKind::Boolean(_) => Self::Switch,
            ValueKind::Float(_) => Self::Number,
            ValueKind::Array(_) => Self::Texts,
            ValueKind::String(_) => Self::Text,
            _ => Self::Whole,
        }
    }
}

impl Node {
    /// The tree of `config/default.toml`.
    pub(super) fn builtin() -> Self {
        let text = include_str!("../../../../config/default.toml");
        let table = config::File::from_str(text, FileFormat::Toml).collect();
        Self::of_table(table.expect("the built-in defaults are valid TOML, as a test proves"))
    }

    fn of_table(table: Map<String, Value>) -> Self {
        let mut nodes: BTreeMap<String, Node> = table
            .into_iter()
            .map(|(key, value)| (key, Self::of_value(value)))
            .collect();
        match nodes.remove(ANY_NAME) {
            Some(pattern) => Self::Named(Box::new(pattern)),
            None => Self::Table(nodes),
        }
    }

    fn of_value(default: Value) -> Self {
        match default.kind {
            ValueKind::Table(table) => Self::of_table(table),
            kind => Self::Leaf {
                kind: Kind::of(&kind),
                default: Value::new(None, kind),
            },
        }
    }

    /// The node one step down, if `segment` may stand there.
    pub(super) fn child(&self, segment: &str) -> Option<&Self> {
        match self {
            Self::Leaf { .. } => None,
            Self::Table(nodes) => nodes.get(segment),
            Self::Named(pattern) => is_name(segment).then_some(pattern),
        }
    }

    /// The node at the end of a path.
    pub(super) fn find(&self, path: &[String]) -> Option<&Self> {
        path.iter()
            .try_fold(self, |node, segment| node.child(segment))
    }

    /// All defaults, with those of every named entry that `given` mentions.
    pub(super) fn defaults(&self, given: &Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::Leaf { .. } => Map::new(),
            Self::Table(nodes) => nodes
                .iter()
                .map(|(key, node)| (key.clone(), node.default_value(given.get(key))))
                .collect(),
            Self::Named(pattern) => given
                .iter()
                .map(|(name, entry)| (name.clone(), pattern.default_value(Some(entry))))
                .collect(),
        }
    }

    fn default_value(&self, given: Option<&Value>) -> Value {
        match (self, given.map(|value| &value.kind)) {
            (Self::Leaf { default, .. }, _) => default.clone(),
            (_, Some(ValueKind::Table(given))) => Value::new(None, self.defaults(given)),
            _ => Value::new(None, self.defaults(&Map::new())),
        }
    }

    /// The existing path that is spelled most like `path`.
    pub(super) fn nearest(&self, path: &[String]) -> String {
        let mut known = Vec::new();
        self.paths(&mut Vec::new(), path, &mut known);
        let likeness = |candidate: &Vec<String>| {
            strsim::normalized_damerau_levenshtein(&candidate.join("."), &path.join("."))
                + candidate
                    .last()
                    .zip(path.last())
                    .map_or(0.0, |(a, b)| strsim::jaro_winkler(a, b))
        };
        known.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        known
            .first()
            .map_or_else(String::new, |path| path.join("."))
    }

    /// Every path below this node; names of one's own are spelled as `given` spells them.
    fn paths(&self, here: &mut Vec<String>, given: &[String], known: &mut Vec<Vec<String>>) {
        let children: Vec<(&str, &Self)> = match self {
            Self::Leaf { .. } => Vec::new(),
            Self::Table(nodes) => nodes.iter().map(|(key, node)| (&**key, node)).collect(),
            Self::Named(pattern) => {
                let name = given.get(here.len()).map_or(ANY_NAME, String::as_str);
                let fits = given.starts_with(here) && is_name(name);
                vec![(if fits { name } else { ANY_NAME }, pattern)]
            }
        };
        for (segment, node) in children {
            here.push(segment.to_owned());
            known.push(here.clone());
            node.paths(here, given, known);
            here.pop();
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dotted: &str) -> Vec<String> {
        dotted.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn finds_settings_and_refuses_what_is_none() {
        let schema = Node::builtin();
        for known in [
            "data_dir",
            "ingest.delivery.subscriptions.shop.url",
            "ingest.delivery.subscriptions.shop.headers.X-Key",
            "sources.module-n.secrets",
        ] {
            assert!(schema.find(&path(known)).is_some(), "{known}");
        }
        for unknown in ["ingest.listn", "sources.a b.secrets", "data_dir.x", "a"] {
            assert!(schema.find(&path(unknown)).is_none(), "{unknown}");
        }
    }

    #[test]
    fn nearest_is_the_setting_that_was_meant() {
        let schema = Node::builtin();
        for (given, meant) in [
            ("ingest.listn", "ingest.listen"),
            ("ingst.listen", "ingest.listen"),
            ("ingst", "ingest"),
            ("delivery.enabled", "ingest.delivery.enabled"),
            ("log.lvl", "log.level"),
            ("ingest.delivery.lease", "ingest.delivery.lease_seconds"),
            ("sources.shop.secret", "sources.shop.secrets"),
            ("sources.shop.tolerance", "sources.shop.tolerance_seconds"),
        ] {
            assert_eq!(schema.nearest(&path(given)), meant, "{given}");
        }
    }
}
