//! Image file directories: the tag lists of TIFF and EXIF (TIFF 6.0 section 2, EXIF 2.32 section 4.6). Reads tags where
//! they stand and copies nothing; a broken entry costs that entry. Never follows more directories than it is told to.

use super::bytes::Bytes;
use std::collections::BTreeSet;

/// One tag with its values as they stand in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) tag: u16,
    pub(super) form: Form,
    /// The values, whole ones only.
    values: Bytes<'a>,
}

/// The type of a tag's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Ascii,
    Undefined,
    Unsigned(usize),
    Signed(usize),
    Rational,
    SignedRational,
    Float,
    Double,
}

/// Directories of one file or EXIF block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Directories<'a> {
    bytes: Bytes<'a>,
    first: usize,
}

impl<'a> Directories<'a> {
    /// None when the bytes do not begin as a TIFF does; big TIFF has other directories and is not read.
    pub(super) fn new(data: &'a [u8]) -> Option<Self> {
        let bytes = match data {
            [b'I', b'I', 0x2A, 0, ..] => Bytes::little(data),
            [b'M', b'M', 0, 0x2A, ..] => Bytes::big(data),
            _ => return None,
        };
        let first = bytes.length(4)?;
        Some(Self { bytes, first })
    }

    /// Tags of the first directory.
    pub(super) fn first(self) -> impl Iterator<Item = Entry<'a>> {
        self.at(self.first)
    }

    /// Tags of the directory at an offset.
    pub(super) fn at(self, offset: usize) -> impl Iterator<Item = Entry<'a>> {
        let count = self.bytes.u16(offset).unwrap_or_default();
        (0..usize::from(count)).filter_map(move |nth| self.entry(offset.checked_add(2 + 12 * nth)?))
    }

    /// Directories in the chain, counted up to a limit; a chain that bites its tail ends there.
    pub(super) fn count(self, max: u64) -> u64 {
        let mut seen = BTreeSet::new();
        let mut next = Some(self.first);
        let mut count = 0;
        while let Some(offset) = next.filter(|offset| count < max && seen.insert(*offset)) {
            count += 1;
            next = self.behind(offset);
        }
        count
    }

    /// The directory that follows the one at an offset.
    fn behind(self, offset: usize) -> Option<usize> {
        let entries = usize::from(self.bytes.u16(offset)?);
        let next = self.bytes.length(offset.checked_add(2 + 12 * entries)?)?;
        (next != 0 && next < self.bytes.data.len()).then_some(next)
    }

    fn entry(self, at: usize) -> Option<Entry<'a>> {
        let (tag, form) = (self.bytes.u16(at)?, Form::of(self.bytes.u16(at + 2)?)?);
        let length = self.bytes.length(at + 4)?.checked_mul(form.size())?;
        let place = match length {
            0..=4 => at + 8,
            _ => self.bytes.length(at + 8)?,
        };
        let values = self.bytes.of(self.bytes.slice(place, length)?);
        Some(Entry { tag, form, values })
    }
}

impl Form {
    const fn of(code: u16) -> Option<Self> {
        Some(match code {
            1 => Self::Unsigned(1),
            2 => Self::Ascii,
            3 => Self::Unsigned(2),
            4 | 13 => Self::Unsigned(4),
            5 => Self::Rational,
            6 => Self::Signed(1),
            7 => Self::Undefined,
            8 => Self::Signed(2),
            9 => Self::Signed(4),
            10 => Self::SignedRational,
            11 => Self::Float,
            12 => Self::Double,
            _ => return None,
        })
    }

    const fn size(self) -> usize {
        match self {
            Self::Ascii | Self::Undefined => 1,
            Self::Unsigned(size) | Self::Signed(size) => size,
            Self::Float => 4,
            Self::Rational | Self::SignedRational | Self::Double => 8,
        }
    }
}

impl<'a> Entry<'a> {
    pub(super) const fn raw(&self) -> &'a [u8] {
        self.values.data
    }

    pub(super) fn count(&self) -> usize {
        self.values.data.len() / self.form.size()
    }

    /// The nth value as a whole number.
    pub(super) fn integer(&self, nth: usize) -> Option<i64> {
        let at = nth.checked_mul(self.form.size())?;
        match self.form {
            Form::Unsigned(1) => self.values.u8(at).map(i64::from),
            Form::Unsigned(2) => self.values.u16(at).map(i64::from),
            Form::Unsigned(_) => self.values.u32(at).map(i64::from),
            Form::Signed(1) => self.values.u8(at).map(|n| i64::from(n.cast_signed())),
            Form::Signed(2) => self.values.u16(at).map(|n| i64::from(n.cast_signed())),
            Form::Signed(_) => self.values.u32(at).map(|n| i64::from(n.cast_signed())),
            _ => None,
        }
    }

    /// The nth value as numerator and denominator.
    pub(super) fn fraction(&self, nth: usize) -> Option<(i64, i64)> {
        let at = nth.checked_mul(8)?;
        let (over, under) = (self.values.u32(at)?, self.values.u32(at + 4)?);
        match self.form {
            Form::Rational => Some((over.into(), under.into())),
            Form::SignedRational => Some((over.cast_signed().into(), under.cast_signed().into())),
            _ => None,
        }
    }

    /// The nth value as a number of whatever form; None when it is no finite number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "values have 32 bits, which a double holds"
    )]
    pub(super) fn number(&self, nth: usize) -> Option<f64> {
        let number = match self.form {
            Form::Rational | Form::SignedRational => {
                let (over, under) = self.fraction(nth)?;
                over as f64 / under as f64
            }
            Form::Float => f64::from(f32::from_bits(self.values.u32(nth.checked_mul(4)?)?)),
            Form::Double => f64::from_bits(self.values.u64(nth.checked_mul(8)?)?),
            _ => self.integer(nth)? as f64,
        };
        number.is_finite().then_some(number)
    }
}
