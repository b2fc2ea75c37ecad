//! The picture that LightBurn saves with a project. Never decodes pixels: it checks that the bytes are a PNG of a
//! sensible size.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";
/// Length and name of the first chunk (PNG specification, section 11.2.1).
const HEADER: &[u8] = b"\0\0\0\x0DIHDR";
const SIDE_MAX: u32 = 4_096;

/// The PNG in an attribute's base64 text; nothing when it is none, or larger than `bytes_max`.
pub(super) fn png(text: &str, bytes_max: usize) -> Option<Vec<u8>> {
    // Four characters carry three bytes.
    if text.len() / 4 * 3 > bytes_max {
        return None;
    }
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(text).ok()?;
    is_sensible(&bytes).then_some(bytes)
}

fn is_sensible(bytes: &[u8]) -> bool {
    let sides = bytes
        .strip_prefix(SIGNATURE)
        .and_then(|rest| rest.strip_prefix(HEADER))
        .and_then(|rest| rest.split_first_chunk::<4>())
        .and_then(|(width, rest)| Some((width, rest.first_chunk::<4>()?)));
    sides.is_some_and(|(width, height)| {
        [width, height]
            .into_iter()
            .all(|side| (1..=SIDE_MAX).contains(&u32::from_be_bytes(*side)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_png_of_sensible_size_is_taken() {
        let head = |width: u32, height: u32| {
            let mut bytes = [SIGNATURE, HEADER].concat();
            bytes.extend(width.to_be_bytes());
            bytes.extend(height.to_be_bytes());
            bytes.extend([8, 6, 0, 0, 0]);
            STANDARD.encode(bytes)
        };
        assert!(png(&head(256, 256), 100).is_some());
        assert!(png(&format!(" {}\n", head(1, 4_096)), 100).is_some());
        for (text, max) in [
            (head(256, 256), 10),
            (head(0, 256), 100),
            (head(256, 100_000), 100),
            ("iVBORw0KGgo".to_owned(), 100),
            ("not base64!".to_owned(), 100),
            (STANDARD.encode("GIF89a"), 100),
            (String::new(), 100),
        ] {
            assert!(png(&text, max).is_none(), "{text}");
        }
    }
}
