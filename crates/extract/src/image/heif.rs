//! Size and turn of a HEIC or AVIF picture from its boxes (ISO/IEC 14496-12, ISO/IEC 23008-12 section 6). Never decodes:
//! no decoder for these is built in.

use super::bytes::Bytes;
use super::header::Header;

/// The primary item's spatial extents and rotation.
pub(super) fn header(data: &[u8]) -> Header<'_> {
    read(data).unwrap_or_default()
}

fn read(data: &[u8]) -> Option<Header<'_>> {
    let meta = find(Bytes::big(data), b"meta")?;
    // Version and flags stand before the boxes inside.
    let meta = meta.of(meta.from(4)?);
    let properties = find(meta, b"iprp")?;
    let list: Vec<Property> = boxes(find(properties, b"ipco")?)
        .map(|(name, content)| Property::of(name, content))
        .collect();
    let of_primary = find(meta, b"pitm")
        .and_then(primary)
        .and_then(|item| associated(find(properties, b"ipma")?, item));
    let all = || (0..list.len()).collect();
    let mut header = Header {
        frames: Some(1),
        ..Header::default()
    };
    for index in of_primary.unwrap_or_else(all) {
        match list.get(index) {
            // Tiles of a larger picture have their own sizes: the largest is the whole.
            Some(Property::Size(size))
                if header.size.is_none_or(|held| area(*size) > area(held)) =>
            {
                header.size = Some(*size);
            }
            Some(Property::Turn(turns)) => header.quarter_turns = *turns,
            _ => {}
        }
    }
    Some(header)
}

fn area((width, height): (u64, u64)) -> u64 {
    width.saturating_mul(height)
}

enum Property {
    Size((u64, u64)),
    /// Quarter turns, anticlockwise.
    Turn(u8),
    Other,
}

impl Property {
    fn of(name: &[u8], content: Bytes<'_>) -> Self {
        let property = match name {
            b"ispe" => content
                .u32(4)
                .zip(content.u32(8))
                .filter(|(width, height)| *width > 0 && *height > 0)
                .map(|(width, height)| Self::Size((width.into(), height.into()))),
            b"irot" => content.u8(0).map(|angle| Self::Turn(angle & 3)),
            _ => None,
        };
        property.unwrap_or(Self::Other)
    }
}

/// Boxes one after the other: name and content, as far as they fit.
fn boxes(bytes: Bytes<'_>) -> impl Iterator<Item = (&[u8], Bytes<'_>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let name = bytes.slice(at + 4, 4)?;
        let (head, size) = match bytes.u32(at)? {
            0 => (8, bytes.data.len().checked_sub(at)?),
            1 => (16, usize::try_from(bytes.u64(at + 8)?).ok()?),
            size => (8, usize::try_from(size).ok()?),
        };
        let content = bytes.slice(at + head, size.checked_sub(head)?)?;
        at = at.checked_add(size)?;
        Some((name, bytes.of(content)))
    })
}

fn find<'a>(bytes: Bytes<'a>, wanted: &[u8]) -> Option<Bytes<'a>> {
    boxes(bytes)
        .find(|(name, _)| *name == wanted)
        .map(|(_, content)| content)
}

fn primary(content: Bytes<'_>) -> Option<u32> {
    match content.u8(0)? {
        0 => content.u16(4).map(u32::from),
        _ => content.u32(4),
    }
}

/// Places from 0 of an item's properties in their list.
fn associated(content: Bytes<'_>, item: u32) -> Option<Vec<usize>> {
    let (version, wide) = (content.u8(0)?, content.u8(3)? & 1 == 1);
    let mut at = 8;
    for _ in 0..content.u32(4)? {
        let id = match version {
            0 => u32::from(content.u16(at)?),
            _ => content.u32(at)?,
        };
        at += if version == 0 { 2 } else { 4 };
        let count = usize::from(content.u8(at)?);
        at += 1;
        let width = if wide { 2 } else { 1 };
        if id == item {
            let index = |nth: usize| match wide {
                true => Some(usize::from(content.u16(at + 2 * nth)? & 0x7FFF)),
                false => Some(usize::from(content.u8(at + nth)? & 0x7F)),
            };
            let places = (0..count).map_while(index);
            // 0 stands for none.
            return Some(places.filter_map(|index| index.checked_sub(1)).collect());
        }
        at += count * width;
    }
    None
}
