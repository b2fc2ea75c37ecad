//! Canonical JSON as Python's `json.dumps(sort_keys=True)` prints it. Must never change a value, only its spelling.
//!
//! Keys are sorted by code point at every level, of equal keys the last stays, strings are ASCII with `\uXXXX`,
//! integers keep their digits, other numbers print as Python's `repr` of the 64-bit float.

use std::borrow::Cow;

use crate::json::{JSON_DEPTH_MAX, JsonObject, push_string};

/// The separators between items and after keys.
#[derive(Clone, Copy)]
pub(crate) struct Separators {
    item: &'static [u8],
    key: &'static [u8],
}

/// No white space: `separators=(",", ":")`.
pub(crate) const COMPACT: Separators = Separators {
    item: b",",
    key: b":",
};
/// The defaults of `json.dumps`.
pub(crate) const PYTHON: Separators = Separators {
    item: b", ",
    key: b": ",
};

/// The text is not the JSON that a [`JsonObject`] promises: it was damaged where it was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored JSON is damaged")]
pub(crate) struct Damaged;

/// Appends the canonical form of `object` to `out`.
pub(crate) fn push_canonical(
    out: &mut Vec<u8>,
    object: &JsonObject,
    separators: Separators,
) -> Result<(), Damaged> {
    let node = Reader(object.as_str()).node(JSON_DEPTH_MAX)?;
    push_node(out, &node, separators)
}

enum Node<'a> {
    /// `true`, `false`, `null`.
    Word(&'a str),
    Number(&'a str),
    Text(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    /// Sorted, without repeated keys.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Reads text that is known to be JSON: it finds where things end and trusts the rest.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn node(&mut self, depth_left: usize) -> Result<Node<'a>, Damaged> {
        self.skip_blanks();
        if self.take("{") {
            return self.object(depth_left.checked_sub(1).ok_or(Damaged)?);
        }
        if self.take("[") {
            return self.array(depth_left.checked_sub(1).ok_or(Damaged)?);
        }
        if self.0.starts_with('"') {
            return self.text().map(Node::Text);
        }
        let end = self
            .0
            .find([',', ']', '}', ' ', '\t', '\r', '\n'])
            .unwrap_or(self.0.len());
        let scalar = self.cut(end)?;
        Ok(
            if scalar.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                Node::Number(scalar)
            } else {
                Node::Word(scalar)
            },
        )
    }

    fn array(&mut self, depth_left: usize) -> Result<Node<'a>, Damaged> {
        let mut items = Vec::new();
        while !self.ends("]")? {
            items.push(self.node(depth_left)?);
        }
        Ok(Node::Array(items))
    }

    fn object(&mut self, depth_left: usize) -> Result<Node<'a>, Damaged> {
        let mut members = Vec::new();
        while !self.ends("}")? {
            let key = self.text()?;
            self.skip_blanks();
            if !self.take(":") {
                return Err(Damaged);
            }
            members.push((key, self.node(depth_left)?));
        }
        members.reverse();
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        members.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Ok(Node::Object(members))
    }

    /// Takes the end mark, or stands before the next item.
    fn ends(&mut self, mark: &str) -> Result<bool, Damaged> {
        self.skip_blanks();
        if self.take(mark) {
            return Ok(true);
        }
        self.take(",");
        self.skip_blanks();
        if self.0.is_empty() {
            Err(Damaged)
        } else {
            Ok(false)
        }
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Damaged> {
        let mut escaped = false;
        let inside = self.0.strip_prefix('"').ok_or(Damaged)?;
        let length = inside
            .bytes()
            .position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })
            .ok_or(Damaged)?;
        let quoted = self.cut(length + 2)?;
        let plain = quoted.get(1..=length).ok_or(Damaged)?;
        if plain.contains('\\') {
            serde_json::from_str(quoted)
                .map(Cow::Owned)
                .map_err(|_json| Damaged)
        } else {
            Ok(Cow::Borrowed(plain))
        }
    }

    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, mark: &str) -> bool {
        let rest = self.0.strip_prefix(mark);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn cut(&mut self, length: usize) -> Result<&'a str, Damaged> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        if head.is_empty() {
            Err(Damaged)
        } else {
            Ok(head)
        }
    }
}

