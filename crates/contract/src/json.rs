//! JSON objects kept as the text they came in. Must never re-serialise: what is signed is what was given.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Deepest nesting of objects and arrays; half of what common parsers bear, so that envelopes may wrap it.
pub const JSON_DEPTH_MAX: usize = 64;

/// A text that is no acceptable JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not an object at all.
    #[error("a JSON object is wanted, like {{\"id\": 1}}")]
    NotAnObject,
    /// Broken JSON, a number outside 64-bit floats, half a surrogate pair, or nesting deeper than [`JSON_DEPTH_MAX`].
    #[error("not acceptable JSON: {0}")]
    Malformed(String),
}

/// A JSON object, byte for byte as it was given, without blanks around it.
///
/// Checked once, so that every profile can be rendered from it: it nests at most [`JSON_DEPTH_MAX`] deep, its numbers
/// are finite as 64-bit floats, its strings are Unicode. Of members with one name the last counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonObject(Box<str>);

impl JsonObject {
    /// # Errors
    /// [`JsonError`] when the text is not such an object.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if !text.starts_with('{') {
            return Err(JsonError::NotAnObject);
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let nested = Checked {
            depth_left: JSON_DEPTH_MAX,
        };
        nested
            .deserialize(&mut reader)
            .and_then(|()| reader.end())
            .map_err(|error| JsonError::Malformed(error.to_string()))?;
        Ok(Self(text.into()))
    }

    /// The JSON of a value of ours.
    ///
    /// # Errors
    /// [`JsonError`] when the value does not serialise to such an object.
    pub fn of(value: &impl Serialize) -> Result<Self, JsonError> {
        let text = serde_json::to_string(value);
        Self::parse(&text.map_err(|error| JsonError::Malformed(error.to_string()))?)
    }

    /// Takes a text that was a `JsonObject` before it was stored; it is not checked again.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text.into_boxed_str())
    }

    /// The text, from `{` to `}`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON text of the last top-level member of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&str> {
        let mut reader = serde_json::Deserializer::from_str(&self.0);
        Member(name)
            .deserialize(&mut reader)
            .ok()
            .flatten()
            .map(RawValue::get)
    }

    /// The same object with one more member in front; `json` is the text of its value.
    pub(crate) fn with_first(&self, name: &str, json: &str) -> Self {
        let rest = self.0.strip_prefix('{').unwrap_or_default().trim_start();
        let comma = if rest.starts_with('}') { "" } else { "," };
        Self(format!("{{\"{name}\":{json}{comma}{rest}").into())
    }

    /// The text up to, and without, the closing brace, and whether a comma must precede a further member.
    pub(crate) fn open_end(&self) -> (&str, bool) {
        let inside = self.0.trim_end();
        let inside = inside.strip_suffix('}').unwrap_or(inside).trim_end();
        (inside, inside != "{")
    }
}

/// Writes `text` as a JSON string, everything but printable ASCII escaped (Python's `ensure_ascii`).
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            ' '..='~' => out.extend(u8::try_from(c)),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    out.push(b'"');
}

/// Walks a value to the end, keeping nothing.
#[derive(Clone, Copy)]
struct Checked {
    depth_left: usize,
}

impl Checked {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1);
        depth_left
            .map(|depth_left| Self { depth_left })
            .ok_or_else(|| E::custom(format!("nested deeper than {JSON_DEPTH_MAX}")))
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while members.next_entry_seed(inner, inner)?.is_some() {}
        Ok(())
    }
}

/// Finds the last member of a name.
struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(IsName(self.0))? {
            if is_it {
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a name without keeping it.
struct IsName<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_as_it_came() {
        let object = JsonObject::parse(" {\"b\" : 1.0,  \"a\":[1e2, \"\\u00e9\"]}\n").unwrap();
        assert_eq!(object.as_str(), "{\"b\" : 1.0,  \"a\":[1e2, \"\\u00e9\"]}");
    }

    #[test]
    fn what_no_profile_could_carry_is_refused() {
        for text in ["", "[]", "1", "null", "\"x\"", "\u{a0}{}"] {
            assert_eq!(
                JsonObject::parse(text),
                Err(JsonError::NotAnObject),
                "{text}"
            );
        }
        for text in [
            "{",
            "{}{}",
            "{\"a\":1e999}",
            "{\"a\":\"\\ud800\"}",
            "{\"\\udc00\":1}",
            "{'a':1}",
            "{\"a\":NaN}",
        ] {
            assert!(
                matches!(JsonObject::parse(text), Err(JsonError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| {
            format!(
                "{{\"a\":{}{}}}",
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        assert!(JsonObject::parse(&nested(JSON_DEPTH_MAX)).is_ok());
        assert!(JsonObject::parse(&nested(JSON_DEPTH_MAX + 1)).is_err());
        assert!(JsonObject::parse(&nested(100_000)).is_err());
    }

    #[test]
    fn a_member_is_put_in_front() {
        let with = |text: &str| JsonObject::parse(text).unwrap().with_first("id", "7");
        assert_eq!(with("{ }").as_str(), r#"{"id":7}"#);
        assert_eq!(with(r#"{ "a" :1}"#).as_str(), r#"{"id":7,"a" :1}"#);
    }

    #[test]
    fn of_members_with_one_name_the_last_counts() {
        let object = JsonObject::parse(r#"{"a":1,"b":{"a":2},"\u0061": [3 ]}"#).unwrap();
        assert_eq!(object.member("a"), Some("[3 ]"));
        assert_eq!(object.member("b"), Some("{\"a\":2}"));
        assert_eq!(object.member("c"), None);
    }

    #[test]
    fn strings_are_escaped_to_ascii() {
        let mut out = Vec::new();
        push_string(&mut out, "a\"\\\n\u{1}\u{7f}é😀");
        assert_eq!(out, br#""a\"\\\n\u0001\u007f\u00e9\ud83d\ude00""#);
    }
}
