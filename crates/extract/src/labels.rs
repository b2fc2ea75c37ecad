//! Labels with the values beside them: title blocks, order headers, forms. Pieces of text with their places in, fields
//! out. Never knows a file format, never takes a word for a label that the table lacks, nor a value of the wrong shape.

use crate::document::Field;
use crate::layout::{Area, Piece};
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a value must look like to be one.
#[derive(Clone, Copy)]
enum Shape {
    /// Any words, but not many.
    Words,
    /// Letters, digits and dashes with a digit among them.
    Code,
    /// Begins with a figure.
    Figure,
    /// One or two words without blanks around signs: `B`, `02`, `A3`.
    Mark,
    /// Two figures with `:`, `/` or `=` between, or words that deny a scale.
    Scale,
    /// Holds a day and a year or month.
    Date,
}

/// A field's name with the words that people label it with: letter case, dots and dashes do not matter.
struct Label {
    name: &'static str,
    shape: Shape,
    words: &'static [&'static str],
}

const fn label(name: &'static str, shape: Shape, words: &'static [&'static str]) -> Label {
    Label { name, shape, words }
}

/// ISO 7200 names the fields of title blocks; the rest is how order forms and workshop drawings say it.
#[rustfmt::skip]
static LABELS: [Label; 31] = [
    label("part_name", Shape::Words, &["part name", "part", "title", "drawing title", "name", "part title", "part description", "component", "component name"]),
    label("part_number", Shape::Words, &["part no", "part number", "part nr", "part num", "item no", "item number", "p/n", "part code", "stock code"]),
    label("drawing_number", Shape::Code, &["drawing no", "drawing number", "dwg no", "dwg number", "dwg", "drg no", "drg number", "drawing nr", "document no", "document number", "doc no"]),
    label("revision", Shape::Mark, &["rev", "revision", "rev no", "issue", "revision index"]),
    label("material", Shape::Words, &["material", "mat", "mat'l", "matl", "raw material", "material grade"]),
    label("thickness", Shape::Figure, &["thickness", "thk", "thick", "plate thickness", "material thickness", "sheet thickness"]),
    label("quantity", Shape::Figure, &["qty", "quantity", "no off", "no req'd", "number off", "qty required", "quantity required", "required qty", "qty req'd"]),
    label("scale", Shape::Scale, &["scale", "drawing scale"]),
    label("sheet_size", Shape::Mark, &["size", "sheet size", "paper size", "format", "paper"]),
    label("sheet", Shape::Figure, &["sheet", "sheet no", "page", "sht"]),
    label("units", Shape::Words, &["units", "unit", "dimensions in", "all dimensions in", "dimensions are in"]),
    label("finish", Shape::Words, &["finish", "surface finish", "coating", "treatment", "surface treatment", "colour", "color"]),
    label("tolerance", Shape::Words, &["tolerance", "tolerances", "general tolerance", "general tolerances"]),
    label("mass", Shape::Figure, &["mass", "weight"]),
    label("drawn_by", Shape::Words, &["drawn", "drawn by", "drn", "designed by", "created by", "author", "creator"]),
    label("checked_by", Shape::Words, &["checked", "checked by", "chk", "chk'd"]),
    label("approved_by", Shape::Words, &["approved", "approved by", "appr", "app'd"]),
    label("date", Shape::Date, &["date", "drawing date", "date drawn", "issue date", "date of issue", "order date", "po date", "p.o. date", "quote date", "quotation date", "invoice date"]),
    label("due_date", Shape::Date, &["due", "due date", "delivery date", "required by", "date required", "required date", "required", "delivery by", "deliver by", "need by", "ship by", "completion date"]),
    label("valid_until", Shape::Date, &["valid until", "valid to", "expiry date", "expires", "quote valid until"]),
    label("po_number", Shape::Code, &["po", "p.o", "po no", "po number", "p.o. no", "p.o. number", "purchase order", "purchase order no", "purchase order number", "order no", "order number", "customer po", "your order", "your order no"]),
    label("quote_number", Shape::Code, &["quote", "quote no", "quote number", "quotation", "quotation no", "quotation number", "rfq", "rfq no", "rfq number"]),
    label("invoice_number", Shape::Code, &["invoice", "invoice no", "invoice number"]),
    label("job_number", Shape::Code, &["job no", "job number", "works order", "works order no", "work order", "work order no"]),
    label("project", Shape::Words, &["project", "project name", "project no", "project number", "project code", "job", "job name", "contract"]),
    label("customer", Shape::Words, &["customer", "customer name", "client", "client name", "bill to", "sold to", "invoice to", "buyer", "company"]),
    label("customer_code", Shape::Code, &["customer no", "customer number", "customer code", "client code", "client no", "account no", "account"]),
    label("ship_to", Shape::Words, &["ship to", "deliver to", "delivery address", "delivery to"]),
    label("supplier", Shape::Words, &["supplier", "vendor", "supplier name", "vendor name"]),
    label("contact", Shape::Words, &["contact", "attention", "attn", "contact person", "contact name"]),
    label("reference", Shape::Words, &["reference", "ref", "ref no", "our ref", "your ref", "customer ref", "customer reference"]),
];

/// Words of the longest label.
const LABEL_WORDS_MAX: usize = 4;
/// A value has at most this many letters …
const VALUE_CHARS_MAX: usize = 120;
/// … and words.
const VALUE_WORDS_MAX: usize = 12;
/// A value on the same line stands at most this far right of its label, in heights of the type.
const BESIDE_MAX: f64 = 14.0;
/// A value below its label begins at most this far below it, in heights of the type.
const BELOW_MAX: f64 = 1.6;
/// Looked at on either side of a piece, in reading order, for its value.
const NEAR_PIECES: usize = 40;

/// Fields with what they were read from.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Labelled {
    pub(crate) fields: Vec<Field>,
    /// For each piece, whether it was used up, as a label or as a value.
    pub(crate) used: Vec<bool>,
}

