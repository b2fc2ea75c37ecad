//! The stream of group code and value pairs that a DXF is made of, text or binary. Borrows from the file's bytes, copies
//! nothing, and never stops at a broken line: it notes the damage and goes on at the next record.

use super::binary::{self, Width};
use super::number;
use memchr::memchr2;

/// A group code and its value, blanks around the value included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) code: i16,
    /// As it stands in the file: a text, or in a binary file what the code's type says.
    pub(super) value: &'a [u8],
    /// The line of the code, from 1; in a binary file the number of the record.
    pub(super) line: u32,
    is_binary: bool,
}

impl<'a> Pair<'a> {
    /// The value as a coordinate, radius or angle; nothing when it is no finite number.
    pub(super) fn real(&self) -> Option<f64> {
        if self.is_binary {
            return binary::real(self.code, self.value);
        }
        number::real(self.value)
    }

    /// The value as a flag, count or code.
    pub(super) fn integer(&self) -> Option<i64> {
        if self.is_binary {
            return binary::integer(self.code, self.value);
        }
        number::integer(self.value)
    }

    /// The value as a name.
    pub(super) fn word(&self) -> &'a [u8] {
        self.value.trim_ascii()
    }
}

/// What begins with a group code 0: an entity, a table entry, a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) line: u32,
}

/// What is no pair.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Damage {
    pub(super) places: u64,
    pub(super) first_line: u32,
    /// Lines, or in a binary file bytes.
    pub(super) skipped: u64,
}

/// Reads pairs and groups them into records.
#[derive(Clone, Debug)]
pub(super) struct Pairs<'a> {
    rest: &'a [u8],
    line: u32,
    /// Of group codes, in a binary file.
    width: Option<Width>,
    last_value: &'a [u8],
    pending: Option<Record<'a>>,
    pub(super) damage: Damage,
}

/// Group codes are within this range (DXF reference, group code value types).
const CODES: std::ops::RangeInclusive<i16> = -5..=1071;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl<'a> Pairs<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let opened = binary::open(bytes);
        Self {
            rest: opened.map_or_else(
                || bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes),
                |(rest, _)| rest,
            ),
            width: opened.map(|(_, width)| width),
            line: 1,
            last_value: b"",
            pending: None,
            damage: Damage::default(),
        }
    }

    /// The next pair of the current record; nothing at its end.
    pub(super) fn field(&mut self) -> Option<Pair<'a>> {
        if self.pending.is_some() {
            return None;
        }
        let pair = self.pair()?;
        if pair.code != 0 {
            return Some(pair);
        }
        self.pending = Some(Record {
            name: pair.value.trim_ascii(),
            line: pair.line,
        });
        None
    }

    /// The next record, passing over what is left of the current one; nothing at the end of the file.
    pub(super) fn record(&mut self) -> Option<Record<'a>> {
        self.skip_fields();
        self.pending.take()
    }

    /// The next record if it has one of these names.
    pub(super) fn record_if(&mut self, name: &[u8]) -> Option<Record<'a>> {
        self.skip_fields();
        self.pending.take_if(|record| record.name == name)
    }

    /// Whether the current record is followed by another: a record cut off by the end of the file is not.
    pub(super) fn is_ended(&mut self) -> bool {
        self.skip_fields();
        self.pending.is_some()
    }

    /// What has not been read, to be asked once the last record was taken.
    pub(super) fn unread(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn is_binary(&self) -> bool {
        self.width.is_some()
    }

    fn skip_fields(&mut self) {
        while self.field().is_some() {}
    }

    fn pair(&mut self) -> Option<Pair<'a>> {
        match self.width {
            None => self.text_pair(),
            Some(width) => self.binary_pair(width),
        }
    }

    fn binary_pair(&mut self, width: Width) -> Option<Pair<'a>> {
        loop {
            if let Some((code, value, rest)) = binary::split(self.rest, width) {
                self.rest = rest;
                self.line = self.line.saturating_add(u32::from(code == 0));
                return Some(Pair {
                    code,
                    value,
                    line: self.line,
                    is_binary: true,
                });
            }
            if self.rest.is_empty() {
                return None;
            }
            let skipped = binary::resync(self.rest, width);
            self.note_damage(self.line, u64::try_from(skipped).unwrap_or(u64::MAX));
            self.rest = self.rest.get(skipped..).unwrap_or_default();
        }
    }

    fn text_pair(&mut self) -> Option<Pair<'a>> {
        loop {
            let (line, before) = (self.line, self.rest);
            let text = self.text_line()?;
            match group_code(text) {
                Some(code) => {
                    self.last_value = self.text_line()?;
                    let value = self.last_value;
                    return Some(Pair {
                        code,
                        value,
                        line,
                        is_binary: false,
                    });
                }
                None if text.trim_ascii().is_empty() => {}
                // A line is missing before it: what was taken for a value is the code 0 of this name.
                None if is_name(text) && self.last_value.trim_ascii() == b"0" => {
                    self.note_damage(line, 1);
                    return Some(Pair {
                        code: 0,
                        value: text,
                        line,
                        is_binary: false,
                    });
                }
                None => {
                    self.rest = before;
                    self.line = line;
                    self.resume();
                }
            }
        }
    }

    /// Goes on to the next code 0 whose value looks like a record's name.
    fn resume(&mut self) {
        let from = self.line;
        loop {
            let (line, before) = (self.line, self.rest);
            let Some(text) = self.text_line() else { break };
            if line != from
                && group_code(text) == Some(0)
                && self.clone().text_line().is_some_and(is_name)
            {
                self.rest = before;
                self.line = line;
                break;
            }
        }
        self.note_damage(from, u64::from(self.line.saturating_sub(from)));
    }

    fn note_damage(&mut self, line: u32, skipped: u64) {
        if self.damage.places == 0 {
            self.damage.first_line = line;
        }
        self.damage.places += 1;
        self.damage.skipped += skipped;
    }

    fn text_line(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', self.rest).unwrap_or(self.rest.len());
        let (text, tail) = self.rest.split_at_checked(end)?;
        self.rest = match tail {
            [b'\r', b'\n', tail @ ..] | [_, tail @ ..] => tail,
            [] => tail,
        };
        self.line = self.line.saturating_add(1);
        Some(text)
    }
}

