//! Tags and texts of HTML and XML, told apart without a schema: whatever is given, tokens come out, in one pass. It must
//! never expand an entity that a document defines itself, nor look anything up outside.

use std::borrow::Cow;

/// One piece of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token<'t> {
    Open(Tag<'t>),
    /// The name without its prefix, in lower case.
    Close(String),
    Text(Cow<'t, str>),
}

/// An opening tag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tag<'t> {
    /// Without its prefix, in lower case.
    pub(crate) name: String,
    attributes: &'t str,
    /// It closes itself.
    pub(crate) closed: bool,
}

impl Tag<'_> {
    /// An attribute by its name without prefix, in lower case.
    pub(crate) fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes;
        loop {
            let (name, behind) = rest.split_once('=')?;
            let name = name.split_whitespace().next_back().unwrap_or_default();
            let behind = behind.trim_start();
            let (value, after) = match behind.chars().next()? {
                quote @ ('"' | '\'') => behind.get(1..)?.split_once(quote)?,
                _ => behind
                    .split_once(char::is_whitespace)
                    .unwrap_or((behind, "")),
            };
            if local(name) == wanted {
                return Some(unescaped(value).into_owned());
            }
            rest = after;
        }
    }

    /// An attribute that counts something.
    pub(crate) fn count(&self, wanted: &str) -> Option<u64> {
        self.attribute(wanted)?.trim().parse().ok()
    }
}

/// A document as tokens.
pub(crate) struct Tokens<'t> {
    rest: &'t str,
    /// Of HTML, scripts and styles are passed over.
    html: bool,
}

/// Elements of HTML whose content is no text.
const RAW: [&str; 2] = ["script", "style"];

impl<'t> Tokens<'t> {
    pub(crate) fn of_html(text: &'t str) -> Self {
        Self {
            rest: text,
            html: true,
        }
    }

    pub(crate) fn of_xml(text: &'t str) -> Self {
        Self {
            rest: text,
            html: false,
        }
    }

    /// What stands before `end`, which is passed over; everything when it does not come.
    fn until(&mut self, end: &str) -> &'t str {
        let (before, behind) = self.rest.split_once(end).unwrap_or((self.rest, ""));
        self.rest = behind;
        before
    }

    fn tag(&mut self) -> Option<Token<'t>> {
        let inside = self.rest.get(1..)?;
        for (opening, ending, is_text) in [("!--", "-->", false), ("![CDATA[", "]]>", true)] {
            if let Some(content) = inside.strip_prefix(opening) {
                self.rest = content;
                let content = self.until(ending);
                return Some(Token::Text(Cow::Borrowed(if is_text {
                    content
                } else {
                    ""
                })));
            }
        }
        let end = tag_end(inside);
        let content = inside.get(..end)?;
        self.rest = inside.get(end + 1..).unwrap_or_default();
        if let Some(name) = content.strip_prefix('/') {
            return Some(Token::Close(local(name.trim())));
        }
        if content.starts_with(['!', '?']) {
            return Some(Token::Text(Cow::Borrowed("")));
        }
        let closed = content.ends_with('/');
        let content = content.strip_suffix('/').unwrap_or(content);
        let (name, attributes) = content
            .split_once(char::is_whitespace)
            .unwrap_or((content, ""));
        let name = local(name);
        if self.html && !closed && RAW.contains(&name.as_str()) {
            self.skip_raw(&name);
        }
        Some(Token::Open(Tag {
            name,
            attributes,
            closed,
        }))
    }

    /// Up to the end tag of this element.
    fn skip_raw(&mut self, name: &str) {
        let ends = |at: usize| {
            let tag = self.rest.get(at + 2..at + 2 + name.len());
            tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
        };
        let end = self
            .rest
            .match_indices("</")
            .map(|(at, _)| at)
            .find(|&at| ends(at));
        self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
    }
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let opens = |text: &str| {
            text.strip_prefix('<').is_some_and(|tag| {
                tag.starts_with(|c: char| c.is_alphabetic() || "/!?_".contains(c))
            })
        };
        if opens(self.rest) {
            return self.tag();
        }
        let mut ends = self.rest.match_indices('<').map(|(at, _)| at);
        let end = ends.find(|&at| self.rest.get(at..).is_some_and(opens));
        let (text, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        Some(Token::Text(unescaped(text)))
    }
}

/// Where a tag ends: at the first `>` outside of quotes that close, else at the first of all.
fn tag_end(inside: &str) -> usize {
    let mut quote = None;
    let mut first = None;
    for (at, c) in inside.char_indices().take(TAG_CHARS_MAX) {
        match (c, quote) {
            ('>', None) => return at,
            ('>', Some(_)) => first = first.or(Some(at)),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    first.or_else(|| inside.find('>')).unwrap_or(inside.len())
}

/// Letters of a tag, quotes respected.
const TAG_CHARS_MAX: usize = 64 * 1024;

fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or(name).to_lowercase()
}

/// Entities that are read.
const ENTITIES: [(&str, &str); 16] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("szlig", "ß"),
    ("deg", "°"),
    ("times", "×"),
    ("euro", "€"),
    ("oslash", "ø"),
    ("ndash", "–"),
    ("eacute", "é"),
];
/// Bytes of the longest entity's name.
const ENTITY_BYTES_MAX: usize = 10;

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let end = behind
            .bytes()
            .take(ENTITY_BYTES_MAX + 1)
            .position(|byte| byte == b';');
        let name = end.and_then(|end| behind.get(..end));
        match name.and_then(entity) {
            Some(value) => {
                plain.push_str(&value);
                rest = name
                    .and_then(|name| behind.get(name.len() + 1..))
                    .unwrap_or_default();
            }
            None => {
                plain.push('&');
                rest = behind;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        return code.and_then(char::from_u32).map(String::from);
    }
    let named = ENTITIES.iter().find(|(known, _)| *known == name);
    named.map(|(_, value)| (*value).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let token = |token| match token {
            Token::Open(tag) => format!("<{}{}>", tag.name, if tag.closed { "/" } else { "" }),
            Token::Close(name) => format!("</{name}>"),
            Token::Text(text) => text.into_owned(),
        };
        Tokens::of_html(text).map(token).collect()
    }

    #[test]
    fn tags_and_texts_are_told_apart() {
        for (text, expected) in [
            ("<TD>a &amp; b</TD>", "<td>a & b</td>"),
            ("<w:t xml:space=\"preserve\">x</w:t>", "<t>x</t>"),
            ("<br/>a<!-- <td> -->b", "<br/>ab"),
            ("<script>if (a<b) '<td>'</SCRIPT>x", "<script></script>x"),
            ("3 < 4 & 5 &#65;&#x42;&bogus;", "3 < 4 & 5 AB&bogus;"),
            ("<a title=\"x > y\">z", "<a>z"),
            ("<a title=\"x>z</a>", "<a>z</a>"),
            ("<![CDATA[<b>&amp;]]>", "<b>&amp;"),
            ("<!DOCTYPE html><p", "<p>"),
            ("<", "<"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn attributes_are_found_by_name() {
        let Some(Token::Open(tag)) =
            Tokens::of_xml("<c ss:Index='3' COLSPAN=2 a = \"x &lt; y\" flag>").next()
        else {
            panic!("this is a tag")
        };
        assert_eq!(tag.count("index"), Some(3));
        assert_eq!(tag.count("colspan"), Some(2));
        assert_eq!(tag.attribute("a").as_deref(), Some("x < y"));
        assert_eq!(tag.attribute("flag"), None);
    }
}
