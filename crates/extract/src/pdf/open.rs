//! Opens a PDF: what it is and what it says of itself. Never reads a page.

use crate::error::ExtractError;
use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use hayro::hayro_syntax::metadata::Metadata;
use hayro::hayro_syntax::object::DateTime;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfVersion};
use std::collections::BTreeMap;

/// Opens it, with the empty password when it is encrypted.
pub(super) fn open(bytes: &[u8]) -> Result<Pdf, ExtractError> {
    Pdf::new(bytes.to_vec()).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            ExtractError::PasswordNeeded
        }
        LoadPdfError::Decryption(_) => ExtractError::UnknownEncryption,
        LoadPdfError::Invalid => ExtractError::NotPdf,
    })
}

/// `1.7`.
pub(super) fn version(pdf: &Pdf) -> String {
    let version = match pdf.version() {
        PdfVersion::Pdf10 => "1.0",
        PdfVersion::Pdf11 => "1.1",
        PdfVersion::Pdf12 => "1.2",
        PdfVersion::Pdf13 => "1.3",
        PdfVersion::Pdf14 => "1.4",
        PdfVersion::Pdf15 => "1.5",
        PdfVersion::Pdf16 => "1.6",
        PdfVersion::Pdf17 => "1.7",
        PdfVersion::Pdf20 => "2.0",
    };
    version.to_owned()
}

/// Letters kept of one entry of the information dictionary.
const INFO_CHARS_MAX: usize = 500;

/// The information dictionary (ISO 32000-1, 14.3.3) under the document's own names; empty entries are left out.
pub(super) fn info(metadata: &Metadata) -> BTreeMap<String, String> {
    let texts = [
        ("title", &metadata.title),
        ("author", &metadata.author),
        ("subject", &metadata.subject),
        ("keywords", &metadata.keywords),
        ("creator", &metadata.creator),
        ("producer", &metadata.producer),
    ];
    let dates = [
        ("created", metadata.creation_date),
        ("modified", metadata.modification_date),
    ];
    let texts = texts
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, text(bytes.as_deref()?))));
    let dates = dates
        .into_iter()
        .filter_map(|(name, date)| Some((name, iso(date?))));
    texts
        .chain(dates)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A text string (ISO 32000-1, 7.9.2.2): UTF-16 or UTF-8 by its mark, else one byte a letter.
fn text(bytes: &[u8]) -> String {
    let text = match bytes {
        [0xFE, 0xFF, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
        [0xFF, 0xFE, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0,
        [0xEF, 0xBB, 0xBF, rest @ ..] => UTF_8.decode_without_bom_handling(rest).0,
        // Equal to PDFDocEncoding but for a few signs.
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => {
                encoding_rs::WINDOWS_1252
                    .decode_without_bom_handling(bytes)
                    .0
            }
        },
    };
    let shown = text.chars().filter(|c| !c.is_control());
    shown
        .take(INFO_CHARS_MAX)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// ISO 8601 with the offset that the file states.
fn iso(date: DateTime) -> String {
    let offset = match (date.utc_offset_hour, date.utc_offset_minute) {
        (0, 0) => "Z".to_owned(),
        (hour, minute) => format!("{hour:+03}:{minute:02}"),
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{offset}",
        date.year, date.month, date.day, date.hour, date.minute, date.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_in_three_encodings() {
        let cases: [(&[u8], &str); 5] = [
            (b"\xFE\xFF\x00P\x00l\x00\xE4", "Pl\u{e4}"),
            (b"\xFF\xFEP\0l\0", "Pl"),
            (b"\xEF\xBB\xBFPl\xC3\xA4te", "Pl\u{e4}te"),
            (b"Pl\xE4te\0", "Pl\u{e4}te"),
            (b"  ", ""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn dates_keep_their_offset() {
        let date = |utc_offset_hour| DateTime {
            year: 2018,
            month: 11,
            day: 3,
            hour: 22,
            minute: 30,
            second: 13,
            utc_offset_hour,
            utc_offset_minute: 0,
        };
        assert_eq!(iso(date(-7)), "2018-11-03T22:30:13-07:00");
        assert_eq!(iso(date(0)), "2018-11-03T22:30:13Z");
    }
}
