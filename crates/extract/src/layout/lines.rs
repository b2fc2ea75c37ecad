//! Words into lines: grouped by height, sorted across, joined where gaps are small. Never drops a word but one that is
//! printed twice on the same spot.

use super::{Area, Line, Piece, Word};

/// Parts of one word are nearer than this, in heights of the type: a blank is a quarter of it.
const JOINED_GAP: f64 = 0.12;
/// Words of one piece are nearer than this, in heights of the type.
const PIECE_GAP: f64 = 1.1;
/// Middles of words on one line differ by less than this part of the lower one's height.
const SAME_LINE: f64 = 0.45;
/// A word this much of which lies on the same word before it is that word, made bold.
const TWICE: f64 = 0.7;

/// The lines of a page, from top to bottom.
pub(crate) fn lines(mut words: Vec<Word>) -> Vec<Line> {
    words.retain(|word| !word.text.trim().is_empty());
    words.sort_by(|a, b| a.area.middle().1.total_cmp(&b.area.middle().1));
    let mut lines = Vec::new();
    let mut row: Vec<Word> = Vec::new();
    for word in words {
        if row.first().is_some_and(|first| !is_level(first, &word)) {
            lines.extend(line(std::mem::take(&mut row)));
        }
        row.push(word);
    }
    lines.extend(line(row));
    lines
}

fn is_level(a: &Word, b: &Word) -> bool {
    let lower = a.area.height().min(b.area.height());
    (a.area.middle().1 - b.area.middle().1).abs() <= SAME_LINE * lower
}

fn line(mut words: Vec<Word>) -> Option<Line> {
    words.sort_by(|a, b| a.area.left.total_cmp(&b.area.left));
    let mut pieces: Vec<Piece> = Vec::new();
    let mut last: Option<Word> = None;
    for word in words {
        let gap = last.as_ref().map(|last| gap(last, &word));
        match (gap, pieces.last_mut()) {
            (Some(Gap::Twice), _) => continue,
            (Some(Gap::None), Some(piece)) => extend(piece, "", &word),
            (Some(Gap::Blank), Some(piece)) => extend(piece, " ", &word),
            _ => pieces.push(Piece {
                text: word.text.clone(),
                area: word.area,
                cell: word.cell,
            }),
        }
        last = Some(word);
    }
    let area = pieces.iter().map(|piece| piece.area).reduce(Area::with)?;
    Some(Line { pieces, area })
}

fn extend(piece: &mut Piece, between: &str, word: &Word) {
    piece.text.push_str(between);
    piece.text.push_str(&word.text);
    piece.area = piece.area.with(word.area);
}

/// What lies between two words.
enum Gap {
    /// They are parts of one word.
    None,
    Blank,
    Wide,
    /// They are the same word on the same spot.
    Twice,
}

fn gap(last: &Word, word: &Word) -> Gap {
    let type_height = last.area.height().min(word.area.height());
    let overlap = last.area.overlap_across(word.area);
    if last.text == word.text && overlap > TWICE * word.area.width() {
        Gap::Twice
    } else if last.cell != word.cell || overlap < -PIECE_GAP * type_height {
        Gap::Wide
    } else if overlap < -JOINED_GAP * type_height {
        Gap::Blank
    } else {
        Gap::None
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Words of 10 high type, 5 wide a letter, at left and baseline.
    pub(crate) fn words(list: &[(&str, f64, f64)]) -> Vec<Word> {
        list.iter()
            .map(|(text, left, bottom)| {
                let letters = u32::try_from(text.chars().count()).expect("a short word");
                Word {
                    text: (*text).to_owned(),
                    area: Area {
                        left: *left,
                        top: bottom - 10.0,
                        right: left + 5.0 * f64::from(letters),
                        bottom: *bottom,
                    },
                    cell: None,
                }
            })
            .collect()
    }

    fn texts(words: Vec<Word>) -> Vec<Vec<String>> {
        let texts = |line: Line| line.pieces.into_iter().map(|piece| piece.text).collect();
        lines(words).into_iter().map(texts).collect()
    }

    #[test]
    fn gaps_tell_parts_words_and_pieces_apart() {
        let found = texts(words(&[
            ("Qty", 80.0, 10.0),
            ("low", 0.0, 30.0),
            ("Brac", 0.0, 10.5),
            ("ket", 20.0, 10.0),
            ("left", 38.0, 10.0),
        ]));
        assert_eq!(found, [vec!["Bracket left", "Qty"], vec!["low"]]);
    }

    #[test]
    fn raised_and_doubled_words_stay_on_their_line() {
        let mut bold = words(&[("mm", 0.0, 10.0), ("mm", 0.3, 10.0), ("2", 10.5, 10.0)]);
        bold[2].area = Area {
            left: 10.2,
            top: 0.0,
            right: 13.0,
            bottom: 6.0,
        };
        assert_eq!(texts(bold), [["mm2"]]);
    }

    #[test]
    fn cells_keep_words_apart() {
        let mut row = words(&[("Rev", 0.0, 10.0), ("B", 16.0, 10.0)]);
        row[1].cell = Some(1);
        assert_eq!(texts(row), [["Rev", "B"]]);
        assert!(texts(words(&[(" ", 0.0, 10.0)])).is_empty());
    }
}
