//! Letters: how wide a text is and where its glyphs stand. One script, left to right; a letter that the font lacks is
//! shown as a question mark, never left out.

use krilla::text::{Font, GlyphId, KrillaGlyph};

use crate::PaperError;

const REGULAR: &[u8] = include_bytes!("../assets/Roboto-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../assets/Roboto-Bold.ttf");
/// Stands where a text was cut.
const ELLIPSIS: char = '…';

/// A font with its measures.
pub(crate) struct Face {
    pub(crate) font: Font,
    measures: ttf_parser::Face<'static>,
}

/// The two that pages use.
pub(crate) struct Fonts {
    pub(crate) regular: Face,
    pub(crate) bold: Face,
}

impl Fonts {
    pub(crate) fn load() -> Result<Self, PaperError> {
        Ok(Self {
            regular: Face::load("Roboto-Regular", REGULAR)?,
            bold: Face::load("Roboto-Bold", BOLD)?,
        })
    }
}

impl Face {
    fn load(name: &'static str, bytes: &'static [u8]) -> Result<Self, PaperError> {
        let font = Font::new(bytes.to_vec().into(), 0).ok_or(PaperError::Font(name))?;
        let measures =
            ttf_parser::Face::parse(bytes, 0).map_err(|_unreadable| PaperError::Font(name))?;
        Ok(Self { font, measures })
    }

    /// The glyph of a letter, and its advance as a share of the font's size.
    fn glyph(&self, letter: char) -> (u16, f32) {
        let glyph = self.measures.glyph_index(letter);
        let glyph = glyph.or_else(|| self.measures.glyph_index('?'));
        let glyph = glyph.unwrap_or_default();
        let advance = self.measures.glyph_hor_advance(glyph).unwrap_or_default();
        (
            glyph.0,
            f32::from(advance) / f32::from(self.measures.units_per_em()),
        )
    }

    /// In points.
    pub(crate) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|letter| self.glyph(letter).1 * size).sum()
    }

    pub(crate) fn glyphs(&self, text: &str) -> Vec<KrillaGlyph> {
        let place = |(at, letter): (usize, char)| {
            let (glyph, advance) = self.glyph(letter);
            let bytes = at..at + letter.len_utf8();
            KrillaGlyph::new(
                GlyphId::new(glyph.into()),
                advance,
                0.0,
                0.0,
                0.0,
                bytes,
                None,
            )
        };
        text.char_indices().map(place).collect()
    }

    /// `text` on at most `lines` lines of `width` points, broken at spaces and marks where there are any; what does not fit
    /// ends with an ellipsis. Controls are left out.
    pub(crate) fn wrap(&self, text: &str, size: f32, width: f32, lines: usize) -> Vec<String> {
        let mut rest: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
        let mut wrapped = Vec::new();
        while !rest.is_empty() && wrapped.len() < lines {
            let last = wrapped.len() + 1 == lines;
            let fits = self.fitting(&rest, size, width);
            let taken = match (fits == rest.len(), last) {
                (true, _) => fits,
                (false, true) => {
                    let room = width - self.glyph(ELLIPSIS).1 * size;
                    let cut = self.fitting(&rest, size, room);
                    rest.truncate(cut);
                    rest.push(ELLIPSIS);
                    rest.len()
                }
                (false, false) => break_before(&rest, fits),
            };
            let line: String = rest.drain(..taken.max(1).min(rest.len())).collect();
            wrapped.push(line.trim().to_owned());
        }
        wrapped
    }

    /// How many of the first letters fit.
    fn fitting(&self, letters: &[char], size: f32, width: f32) -> usize {
        let mut used = 0.0;
        let mut fits = 0;
        for letter in letters {
            used += self.glyph(*letter).1 * size;
            if used > width {
                break;
            }
            fits += 1;
        }
        fits
    }
}

/// The last place to break a line at, after a space or a mark that joins names, within the first `fits` letters.
fn break_before(letters: &[char], fits: usize) -> usize {
    let at = letters
        .iter()
        .take(fits)
        .rposition(|letter| matches!(letter, ' ' | '-' | '_' | '/' | ','));
    at.map_or(fits, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_where_they_may_be_and_cut_where_they_must() {
        let face = Fonts::load().unwrap().regular;
        let width = face.width("0005-VA2601-", 10.0) + 1.0;
        assert_eq!(
            face.wrap("0005-VA2601-VAS-4mm", 10.0, width, 3),
            ["0005-VA2601-", "VAS-4mm"]
        );
        let cut = face.wrap("0005-VA2601-VAS-4mm", 10.0, width, 1);
        assert!(cut[0].ends_with(ELLIPSIS) && face.width(&cut[0], 10.0) <= width);
        assert_eq!(face.wrap("", 10.0, width, 3), Vec::<String>::new());
        assert_eq!(face.wrap("a\n\u{0}b", 10.0, width, 3), ["ab"]);
    }

    #[test]
    fn no_width_is_too_narrow_and_no_letter_unknown() {
        let face = Fonts::load().unwrap().bold;
        assert_eq!(face.wrap("abc", 10.0, 0.0, 2).len(), 2);
        assert_eq!(face.width("漢", 10.0), face.width("?", 10.0));
        assert!(face.width("Łódź Θ Ж", 10.0) > face.width("????", 10.0));
    }
}
