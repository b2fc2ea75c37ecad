//! Lines into bands that share their gaps: columns of text and tables drawn without rules show themselves by them.
//! Never splits a line.

use super::Line;
use std::ops::Range;

/// A gap that is left between two columns is at least this wide, in heights of a line.
const GUTTER_MIN: f64 = 0.4;
/// Lines further apart than this, in heights of a line, belong to different bands.
const LINE_GAP_MAX: f64 = 3.0;
/// Columns of text have at least this many lines …
const PROSE_LINES_MIN: usize = 4;
/// … and this many words in a line.
const PROSE_WORDS_MIN: f64 = 4.0;

/// Consecutive lines with what separates their columns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// Places in the lines that were given.
    pub(crate) lines: Range<usize>,
    /// From and to of every gap that runs through all lines, from left to right; empty for a single column.
    pub(crate) gutters: Vec<(f64, f64)>,
}

impl Band {
    /// The column, from 0, that a place across belongs to.
    pub(crate) fn column(&self, x: f64) -> usize {
        self.gutters
            .iter()
            .take_while(|gutter| x > gutter.0.midpoint(gutter.1))
            .count()
    }

    /// Whether the columns are text that is read one after the other, not cells that are read across.
    pub(crate) fn is_prose(&self, lines: &[Line]) -> bool {
        let mut counts = vec![(0_u32, 0_u32); self.gutters.len() + 1];
        for piece in self.pieces(lines) {
            if let Some((pieces, words)) = counts.get_mut(self.column(piece.area.middle().0)) {
                *pieces += 1;
                *words += u32::try_from(piece.text.split(' ').count()).unwrap_or(u32::MAX);
            }
        }
        !self.gutters.is_empty()
            && self.lines.len() >= PROSE_LINES_MIN
            && counts.iter().all(|(pieces, words)| {
                *pieces > 1 && f64::from(*words) >= PROSE_WORDS_MIN * f64::from(*pieces)
            })
    }

    fn pieces<'a>(&self, lines: &'a [Line]) -> impl Iterator<Item = &'a super::Piece> {
        let lines = lines.get(self.lines.clone()).unwrap_or_default();
        lines.iter().flat_map(|line| &line.pieces)
    }

    /// The band's text, line by line, or column by column when it is prose.
    pub(crate) fn texts(&self, lines: &[Line]) -> Vec<String> {
        if !self.is_prose(lines) {
            let lines = lines.get(self.lines.clone()).unwrap_or_default();
            return lines.iter().map(Line::text).collect();
        }
        let mut pieces: Vec<_> = self
            .pieces(lines)
            .map(|piece| (self.column(piece.area.middle().0), &piece.text))
            .collect();
        // Stable: lines stay in order within a column.
        pieces.sort_by_key(|(column, _)| *column);
        pieces.into_iter().map(|(_, text)| text.clone()).collect()
    }
}

/// The bands of a page. A line that `heads` begins a band of its own, which ends where a gap of it is closed.
pub(crate) fn bands(lines: &[Line], heads: impl Fn(&Line) -> bool) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    let mut headed = false;
    for (place, line) in lines.iter().enumerate() {
        let own = gaps(line);
        let heads = own.len() > 1 && heads(line);
        let near = place
            .checked_sub(1)
            .and_then(|before| lines.get(before))
            .is_some_and(|before| is_near(before, line));
        let joined = bands
            .last()
            .filter(|_| near && !heads)
            .and_then(|band| shared(band, &own, line, headed));
        match (joined, bands.last_mut()) {
            (Some(gutters), Some(band)) => {
                band.lines.end = place + 1;
                band.gutters = gutters;
            }
            _ => {
                headed = heads;
                bands.push(Band {
                    lines: place..place + 1,
                    gutters: own,
                });
            }
        }
    }
    bands
}

fn is_near(before: &Line, line: &Line) -> bool {
    let height = before.area.height().max(line.area.height());
    -before.area.overlap_down(line.area) <= LINE_GAP_MAX * height
}