/// Reads the pieces of one page, in reading order; `cells` are the ruled boxes that their `cell` counts.
pub(crate) fn read(pieces: &[Piece], cells: &[Area]) -> Labelled {
    let mut found = Labelled::default();
    let mut used = vec![false; pieces.len()];
    let mut mark = |place: usize| {
        if let Some(used) = used.get_mut(place) {
            *used = true;
        }
    };
    for (place, piece) in pieces.iter().enumerate() {
        let inside = stated_inside(&piece.text);
        if !inside.is_empty() {
            found.fields.extend(inside);
            mark(place);
        } else if let Some(label) = whole_label(&piece.text)
            && let Some((at, value)) = value_of(place, label, pieces, cells)
        {
            found.fields.push(field(label, value));
            mark(place);
            mark(at);
        }
    }
    found.used = used;
    found
}

/// Whether these words are a label and nothing else.
pub(crate) fn is_label(text: &str) -> bool {
    whole_label(text).is_some()
}

/// Whether these words are a label with its value.
pub(crate) fn states(text: &str) -> bool {
    !stated_inside(text).is_empty()
}

fn field(label: &Label, value: &str) -> Field {
    Field {
        name: label.name.to_owned(),
        value: value.to_owned(),
    }
}

/// The label that these words are, whatever stands between and behind them.
fn find(words: &str) -> Option<&'static Label> {
    static BY_WORDS: LazyLock<HashMap<String, &'static Label>> = LazyLock::new(|| {
        let words =
            |label: &'static Label| label.words.iter().map(move |words| (plain(words), label));
        LABELS.iter().flat_map(words).collect()
    });
    BY_WORDS.get(&plain(words)).copied()
}

