//! Where a page of a list ended, so that the next one begins there whatever was added meanwhile.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use db::Value;
use serde_json::Value as Json;

/// Longest cursor that is read.
const TEXT_BYTES_MAX: usize = 4096;

/// What a list is ordered by. Together the columns tell any two rows apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub columns: &'static [(&'static str, Kind)],
    pub descending: bool,
}

/// What a column of an order holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// The values of a row in the columns of its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A row that knows where it stands in its list.
pub(crate) trait Placed {
    fn cursor(&self) -> Cursor;
}

impl Order {
    /// `ORDER BY …`.
    pub(crate) fn clause(&self) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        let columns = self.columns.iter();
        let columns: Vec<String> = columns
            .map(|(column, _)| format!("{column}{direction}"))
            .collect();
        format!("ORDER BY {}", columns.join(", "))
    }

    /// The condition that a row stands behind a cursor; one `?` for each column.
    pub(crate) fn behind(&self) -> String {
        let columns: Vec<&str> = self.columns.iter().map(|(column, _)| *column).collect();
        let sign = if self.descending { "<" } else { ">" };
        let marks = vec!["?"; columns.len()].join(", ");
        format!("({}) {sign} ({marks})", columns.join(", "))
    }

    /// The cursor in a text of ours; `None` when it is not of this list.
    pub(crate) fn parse(&self, text: &str) -> Option<Cursor> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let values: Vec<Json> = serde_json::from_slice(&json).ok()?;
        if values.len() != self.columns.len() {
            return None;
        }
        let pairs = values.into_iter().zip(self.columns);
        let parts = pairs.map(|(value, (_, kind))| Part::of(value, *kind));
        parts.collect::<Option<Vec<Part>>>().map(Cursor)
    }
}

impl Part {
    fn of(value: Json, kind: Kind) -> Option<Self> {
        match kind {
            Kind::Int => value.as_i64().map(Self::Int),
            Kind::Text => value
                .as_str()
                .filter(|text| !text.contains('\0'))
                .map(|text| Self::Text(text.to_owned())),
            Kind::Bytes => {
                let bytes = URL_SAFE_NO_PAD.decode(value.as_str()?);
                bytes.ok().map(Self::Bytes)
            }
        }
    }

    fn json(&self) -> Json {
        match self {
            Self::Int(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => URL_SAFE_NO_PAD.encode(bytes).into(),
        }
    }
}

impl Cursor {
    pub(crate) fn new(parts: impl Into<Vec<Part>>) -> Self {
        Self(parts.into())
    }

    pub(crate) fn text(&self) -> String {
        let values: Vec<Json> = self.0.iter().map(Part::json).collect();
        URL_SAFE_NO_PAD.encode(Json::Array(values).to_string())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'static>> {
        self.0.iter().cloned().map(|part| match part {
            Part::Int(number) => number.into(),
            Part::Text(text) => text.into(),
            Part::Bytes(bytes) => bytes.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order {
        columns: &[
            ("a.time", Kind::Int),
            ("a.place", Kind::Bytes),
            ("a.name", Kind::Text),
        ],
        descending: true,
    };

    #[test]
    fn a_cursor_leads_back_and_others_are_no_cursors() {
        let parts = vec![
            Part::Int(-7),
            Part::Bytes(vec![0, 255]),
            Part::Text("a\"b".to_owned()),
        ];
        let cursor = Cursor::new(parts);
        let text = cursor.text();
        assert_eq!(ORDER.parse(&text), Some(cursor));
        assert_eq!(
            ORDER.clause(),
            "ORDER BY a.time DESC, a.place DESC, a.name DESC"
        );
        assert_eq!(ORDER.behind(), "(a.time, a.place, a.name) < (?, ?, ?)");
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for text in [
            String::new(),
            "x".to_owned(),
            encode("[]"),
            encode("[1,2,3]"),
            encode(r#"["1","",""]"#),
            encode(r#"[1,"!",""]"#),
            encode(r#"[1,"","\u0000"]"#),
            encode(r#"[1,"","",1]"#),
        ] {
            assert_eq!(ORDER.parse(&text), None, "{text}");
        }
    }
}