/// The gaps between a line's pieces.
fn gaps(line: &Line) -> Vec<(f64, f64)> {
    let pairs = line.pieces.iter().zip(line.pieces.iter().skip(1));
    pairs
        .map(|(a, b)| (a.area.right, b.area.left))
        .filter(|gap| gap.1 > gap.0)
        .collect()
}

/// The gaps that are left when the line joins the band; none when it does not belong there.
fn shared(band: &Band, own: &[(f64, f64)], line: &Line, headed: bool) -> Option<Vec<(f64, f64)>> {
    if band.gutters.is_empty() {
        return own.is_empty().then(Vec::new);
    }
    let outside = [
        (f64::NEG_INFINITY, line.area.left),
        (line.area.right, f64::INFINITY),
    ];
    let free: Vec<_> = own.iter().chain(&outside).collect();
    let wide = GUTTER_MIN * line.area.height();
    let left: Vec<_> = band
        .gutters
        .iter()
        .flat_map(|gutter| {
            let both = free
                .iter()
                .map(|gap| (gap.0.max(gutter.0), gap.1.min(gutter.1)));
            both.filter(|gap| gap.1 - gap.0 >= wide)
        })
        .collect();
    let kept = match headed {
        true => left.len() == band.gutters.len(),
        false => !left.is_empty(),
    };
    kept.then_some(left)
}

#[cfg(test)]
mod tests {
    use super::super::lines::{lines, tests::words};
    use super::*;

    const ALPHA: &str = "alpha beta gamma delta epsilon";

    fn page(list: &[(&str, f64, f64)]) -> Vec<Line> {
        let split: Vec<_> = list
            .iter()
            .flat_map(|(text, left, bottom)| {
                let mut x = *left;
                text.split(' ')
                    .map(|word| {
                        let place = x;
                        x += 5.0 * f64::from(u32::try_from(word.len()).expect("short")) + 3.0;
                        (word, place, *bottom)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        lines(words(&split))
    }

    #[test]
    fn columns_of_text_are_read_one_after_the_other() {
        let mut list = vec![(
            "A title across the whole of this page, both columns",
            0.0,
            10.0,
        )];
        for row in 0..5 {
            let bottom = 30.0 + 14.0 * f64::from(row);
            list.extend([(ALPHA, 0.0, bottom), ("one two three four", 200.0, bottom)]);
        }
        let lines = page(&list);
        let bands = bands(&lines, |_| false);
        assert_eq!(bands.len(), 2);
        let texts = bands[1].texts(&lines);
        assert_eq!(texts[..5], [ALPHA; 5]);
        assert_eq!(texts[5..], ["one two three four"; 5]);
    }

    #[test]
    fn cells_are_read_across() {
        let lines = page(&[
            ("Part", 0.0, 10.0),
            ("Qty", 100.0, 10.0),
            ("Bracket left", 0.0, 24.0),
            ("4", 105.0, 24.0),
            ("Plate", 0.0, 38.0),
            ("12", 100.0, 38.0),
            ("Plate", 0.0, 52.0),
            ("12", 100.0, 52.0),
        ]);
        let bands = bands(&lines, |_| false);
        assert_eq!(bands.len(), 1);
        assert_eq!(bands[0].texts(&lines)[1], "Bracket left  4");
        assert_eq!((bands[0].column(2.0), bands[0].column(104.0)), (0, 1));
    }

    #[test]
    fn a_head_begins_a_band_and_a_sentence_ends_it() {
        let lines = page(&[
            ("ACME", 0.0, 10.0),
            ("ORDER", 140.0, 10.0),
            ("Part", 0.0, 24.0),
            ("Qty", 100.0, 24.0),
            ("Price", 150.0, 24.0),
            ("Plate", 0.0, 38.0),
            ("2", 100.0, 38.0),
            ("9.50", 150.0, 38.0),
            (
                "Delivery within two weeks from the date of order",
                0.0,
                52.0,
            ),
        ]);
        let heads = |line: &Line| line.pieces[0].text == "Part";
        let bands = bands(&lines, heads);
        let ranges: Vec<_> = bands.iter().map(|band| band.lines.clone()).collect();
        assert_eq!(ranges, [0..1, 1..3, 3..4]);
        assert_eq!(bands[1].gutters.len(), 2);
    }
}
