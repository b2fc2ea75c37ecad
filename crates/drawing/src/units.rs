//! Units of length: their size in millimetres, and which one a drawing most likely means.
//! Never scales anything; never hides a doubt: every answer carries its source and its confidence.

use serde::{Deserialize, Serialize};

/// A unit of length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    #[serde(rename = "mm")]
    Millimetre,
    #[serde(rename = "cm")]
    Centimetre,
    #[serde(rename = "dm")]
    Decimetre,
    #[serde(rename = "m")]
    Metre,
    #[serde(rename = "um")]
    Micrometre,
    #[serde(rename = "in")]
    Inch,
    #[serde(rename = "ft")]
    Foot,
    #[serde(rename = "mil")]
    Mil,
}

impl Unit {
    /// Millimetres in one unit.
    pub fn mm(self) -> f64 {
        match self {
            Self::Millimetre => 1.0,
            Self::Centimetre => 10.0,
            Self::Decimetre => 100.0,
            Self::Metre => 1000.0,
            Self::Micrometre => 0.001,
            Self::Inch => 25.4,
            Self::Foot => 304.8,
            Self::Mil => 0.0254,
        }
    }

    /// The unit behind a DXF `$INSUNITS` code; 0 (no unit), leagues and light years are none.
    pub fn from_insunits(code: i64) -> Option<Self> {
        Some(match code {
            1 => Self::Inch,
            2 => Self::Foot,
            4 => Self::Millimetre,
            5 => Self::Centimetre,
            6 => Self::Metre,
            9 => Self::Mil,
            13 => Self::Micrometre,
            14 => Self::Decimetre,
            _ => return None,
        })
    }

    /// The unit behind `mm`, `cm`, `m`, `in`, `inch`, `ft` … in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name.trim().to_ascii_lowercase().as_str() {
            "mm" | "millimetre" | "millimeter" => Self::Millimetre,
            "cm" => Self::Centimetre,
            "dm" => Self::Decimetre,
            "m" | "metre" | "meter" => Self::Metre,
            "um" => Self::Micrometre,
            "in" | "inch" | "inches" => Self::Inch,
            "ft" | "foot" | "feet" => Self::Foot,
            "mil" => Self::Mil,
            _ => return None,
        })
    }
}

/// Where a unit was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitSource {
    /// Somebody said so with the upload.
    Caller,
    /// The header's unit (`$INSUNITS`).
    Header,
    /// The header's metric or imperial flag (`$MEASUREMENT`).
    Measurement,
    /// The program that wrote the file writes this unit always.
    Writer,
    /// Pixels, by the number of them that the format takes for an inch.
    Pixels,
    /// The drawing's size makes it likely.
    Size,
}

/// The unit a drawing's coordinates are taken to be in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Units {
    pub value: Unit,
    pub source: UnitSource,
    /// 0 to 1.
    pub confidence: f64,
}

/// What a drawing says or betrays about its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnitClues {
    pub caller: Option<Unit>,
    pub header: Option<Unit>,
    /// `Some(true)` for metric.
    pub metric: Option<bool>,
    /// Written by a program that always writes millimetres.
    pub millimetre_writer: bool,
    /// Already millimetres, but made from pixels of no stated size.
    pub pixels: bool,
    /// The longer side of the drawing in its own units.
    pub size: Option<f64>,
}

/// A part longer than this is doubted, in mm: the longest common sheet.
const PART_MM_MAX: f64 = 6_200.0;
/// A part shorter than this is doubted, in mm.
const PART_MM_MIN: f64 = 4.0;

impl Units {
    /// The most likely unit: caller, then header, writer, metric flag, and at last the size alone.
    pub fn settle(clues: &UnitClues) -> Self {
        let units = |value, source, confidence| Self {
            value,
            source,
            confidence,
        };
        let plausible = |unit: Unit| {
            clues
                .size
                .is_none_or(|size| (PART_MM_MIN..=PART_MM_MAX).contains(&(size * unit.mm())))
        };
        let (mm, inch) = (Unit::Millimetre, Unit::Inch);
        match *clues {
            UnitClues {
                caller: Some(unit), ..
            } => units(unit, UnitSource::Caller, 1.0),
            // Templates leave metres, feet or mils in the header of a drawing that is really in millimetres.
            UnitClues {
                header: Some(unit), ..
            } if !plausible(unit) && plausible(mm) => units(mm, UnitSource::Size, 0.6),
            UnitClues {
                header: Some(unit), ..
            } => units(
                unit,
                UnitSource::Header,
                if plausible(unit) { 0.95 } else { 0.6 },
            ),
            UnitClues {
                millimetre_writer: true,
                ..
            } => units(mm, UnitSource::Writer, 0.9),
            UnitClues { pixels: true, .. } => units(mm, UnitSource::Pixels, 0.5),
            UnitClues {
                metric: Some(true), ..
            } => units(
                mm,
                UnitSource::Measurement,
                if plausible(mm) { 0.8 } else { 0.5 },
            ),
            UnitClues {
                metric: Some(false),
                size,
                ..
            } => match size {
                Some(size) if size > 120.0 => units(mm, UnitSource::Size, 0.5),
                _ => units(inch, UnitSource::Measurement, 0.65),
            },
            UnitClues {
                size: Some(size), ..
            } if size < 20.0 => units(mm, UnitSource::Size, 0.4),
            UnitClues { size: Some(_), .. } if plausible(mm) => units(mm, UnitSource::Size, 0.75),
            _ => units(mm, UnitSource::Size, 0.5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clues_are_weighed_in_order() {
        let size = |size| UnitClues {
            size: Some(size),
            ..UnitClues::default()
        };
        let header = |unit, length| UnitClues {
            header: Some(unit),
            ..size(length)
        };
        let metric = |metric, length| UnitClues {
            metric: Some(metric),
            ..size(length)
        };
        let caller = UnitClues {
            caller: Some(Unit::Inch),
            ..header(Unit::Metre, 300.0)
        };
        let writer = UnitClues {
            millimetre_writer: true,
            ..size(8.0)
        };
        use {Unit::*, UnitSource::*};
        let cases = [
            (caller, Inch, Caller, true),
            (header(Metre, 300.0), Millimetre, Size, false),
            (header(Metre, 1.2), Metre, Header, true),
            (header(Inch, 12.0), Inch, Header, true),
            (metric(true, 12.0), Millimetre, Measurement, true),
            (metric(false, 12.0), Inch, Measurement, false),
            (metric(false, 800.0), Millimetre, Size, false),
            (writer, Millimetre, Writer, true),
            (size(300.0), Millimetre, Size, true),
            (size(3.0), Millimetre, Size, false),
        ];
        for (clues, unit, source, sure) in cases {
            let units = Units::settle(&clues);
            assert_eq!(
                (units.value, units.source, units.confidence >= 0.7),
                (unit, source, sure),
                "{clues:?}"
            );
        }
    }
}