/// Lower case without points, dashes and signs of numbers.
fn plain(words: &str) -> String {
    let lower = words.to_lowercase().replace('#', " no ");
    let kept: String = lower
        .chars()
        .filter(|c| !matches!(c, '.' | '\'' | '’'))
        .collect();
    let parted = |c: char| c.is_whitespace() || matches!(c, '-' | '_' | ':' | '=');
    kept.split(parted)
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "№" | "num" | "nr" | "nbr" => "no",
            word => word,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn whole_label(text: &str) -> Option<&'static Label> {
    let words = text.split_whitespace().count();
    (words <= LABEL_WORDS_MAX).then(|| find(text)).flatten()
}

/// `Label: value` within one piece, perhaps several of them; without a sign between only what has the right shape.
fn stated_inside(text: &str) -> Vec<Field> {
    let marks: Vec<(usize, usize, &'static Label)> = text
        .match_indices([':', '='])
        .filter_map(|(at, _)| {
            let (start, label) = label_before(text.get(..at)?)?;
            Some((start, at + 1, label))
        })
        .collect();
    let ends = marks.iter().skip(1).map(|mark| mark.0).chain([text.len()]);
    let stated: Vec<_> = marks
        .iter()
        .zip(ends)
        .filter_map(|((_, from, label), to)| {
            let value = text
                .get(*from..to)?
                .trim()
                .trim_end_matches([',', ';', '|']);
            fits(label.shape, value).then(|| field(label, value.trim()))
        })
        .collect();
    match marks.is_empty() {
        true => unsigned(text).into_iter().collect(),
        false => stated,
    }
}

/// The longest label that these words end with, and where it begins.
fn label_before(text: &str) -> Option<(usize, &'static Label)> {
    let text = text.trim_end();
    let starts = text
        .char_indices()
        .rev()
        .filter(|(at, c)| {
            let before = text.get(..*at).and_then(|head| head.chars().next_back());
            !c.is_whitespace()
                && before.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ';' | '|'))
        })
        .take(LABEL_WORDS_MAX);
    starts
        .filter_map(|(at, _)| Some((at, find(text.get(at..)?)?)))
        .last()
}

/// `Rev B`, `PO No 4500123`, `Qty 4`: a label and nothing but a value of a telling shape.
fn unsigned(text: &str) -> Option<Field> {
    let words: Vec<_> = text.split_whitespace().collect();
    (1..words.len().min(LABEL_WORDS_MAX + 1))
        .rev()
        .find_map(|count| {
            let (head, tail) = words.split_at_checked(count)?;
            let label = find(&head.join(" "))?;
            let value = tail.join(" ");
            let telling = !matches!(label.shape, Shape::Words) && tail.len() <= 2;
            (telling && fits(label.shape, &value)).then(|| field(label, &value))
        })
}

/// The value of a label that stands alone: below it in its cell, in the next cell, on its line, or under it.
fn value_of<'a>(
    place: usize,
    label: &Label,
    pieces: &'a [Piece],
    cells: &[Area],
) -> Option<(usize, &'a str)> {
    let own = pieces.get(place)?;
    let from = place.saturating_sub(NEAR_PIECES);
    let near = pieces.get(from..)?.iter().take(2 * NEAR_PIECES + 1);
    let others: Vec<_> = (from..).zip(near).filter(|(at, _)| *at != place).collect();
    let pick = |fits_place: &dyn Fn(&Piece) -> bool, distance: &dyn Fn(&Piece) -> f64| {
        others
            .iter()
            .filter(|(_, piece)| fits_place(piece))
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
            .filter(|(_, piece)| {
                whole_label(&piece.text).is_none() && fits(label.shape, &piece.text)
            })
            .map(|(at, piece)| (*at, piece.text.as_str()))
    };
    let across = |piece: &Piece| piece.area.left - own.area.right;
    let down = |piece: &Piece| piece.area.top - own.area.bottom;
    if let Some(cell) = own.cell {
        let box_of = |piece: &Piece| piece.cell.and_then(|cell| cells.get(cell)).copied();
        let own_box = *cells.get(cell)?;
        let same = |piece: &Piece| piece.cell == own.cell;
        return pick(&|piece| same(piece) && is_right(own, piece), &across)
            .or_else(|| {
                pick(
                    &|piece| same(piece) && down(piece) > -own.area.height() / 2.0,
                    &down,
                )
            })
            .or_else(|| {
                pick(
                    &|piece| box_of(piece).is_some_and(|other| is_next(own_box, other)),
                    &across,
                )
            })
            .or_else(|| {
                pick(
                    &|piece| box_of(piece).is_some_and(|other| is_under(own_box, other)),
                    &down,
                )
            });
    }
    let reach = own.area.height();
    let free = |piece: &Piece| piece.cell.is_none();
    pick(
        &|piece| free(piece) && is_right(own, piece) && across(piece) <= BESIDE_MAX * reach,
        &across,
    )
    .or_else(|| {
        let below =
            |piece: &Piece| (0.0..=BELOW_MAX * reach).contains(&(down(piece) + reach / 4.0));
        pick(
            &|piece| free(piece) && below(piece) && own.area.overlap_across(piece.area) > 0.0,
            &down,
        )
    })
}

