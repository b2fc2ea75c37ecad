//! What a picture's container says without decoding: size, mode, resolution, number of pictures, and where EXIF stands.
//! Never decompresses.

use super::bytes::Bytes;
use super::directory::Directories;
use super::exif::{find, tags};
use super::format::Format;
use super::heif;
use super::limits::ImageLimits;

/// A container's word for it; what it does not say, or says wrongly, is None.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Header<'a> {
    /// In pixels, as stored.
    pub(super) size: Option<(u64, u64)>,
    pub(super) mode: Option<String>,
    /// Pixels per inch across and down.
    pub(super) dpi: Option<(f64, f64)>,
    pub(super) frames: Option<u64>,
    /// Quarter turns by which the container wants to be shown, anticlockwise.
    pub(super) quarter_turns: u8,
    /// All coefficients are held until the end of decoding.
    pub(super) progressive: bool,
    pub(super) exif: Option<&'a [u8]>,
}

const METRES_PER_INCH: f64 = 0.0254;

impl<'a> Header<'a> {
    pub(super) fn read(format: Format, bytes: &'a [u8], limits: &ImageLimits) -> Self {
        let header = match format {
            Format::Png => png(bytes),
            Format::Jpeg => jpeg(bytes),
            Format::Tiff => tiff(bytes, limits),
            Format::Bmp => bmp(bytes),
            Format::Gif => gif(bytes, limits),
            Format::WebP => webp(bytes, limits),
            Format::Heic | Format::Avif => Some(heif::header(bytes)),
        };
        header.unwrap_or_default()
    }
}

/// A mode's name with the bits of a channel behind when they are not 8.
fn mode(name: &str, bits: u64) -> String {
    match bits {
        8 => name.to_owned(),
        _ => format!("{name};{bits}"),
    }
}

fn size(width: impl Into<u64>, height: impl Into<u64>) -> Option<(u64, u64)> {
    let (width, height) = (width.into(), height.into());
    (width > 0 && height > 0).then_some((width, height))
}

/// PNG, third edition: IHDR, pHYs, acTL, eXIf.
fn png(data: &[u8]) -> Option<Header<'_>> {
    let bytes = Bytes::big(data);
    let (depth, color) = (bytes.u8(24)?, bytes.u8(25)?);
    let mut header = Header {
        size: size(bytes.u32(16)?, bytes.u32(20)?),
        mode: match color {
            0 if depth == 1 => Some("1".to_owned()),
            0 => Some(mode("L", depth.max(8).into())),
            2 => Some(mode("RGB", depth.into())),
            3 => Some("P".to_owned()),
            4 => Some(mode("LA", depth.into())),
            6 => Some(mode("RGBA", depth.into())),
            _ => None,
        },
        frames: Some(1),
        ..Header::default()
    };
    let mut at = 8;
    while let Some((length, name)) = bytes.length(at).zip(bytes.slice(at + 4, 4)) {
        let chunk = bytes.of(bytes.slice(at + 8, length).unwrap_or_default());
        match name {
            b"pHYs" if chunk.u8(8) == Some(1) => {
                let per_inch = |at| chunk.u32(at).map(|n| f64::from(n) * METRES_PER_INCH);
                header.dpi = per_inch(0).zip(per_inch(4));
            }
            b"acTL" => header.frames = chunk.u32(0).map(u64::from),
            b"eXIf" => header.exif = Some(chunk.data),
            b"IEND" => break,
            _ => {}
        }
        at = at.checked_add(length)?.checked_add(12)?;
    }
    Some(header)
}

/// JPEG (ITU T.81 annex B) with JFIF's density and EXIF's block.
fn jpeg(data: &[u8]) -> Option<Header<'_>> {
    let bytes = Bytes::big(data);
    let mut header = Header {
        frames: Some(1),
        ..Header::default()
    };
    let mut at = 2;
    loop {
        while bytes.u8(at) == Some(0xFF) && bytes.u8(at + 1) == Some(0xFF) {
            at += 1;
        }
        let Some((0xFF, marker)) = bytes.u8(at).zip(bytes.u8(at + 1)) else {
            return Some(header);
        };
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            at += 2;
            continue;
        }
        let length = usize::from(bytes.u16(at + 2).unwrap_or_default());
        let Some(segment) = length
            .checked_sub(2)
            .and_then(|len| bytes.slice(at + 4, len))
        else {
            return Some(header);
        };
        let segment = bytes.of(segment);
        match marker {
            0xE0 if segment.data.starts_with(b"JFIF\0") => header.dpi = jfif_density(segment),
            0xE1 if segment.data.starts_with(b"Exif\0") && header.exif.is_none() => {
                header.exif = segment.from(6);
            }
            // Every start of frame; the gaps are tables.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                frame(&mut header, marker, segment);
            }
            // Behind the start of scan stand pixels.
            0xD9 | 0xDA => return Some(header),
            _ => {}
        }
        at += 2 + length;
    }
}

fn frame(header: &mut Header<'_>, marker: u8, segment: Bytes<'_>) {
    let sides = segment.u16(3).zip(segment.u16(1));
    header.size = sides.and_then(|(width, height)| size(width, height));
    header.progressive = matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE);
    let bits = segment.u8(0).unwrap_or(8).into();
    header.mode = match segment.u8(5) {
        Some(1) => Some(mode("L", bits)),
        Some(3) => Some(mode("RGB", bits)),
        Some(4) => Some(mode("CMYK", bits)),
        _ => None,
    };
}

