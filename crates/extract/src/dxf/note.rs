//! TEXT and MTEXT: what is written on the drawing, and where. Never measured.

use super::fields::{Defect, Fields};
use super::text::{decode, formatted, plain};
use drawing::Point;
use encoding_rs::Encoding;

/// A note's text is cut here, in bytes of the file.
const NOTE_BYTES_MAX: usize = 16 * 1024;

/// TEXT: one line, placed in object coordinates.
pub(super) fn text(
    fields: &mut Fields<'_, '_>,
    encoding: &'static Encoding,
) -> Result<(String, Point), Defect> {
    let (raw, place) = raw(fields)?;
    Ok((
        plain(&decode(&raw, encoding)),
        fields.common.plane().point(place),
    ))
}

/// MTEXT: pieces of 250 characters (group 3) and the last one (group 1), with formatting codes; placed in the drawing's.
pub(super) fn multi(
    fields: &mut Fields<'_, '_>,
    encoding: &'static Encoding,
) -> Result<(String, Point), Defect> {
    let (raw, place) = raw(fields)?;
    Ok((formatted(&decode(&raw, encoding)), place))
}

fn raw(fields: &mut Fields<'_, '_>) -> Result<(Vec<u8>, Point), Defect> {
    let (mut raw, mut place) = (Vec::new(), Point::default());
    while let Some(pair) = fields.next() {
        match pair.code {
            1 | 3 => {
                let room = NOTE_BYTES_MAX.saturating_sub(raw.len());
                raw.extend(pair.value.iter().take(room));
            }
            10 => place.x = fields.number(pair),
            20 => place.y = fields.number(pair),
            _ => {}
        }
    }
    fields.finish()?;
    Ok((raw, place))
}
