//! What the pages of a document state of one part, or of several: labelled fields into lines that facts are read from.
//! Never settles a contradiction: pages that disagree are several parts, and a day that could be two is left out.

use crate::document::{Field, PartLine};
use crate::facts::{Facts, Rules, read_texts};

/// A field's label as facts are read from it, the fields that carry it by preference.
const STATEMENTS: [(&str, &[&str]); 8] = [
    ("Part", &["part_name", "part_number"]),
    ("Material", &["material"]),
    ("Thickness", &["thickness"]),
    ("Qty", &["quantity"]),
    ("PO No", &["po_number"]),
    ("Due date", &["due_date"]),
    ("Project", &["project"]),
    ("Client", &["customer_code", "customer"]),
];
/// Labels whose values hold for all parts of a document.
const OF_THE_ORDER: [&str; 4] = ["PO No", "Due date", "Project", "Client"];
/// What names the part of a page.
const PART_FIELDS: [&str; 3] = ["part_number", "drawing_number", "part_name"];

/// What the fields of all pages state.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Stated {
    /// `Label: value` lines on which all pages agree.
    pub(super) texts: Vec<String>,
    /// One line for each page, when pages are drawings of different parts.
    pub(super) part_lines: Vec<PartLine>,
    /// Days that could be read in two ways, as written.
    pub(super) unclear_days: Vec<String>,
}

/// Brings together the fields of each page, given with the page's number.
pub(super) fn stated(pages: &[(u64, Vec<Field>)], rules: &Rules) -> Stated {
    let mut stated = Stated::default();
    let mut parts: Vec<&str> = pages
        .iter()
        .filter_map(|(_, fields)| first(fields, &PART_FIELDS))
        .collect();
    let drawn = parts.len();
    parts.sort_unstable();
    parts.dedup();
    let several = parts.len() > 1;
    for (label, names) in STATEMENTS {
        let mut values: Vec<&str> = pages
            .iter()
            .filter_map(|(_, fields)| first(fields, names))
            .collect();
        let stating = values.len();
        values.sort_unstable();
        values.dedup();
        // A contradiction within one part is for the facts to weigh; what only one of several parts says is its own.
        if several && (values.len() > 1 || stating < drawn) && !OF_THE_ORDER.contains(&label) {
            continue;
        }
        for value in values {
            match line(label, value) {
                Some(line) => stated.texts.push(line),
                None => stated.unclear_days.push(value.to_owned()),
            }
        }
    }
    if several {
        stated.part_lines = pages
            .iter()
            .filter_map(|(page, fields)| part_line(*page, fields, rules))
            .collect();
    }
    stated
}

fn first<'a>(fields: &'a [Field], names: &[&str]) -> Option<&'a str> {
    let value = |name: &&str| {
        let field = fields.iter().find(|field| field.name == **name)?;
        Some(field.value.as_str())
    };
    names.iter().find_map(value)
}

fn line(label: &str, value: &str) -> Option<String> {
    match label {
        "Due date" => Some(format!("{label}: {}", day(value)?)),
        _ => Some(format!("{label}: {value}")),
    }
}

fn part_line(page: u64, fields: &[Field], rules: &Rules) -> Option<PartLine> {
    let name = first(fields, &PART_FIELDS)?;
    let lines: Vec<_> = STATEMENTS
        .iter()
        .filter_map(|(label, names)| line(label, first(fields, names)?))
        .collect();
    let mut line = PartLine {
        part_name: Some(name.to_owned()),
        place: Some(format!("page {page}")),
        ..PartLine::default()
    };
    for facts in read_texts(&lines, rules) {
        let Facts {
            part_name,
            material,
            thickness_mm,
            quantity,
            ..
        } = facts;
        line.part_name = part_name.map(|fact| fact.value).or(line.part_name);
        line.material = material.map(|fact| fact.value).or(line.material);
        line.thickness_mm = thickness_mm.map(|fact| fact.value).or(line.thickness_mm);
        line.quantity = quantity.map(|fact| fact.value).or(line.quantity);
    }
    Some(line)
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// `YYYY-MM-DD` of a day as people write it; None when day and month could be either way round.
fn day(written: &str) -> Option<String> {
    let lower = written.to_lowercase();
    let words: Vec<_> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let month_word = |word: &str| {
        let begins = |month: &&str| word.starts_with(*month);
        let place = MONTHS.iter().position(begins)?;
        u32::try_from(place + 1).ok()
    };
    let number = |word: &str| {
        let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        digits.parse::<u32>().ok()
    };
    let [a, b, c] = *words.first_chunk::<3>()?;
    let (year, month, day) = match (month_word(a), month_word(b)) {
        (Some(month), _) => (number(c)?, month, number(b)?),
        (_, Some(month)) => (number(c)?, month, number(a)?),
        _ => match (number(a)?, number(b)?, number(c)?) {
            (year @ 1000.., month, day) => (year, month, day),
            (day @ 13.., month, year) | (month, day @ 13.., year) => (year, month, day),
            (day, month, year) if day == month => (year, month, day),
            _ => return None,
        },
    };
    let year = if year < 100 { 2000 + year } else { year };
    let real = (1..=12).contains(&month) && (1..=31).contains(&day) && year < 10_000;
    real.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&str, &str)]) -> Vec<Field> {
        list.iter()
            .map(|(name, value)| Field {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect()
    }

    #[test]
    fn days_are_read_when_they_are_one_day() {
        let cases = [
            ("2026-01-31", Some("2026-01-31")),
            ("31/01/2026", Some("2026-01-31")),
            ("01/31/2026", Some("2026-01-31")),
            ("31.1.26", Some("2026-01-31")),
            ("5 Oct 2026", Some("2026-10-05")),
            ("October 5th, 2026", Some("2026-10-05")),
            ("05/05/2026", Some("2026-05-05")),
            ("05/06/2026", None),
            ("2026-13-01", None),
            ("tomorrow", None),
        ];
        for (written, expected) in cases {
            assert_eq!(day(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn pages_of_one_part_agree_and_pages_of_several_are_lines() {
        let rules = Rules::default();
        let one = (
            1,
            fields(&[
                ("part_name", "Left bracket"),
                ("material", "MS"),
                ("due_date", "05/06/2026"),
            ]),
        );
        let found = stated(&[one.clone(), (2, fields(&[("material", "MS")]))], &rules);
        assert_eq!(found.texts, ["Part: Left bracket", "Material: MS"]);
        assert_eq!(found.unclear_days, ["05/06/2026"]);
        let other = fields(&[
            ("part_name", "Plate"),
            ("material", "MS"),
            ("thickness", "6 mm"),
            ("quantity", "4"),
        ]);
        let found = stated(&[one, (2, other)], &rules);
        assert_eq!(found.texts, ["Material: MS"]);
        let line = &found.part_lines[1];
        assert_eq!(line.part_name.as_deref(), Some("Plate"));
        assert_eq!((line.thickness_mm, line.quantity), (Some(6.0), Some(4)));
        assert_eq!(line.place.as_deref(), Some("page 2"));
    }
}