/// On the same line, behind it.
fn is_right(own: &Piece, other: &Piece) -> bool {
    let height = own.area.height().min(other.area.height());
    own.area.overlap_down(other.area) > height / 2.0
        && other.area.left >= own.area.right - height / 2.0
}

/// Cells are apart by no more than their rule.
const RULE_WIDTH_MAX: f64 = 0.15;

fn is_next(own: Area, other: Area) -> bool {
    let slack = RULE_WIDTH_MAX * own.height().min(other.height());
    (other.left - own.right).abs() <= slack
        && own.overlap_down(other) > own.height().min(other.height()) / 2.0
}

fn is_under(own: Area, other: Area) -> bool {
    let slack = RULE_WIDTH_MAX * own.height().min(other.height());
    (other.top - own.bottom).abs() <= slack
        && own.overlap_across(other) > own.width().min(other.width()) / 2.0
}

fn fits(shape: Shape, value: &str) -> bool {
    let value = value.trim();
    let words = value.split_whitespace().count();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let filled = value.chars().any(char::is_alphanumeric)
        && value.chars().count() <= VALUE_CHARS_MAX
        && words <= VALUE_WORDS_MAX;
    filled
        && match shape {
            Shape::Words => true,
            Shape::Code => digits > 0 && words <= 3,
            Shape::Figure => value.starts_with(|c: char| c.is_ascii_digit()) && words <= 4,
            Shape::Mark => words <= 2 && value.len() <= 10,
            Shape::Scale => scale(value).is_some(),
            Shape::Date => (3..=14).contains(&digits) && words <= 5,
        }
}

/// Paper to part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// Length on the part by length on paper: 2 for `1:2`.
    By(f64),
    /// `NTS`, `not to scale`.
    None,
}

