//! Binary DXF: the same drawings as in text, in both widths of group codes, and what becomes of mangled ones.

use crate::{close, entities, extracted, measured, read};
use extract::{ExtractError, Limits, Place, dxf};
use std::f64::consts::PI;

/// A text DXF in binary, with group codes of one byte or of two.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and flags of a few digits"
)]
pub(crate) fn binary(text: &[u8], wide: bool) -> Vec<u8> {
    let mut bytes = b"AutoCAD Binary DXF\r\n\x1A\0".to_vec();
    let mut lines = str::from_utf8(text).unwrap().lines();
    while let (Some(code), Some(value)) = (lines.next(), lines.next()) {
        let code: i16 = code.trim().parse().unwrap();
        if wide {
            bytes.extend(code.to_le_bytes());
        } else if let Ok(code) = u8::try_from(code) {
            bytes.push(code);
        } else {
            bytes.push(255);
            bytes.extend(code.to_le_bytes());
        }
        let number: f64 = value.trim().parse().unwrap_or_default();
        match code {
            10..=59 | 110..=149 | 210..=239 | 1010..=1059 => bytes.extend(number.to_le_bytes()),
            60..=79 | 170..=179 | 270..=289 | 1060..=1070 => {
                bytes.extend((number as i16).to_le_bytes())
            }
            90..=99 | 1071 => bytes.extend((number as i32).to_le_bytes()),
            290..=299 => bytes.push(number as u8),
            310..=319 => bytes.extend([2, 0, 10]),
            _ => bytes.extend(value.bytes().chain([0])),
        }
    }
    bytes
}

fn sample() -> Vec<u8> {
    entities(&[
        "0 ENDSEC|0 SECTION|2 HEADER|9 $ACADVER|1 AC1009|9 $INSUNITS|70 4|9 $DWGCODEPAGE|3 ANSI_1252",
        "0 ENDSEC|0 SECTION|2 TABLES|0 TABLE|2 LAYER|0 LAYER|2 OFF|70 0|62 -7|0 ENDTAB",
        "0 ENDSEC|0 SECTION|2 BLOCKS|0 BLOCK|2 B|10 0|20 0|0 CIRCLE|8 0|10 0|20 0|40 5|0 ENDBLK",
        "0 ENDSEC|0 SECTION|2 ENTITIES",
        "0 LINE|8 OFF|10 0|20 0|11 900|21 0",
        "0 LWPOLYLINE|8 CUT|90 4|70 1|10 0|20 0|10 100|20 0|10 100|20 100|10 0|20 100",
        "0 INSERT|8 CUT|2 B|10 20|20 20|70 2|44 40",
        "0 LINE|8 CUT|67 1|10 0|20 0|11 900|21 0|310 00|290 1",
        "0 TEXT|8 CUT|10 0|20 0|1 t=5mm|1001 ACAD|1040 2.5|1071 7",
    ])
}

#[test]
fn both_widths_read_as_the_text_does() {
    let text = sample();
    let wanted = extracted(&text, "a.dxf").drawing.unwrap();
    assert!(close(wanted.measures.cut_length_mm, 400.0 + 20.0 * PI));
    for bytes in [binary(&text, false), binary(&text, true)] {
        let ours = extracted(&bytes, "a.dxf").drawing.unwrap();
        assert_eq!(ours, wanted);
        let reading = read(&bytes);
        assert_eq!(reading.paper_space_entities, 1);
        assert_eq!(reading.header.version, "AC1009");
        assert!(
            reading.drawing.curves[0].origin < 20,
            "records are counted, not lines"
        );
    }
}

#[test]
fn a_lost_carriage_return_does_not_lose_the_file() {
    let whole = binary(&sample(), true);
    // As a transfer in text mode leaves it: every pair of CR and LF has lost its CR.
    let mut mangled = whole.clone();
    mangled.remove(18);
    assert_eq!(
        extracted(&mangled, "a.dxf").drawing,
        extracted(&whole, "a.dxf").drawing
    );
}

#[test]
fn damage_costs_a_record_and_is_placed_by_record() {
    let whole = binary(&sample(), true);
    let place = whole
        .windows(6)
        .position(|window| window == b"INSERT")
        .unwrap();
    let mut broken = whole.clone();
    broken.splice(place + 7..place + 7, [0xEE, 0xEE, 0xEE]);
    let reading = read(&broken);
    let said: Vec<_> = reading
        .diagnostics
        .iter()
        .map(|diagnostic| (diagnostic.code.as_str(), diagnostic.place))
        .collect();
    assert_eq!(said[0].0, "entity_damaged");
    assert!(matches!(said[0].1, Some(Place::Entity(_))), "{said:?}");
    assert!(said.iter().any(|(code, _)| *code == "lines_unreadable"));
    assert_eq!(reading.drawing.curves.len(), 2);
    let cut = &whole[..whole.len() - 40];
    assert!(measured(cut).cut_length_mm > 400.0);
    assert!(!measured(cut).measure_complete);
    let refused = dxf::read(
        &whole[..30],
        &drawing::LayerRules::default(),
        &Limits::default(),
    );
    assert_eq!(refused.unwrap_err(), ExtractError::NotDxf);
}
