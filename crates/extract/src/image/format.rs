//! Picture formats and the first bytes that tell them. Never looks past the head of a file.

/// A picture format that is known here; not all of them are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Tiff,
    Bmp,
    Gif,
    WebP,
    Heic,
    Avif,
}

/// Brands of the ISO base media container that hold pictures (ISO/IEC 23008-12, AV1 image format).
const HEIC_BRANDS: [&[u8]; 8] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1",
];
const AVIF_BRANDS: [&[u8]; 2] = [b"avif", b"avis"];

impl Format {
    /// The format of a file that begins with these bytes.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        Some(match head {
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Self::Png,
            [0xFF, 0xD8, 0xFF, ..] => Self::Jpeg,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'I', b'I', 0x2A | 0x2B, 0, ..] | [b'M', b'M', 0, 0x2A | 0x2B, ..] => Self::Tiff,
            _ if is_webp(head) => Self::WebP,
            _ if is_bmp(head) => Self::Bmp,
            _ => return Self::of_brand(head),
        })
    }

    /// By the major brand, or where that is general by a compatible one.
    fn of_brand(head: &[u8]) -> Option<Self> {
        let [a, b, c, d, b'f', b't', b'y', b'p', ..] = head else {
            return None;
        };
        let end = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
        let brands = head.get(8..end.clamp(8, 256).min(head.len()))?;
        let is = |brand: &[u8], brands: &[&[u8]]| brands.contains(&brand);
        let mut listed = brands.chunks_exact(4);
        if listed.clone().any(|brand| is(brand, &AVIF_BRANDS)) {
            return Some(Self::Avif);
        }
        listed
            .any(|brand| is(brand, &HEIC_BRANDS))
            .then_some(Self::Heic)
    }

    /// The name in [`crate::ImageInfo::format`].
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Heic => "heic",
            Self::Avif => "avif",
        }
    }

    pub(crate) const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Heic => "image/heic",
            Self::Avif => "image/avif",
        }
    }

    /// Whose decoder reads it; None where only the container is read.
    pub(super) const fn decoder(self) -> Option<image::ImageFormat> {
        Some(match self {
            Self::Png => image::ImageFormat::Png,
            Self::Jpeg => image::ImageFormat::Jpeg,
            Self::Tiff => image::ImageFormat::Tiff,
            Self::Bmp => image::ImageFormat::Bmp,
            Self::Gif => image::ImageFormat::Gif,
            Self::WebP => image::ImageFormat::WebP,
            Self::Heic | Self::Avif => return None,
        })
    }
}

fn is_webp(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
}

/// A bitmap's reserved fields are zero, and its header is one of few lengths.
fn is_bmp(head: &[u8]) -> bool {
    let header = matches!(head.get(14..18), Some([12..=124, 0, 0, 0]));
    head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4]) && header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_the_format() {
        let cases: [(&[u8], Option<Format>); 12] = [
            (b"\x89PNG\r\n\x1A\n", Some(Format::Png)),
            (b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg)),
            (b"GIF89a", Some(Format::Gif)),
            (b"II*\0", Some(Format::Tiff)),
            (b"MM\0+", Some(Format::Tiff)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (
                b"BM\x10\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
                Some(Format::Bmp),
            ),
            (b"BMW is a make of car", None),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(Format::Heic)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some(Format::Avif)),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", None),
        ];
        for (head, format) in cases {
            assert_eq!(Format::of(head), format, "{head:?}");
        }
    }
}
