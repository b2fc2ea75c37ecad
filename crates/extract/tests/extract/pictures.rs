//! Pictures made for tests: every format, any tag, any claim. Never reads anything.
#![expect(
    clippy::indexing_slicing,
    reason = "the places in files made here are known"
)]

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::io::Cursor;

pub(crate) fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Wider than high, dark in one corner alone, so that every turn can be told.
pub(crate) fn marked() -> RgbImage {
    RgbImage::from_fn(60, 40, |x, y| match (x < 20, y < 15) {
        (true, true) => Rgb([10, 20, 30]),
        _ => Rgb([240, 230, 220]),
    })
}

/// A tag: number, form, count, and value or offset.
pub(crate) type Tag = (u16, u16, u32, u32);

/// A directory of tags, little endian, the last of its chain.
pub(crate) fn directory(tags: &[Tag]) -> Vec<u8> {
    let mut bytes = u16::try_from(tags.len()).unwrap().to_le_bytes().to_vec();
    for (tag, form, count, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(form.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

/// An EXIF block of one directory, with values behind it.
pub(crate) fn block(tags: &[Tag], behind: &[u8]) -> Vec<u8> {
    [b"II*\0\x08\0\0\0", directory(tags).as_slice(), behind].concat()
}

/// Where the values begin in a block of so many tags.
pub(crate) fn behind(tags: u32) -> u32 {
    8 + 2 + 12 * tags + 4
}

/// Puts an application segment behind the start of a JPEG.
pub(crate) fn with_segment(jpeg: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, marker], &length, content, &jpeg[2..]].concat()
}

pub(crate) fn with_exif(jpeg: &[u8], block: &[u8]) -> Vec<u8> {
    with_segment(jpeg, 0xE1, &[b"Exif\0\0", block].concat())
}

/// Puts a chunk behind the header of a PNG.
pub(crate) fn with_chunk(png: &[u8], name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut sum = !0_u32;
    for byte in name.iter().chain(content) {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
        }
    }
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let chunk = [&length, name.as_slice(), content, &(!sum).to_be_bytes()].concat();
    [&png[..33], &chunk, &png[33..]].concat()
}

/// A box of the ISO base media format.
pub(crate) fn iso_box(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap().to_be_bytes();
    [&length, name.as_slice(), content].concat()
}

/// A PNG header that claims this size and nothing behind it.
pub(crate) fn claimed(width: u32, height: u32, depth: u8, color: u8) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR".to_vec();
    png.extend([width, height].map(u32::to_be_bytes).concat());
    png.extend([depth, color, 0, 0, 0, 0, 0, 0, 0]);
    // The sum over the header is made right by putting it through the chunk writer.
    let header = with_chunk(&[0; 33], b"IHDR", &png[16..29])[33..].to_vec();
    [&png[..8], &header, b"\0\0\0\0IDAT\x35\xAF\x06\x1E"].concat()
}

/// Small files of every format.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Gif,
        ImageFormat::WebP,
    ];
    let mut samples: Vec<_> = formats
        .map(|format| encoded(marked(), format))
        .into_iter()
        .collect();
    let tags = block(
        &[(0x112, 3, 1, 6), (0x11A, 5, 1, 38), (0x8769, 4, 1, 8)],
        &[1; 8],
    );
    samples[1] = with_exif(&samples[1], &tags);
    samples
}
