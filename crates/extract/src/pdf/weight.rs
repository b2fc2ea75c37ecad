//! Whether the streams of a PDF stay within the limits once inflated: counted before anything is inflated to be kept.
//! Never keeps what a stream inflates to.

use super::PdfLimits;
use super::fonts::{self, Fonts};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use flate2::read::{DeflateDecoder, ZlibDecoder};
use hayro::hayro_syntax::object::dict::keys::{
    BITS_PER_COMPONENT, COLORS, COLUMNS, DECODE_PARMS, DP, HEIGHT, IMAGE, SUBTYPE, WIDTH,
};
use hayro::hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro::hayro_syntax::{Filter, Pdf};
use std::borrow::Cow;
use std::io::Read;

/// What is too large to be touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// A stream of operators, a font or the like: no page is read.
    pub(super) streams: bool,
    /// A picture: no page is rendered.
    pub(super) images: bool,
    /// Letters that draw letters: no page is rendered.
    pub(super) letters: bool,
    /// More widths of letters than there are letters: no page is read.
    pub(super) widths: bool,
}

impl Weight {
    /// Whether pages may be read.
    pub(super) fn reads(self) -> bool {
        !(self.streams || self.widths)
    }

    /// Whether pages may be rendered.
    pub(super) fn renders(self) -> bool {
        !(self.images || self.letters)
    }
}

/// Inflates every stream without keeping it, so that none is met unawares.
pub(super) fn weigh(pdf: &Pdf, limits: &PdfLimits, diagnostics: &mut Diagnostics) -> Weight {
    let mut weight = Weight::default();
    for stream in pdf.objects().into_iter().filter_map(Object::into_stream) {
        let image = stream
            .dict()
            .get::<Name<'_>>(SUBTYPE)
            .is_some_and(|name| name.as_ref() == IMAGE);
        let side = |key: &[u8]| stream.dict().get::<u32>(key).map_or(0, u64::from);
        let large = inflates_beyond(&stream, limits.stream_bytes_max);
        match image {
            true => weight.images |= large || side(WIDTH) * side(HEIGHT) > limits.image_pixels_max,
            false => weight.streams |= large,
        }
    }
    if weight.streams {
        let message = format!(
            "a stream holds more than {} bytes (pdf.stream_bytes_max): no page is read",
            limits.stream_bytes_max
        );
        diagnostics.push(|| Diagnostic::new(Severity::Warning, "pdf_stream_bytes_max", message));
    }
    if weight.images {
        let message = format!(
            "a picture holds more than {} pixels (pdf.image_pixels_max): no page is rendered",
            limits.image_pixels_max
        );
        diagnostics.push(|| Diagnostic::new(Severity::Warning, "pdf_image_pixels_max", message));
    }
    // Only what is light enough may be looked into.
    let fonts = match weight.streams {
        true => Fonts::default(),
        false => fonts::look(pdf),
    };
    (weight.letters, weight.widths) = (fonts.nested, fonts.endless);
    if weight.letters {
        let message = "a font's letters draw letters again: no page is rendered";
        diagnostics.push(|| Diagnostic::new(Severity::Warning, "pdf_letters_nested", message));
    }
    if weight.widths {
        let message = "a font gives widths to more letters than there are: no page is read";
        diagnostics.push(|| Diagnostic::new(Severity::Warning, "pdf_font_endless", message));
    }
    weight
}

/// A byte of these becomes at most that many: a run of 128 in two bytes, 258 in two bits, 4096 in nine bits.
const RUN_LENGTH_GROWTH: u64 = 64;
const FLATE_GROWTH: u64 = 1_032;
const LZW_GROWTH: u64 = 3_641;

/// Whether a stream comes to more than that. The first filter that packs is counted, what packs after it is bounded by
/// the most it could do.
pub(super) fn inflates_beyond(stream: &Stream<'_>, bytes_max: u64) -> bool {
    if has_endless_rows(stream.dict(), bytes_max) {
        return true;
    }
    let mut raw = stream.raw_data();
    let filters = stream.filters();
    let mut filters = filters.iter().peekable();
    while filters.next_if_eq(&&Filter::Ascii85Decode).is_some() {
        raw = Cow::Owned(ascii85(&raw));
    }
    let first = filters.next();
    let growth = filters.map(growth).fold(1, u64::saturating_mul);
    let most = bytes_max / growth;
    let length = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    match first {
        Some(Filter::FlateDecode) => inflated(&raw, most) > most,
        Some(Filter::LzwDecode) => lzw_inflated(&raw, most) > most,
        Some(other) => length > most / self::growth(other),
        None => length > most,
    }
}

