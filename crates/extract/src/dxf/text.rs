//! Text in DXF files: code pages, escapes, and the formatting codes of MTEXT. Never fails: what cannot be decoded
//! becomes the replacement character.

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, IBM866, SHIFT_JIS, UTF_8, WINDOWS_1252};
use std::borrow::Cow;

/// The encoding behind a header's version and `$DWGCODEPAGE`: UTF-8 from AC1021 on, else the code page, else 1252.
pub(super) fn encoding(version: &str, code_page: &str) -> &'static Encoding {
    if version >= "AC1021" {
        return UTF_8;
    }
    let page = code_page.to_ascii_uppercase();
    let number = page.trim_start_matches(|c: char| !c.is_ascii_digit());
    match number {
        "932" => SHIFT_JIS,
        "936" | "2312" => GBK,
        "949" | "5601" => EUC_KR,
        "950" | "5" => BIG5,
        "866" => IBM866,
        "8" | "65001" if page.contains("UTF") => UTF_8,
        _ => [format!("windows-{number}"), format!("iso{number}"), page]
            .iter()
            .find_map(|label| Encoding::for_label(label.as_bytes()))
            .unwrap_or(WINDOWS_1252),
    }
}

/// Decodes a value. Bytes that are valid UTF-8 are taken for it unless the code page has two-byte characters: many
/// writers of old versions write it, and no text in a one-byte code page looks like it by chance.
pub(super) fn decode<'a>(value: &'a [u8], encoding: &'static Encoding) -> Cow<'a, str> {
    let two_byte = [SHIFT_JIS, GBK, EUC_KR, BIG5].contains(&encoding) && !value.is_ascii();
    match str::from_utf8(value) {
        Ok(text) if !two_byte => Cow::Borrowed(text),
        _ if encoding == UTF_8 => WINDOWS_1252.decode_without_bom_handling(value).0,
        _ => encoding.decode_without_bom_handling(value).0,
    }
}

/// TEXT: replaces `%%c %%d %%p %%nnn`, `\U+XXXX` and caret controls.
pub(super) fn plain(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(character) = rest.chars().next() {
        rest = escape(rest, &mut text).unwrap_or_else(|| {
            text.push(character);
            rest.strip_prefix(character).unwrap_or_default()
        });
    }
    text.trim().to_owned()
}

/// MTEXT: as `plain`, and without formatting codes; paragraphs become lines.
pub(super) fn formatted(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(character) = rest.chars().next() {
        let after = rest.strip_prefix(character).unwrap_or_default();
        rest = match character {
            '{' | '}' => after,
            '\\' if !rest.starts_with("\\U+") && !rest.starts_with("\\M+") => {
                format_code(after, &mut text)
            }
            _ => escape(rest, &mut text).unwrap_or_else(|| {
                text.push(character);
                after
            }),
        };
    }
    text.trim().to_owned()
}

/// Reads one code after its backslash; answers what follows.
fn format_code<'a>(after: &'a str, text: &mut String) -> &'a str {
    let Some(code) = after.chars().next() else {
        return after;
    };
    let rest = after.strip_prefix(code).unwrap_or_default();
    match code {
        'P' | 'X' | 'N' => text.push('\n'),
        '~' => text.push(' '),
        '\\' | '{' | '}' => text.push(code),
        'L' | 'l' | 'O' | 'o' | 'K' | 'k' => {}
        'S' => {
            let (fraction, rest) = argument(rest);
            text.extend(
                fraction
                    .chars()
                    .map(|c| if matches!(c, '#' | '^') { '/' } else { c }),
            );
            return rest;
        }
        'A' | 'C' | 'c' | 'F' | 'f' | 'H' | 'p' | 'Q' | 'T' | 'W' => return argument(rest).1,
        other => text.push(other),
    }
    rest
}

/// Splits at the semicolon that ends a code's argument.
fn argument(rest: &str) -> (&str, &str) {
    rest.split_once(';').unwrap_or((rest, ""))
}

/// Replaces one escape at the head of `rest`; answers what follows, or nothing when there is none.
fn escape<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    if let Some(code) = rest.strip_prefix("\\U+") {
        return unicode(code, text);
    }
    if let Some(code) = rest.strip_prefix("\\M+") {
        return multibyte(code, text);
    }
    if let Some(code) = rest.strip_prefix("%%") {
        return symbol(code, text);
    }
    let control = rest.strip_prefix('^')?;
    let (character, after) = match control.chars().next()? {
        'I' => (' ', control.strip_prefix('I')?),
        'J' | 'M' => ('\n', control.strip_prefix(['J', 'M'])?),
        ' ' => ('^', control.strip_prefix(' ')?),
        _ => return None,
    };
    text.push(character);
    Some(after)
}