/// JFIF 1.02: units 1 are pixels per inch, 2 per centimetre, 0 only the shape of a pixel.
fn jfif_density(segment: Bytes<'_>) -> Option<(f64, f64)> {
    let inches = match segment.u8(7)? {
        1 => 1.0,
        2 => 2.54,
        _ => return None,
    };
    let density = |at| segment.u16(at).map(|n| f64::from(n) * inches);
    density(8).zip(density(10))
}

fn tiff<'a>(data: &'a [u8], limits: &ImageLimits) -> Option<Header<'a>> {
    let directories = Directories::new(data)?;
    let number = |tag| {
        let number = find(directories, tag)?.integer(0)?;
        u64::try_from(number).ok()
    };
    let float = number(tags::SAMPLE_FORMAT) == Some(3);
    let bits = number(tags::BITS).unwrap_or(1);
    let samples = number(tags::SAMPLES).unwrap_or(1);
    let name = match number(tags::PHOTOMETRIC) {
        Some(0 | 1) if bits == 1 && samples == 1 => Some("1"),
        Some(0 | 1) => Some(if samples > 1 { "LA" } else { "L" }),
        Some(2) => Some(if samples > 3 { "RGBA" } else { "RGB" }),
        Some(3) => Some("P"),
        Some(5) => Some("CMYK"),
        Some(6) => Some("YCbCr"),
        Some(8) => Some("LAB"),
        _ => None,
    };
    let name = name.map(|name| match name {
        "1" | "P" => name.to_owned(),
        _ if float => format!("{name};{bits}F"),
        _ => mode(name, bits),
    });
    let sides = number(tags::WIDTH).zip(number(tags::HEIGHT));
    Some(Header {
        size: sides.and_then(|(width, height)| size(width, height)),
        mode: name,
        frames: Some(directories.count(limits.frames_max)),
        exif: Some(data),
        ..Header::default()
    })
}

/// BITMAPCOREHEADER, or BITMAPINFOHEADER and its successors.
fn bmp(data: &[u8]) -> Option<Header<'_>> {
    const CORE: u32 = 12;
    let bytes = Bytes::little(data);
    let core = bytes.u32(14)? == CORE;
    let (sides, bits) = match core {
        true => (
            (bytes.u16(18)?.into(), bytes.u16(20)?.into()),
            bytes.u16(24)?,
        ),
        // A negative height stands for rows from the top.
        false => (
            (
                bytes.u32(18)?.cast_signed().unsigned_abs(),
                bytes.u32(22)?.cast_signed().unsigned_abs(),
            ),
            bytes.u16(28)?,
        ),
    };
    let (width, height): (u32, u32) = sides;
    let per_inch = |at| bytes.u32(at).map(|n| f64::from(n) * METRES_PER_INCH);
    Some(Header {
        size: size(width, height),
        mode: match bits {
            1..=8 => Some("P".to_owned()),
            16 | 24 => Some("RGB".to_owned()),
            _ => None,
        },
        dpi: per_inch(38).zip(per_inch(42)).filter(|_| !core),
        frames: Some(1),
        ..Header::default()
    })
}

/// GIF 89a: counts image descriptors by walking over the blocks between them.
fn gif<'a>(data: &'a [u8], limits: &ImageLimits) -> Option<Header<'a>> {
    let bytes = Bytes::little(data);
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let mut at = 13 + table(bytes.u8(10)?);
    let mut frames = 0;
    while let Some(block) = bytes.u8(at).filter(|_| frames < limits.frames_max) {
        at = match block {
            0x2C => {
                frames += 1;
                let Some(flags) = bytes.u8(at + 9) else { break };
                at + 11 + table(flags)
            }
            0x21 => at + 2,
            _ => break,
        };
        while let Some(length) = bytes.u8(at).filter(|length| *length > 0) {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
    Some(Header {
        size: size(bytes.u16(6)?, bytes.u16(8)?),
        mode: Some("P".to_owned()),
        frames: Some(frames.max(1)),
        ..Header::default()
    })
}

/// WebP container: the canvas of the extended form, frames of an animation, EXIF.
fn webp<'a>(data: &'a [u8], limits: &ImageLimits) -> Option<Header<'a>> {
    let bytes = Bytes::little(data);
    let mut header = Header::default();
    let (mut at, mut frames) = (12, 0);
    while let Some((name, length)) = bytes.slice(at, 4).zip(bytes.length(at + 4)) {
        let chunk = bytes.of(bytes.slice(at + 8, length).unwrap_or_default());
        match name {
            b"VP8X" => {
                let side = |at| chunk.u32(at).map(|n| (n & 0xFF_FFFF) + 1);
                // The second side's fourth byte would stand behind the chunk.
                let height = chunk.u32(6).map(|n| (n >> 8) + 1);
                header.size = side(4).zip(height).and_then(|(w, h)| size(w, h));
            }
            b"ANMF" if frames < limits.frames_max => frames += 1,
            b"EXIF" => header.exif = Some(chunk.data),
            _ => {}
        }
        at = at.checked_add(length)?.checked_add(8 + length % 2)?;
    }
    header.frames = Some(frames.max(1));
    header.exif = header
        .exif
        .map(|exif| exif.strip_prefix(b"Exif\0\0".as_slice()).unwrap_or(exif));
    Some(header)
}