/// Whether a predictor (ISO 32000-1, 7.4.4.4) works on rows, for which memory is taken, that are longer than that, or on
/// pixels of more bits than the reader can count.
fn has_endless_rows(dict: &Dict<'_>, bytes_max: u64) -> bool {
    const PIXEL_BITS_MAX: u64 = 255;
    let one = |key| dict.get::<Dict<'_>>(key);
    let several = |key| dict.get::<Array<'_>>(key);
    let several = several(DP).or_else(|| several(DECODE_PARMS));
    let one = one(DP).or_else(|| one(DECODE_PARMS));
    let several = several.iter().flat_map(|array| array.iter::<Dict<'_>>());
    one.into_iter().chain(several).any(|parameters| {
        let number = |key: &[u8], default| parameters.get::<u32>(key).map_or(default, u64::from);
        let bits = number(COLORS, 1).saturating_mul(number(BITS_PER_COMPONENT, 8));
        let row = number(COLUMNS, 1).saturating_mul(bits) / 8;
        bits > PIXEL_BITS_MAX || row > bytes_max
    })
}

fn growth(filter: &Filter) -> u64 {
    match filter {
        Filter::FlateDecode => FLATE_GROWTH,
        Filter::LzwDecode => LZW_GROWTH,
        Filter::RunLengthDecode => RUN_LENGTH_GROWTH,
        // Pictures have a limit of pixels; the rest does not grow.
        _ => 1,
    }
}

/// Four bytes of five letters (ISO 32000-1, 7.4.3); what is no letter of it is passed over.
fn ascii85(raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut group = Vec::with_capacity(5);
    let value = |group: &[u8]| {
        let digits = group.iter().chain([&84_u8; 5]).take(5);
        digits.fold(0_u32, |value, digit| {
            value.wrapping_mul(85).wrapping_add(u32::from(*digit))
        })
    };
    for byte in raw.iter().take_while(|byte| **byte != b'~') {
        match byte {
            b'z' if group.is_empty() => bytes.extend([0; 4]),
            b'!'..=b'u' => group.push(byte - b'!'),
            _ => {}
        }
        if group.len() == 5 {
            bytes.extend(value(&group).to_be_bytes());
            group.clear();
        }
    }
    let rest = group.len().saturating_sub(1);
    bytes.extend(value(&group).to_be_bytes().into_iter().take(rest));
    bytes
}

/// How many bytes LZW codes stand for (ISO 32000-1, 7.4.4.2), counted to past the most: each code is one byte longer
/// than the one before it when it was made.
fn lzw_inflated(raw: &[u8], most: u64) -> u64 {
    const CLEAR: usize = 256;
    const END: usize = 257;
    const CODES_MAX: usize = 4_096;
    let fresh = || {
        let mut lengths = vec![1_u64; CLEAR];
        lengths.extend([0, 0]);
        lengths
    };
    let (mut lengths, mut last) = (fresh(), None);
    let (mut bytes, mut bits, mut held) = (0_u64, 0_usize, 0_u32);
    for byte in raw {
        bits = (bits << 8) | usize::from(*byte);
        held += 8;
        let width = match lengths.len() {
            0..=510 => 9,
            511..=1_022 => 10,
            1_023..=2_046 => 11,
            _ => 12,
        };
        if held < width {
            continue;
        }
        held -= width;
        let code = bits >> held;
        bits &= (1 << held) - 1;
        match code {
            CLEAR => (lengths, last) = (fresh(), None),
            END => break,
            code => {
                let grown = last.map(|last: u64| last + 1);
                if let Some(grown) = grown.filter(|_| lengths.len() < CODES_MAX) {
                    lengths.push(grown);
                }
                let length = lengths.get(code).copied().unwrap_or(1);
                last = Some(length);
                bytes += length;
            }
        }
        if bytes > most {
            break;
        }
    }
    bytes
}

/// How many bytes these inflate to, counted to one past the most.
fn inflated(raw: &[u8], most: u64) -> u64 {
    let count = |reader: &mut dyn Read| {
        let mut reader = reader.take(most.saturating_add(1));
        let mut chunk = [0_u8; 16 * 1024];
        let mut bytes = 0_u64;
        // What is broken ends where it breaks.
        while let Ok(read @ 1..) = reader.read(&mut chunk) {
            bytes += u64::try_from(read).unwrap_or(0);
        }
        bytes
    };
    match count(&mut ZlibDecoder::new(raw)) {
        0 => count(&mut DeflateDecoder::new(raw)),
        bytes => bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_base_85() {
        assert_eq!(ascii85(b"87cURD]i,\"Ebo7~>"), b"Hello World");
        assert_eq!(ascii85(b"z!!~>"), [0; 5]);
        assert!(ascii85(b"").is_empty());
    }

    #[test]
    fn codes_of_lzw_are_counted() {
        // The example of ISO 32000-1, 7.4.4.2: 45 45 45 45 45 65 45 45 45 66.
        let example = [0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01];
        assert_eq!(lzw_inflated(&example, 1_000), 10);
        // Codes 258, 259 … each one byte longer than the last, without an end.
        let mut bits = String::from("001000001");
        for code in 258..500 {
            bits += &format!("{code:09b}");
        }
        let raw: Vec<u8> = bits
            .as_bytes()
            .chunks_exact(8)
            .map(|bits| bits.iter().fold(0, |byte, bit| (byte << 1) | (bit - b'0')))
            .collect();
        assert!(lzw_inflated(&raw, u64::MAX) > 25_000);
        assert!(lzw_inflated(&raw, 100) < 200);
    }
}
