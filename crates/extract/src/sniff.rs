//! Tells a file's kind from its first bytes. The content decides; the name only chooses between kinds that share a
//! container, and is reported when it disagrees. Never reads more than the head it is given.

use crate::dxf;
use crate::image::Format;
use crate::kind::Kind;
use crate::lightburn;
use crate::plain::decode::decode;
use crate::plain::{has_markup_table, separated};
use memchr::memmem;

/// Enough of a file's beginning to tell its kind.
pub const SNIFF_BYTES: usize = 64 * 1024;

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// None when it fits no kind.
    pub kind: Option<Kind>,
    pub mime: &'static str,
    /// The name's extension belongs to another kind.
    pub extension_disagrees: bool,
}

/// Looks at the first [`SNIFF_BYTES`] (or the whole of a shorter file) and the name.
pub fn sniff(head: &[u8], name: &str) -> Sniffed {
    let extension = extension(name);
    let found = container(head, &extension)
        .or_else(|| signature(head))
        .or_else(|| textual(head))
        .map(|found| posing(found, head, &extension));
    let (kind, mime) = match found {
        Some((kind, mime)) => (Some(kind), mime),
        None => (None, "application/octet-stream"),
    };
    let named = Kind::ALL
        .into_iter()
        .find(|kind| kind.extensions().contains(&extension.as_str()));
    Sniffed {
        kind,
        mime,
        extension_disagrees: kind.is_some() && named.is_some() && named != kind,
    }
}

