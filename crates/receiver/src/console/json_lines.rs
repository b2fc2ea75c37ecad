//! JSON as people read it, line by line, with every member and number in the order and spelling in which it came. Pure.

use serde_json::Value;

/// Longer texts are shown as they came.
const BYTES_MAX: usize = 256 * 1024;
/// What is nested deeper is not moved further to the right.
const INDENTS_MAX: usize = 20;

/// Anything but JSON stays as it is.
pub(super) fn laid_out(text: String) -> String {
    let is_json = || serde_json::from_str::<Value>(&text).is_ok();
    match text.len() <= BYTES_MAX && is_json() {
        true => lines(&text),
        false => text,
    }
}

/// Of what is known to be JSON.
fn lines(json: &str) -> String {
    let mut lines = String::with_capacity(json.len() * 2);
    let (mut depth, mut chars) = (0_usize, json.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '"' => text(&mut lines, &mut chars),
            '{' | '[' => {
                lines.push(c);
                while chars.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    lines.push(end);
                } else {
                    depth += 1;
                    line(&mut lines, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut lines, depth);
                lines.push(c);
            }
            ',' => {
                lines.push(c);
                line(&mut lines, depth);
            }
            ':' => lines.push_str(": "),
            _ => lines.push(c),
        }
    }
    lines
}

/// A text to its end, as it stands.
fn text(lines: &mut String, chars: &mut impl Iterator<Item = char>) {
    lines.push('"');
    let mut is_escaped = false;
    for c in chars {
        lines.push(c);
        match c {
            '"' if !is_escaped => return,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
}

fn line(lines: &mut String, depth: usize) {
    lines.push('\n');
    lines.extend(std::iter::repeat_n("  ", depth.min(INDENTS_MAX)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spelling_stay() {
        let json = r#"{"b":1.50,"a":[ ],"t":"x\\\",{:","l":[1,{"n":null}], "o" : {}}"#;
        let expected = "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"t\": \"x\\\\\\\",{:\",\n  \"l\": [\n    1,\n    \
                        {\n      \"n\": null\n    }\n  ],\n  \"o\": {}\n}";
        assert_eq!(laid_out(json.to_owned()), expected);
        for other in ["", "{", "not json", "{} {}"] {
            assert_eq!(laid_out(other.to_owned()), other);
        }
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(laid_out(deep).len() < 200 * 50);
        let deeper = format!("{}{}", "[".repeat(9_999), "]".repeat(9_999));
        assert_eq!(laid_out(deeper.clone()), deeper);
    }
}
