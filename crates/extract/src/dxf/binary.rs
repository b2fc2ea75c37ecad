//! The binary form of DXF: a sentinel, then group codes of one byte (before R13, 255 announcing two more) or of two, each
//! with a value whose type the code tells (DXF reference, binary DXF files). Never keeps a value: it only says where the
//! next pair lies and what its bytes mean.

use memchr::memchr;

/// How wide group codes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    One,
    Two,
}

/// A pair's code and value, and what follows it.
pub(super) type Split<'a> = (i16, &'a [u8], &'a [u8]);

const SENTINEL: &[u8] = b"AutoCAD Binary DXF";
/// One-byte codes: this one says that a code of two bytes follows.
const ESCAPE: u8 = 255;

/// Whether this is a binary DXF's beginning.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.starts_with(SENTINEL)
}

/// What follows the sentinel, and the width of its codes; nothing when this is no binary DXF. The sentinel's line end
/// may be mangled in transport.
pub(super) fn open(bytes: &[u8]) -> Option<(&[u8], Width)> {
    let mut rest = bytes.strip_prefix(SENTINEL)?;
    for mark in [b"\r".as_slice(), b"\n", b"\x1A", b"\0"] {
        rest = rest.strip_prefix(mark).unwrap_or(rest);
    }
    // The first code is 0, or 999 of a comment: its second byte tells the width.
    let width = match rest {
        [0, 0, ..] | [0xE7, 3, ..] => Width::Two,
        _ => Width::One,
    };
    Some((rest, width))
}

/// The pair at the head of `bytes`; nothing when there is none, or when it is cut off.
pub(super) fn split(bytes: &[u8], width: Width) -> Option<Split<'_>> {
    let (code, rest) = code(bytes, width)?;
    let size = match kind(code)? {
        Kind::Text => {
            let end = memchr(0, rest)?;
            let (value, rest) = rest.split_at_checked(end)?;
            return Some((code, value, rest.get(1..)?));
        }
        Kind::Chunk => {
            let (size, rest) = rest.split_first()?;
            let (value, rest) = rest.split_at_checked(usize::from(*size))?;
            return Some((code, value, rest));
        }
        Kind::Real | Kind::Integer64 => 8,
        Kind::Integer32 => 4,
        Kind::Integer16 => 2,
        Kind::Flag => 1,
    };
    let (value, rest) = rest.split_at_checked(size)?;
    Some((code, value, rest))
}

fn code(bytes: &[u8], width: Width) -> Option<(i16, &[u8])> {
    match (width, bytes) {
        (Width::One, [ESCAPE, low, high, rest @ ..]) | (Width::Two, [low, high, rest @ ..]) => {
            Some((i16::from_le_bytes([*low, *high]), rest))
        }
        (Width::One, [code, rest @ ..]) if *code != ESCAPE => Some((i16::from(*code), rest)),
        _ => None,
    }
}

/// A value as a number, by its code's type; nothing when it is a text that spells none or a number that is not finite.
pub(super) fn real(code: i16, value: &[u8]) -> Option<f64> {
    match kind(code)? {
        Kind::Real => Some(f64::from_le_bytes(value.try_into().ok()?)).filter(|n| n.is_finite()),
        Kind::Text => super::number::real(value),
        _ => integer(code, value).map(|whole| whole as f64),
    }
}

/// A value as a whole number, by its code's type.
pub(super) fn integer(code: i16, value: &[u8]) -> Option<i64> {
    Some(match kind(code)? {
        Kind::Flag => i64::from(*value.first()?),
        Kind::Integer16 => i64::from(i16::from_le_bytes(value.try_into().ok()?)),
        Kind::Integer32 => i64::from(i32::from_le_bytes(value.try_into().ok()?)),
        Kind::Integer64 => i64::from_le_bytes(value.try_into().ok()?),
        Kind::Real => super::number::whole(real(code, value)?)?,
        Kind::Text => super::number::integer(value)?,
        Kind::Chunk => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    /// A byte that counts, and as many bytes.
    Chunk,
    Real,
    Integer16,
    Integer32,
    Integer64,
    Flag,
}

/// What a code's value is (DXF reference, group code value types); nothing for a code that does not exist.
fn kind(code: i16) -> Option<Kind> {
    Some(match code {
        10..=59 | 110..=149 | 210..=239 | 460..=469 | 1010..=1059 => Kind::Real,
        60..=79 | 170..=179 | 270..=289 | 370..=389 | 400..=409 | 1060..=1070 => Kind::Integer16,
        90..=99 | 420..=429 | 440..=459 | 1071 => Kind::Integer32,
        160..=169 => Kind::Integer64,
        290..=299 => Kind::Flag,
        310..=319 | 1004 => Kind::Chunk,
        -5..=9
        | 100..=109
        | 300..=309
        | 320..=369
        | 390..=399
        | 410..=419
        | 430..=439
        | 470..=481
        | 999..=1009 => Kind::Text,
        _ => return None,
    })
}

/// How many bytes of damage lie before the next record: a code 0 and a name that ends.
pub(super) fn resync(bytes: &[u8], width: Width) -> usize {
    let mark: &[u8] = match width {
        Width::One => &[0],
        Width::Two => &[0, 0],
    };
    let mut at = 1;
    while let Some(rest) = bytes.get(at..) {
        let Some(zero) = memchr(0, rest) else { break };
        at += zero;
        let name = bytes.get(at..).and_then(|rest| rest.strip_prefix(mark));
        let name = name.and_then(|rest| rest.get(..memchr(0, rest.get(..65).unwrap_or(rest))?));
        if name.is_some_and(super::pairs::is_name) {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_widths_are_told_apart_and_split() {
        for (bytes, width, first) in [
            (
                &b"AutoCAD Binary DXF\r\n\x1A\0\0SECTION\0"[..],
                Width::One,
                0,
            ),
            (b"AutoCAD Binary DXF\r\n\x1A\0\0\0SECTION\0", Width::Two, 0),
            (b"AutoCAD Binary DXF\n\x1A\0\0\0SECTION\0", Width::Two, 0),
            (
                b"AutoCAD Binary DXF\r\n\x1A\0\xE7\x03note\0",
                Width::Two,
                999,
            ),
            (
                b"AutoCAD Binary DXF\r\n\x1A\0\xFF\xE7\x03note\0",
                Width::One,
                999,
            ),
        ] {
            let (rest, found) = open(bytes).unwrap();
            assert_eq!(found, width);
            assert_eq!(split(rest, width).unwrap().0, first);
        }
        assert!(open(b"AutoCAD").is_none());
    }

    #[test]
    fn values_have_the_type_of_their_code() {
        let five = 5.5_f64.to_le_bytes();
        assert_eq!(real(10, &five), Some(5.5));
        assert_eq!(real(10, &f64::NAN.to_le_bytes()), None);
        assert_eq!(integer(70, &[0xFF, 0xFF]), Some(-1));
        assert_eq!(integer(90, &[1, 0, 1, 0]), Some(65_537));
        assert_eq!((integer(290, &[1]), integer(310, &[1])), (Some(1), None));
        assert_eq!(real(1, b"2,5"), Some(2.5));
        assert_eq!(integer(40, &five), Some(6));
        assert!(split(&[10, 0, 1, 2], Width::Two).is_none());
    }

    #[test]
    fn damage_ends_at_the_next_name() {
        assert_eq!(resync(b"\xFF\xFF\0\0\0\0LINE\0", Width::Two), 4);
        assert_eq!(resync(b"\xFF\0\0lower\0\0ARC\0", Width::One), 9);
        assert_eq!(resync(b"\xFFno more", Width::Two), 8);
    }
}