type Found = Option<(Kind, &'static str)>;

fn extension(name: &str) -> String {
    name.trim()
        .rsplit_once('.')
        .map_or_else(String::new, |(_, extension)| extension.to_ascii_lowercase())
}

fn signature(head: &[u8]) -> Found {
    if dxf::sniff(head) {
        return Some((Kind::Dxf, "image/vnd.dxf"));
    }
    if let Some(format) = Format::of(head) {
        return Some((Kind::Image, format.mime()));
    }
    let found = match head {
        [b'{', b'\\', b'r', b't', b'f', ..] => (Kind::Word, "application/rtf"),
        _ if has_within(head, b"%PDF-", 1024) => (Kind::Pdf, "application/pdf"),
        _ => return None,
    };
    Some(found)
}

/// Zip and OLE files hold other formats: their first entries tell which, else the name does.
fn container(head: &[u8], extension: &str) -> Found {
    const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    const ODS: &str = "application/vnd.oasis.opendocument.spreadsheet";
    const ODT: &str = "application/vnd.oasis.opendocument.text";
    let has = |needle: &[u8]| memmem::find(head, needle).is_some();
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(match extension {
            _ if has(ODS.as_bytes()) => (Kind::Excel, ODS),
            _ if has(ODT.as_bytes()) => (Kind::Word, ODT),
            _ if has(b"xl/") => (Kind::Excel, XLSX),
            _ if has(b"word/") => (Kind::Word, DOCX),
            "xlsx" | "xlsm" | "xlsb" if has(b"[Content_Types].xml") => (Kind::Excel, XLSX),
            "docx" if has(b"[Content_Types].xml") => (Kind::Word, DOCX),
            "ods" if has(b"content.xml") => (Kind::Excel, ODS),
            "odt" if has(b"content.xml") => (Kind::Word, ODT),
            _ => (Kind::Archive, "application/zip"),
        });
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        // Directory names are UTF-16.
        let excel = has(b"W\0o\0r\0k\0b\0o\0o\0k\0") || has(b"B\0o\0o\0k\0");
        return match extension {
            _ if excel => Some((Kind::Excel, "application/vnd.ms-excel")),
            _ if has(b"W\0o\0r\0d\0D\0o\0c\0") => Some((Kind::Word, "application/msword")),
            "doc" | "docx" => Some((Kind::Word, "application/msword")),
            _ if has(b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0") => Some((Kind::Excel, XLSX)),
            "xls" | "xlsx" | "xlsm" | "xlsb" => Some((Kind::Excel, "application/vnd.ms-excel")),
            _ => None,
        };
    }
    // Streams of BIFF 2 to 4 begin with their own record.
    match head {
        [0x09, 0x00 | 0x02 | 0x04, 4 | 6, 0, ..] => Some((Kind::Excel, "application/vnd.ms-excel")),
        _ => None,
    }
}

fn textual(head: &[u8]) -> Found {
    // In any encoding, and whatever control characters its texts hold.
    if lightburn::looks_like(head) {
        return Some((Kind::Lightburn, "application/xml"));
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Some((Kind::Text, "text/plain"));
    }
    if !is_text(head) {
        return None;
    }
    let markup = |tag: &[u8]| has_within(&head.to_ascii_lowercase(), tag, 4096);
    let opens_with = |opening: &[u8]| {
        head.trim_ascii_start().starts_with(opening) || head.starts_with(b"\xEF\xBB\xBF<")
    };
    Some(match () {
        () if opens_with(b"<") && markup(b"<svg") && !markup(b"<html") => {
            (Kind::Svg, "image/svg+xml")
        }
        () if opens_with(b"<") && (markup(b"<html") || markup(b"<!doctype html")) => {
            (Kind::Text, "text/html")
        }
        () if opens_with(b"<?xml") => (Kind::Text, "application/xml"),
        () => (Kind::Text, "text/plain"),
    })
}

/// Text that is named like a spreadsheet is one when it holds a table.
fn posing(found: (Kind, &'static str), head: &[u8], extension: &str) -> (Kind, &'static str) {
    if found.0 != Kind::Text || !Kind::Excel.extensions().contains(&extension) {
        return found;
    }
    let text = decode(head);
    match () {
        () if has_markup_table(&text) => (Kind::Excel, "text/html"),
        () if separated::delimiter(&text).is_some() => (Kind::Excel, "text/csv"),
        () => found,
    }
}

/// Text has letters and no control characters but line ends, tabs, form feeds and the old end-of-file mark.
fn is_text(head: &[u8]) -> bool {
    let control = |byte: &u8| matches!(byte, 0..=8 | 11 | 14..=25 | 27..=31 | 127);
    if head.trim_ascii().is_empty() || head.iter().any(control) {
        return false;
    }
    let cut_character = 3;
    match str::from_utf8(head) {
        Ok(_) => true,
        Err(error) if error.valid_up_to() + cut_character >= head.len() => true,
        // One byte a character: mostly plain letters.
        Err(_) => head.iter().filter(|byte| byte.is_ascii()).count() * 10 >= head.len() * 8,
    }
}

fn has_within(head: &[u8], needle: &[u8], bytes: usize) -> bool {
    let start = head.get(..bytes).unwrap_or(head);
    memmem::find(start, needle).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DXF: &[u8] = b"  0\r\nSECTION\r\n  2\r\nHEADER\r\n";

    /// First bytes, name, kind, and whether the name disagrees.
    const CASES: [(&[u8], &str, Option<Kind>, bool); 28] = [
        (DXF, "a.dxf", Some(Kind::Dxf), false),
        (DXF, "a.pdf", Some(Kind::Dxf), true),
        (DXF, "a", Some(Kind::Dxf), false),
        (
            b"999\nmade by hand\n\n0\nSECTION\n",
            "a.dxf",
            Some(Kind::Dxf),
            false,
        ),
        (
            b"\xEF\xBB\xBF\n\n  0\nSECTION\n",
            "A.DXF",
            Some(Kind::Dxf),
            false,
        ),
        (
            b"AutoCAD Binary DXF\r\n\x1A\0\0\0SECTION",
            "a.dxf",
            Some(Kind::Dxf),
            false,
        ),
        (
            b"<!DOCTYPE html><html><body>0\nSECTION",
            "a.dxf",
            Some(Kind::Text),
            true,
        ),
        (b"\x00\x9A\x13\x7Frandom", "a.dxf", None, false),
        (b"", "a.dxf", None, false),
        (b" \r\n ", "a.txt", None, false),
        (
            b"Thickness: 5mm, 4 off",
            "note.txt",
            Some(Kind::Text),
            false,
        ),
        (b"St\xC3\xA4rke", "note.txt", Some(Kind::Text), false),
        (b"St\xE4rke 5", "note.txt", Some(Kind::Text), false),
        (
            b"<?xml version=\"1.0\"?>\n<LightBurnProject AppVersion=\"1\">",
            "a.lbrn2",
            Some(Kind::Lightburn),
            false,
        ),
        (
            b"<LightBurnProject AppVersion=\"1\">",
            "a.xml",
            Some(Kind::Lightburn),
            true,
        ),
        (b"junk\n%PDF-1.7\n", "a.pdf", Some(Kind::Pdf), false),
        (b"\x89PNG\r\n\x1A\n....", "a.jpg", Some(Kind::Image), false),
        (
            b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml",
            "a.xlsx",
            Some(Kind::Excel),
            false,
        ),
        (
            b"PK\x03\x04....[Content_Types].xml",
            "a.docx",
            Some(Kind::Word),
            false,
        ),
        (
            b"PK\x03\x04....part.dxf",
            "a.zip",
            Some(Kind::Archive),
            false,
        ),
        (
            b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1...W\0o\0r\0k\0b\0o\0o\0k\0",
            "a.xls",
            Some(Kind::Excel),
            false,
        ),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1...", "a.msi", None, false),
        (b"Part;Qty\nA;4\n", "list.xls", Some(Kind::Excel), false),
        (b"Part;Qty\nA;4\n", "list.csv", Some(Kind::Excel), false),
        (b"Part;Qty\nA;4\n", "list.txt", Some(Kind::Text), false),
        (b"<html><table><tr><td>A", "a.xls", Some(Kind::Excel), false),
        (b"A note, no table", "a.xls", Some(Kind::Text), true),
        (b"12\n13\n14\n15\n", "a.txt", Some(Kind::Text), false),
    ];

    #[test]
    fn content_decides_and_the_name_may_disagree() {
        for (head, name, kind, disagrees) in CASES {
            let sniffed = sniff(head, name);
            assert_eq!(
                (sniffed.kind, sniffed.extension_disagrees),
                (kind, disagrees),
                "{name} {:?}",
                String::from_utf8_lossy(head)
            );
        }
    }
}
