//! Separated values: comma, semicolon, tab or bar, with quotes as spreadsheets write them. One pass; a quote that is
//! never closed is an ordinary letter, so it cannot swallow the file.

use crate::sheet::Gather;
use crate::table::Cell;
use memchr::memchr;
use std::borrow::Cow;

/// Tried in this order: a comma may also stand inside figures.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];
/// Records looked at.
const SAMPLE_RECORDS: usize = 60;
/// Bytes of text looked at.
const SAMPLE_BYTES: usize = 64 * 1024;
/// Bytes a quoted field may have: as many as a cell.
const QUOTED_BYTES_MAX: usize = 32_767;

/// What separates the values of most records, if they are a table at all.
pub(crate) fn delimiter(text: &str) -> Option<u8> {
    if let Some(declared) = declared(text) {
        return Some(declared);
    }
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sample = text.get(..end)?;
    let scored = DELIMITERS.map(|delimiter| (score(sample, delimiter), delimiter));
    let best = scored.iter().map(|(score, _)| *score).max()?;
    let best = scored
        .into_iter()
        .find(|(score, _)| *score == best && best > 0);
    best.map(|(_, delimiter)| delimiter)
}

/// `sep=;` in the first line.
fn declared(text: &str) -> Option<u8> {
    match text.strip_prefix("sep=")?.as_bytes() {
        [delimiter, b'\r' | b'\n', ..]
            if delimiter.is_ascii_punctuation() || *delimiter == b'\t' =>
        {
            Some(*delimiter)
        }
        _ => None,
    }
}

/// How many records have the commonest number of values; 0 when they are too few to be a table.
fn score(text: &str, delimiter: u8) -> usize {
    let mut widths: Vec<usize> = Vec::new();
    let mut records = Records::new(text, delimiter);
    while let Some((_, fields)) = records
        .next_record()
        .filter(|_| widths.len() < SAMPLE_RECORDS)
    {
        if fields.iter().any(|field| !field.trim().is_empty()) {
            widths.push(fields.len());
        }
    }
    let same = |width: &usize| widths.iter().filter(|other| *other == width).count();
    let common = widths
        .iter()
        .filter(|width| **width > 1)
        .map(same)
        .max()
        .unwrap_or(0);
    match common > 1 && common * 2 >= widths.len() {
        true => common,
        false => 0,
    }
}

/// Puts records into rows; a row's number is its line.
pub(crate) fn read(text: &str, delimiter: u8, gather: &mut Gather<'_>) {
    let mut records = Records::new(text, delimiter);
    if declared(text).is_some() {
        records.next_record();
    }
    while let Some((line, fields)) = records.next_record() {
        for (column, field) in fields.iter().enumerate() {
            gather.cell(line, column, Cell::text(field));
        }
        if gather.is_full() {
            break;
        }
    }
}

struct Records<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    delimiter: u8,
    /// No quote closes before this place.
    unclosed: usize,
}

impl<'t> Records<'t> {
    fn new(text: &'t str, delimiter: u8) -> Self {
        Self {
            text,
            at: 0,
            line: 0,
            delimiter,
            unclosed: 0,
        }
    }

    /// A record and the line it begins in, from 1.
    fn next_record(&mut self) -> Option<(u64, Vec<Cow<'t, str>>)> {
        if self.at >= self.text.len() {
            return None;
        }
        self.line += 1;
        let begins = self.line;
        let mut fields = Vec::new();
        loop {
            fields.push(self.field());
            let end = self.text.as_bytes().get(self.at).copied();
            self.at += 1;
            match end {
                Some(byte) if byte == self.delimiter => {}
                Some(b'\r') => {
                    if self.text.as_bytes().get(self.at) == Some(&b'\n') {
                        self.at += 1;
                    }
                    return Some((begins, fields));
                }
                _ => return Some((begins, fields)),
            }
        }
    }

    /// Up to the next delimiter or line end, which is left.
    fn field(&mut self) -> Cow<'t, str> {
        let quoted = self.quoted();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| *byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        let end = rest.as_bytes().iter().position(ends).unwrap_or(rest.len());
        let plain = rest.get(..end).unwrap_or_default();
        self.at += end;
        match quoted {
            None => Cow::Borrowed(plain),
            Some(text) if plain.trim().is_empty() => Cow::Owned(text),
            Some(text) => Cow::Owned(text + plain),
        }
    }

    /// The text between quotes that begin here and close, two quotes inside standing for one.
    fn quoted(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        let blank = bytes
            .get(self.at..)?
            .iter()
            .take_while(|byte| **byte == b' ')
            .count();
        let start = self.at + blank;
        (bytes.get(start) == Some(&b'"')).then_some(())?;
        let limit = bytes.len().min(start + QUOTED_BYTES_MAX);
        let mut from = (start + 1).max(self.unclosed);
        let end = loop {
            let Some(at) = bytes.get(from..limit).and_then(|rest| memchr(b'"', rest)) else {
                self.unclosed = self.unclosed.max(limit);
                return None;
            };
            if bytes.get(from + at + 1) == Some(&b'"') {
                from += at + 2;
                continue;
            }
            break from + at;
        };
        let text = self.text.get(start + 1..end)?;
        self.at = end + 1;
        let lines = text.bytes().filter(|byte| *byte == b'\n').count();
        self.line += u64::try_from(lines).unwrap_or(0);
        Some(text.replace("\"\"", "\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, delimiter: u8) -> Vec<(u64, Vec<String>)> {
        let mut records = Records::new(text, delimiter);
        std::iter::from_fn(|| records.next_record())
            .map(|(line, fields)| (line, fields.into_iter().map(Cow::into_owned).collect()))
            .collect()
    }

    #[test]
    fn quotes_hold_delimiters_line_ends_and_quotes() {
        let read = records(
            "a,\"b,\"\"c\"\"\nd\",e\r\n\"x\" y,, \"z\"\n\"open,1\n2,3",
            b',',
        );
        let expected = [
            (1, vec!["a", "b,\"c\"\nd", "e"]),
            (3, vec!["x y", "", "z"]),
            (4, vec!["\"open", "1"]),
            (5, vec!["2", "3"]),
        ];
        let expected =
            expected.map(|(line, fields)| (line, fields.into_iter().map(str::to_owned).collect()));
        assert_eq!(read, expected);
    }

    #[test]
    fn delimiters_are_found_by_what_records_agree_on() {
        for (text, expected) in [
            ("Part,Qty\nA,1\nB,2", Some(b',')),
            ("Part;Thk\nA;1,5\nB;2,5", Some(b';')),
            ("Part\tThk, mm\nA\t1,5\nB\t2,5", Some(b'\t')),
            ("sep=|\nA|1", Some(b'|')),
            ("Cutting list\n\nPart;Qty\nA;1\nB;2\nC;3", Some(b';')),
            (
                "Dear Sir, please cut\nthe parts we spoke of, as soon\nas you can.",
                Some(b','),
            ),
            ("one line, no more", None),
            ("no\ntable\nhere", None),
            ("", None),
        ] {
            assert_eq!(delimiter(text), expected, "{text}");
        }
    }
}