fn push_node(out: &mut Vec<u8>, node: &Node<'_>, separators: Separators) -> Result<(), Damaged> {
    match node {
        Node::Word(word) => out.extend_from_slice(word.as_bytes()),
        Node::Number(number) => push_number(out, number)?,
        Node::Text(text) => push_string(out, text),
        Node::Array(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                out.extend_from_slice(if n > 0 { separators.item } else { b"" });
                push_node(out, item, separators)?;
            }
            out.push(b']');
        }
        Node::Object(members) => {
            out.push(b'{');
            for (n, (key, value)) in members.iter().enumerate() {
                out.extend_from_slice(if n > 0 { separators.item } else { b"" });
                push_string(out, key);
                out.extend_from_slice(separators.key);
                push_node(out, value, separators)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn push_number(out: &mut Vec<u8>, number: &str) -> Result<(), Damaged> {
    if number.contains(['.', 'e', 'E']) {
        let value: f64 = number.parse().map_err(|_not_a_number| Damaged)?;
        out.extend_from_slice(python_repr(value).as_bytes());
    } else {
        // Python reads -0 as an integer, which has no sign.
        out.extend_from_slice(if number == "-0" {
            b"0"
        } else {
            number.as_bytes()
        });
    }
    Ok(())
}

/// The shortest digits that read back as the same float, and of those the nearest, halves to even.
///
/// Rust's `Debug` turns to exponents at the same sizes as Python (below 1e-4, from 1e16) and gives as many digits, but
/// takes halves up; its printing to a given length takes them to even, but at powers of two may not read back.
/// Python's exponent has a sign and at least two digits.
fn python_repr(value: f64) -> String {
    let shortest = format!("{value:?}");
    let digits = shortest.split('e').next().unwrap_or_default();
    let decimals = digits
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let nearest = if digits.len() == shortest.len() {
        format!("{value:.decimals$}")
    } else {
        format!("{value:.decimals$e}")
    };
    let text = if nearest.parse() == Ok(value) {
        nearest
    } else {
        shortest
    };
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str, separators: Separators) -> String {
        let mut out = Vec::new();
        push_canonical(&mut out, &JsonObject::parse(text).unwrap(), separators).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sorts_escapes_and_drops_white_space() {
        let text = "{ \"b\" : [ 1 , true , null , { } , [ ] ] , \"a\\u0062\" : \"caf\u{e9} \\/\\u0041\\\"\" }";
        assert_eq!(
            canonical(text, COMPACT),
            r#"{"ab":"caf\u00e9 /A\"","b":[1,true,null,{},[]]}"#
        );
        assert_eq!(
            canonical(text, PYTHON),
            r#"{"ab": "caf\u00e9 /A\"", "b": [1, true, null, {}, []]}"#
        );
    }

    #[test]
    fn keys_sort_by_code_point_and_the_last_of_equals_stays() {
        // By UTF-16 units the emoji would come before U+FF5E.
        let text = "{\"\u{1f600}\":1,\"\u{ff5e}\":2,\"a\":3,\"Z\":4,\"a\":5}";
        assert_eq!(
            canonical(text, COMPACT),
            r#"{"Z":4,"a":5,"\uff5e":2,"\ud83d\ude00":1}"#
        );
    }

    #[test]
    fn numbers_print_as_python_prints_them() {
        for (given, printed) in [
            ("1.0", "1.0"),
            ("1e2", "100.0"),
            ("1E16", "1e+16"),
            ("9999999999999998.0", "9999999999999998.0"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("1.5e-7", "1.5e-07"),
            ("1.5e300", "1.5e+300"),
            ("5e-324", "5e-324"),
            ("-0.0", "-0.0"),
            ("-0", "0"),
            ("-7", "-7"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1.10", "1.1"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("1.7976931348623157e308", "1.7976931348623157e+308"),
            ("1e-999", "0.0"),
            // A half goes to the even digit, but not where it would no longer read back.
            ("1299510413016072.25", "1299510413016072.2"),
            ("7.120236347223045e-307", "7.120236347223045e-307"),
        ] {
            assert_eq!(
                canonical(&format!("{{\"n\":{given}}}"), COMPACT),
                format!("{{\"n\":{printed}}}")
            );
        }
    }

    #[test]
    fn damaged_text_is_told_not_trusted() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "{\"a\":",
            "[1,",
            "{\"a}",
            "{\"a\":\"\\u00\"}",
            "{1:2}",
        ] {
            let object = JsonObject::from_stored(text.to_owned());
            assert!(
                push_canonical(&mut Vec::new(), &object, COMPACT).is_err(),
                "{text}"
            );
        }
    }
}