/// `\U+XXXX`: a UTF-16 unit; two of them may make one character.
fn unicode<'a>(code: &'a str, text: &mut String) -> Option<&'a str> {
    let (unit, after) = hex(code)?;
    let second = after.strip_prefix("\\U+").and_then(hex);
    let pair = second.and_then(|(second, after)| {
        let pair = char::decode_utf16([unit, second]).next()?.ok()?;
        (pair.len_utf16() == 2).then_some((pair, after))
    });
    // Half of a surrogate pair, as broken files have, is no character.
    let single = || char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
    let (character, after) = pair.unwrap_or_else(|| (single(), after));
    text.push(character);
    Some(after)
}

/// `\M+nXXXX`: a character of a two-byte code page, which n names.
fn multibyte<'a>(code: &'a str, text: &mut String) -> Option<&'a str> {
    let (page, digits) = code.split_at_checked(1)?;
    let encoding = match page {
        "1" => SHIFT_JIS,
        "2" => BIG5,
        "3" => EUC_KR,
        "5" => GBK,
        _ => return None,
    };
    let (bytes, after) = hex(digits)?;
    let [high, low] = bytes.to_be_bytes();
    let bytes = if high == 0 {
        vec![low]
    } else {
        vec![high, low]
    };
    text.push_str(&encoding.decode_without_bom_handling(&bytes).0);
    Some(after)
}

fn hex(digits: &str) -> Option<(u16, &str)> {
    let (digits, after) = digits.split_at_checked(4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then_some((u16::from_str_radix(digits, 16).ok()?, after))
}

fn symbol<'a>(code: &'a str, text: &mut String) -> Option<&'a str> {
    let first = code.chars().next()?;
    if first.is_ascii_digit() {
        let (digits, after) = code.split_at_checked(3)?;
        text.push(char::from_u32(digits.parse().ok()?)?);
        return Some(after);
    }
    match first.to_ascii_lowercase() {
        'c' => text.push('⌀'),
        'd' => text.push('°'),
        'p' => text.push('±'),
        '%' => text.push('%'),
        'u' | 'o' | 'k' => {}
        _ => return None,
    }
    code.strip_prefix(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_pages_and_versions_choose_the_encoding() {
        for (version, page, name) in [
            ("AC1009", "", "windows-1252"),
            ("AC1015", "ANSI_1252", "windows-1252"),
            ("AC1015", "ansi_1251", "windows-1251"),
            ("AC1018", "ANSI_932", "Shift_JIS"),
            ("AC1018", "ANSI_936", "GBK"),
            ("AC1018", "GB2312", "GBK"),
            ("AC1015", "ANSI_949", "EUC-KR"),
            ("AC1015", "ANSI_950", "Big5"),
            ("AC1015", "BIG5", "Big5"),
            ("AC1012", "ANSI_874", "windows-874"),
            ("AC1012", "ISO8859-2", "ISO-8859-2"),
            ("AC1009", "dos866", "IBM866"),
            ("AC1018", "dos850", "windows-1252"),
            ("AC1018", "UNDEFINED", "windows-1252"),
            ("AC1024", "ANSI_1252", "UTF-8"),
        ] {
            assert_eq!(encoding(version, page).name(), name, "{version} {page}");
        }
        assert_eq!(decode(b"Blech 3\xB0", WINDOWS_1252), "Blech 3°");
        assert_eq!(decode("Größe".as_bytes(), WINDOWS_1252), "Größe");
        assert_eq!(decode(b"\x83v\x83\x8C\x81[\x83g", SHIFT_JIS), "プレート");
        assert_eq!(decode(b"3\xB0", UTF_8), "3°");
    }

    #[test]
    fn escapes_become_characters() {
        for (raw, text) in [
            ("%%c12 %%p0.1 45%%d 100%%%", "⌀12 ±0.1 45° 100%"),
            (r"\U+00D812", "Ø12"),
            (r"\U+D83D", "\u{FFFD}"),
            (r"\U+D83D\U+DE00\U+0041", "\u{1F600}A"),
            (r"\U+0041\U+DE00", "A\u{FFFD}"),
            (r"\M+18376\M+1838C", "プレ"),
            (r"\M+5B0E5", "板"),
            (r"\M+9B0E5 \M+1", r"\M+9B0E5 \M+1"),
            ("%%065 50% %%q ^", "A 50% %%q ^"),
            ("a^Jb^Ic", "a\nb c"),
            (r"\U+00", r"\U+00"),
        ] {
            assert_eq!(plain(raw), text, "{raw}");
        }
    }

    #[test]
    fn formatting_leaves_mtext() {
        for (raw, text) in [
            (
                r"Material: MS\P{\H2.5x;Thickness} 5mm",
                "Material: MS\nThickness 5mm",
            ),
            (r"{\fArial|b0|i0;Qty \C1;4}", "Qty 4"),
            (r"\A1;3\S1/2;\~in", "31/2 in"),
            (r"a\\b\{c\}\Ld\l", r"a\b{c}d"),
            (r"\S1^2;", "1/2"),
            (r"\U+00B0 %%c \M+5B0E5", "° ⌀ 板"),
            (r"broken \H2", "broken"),
            ("\\", ""),
        ] {
            assert_eq!(formatted(raw), text, "{raw}");
        }
    }
}
