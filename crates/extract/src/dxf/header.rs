//! The HEADER section: the few variables that matter to a reader. Never trusts its extents.

use super::pairs::Pairs;
use super::text;
use drawing::Unit;
use encoding_rs::Encoding;

/// What the file says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `$ACADVER`: AC1009 is R12, AC1032 is 2018; empty when absent.
    pub version: String,
    /// `$DWGCODEPAGE` as written; empty when absent.
    pub code_page: String,
    /// `$INSUNITS` as written, 0 included.
    pub insunits: Option<i64>,
    /// `$MEASUREMENT`: true is metric.
    pub metric: Option<bool>,
}

/// A version or code page longer than this is cut.
const WORD_BYTES_MAX: usize = 32;

impl Header {
    /// Reads to the section's end; in a repeated section the later value counts.
    pub(super) fn read(&mut self, pairs: &mut Pairs<'_>) {
        let mut variable: &[u8] = b"";
        while let Some(pair) = pairs.field() {
            match (pair.code, variable) {
                (9, _) => variable = pair.value.trim_ascii(),
                (1, b"$ACADVER") => self.version = word(pair.value),
                (3, b"$DWGCODEPAGE") => self.code_page = word(pair.value),
                (70, b"$INSUNITS") => self.insunits = pair.integer(),
                (70, b"$MEASUREMENT") => self.metric = pair.integer().map(|flag| flag != 0),
                _ => {}
            }
        }
    }

    /// How texts and names are encoded.
    pub fn encoding(&self) -> &'static Encoding {
        text::encoding(&self.version, &self.code_page)
    }

    /// The declared unit, if it is one of length that a part can have.
    pub fn unit(&self) -> Option<Unit> {
        Unit::from_insunits(self.insunits?)
    }
}

fn word(value: &[u8]) -> String {
    let value = value.trim_ascii();
    let kept = value.get(..WORD_BYTES_MAX).unwrap_or(value);
    String::from_utf8_lossy(kept).into_owned()
}