/// What a scale's words say.
pub(crate) fn scale(words: &str) -> Option<Scale> {
    let lower = words.trim().to_lowercase();
    let denied = [
        "nts",
        "n.t.s",
        "n.t.s.",
        "none",
        "not to scale",
        "do not scale",
    ];
    if denied.contains(&lower.as_str()) {
        return Some(Scale::None);
    }
    if matches!(lower.as_str(), "full" | "full size" | "1") {
        return Some(Scale::By(1.0));
    }
    let (paper, part) = lower.split_once([':', '/', '='])?;
    let figure = |text: &str| text.trim().replace(',', ".").parse::<f64>().ok();
    let part = part.split_whitespace().next()?;
    let by = figure(part)? / figure(paper)?;
    (by.is_finite() && (1e-4..=1e4).contains(&by)).then_some(Scale::By(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, left: f64, top: f64, cell: Option<usize>) -> Piece {
        let letters = u32::try_from(text.chars().count()).expect("short");
        Piece {
            text: text.to_owned(),
            area: Area {
                left,
                top,
                right: left + 5.0 * f64::from(letters),
                bottom: top + 10.0,
            },
            cell,
        }
    }

    fn fields(pieces: &[Piece], cells: &[Area]) -> Vec<(String, String)> {
        let named = |field: Field| (field.name, field.value);
        read(pieces, cells).fields.into_iter().map(named).collect()
    }

    #[test]
    fn labels_with_their_value_in_one_piece() {
        let cases: [(&str, &[(&str, &str)]); 19] = [
            ("Material: Mild Steel", &[("material", "Mild Steel")]),
            (
                "MAT'L: 3mm Galv  THK: 3",
                &[("material", "3mm Galv"), ("thickness", "3")],
            ),
            ("P.O. No.: 4500-12", &[("po_number", "4500-12")]),
            ("PO # 4500123", &[("po_number", "4500123")]),
            ("Purchase Order Number: PO-7", &[("po_number", "PO-7")]),
            ("Purchase Order PO-7", &[("po_number", "PO-7")]),
            ("Rev B", &[("revision", "B")]),
            ("SCALE 1:2", &[("scale", "1:2")]),
            ("Scale: 1:2", &[("scale", "1:2")]),
            ("Due Date: 2026-01-31", &[("due_date", "2026-01-31")]),
            ("Qty 4", &[("quantity", "4")]),
            ("Customer: Smith & Sons", &[("customer", "Smith & Sons")]),
            ("Date: to be agreed", &[]),
            ("Material handling charges", &[]),
            ("Note: see page 2", &[]),
            ("PURCHASE ORDER", &[]),
            ("Order before noon", &[]),
            ("Material:", &[]),
            ("Part of the order", &[]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(
                fields(&[piece(text, 0.0, 0.0, None)], &[]),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn values_stand_beside_or_below() {
        let page = [
            piece("PO Number", 0.0, 0.0, None),
            piece("Date", 100.0, 0.0, None),
            piece("4500123", 0.0, 13.0, None),
            piece("2026-01-31", 100.0, 13.0, None),
            piece("Customer", 0.0, 60.0, None),
            piece("Smith & Sons", 80.0, 60.0, None),
            piece("Supplier", 0.0, 90.0, None),
            piece("far away", 400.0, 90.0, None),
        ];
        let expected = [
            ("po_number", "4500123"),
            ("date", "2026-01-31"),
            ("customer", "Smith & Sons"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(&page, &[]), expected);
        let used = read(&page, &[]).used;
        assert_eq!(used, [true, true, true, true, true, true, false, false]);
    }

    #[test]
    fn cells_bind_labels_to_values() {
        let cell = |left: f64, top: f64| Area {
            left,
            top,
            right: left + 100.0,
            bottom: top + 30.0,
        };
        let cells = [
            cell(0.0, 0.0),
            cell(100.0, 0.0),
            cell(0.0, 30.0),
            cell(100.0, 30.0),
        ];
        let page = [
            piece("MATERIAL", 2.0, 2.0, Some(0)),
            piece("TITLE", 102.0, 2.0, Some(1)),
            piece("Corten", 30.0, 16.0, Some(0)),
            piece("Base plate", 130.0, 16.0, Some(1)),
            piece("THICKNESS", 2.0, 40.0, Some(2)),
            piece("6 mm", 102.0, 40.0, Some(3)),
        ];
        let expected = [
            ("material", "Corten"),
            ("part_name", "Base plate"),
            ("thickness", "6 mm"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields(&page, &cells), expected);
    }

    #[test]
    fn scales() {
        let cases = [
            ("1:2", Some(Scale::By(2.0))),
            ("2 : 1", Some(Scale::By(0.5))),
            ("1 = 50", Some(Scale::By(50.0))),
            ("1/10 (A3)", Some(Scale::By(10.0))),
            ("NTS", Some(Scale::None)),
            ("Not to scale", Some(Scale::None)),
            ("1:0", None),
            ("0:1", None),
            ("x:y", None),
            ("as noted", None),
        ];
        for (words, expected) in cases {
            assert_eq!(scale(words), expected, "{words}");
        }
    }
}
