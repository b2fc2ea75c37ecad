//! Making an uploaded name harmless while keeping what a person wrote; the result must never leave its folder nor be empty.

use unicode_normalization::UnicodeNormalization;

/// Bytes kept of an original name.
const NAME_BYTES_MAX: usize = 1_024;
/// A longer ending is part of the name, not an extension, in bytes.
const EXTENSION_BYTES_MAX: usize = 16;
/// What a name becomes of which nothing is left.
const UNNAMED: &str = "unnamed";

/// Last path part, composed (NFC), without control, direction and invisible characters, without blanks at the ends and dots at
/// the end, not a device name of Windows, at most 1,024 bytes with its extension kept. Cleaning twice changes nothing more.
pub fn clean_name(original: &str) -> String {
    let visible: String = original.chars().filter(|c| !is_hidden(*c)).nfc().collect();
    let parts = visible.rsplit(['/', '\\']).map(trim);
    let name = parts
        .into_iter()
        .find(|part| !part.is_empty())
        .unwrap_or(UNNAMED);
    let defused = match is_reserved(name) {
        true => format!("_{name}"),
        false => name.to_owned(),
    };
    shorten(&defused)
}

fn trim(name: &str) -> &str {
    name.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
        .trim_start()
}

/// Controls, line separators, marks that change the direction of text, and characters without width.
fn is_hidden(c: char) -> bool {
    let marks = [
        '\u{061C}', '\u{200B}', '\u{200E}', '\u{200F}', '\u{2028}', '\u{2029}', '\u{2060}',
        '\u{FEFF}',
    ];
    c.is_control()
        || marks.contains(&c)
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Device names of Windows, with any extension (Microsoft, "Naming Files, Paths, and Namespaces").
fn is_reserved(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end()
        .to_uppercase();
    let port = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    let numbered = port.is_some_and(|number| {
        let mut digits = number.chars();
        digits
            .next()
            .is_some_and(|c| c.is_ascii_digit() || ['¹', '²', '³'].contains(&c))
            && digits.next().is_none()
    });
    numbered || ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str())
}

fn shorten(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let (stem, extension) = name
        .rsplit_once('.')
        .filter(|(_, extension)| extension.len() <= EXTENSION_BYTES_MAX)
        .map_or((name, String::new()), |(stem, extension)| {
            (stem, format!(".{extension}"))
        });
    let kept = cut(stem, NAME_BYTES_MAX.saturating_sub(extension.len()));
    format!("{}{extension}", trim(kept))
}

/// At most so many bytes of a text, whole characters only.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max))
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_made_harmless() {
        for (given, expected) in [
            ("bracket.dxf", "bracket.dxf"),
            ("../../etc/passwd", "passwd"),
            (r"C:\Users\me\plate.dxf", "plate.dxf"),
            ("folder/", "folder"),
            ("..", UNNAMED),
            ("", UNNAMED),
            ("  . . ", UNNAMED),
            (" plate.dxf. . ", "plate.dxf"),
            (
                "W - V2612 - Vastrap - Rev 1 .dxf",
                "W - V2612 - Vastrap - Rev 1 .dxf",
            ),
            ("a\u{0}b\r\nc.dxf", "abc.dxf"),
            ("plate\u{202E}fxd.exe", "platefxd.exe"),
            ("cafe\u{301}.dxf", "caf\u{e9}.dxf"),
            ("CON", "_CON"),
            ("nul.dxf", "_nul.dxf"),
            ("com1.tar.gz", "_com1.tar.gz"),
            ("COM¹.dxf", "_COM¹.dxf"),
            ("CONE.dxf", "CONE.dxf"),
            ("COM10.dxf", "COM10.dxf"),
        ] {
            assert_eq!(clean_name(given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension_and_whole_characters() {
        let cleaned = clean_name(&format!("{}.lbrn2", "é".repeat(2_000)));
        assert!(cleaned.len() <= NAME_BYTES_MAX && cleaned.len() > NAME_BYTES_MAX - 3);
        assert!(cleaned.ends_with("é.lbrn2"));
        assert_eq!(clean_name(&"a".repeat(5_000)).len(), NAME_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_name_becomes_one_harmless_component(original in any::<String>(), again in ".{0,40}(/|\\\\|\\.| |CON|NUL)*.{0,40}") {
            for given in [original, again] {
                let name = clean_name(&given);
                prop_assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX);
                prop_assert!(!name.contains(['/', '\\']) && !name.chars().any(char::is_control));
                prop_assert!(name != "." && name != ".." && !is_reserved(&name));
                prop_assert!(!name.ends_with(['.', ' ']));
                prop_assert_eq!(clean_name(&name), name);
            }
        }
    }
}
