//! What a camera or scanner noted about a picture: EXIF tags by name, resolution, and which way is up. Never the place
//! where a picture was taken, nor whose camera took it: those are private and no shop needs them.

use super::directory::{Directories, Entry, Form};
use super::limits::ImageLimits;
use std::collections::BTreeMap;

/// Tags of TIFF 6.0 and EXIF 2.32.
pub(super) mod tags {
    pub(in crate::image) const WIDTH: u16 = 0x100;
    pub(in crate::image) const HEIGHT: u16 = 0x101;
    pub(in crate::image) const BITS: u16 = 0x102;
    pub(in crate::image) const PHOTOMETRIC: u16 = 0x106;
    pub(in crate::image) const ORIENTATION: u16 = 0x112;
    pub(in crate::image) const SAMPLES: u16 = 0x115;
    pub(in crate::image) const X_RESOLUTION: u16 = 0x11A;
    pub(in crate::image) const Y_RESOLUTION: u16 = 0x11B;
    pub(in crate::image) const RESOLUTION_UNIT: u16 = 0x128;
    pub(in crate::image) const SAMPLE_FORMAT: u16 = 0x153;
    pub(super) const EXIF_DIRECTORY: u16 = 0x8769;
    pub(super) const USER_COMMENT: u16 = 0x9286;
    /// Directory of places, maker's notes, and the tags that name the camera's owner, its body and its lens.
    pub(super) const PRIVATE: [u16; 5] = [0x8825, 0x927C, 0xA430, 0xA431, 0xA435];
    /// Other formats inside a tag: JPEG tables, XMP, IPTC, Photoshop, colour profile.
    pub(super) const EMBEDDED: [u16; 5] = [0x15B, 0x2BC, 0x83BB, 0x8649, 0x8773];
}

/// Longer lists of numbers are tables, such as strip offsets.
const NUMBERS_MAX: usize = 16;

/// Names and values of one EXIF block, and what of it decides about the pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exif {
    pub(super) fields: BTreeMap<String, String>,
    /// 1 to 8, as EXIF counts them.
    pub(super) orientation: Option<u8>,
    /// Pixels per inch across and down.
    pub(super) dpi: Option<(f64, f64)>,
}

impl Exif {
    /// Reads a TIFF or an EXIF block; empty when it is neither.
    pub(super) fn read(block: &[u8], limits: &ImageLimits) -> Self {
        let Some(directories) = Directories::new(block) else {
            return Self::default();
        };
        let mut exif = Self {
            dpi: resolution(directories),
            orientation: find(directories, tags::ORIENTATION)
                .and_then(|entry| u8::try_from(entry.integer(0)?).ok())
                .filter(|orientation| (1..=8).contains(orientation)),
            ..Self::default()
        };
        let inner = find(directories, tags::EXIF_DIRECTORY).and_then(|entry| entry.integer(0));
        let inner = inner.and_then(|offset| usize::try_from(offset).ok());
        for entry in directories.first() {
            exif.add(name_of(exif::Context::Tiff, entry.tag), &entry, limits);
        }
        for entry in inner.into_iter().flat_map(|offset| directories.at(offset)) {
            exif.add(name_of(exif::Context::Exif, entry.tag), &entry, limits);
        }
        exif
    }

    fn add(&mut self, name: Option<String>, entry: &Entry<'_>, limits: &ImageLimits) {
        if self.fields.len() >= limits.exif_fields_max {
            return;
        }
        if let Some((name, text)) = name.zip(text(entry, limits.exif_value_chars_max)) {
            self.fields.entry(name).or_insert(text);
        }
    }
}

/// The name of a tag; None when it is unknown or not to be told.
fn name_of(context: exif::Context, number: u16) -> Option<String> {
    let untold = tags::PRIVATE.contains(&number)
        || tags::EMBEDDED.contains(&number)
        || number == tags::EXIF_DIRECTORY;
    let tag = exif::Tag(context, number);
    (!untold && tag.description().is_some()).then(|| tag.to_string())
}

pub(super) fn find(directories: Directories<'_>, tag: u16) -> Option<Entry<'_>> {
    directories.first().find(|entry| entry.tag == tag)
}

/// Pixels per inch by resolution and unit; inches when no unit is named (TIFF 6.0, ResolutionUnit).
fn resolution(directories: Directories<'_>) -> Option<(f64, f64)> {
    let number = |tag| find(directories, tag)?.number(0);
    let inches = match number(tags::RESOLUTION_UNIT) {
        None => 1.0,
        Some(2.0) => 1.0,
        Some(3.0) => 2.54,
        Some(_) => return None,
    };
    let x = number(tags::X_RESOLUTION)?;
    let y = number(tags::Y_RESOLUTION).unwrap_or(x);
    Some((x * inches, y * inches))
}

/// A value as text, cut at a number of characters; None when it is not for reading.
fn text(entry: &Entry<'_>, chars_max: usize) -> Option<String> {
    let text = match entry.form {
        Form::Ascii => characters(entry.raw(), chars_max),
        Form::Undefined if entry.tag == tags::USER_COMMENT => comment(entry.raw(), chars_max)?,
        Form::Undefined => {
            let version = entry.raw();
            (version.len() <= 4 && version.iter().all(u8::is_ascii_graphic))
                .then(|| characters(version, chars_max))?
        }
        _ if entry.count() > NUMBERS_MAX => return None,
        _ => (0..entry.count())
            .map_while(|nth| number(entry, nth))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let text: String = text.chars().take(chars_max).collect();
    (!text.is_empty()).then_some(text)
}

/// Text behind a word of eight bytes that names its character set; only the plain one is read.
fn comment(raw: &[u8], chars_max: usize) -> Option<String> {
    let text = raw.strip_prefix(b"ASCII\0\0\0".as_slice())?;
    Some(characters(text, chars_max))
}

fn characters(raw: &[u8], chars_max: usize) -> String {
    // A character has at most four bytes.
    let raw = raw.get(..chars_max * 4).unwrap_or(raw);
    let raw = raw.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(raw);
    text.trim().replace(char::is_control, " ")
}

/// `72`, `2.8`, and `1/250` for what is less than one: exposure times are told so.
fn number(entry: &Entry<'_>, nth: usize) -> Option<String> {
    if let Some(whole) = entry.integer(nth) {
        return Some(whole.to_string());
    }
    let value = entry.number(nth)?;
    match entry.fraction(nth) {
        Some((over, under)) if over > 0 && over < under => {
            let divisor = common_divisor(over, under);
            Some(format!("{}/{}", over / divisor, under / divisor))
        }
        _ => Some(((value * 1e4).round() / 1e4).to_string()),
    }
}

fn common_divisor(a: i64, b: i64) -> i64 {
    match b {
        0 => a.max(1),
        _ => common_divisor(b, a % b),
    }
}
