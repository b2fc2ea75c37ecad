//! Bytes of text to characters: marked as Unicode, or UTF-8, or else Windows-1252. It must never fail: what fits no
//! encoding is read as the one that always fits.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// Bytes looked at for a stated encoding, or for UTF-16 without a mark.
const HEAD_BYTES: usize = 1024;

/// Text without its byte order mark.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        return encoding.decode_without_bom_handling(text).0;
    }
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let encoding = utf16(head).or_else(|| stated(head));
    match (encoding, str::from_utf8(bytes)) {
        (Some(encoding), _) if encoding != UTF_8 => encoding.decode_without_bom_handling(bytes).0,
        (_, Ok(text)) => Cow::Borrowed(text),
        // A file cut inside of a character is still UTF-8.
        (_, Err(error)) if error.error_len().is_none() => String::from_utf8_lossy(bytes),
        _ => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Every other byte of Western text in UTF-16 is zero.
fn utf16(head: &[u8]) -> Option<&'static Encoding> {
    let zeros = |from: usize| {
        head.iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    match () {
        () if half < 2 => None,
        () if odd * 10 > half * 8 && even == 0 => Some(UTF_16LE),
        () if even * 10 > half * 8 && odd == 0 => Some(UTF_16BE),
        () => None,
    }
}

/// `charset=…` of HTML; only for text that is marked up.
fn stated(head: &[u8]) -> Option<&'static Encoding> {
    let head = head.trim_ascii_start().starts_with(b"<").then_some(head)?;
    let at = memchr::memmem::find(head, b"charset=")? + b"charset=".len();
    let label = head
        .get(at..)?
        .iter()
        .skip_while(|byte| matches!(byte, b'"' | b'\''));
    let label: Vec<u8> = label
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
        .copied()
        .collect();
    // UTF-16 that shows its label in ASCII is not UTF-16.
    Encoding::for_label(&label).filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        let utf16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<_>>()
        };
        let mut marked = vec![0xFF, 0xFE];
        marked.extend(utf16("Stärke"));
        for (bytes, text) in [
            (b"plain".to_vec(), "plain"),
            ("Stärke".as_bytes().to_vec(), "Stärke"),
            (b"\xEF\xBB\xBFSt\xC3\xA4rke".to_vec(), "Stärke"),
            (b"St\xE4rke \x80".to_vec(), "Stärke €"),
            (marked, "Stärke"),
            (utf16("Part;Qty"), "Part;Qty"),
            (
                b"<meta charset=\"windows-1251\">\xCF".to_vec(),
                "<meta charset=\"windows-1251\">П",
            ),
            (Vec::new(), ""),
        ] {
            assert_eq!(decode(&bytes), text);
        }
    }
}