/// The group code on a line, padded or not.
pub(super) fn group_code(line: &[u8]) -> Option<i16> {
    let digits = line.trim_ascii();
    let (negative, digits) = match digits {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    let mut code = 0_i16;
    for digit in digits {
        code = code * 10 + i16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    let code = if negative { -code } else { code };
    CODES.contains(&code).then_some(code)
}

/// Whether a value can be the name of a section, a table entry or an entity.
pub(super) fn is_name(value: &[u8]) -> bool {
    let name = value.trim_ascii();
    name.first().is_some_and(u8::is_ascii_alphanumeric)
        && name.len() <= 64
        && name.iter().any(u8::is_ascii_uppercase)
        && name
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
}

/// Whether a file's first bytes are pairs whose first record is a section: comments, blank lines and padding are allowed.
pub(crate) fn looks_like(head: &[u8]) -> bool {
    let mut pairs = Pairs::new(head);
    while let Some(pair) = pairs.pair() {
        if pairs.damage.places > 0 {
            return false;
        }
        if pair.code == 0 {
            return pair.value.trim_ascii() == b"SECTION";
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<String> {
        let mut pairs = Pairs::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some(record) = pairs.record() {
            found.push(String::from_utf8_lossy(record.name).into_owned());
        }
        found
    }

    #[test]
    fn any_line_end_and_any_padding_will_do() {
        for text in [
            "0\nLINE\n10\n1\n0\nEOF\n",
            "  0\r\nLINE\r\n 10\r\n1\r\n  0\r\nEOF",
            "0\rLINE\r10\r1\r0\rEOF\r",
            "\u{FEFF}\n\n0\nLINE\n10\n1\n\n  0 \n EOF \n",
        ] {
            assert_eq!(records(text), ["LINE", "EOF"], "{text:?}");
        }
    }

    #[test]
    fn damage_costs_a_record_not_the_file() {
        let mut pairs = Pairs::new(b"0\nLINE\n10\n1\noops\n20\n2\n0\nARC\n0\nEOF\n");
        assert_eq!(pairs.record().unwrap().name, b"LINE");
        assert_eq!(pairs.field().unwrap().code, 10);
        assert!(pairs.field().is_none());
        assert_eq!(pairs.record().unwrap().name, b"ARC");
        assert_eq!(
            (
                pairs.damage.places,
                pairs.damage.first_line,
                pairs.damage.skipped
            ),
            (1, 5, 3)
        );
    }
}
