//! A LightBurn file's XML as a stream of steps, within limits. Never expands an entity that the file defines, never
//! recurses, and never fails: it stops and says why.

use crate::limits::Limits;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;

/// Text of the file whatever it was saved as: by its byte order mark, as UTF-8, or as its declaration says.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(text).0;
    }
    match bytes {
        [b'<', 0, ..] => UTF_16LE.decode_without_bom_handling(bytes).0,
        [0, b'<', ..] => UTF_16BE.decode_without_bom_handling(bytes).0,
        _ => match str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => declared(bytes).decode_without_bom_handling(bytes).0,
        },
    }
}

/// The encoding that the declaration names; what names none and is not UTF-8 was saved on an older Windows.
fn declared(bytes: &[u8]) -> &'static Encoding {
    let head = bytes.get(..200).unwrap_or(bytes);
    let label = String::from_utf8_lossy(head)
        .split_once("encoding=")
        .and_then(|(_, rest)| Some(rest.split(['"', '\'']).nth(1)?.to_owned()));
    label
        .and_then(|label| Encoding::for_label(label.as_bytes()))
        .unwrap_or(WINDOWS_1252)
}

/// What comes next in the file.
pub(super) enum Step<'a> {
    Open(Element<'a>),
    /// Characters of the element that is open; one text may come in several steps.
    Text(Cow<'a, str>),
    Close,
    /// Nothing more will come.
    End(Ending),
}

/// Why the stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// The XML is broken, or stops too soon.
    Broken {
        line: u64,
        reason: String,
    },
    /// A document type declaration, which LightBurn never writes.
    Doctype,
    /// A limit of this name was reached.
    OverLimit(&'static str),
}

/// An element with its attributes.
pub(super) struct Element<'a> {
    start: BytesStart<'a>,
    attributes_max: usize,
}

impl Element<'_> {
    pub(super) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }

    /// Every attribute, up to the limit, without its escapes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        let mut attributes = self.start.attributes();
        attributes.with_checks(false);
        let found = attributes.take(self.attributes_max);
        found.filter_map(Result::ok).map(|attribute| {
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .unwrap_or_else(|_| attribute.value.clone());
            (attribute.key.into_inner(), value)
        })
    }

    /// One attribute, in any letter case.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.attributes()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// The stream.
pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    depth: usize,
    nodes: u64,
    limits: &'a Limits,
}

impl<'a> Xml<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self {
            reader,
            text,
            depth: 0,
            nodes: 0,
            limits,
        }
    }

    pub(super) fn next(&mut self) -> Step<'a> {
        loop {
            self.nodes += 1;
            if self.nodes > self.limits.xml_nodes_max {
                return Step::End(Ending::OverLimit("xml_nodes_max"));
            }
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return self.broken(&error.to_string()),
            };
            match event {
                Event::Start(start) => return self.open(start),
                Event::End(_) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Step::Close;
                }
                Event::Text(text) => return Step::Text(text.into_inner()),
                Event::CData(text) => return Step::Text(text.into_inner()),
                Event::GeneralRef(name) => {
                    if let Some(text) = reference(&name) {
                        return Step::Text(Cow::Owned(text));
                    }
                }
                Event::DocType(_) => return Step::End(Ending::Doctype),
                Event::Eof if self.depth > 0 => {
                    return self.broken("the file ends inside an element");
                }
                Event::Eof => return Step::End(Ending::Complete),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn open(&mut self, start: BytesStart<'a>) -> Step<'a> {
        self.depth += 1;
        if self.depth > self.limits.xml_depth_max {
            return Step::End(Ending::OverLimit("xml_depth_max"));
        }
        Step::Open(Element {
            start,
            attributes_max: self.limits.xml_attributes_max,
        })
    }

    fn broken(&self, reason: &str) -> Step<'a> {
        let read = usize::try_from(
            self.reader
                .error_position()
                .max(self.reader.buffer_position()),
        );
        let read = self.text.as_bytes().get(..read.unwrap_or(usize::MAX));
        let lines = memchr::memchr_iter(b'\n', read.unwrap_or(self.text.as_bytes())).count();
        Step::End(Ending::Broken {
            line: u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1),
            reason: reason.to_owned(),
        })
    }
}

/// One of the five entities that XML itself defines, or a character by its number.
fn reference(name: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    match name.resolve_char_ref() {
        Ok(Some(character)) => Some(character.into()),
        _ => resolve_predefined_entity(name).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_in_every_encoding() {
        let utf_16 = |text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let mark = mark.then_some(0xFEFF);
            mark.into_iter()
                .chain(text.encode_utf16())
                .flat_map(bytes)
                .collect()
        };
        for bytes in [
            b"<a>\xC3\xA9</a>".to_vec(),
            b"\xEF\xBB\xBF<a>\xC3\xA9</a>".to_vec(),
            b"<a>\xE9</a>".to_vec(),
            utf_16("<a>é</a>", true, u16::to_le_bytes),
            utf_16("<a>é</a>", true, u16::to_be_bytes),
            utf_16("<a>é</a>", false, u16::to_le_bytes),
            utf_16("<a>é</a>", false, u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes), "<a>é</a>", "{bytes:?}");
        }
        let declared = b"<?xml version='1.0' encoding='ISO-8859-2'?><a>\xB3</a>";
        assert!(decode(declared).ends_with("<a>ł</a>"));
    }

    fn walk(text: &str, limits: &Limits) -> (Vec<String>, Ending) {
        let mut xml = Xml::new(text, limits);
        let mut steps = Vec::new();
        loop {
            match xml.next() {
                Step::Open(element) => {
                    let named: Vec<String> = element
                        .attributes()
                        .map(|(key, value)| format!(" {key}={value}"))
                        .collect();
                    steps.push(format!("<{}{}", element.name(), named.concat()));
                }
                Step::Text(text) => steps.push(text.into_owned()),
                Step::Close => steps.push(">".into()),
                Step::End(ending) => return (steps, ending),
            }
        }
    }

    #[test]
    fn a_document_comes_in_steps() {
        let limits = Limits::default();
        let (steps, ending) = walk(
            "<?xml version='1.0'?><a b='1 &amp; 2'><!-- x --><c/>d&lt;e&#65;&f;\u{1}</a>",
            &limits,
        );
        assert_eq!(
            steps,
            ["<a b=1 & 2", "<c", ">", "d", "<", "e", "A", "\u{1}", ">"]
        );
        assert_eq!(ending, Ending::Complete);
        for broken in ["<a>", "<a><b></a>", "<a", "<a>\n<b></c></a>"] {
            let (_, ending) = walk(broken, &limits);
            assert!(
                matches!(ending, Ending::Broken { .. }),
                "{broken}: {ending:?}"
            );
        }
        assert_eq!(walk("<!DOCTYPE a []><a/>", &limits).1, Ending::Doctype);
        let narrow = Limits {
            xml_depth_max: 2,
            ..limits
        };
        assert_eq!(
            walk("<a><b><c/></b></a>", &narrow).1,
            Ending::OverLimit("xml_depth_max")
        );
    }
}
