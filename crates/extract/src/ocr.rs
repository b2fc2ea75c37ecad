//! What an OCR program said of a picture: parsed, compared between tries, and read for facts. Never runs the program.

use crate::document::{Ocr, OcrWord};
use crate::facts::{self, Facts, Rules};
use crate::limits::Limits;

/// Page segmentation of tesseract: automatic, the picture stands upright.
pub const PSM_AUTO: u8 = 3;
/// Page segmentation of tesseract: automatic, after finding out which way is up (needs its `osd` data).
pub const PSM_AUTO_ORIENTED: u8 = 1;

/// What is read off pixels is a little less sure than the same words in a text.
const TRUST: f64 = 0.9;

/// A line of text as read, with the mean confidence of its words, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct OcrLine {
    pub text: String,
    pub confidence: f64,
}

/// The arguments with which `tesseract` reads a picture from its standard input and writes TSV to its standard output.
///
/// Words that could not be the name of a language are left out; without any the program's default holds. `dpi` as in
/// [`crate::Scan`], `psm` such as [`PSM_AUTO`].
pub fn tesseract_arguments(languages: &[String], dpi: Option<u32>, psm: u8) -> Vec<String> {
    let named = languages.iter().map(String::as_str).filter(|name| {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/');
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(word)
    });
    let languages = named.collect::<Vec<_>>().join("+");
    let mut arguments = vec!["stdin".to_owned(), "stdout".to_owned()];
    let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    if !languages.is_empty() {
        option("-l", languages);
    }
    if let Some(dpi) = dpi {
        option("--dpi", dpi.to_string());
    }
    option("--psm", psm.to_string());
    arguments.push("tsv".to_owned());
    arguments
}

impl Ocr {
    /// What is known where no such program is installed.
    pub fn absent() -> Self {
        Self::default()
    }

    /// Reads what `tesseract … tsv` printed: a header, then one row for each page, block, paragraph, line and word with
    /// level, page, block, paragraph, line, word, left, top, width, height, confidence in percent, and the text.
    /// Rows that are no words, or not such rows, are passed over; words beyond the limits are left out.
    pub fn from_tesseract_tsv(tsv: &str, limits: &Limits) -> Self {
        let mut words = Vec::new();
        let (mut line, mut place, mut bytes) = (0, None, 0);
        for (row_place, mut word) in tsv.lines().filter_map(word_of_row) {
            bytes += word.text.len();
            if words.len() >= limits.ocr_words_max || bytes > limits.text_bytes_max {
                break;
            }
            if place.is_some_and(|place| place != row_place) {
                line += 1;
            }
            place = Some(row_place);
            word.line = line;
            words.push(word);
        }
        Self {
            available: true,
            confidence: mean(&words),
            words,
        }
    }

    /// Of one picture read in several ways, such as turned: the reading with most words, weighed by their confidence.
    /// Of equals the first; None of none.
    pub fn best_of(tried: impl IntoIterator<Item = Self>) -> Option<Self> {
        tried
            .into_iter()
            .reduce(|best, next| match next.weight() > best.weight() {
                true => next,
                false => best,
            })
    }

    /// Mean confidence times words that hold a letter or a digit: specks that were taken for marks say nothing.
    fn weight(&self) -> f64 {
        let says = |word: &&OcrWord| word.text.chars().any(char::is_alphanumeric);
        self.words
            .iter()
            .filter(says)
            .map(|word| word.confidence)
            .sum()
    }

    /// Lines of text in reading order.
    pub fn lines(&self) -> Vec<OcrLine> {
        self.words
            .chunk_by(|a, b| a.line == b.line)
            .map(|words| OcrLine {
                text: words
                    .iter()
                    .map(|word| word.text.as_str())
                    .collect::<Vec<_>>()
                    .join(" "),
                confidence: mean(words).unwrap_or_default(),
            })
            .collect()
    }

    /// All lines, cut at [`Limits::text_bytes_max`].
    pub(crate) fn text(&self, limits: &Limits) -> String {
        let mut text = String::new();
        for line in self.lines() {
            if text.len() + line.text.len() >= limits.text_bytes_max {
                break;
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        text
    }

    /// How far facts are trusted that several lines state together.
    pub(crate) fn trust(&self) -> f64 {
        self.confidence.unwrap_or_default() * TRUST
    }

    /// Facts that lines state, each as sure as its line was read.
    pub(crate) fn readings(&self, rules: &Rules) -> Vec<Facts> {
        self.lines()
            .into_iter()
            .flat_map(|line| {
                let trust = line.confidence * TRUST;
                let read = facts::read_texts(&[line.text], rules);
                read.into_iter().map(move |facts| facts.trusted(trust))
            })
            .collect()
    }
}

/// Page, block, paragraph and line of a word.
type LinePlace = [u32; 4];

fn word_of_row(row: &str) -> Option<(LinePlace, OcrWord)> {
    const WORD: &str = "5";
    let mut columns = row.splitn(12, '\t');
    if columns.next()? != WORD {
        return None;
    }
    let mut number = || columns.next()?.trim().parse::<u32>().ok();
    let place = [number()?, number()?, number()?, number()?];
    let _word_of_line = number()?;
    let [left, top, width, height] = [number()?, number()?, number()?, number()?];
    let percent: f64 = columns.next()?.trim().parse().ok()?;
    let text = columns.next()?.trim();
    // A word has a confidence; -1 marks what is none.
    (percent >= 0.0 && !text.is_empty()).then(|| {
        let word = OcrWord {
            text: text.to_owned(),
            confidence: rounded(percent.min(100.0) / 100.0),
            left,
            top,
            width,
            height,
            line: 0,
        };
        (place, word)
    })
}

fn mean(words: &[OcrWord]) -> Option<f64> {
    let count = u32::try_from(words.len()).ok().filter(|count| *count > 0)?;
    let sum: f64 = words.iter().map(|word| word.confidence).sum();
    Some(rounded(sum / f64::from(count)))
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const TSV: &str = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
        1\t1\t0\t0\t0\t0\t0\t0\t640\t480\t-1\t\n\
        4\t1\t1\t1\t1\t0\t36\t92\t500\t30\t-1\t\n\
        5\t1\t1\t1\t1\t1\t36\t92\t60\t24\t96.063751\tMaterial:\n\
        5\t1\t1\t1\t1\t2\t109\t92\t20\t24\t95.9\tMS\n\
        5\t1\t1\t1\t2\t1\t36\t126\t20\t24\t50\tThk\n\
        5\t1\t1\t1\t2\t2\t60\t126\t20\t24\t70\t6\n\
        5\t1\t2\t1\t1\t1\t36\t300\t20\t24\t30\t|\n\
        5\t1\t2\t1\t1\t2\t36\t300\t20\t24\t95\t \n\
        5\t1\t2\t1\tx\t2\t36\t300\t20\t24\t95\tbroken\n\
        5\t1\t2\t1\n";

    #[test]
    fn rows_become_words_and_words_become_lines() {
        let ocr = Ocr::from_tesseract_tsv(TSV, &Limits::default());
        assert!(ocr.available);
        let words: Vec<_> = ocr
            .words
            .iter()
            .map(|word| (word.text.as_str(), word.line, word.confidence))
            .collect();
        assert_eq!(
            words,
            [
                ("Material:", 0, 0.961),
                ("MS", 0, 0.959),
                ("Thk", 1, 0.5),
                ("6", 1, 0.7),
                ("|", 2, 0.3)
            ]
        );
        assert_eq!((ocr.words[1].left, ocr.words[1].height), (109, 24));
        assert_eq!(ocr.confidence, Some(0.684));
        let lines: Vec<_> = ocr.lines().into_iter().map(|line| line.text).collect();
        assert_eq!(lines, ["Material: MS", "Thk 6", "|"]);
    }

    #[test]
    fn facts_are_as_sure_as_their_line() {
        let ocr = Ocr::from_tesseract_tsv(TSV, &Limits::default());
        let readings = ocr.readings(&Rules::default());
        let material = readings[0].material.as_ref().expect("a material");
        let thickness = readings[1].thickness_mm.as_ref().expect("a thickness");
        assert_eq!(
            (material.value.as_str(), thickness.value),
            ("Mild Steel", 6.0)
        );
        assert!(material.confidence < 0.85 && thickness.confidence < material.confidence - 0.2);
    }

    #[test]
    fn words_beyond_the_limits_are_left_out() {
        let words = |ocr_words_max, text_bytes_max| {
            let limits = Limits {
                ocr_words_max,
                text_bytes_max,
                ..Limits::default()
            };
            Ocr::from_tesseract_tsv(TSV, &limits).words.len()
        };
        assert_eq!([words(3, 1000), words(1000, 11), words(0, 0)], [3, 2, 0]);
    }

    #[test]
    fn the_reading_with_most_sure_words_is_the_best() {
        let reading = |words: &[(&str, f64)]| Ocr {
            words: words
                .iter()
                .map(|(text, confidence)| OcrWord {
                    text: (*text).to_owned(),
                    confidence: *confidence,
                    left: 0,
                    top: 0,
                    width: 1,
                    height: 1,
                    line: 0,
                })
                .collect(),
            ..Ocr::default()
        };
        let upright = reading(&[("Bracket", 0.9), ("MS", 0.9)]);
        let turned = reading(&[("yoxweg", 0.2), ("SW", 0.3), ("|", 0.9), ("—", 0.9)]);
        let best = Ocr::best_of([turned, upright.clone(), Ocr::absent()]);
        assert_eq!(best, Some(upright));
        assert_eq!(Ocr::best_of([]), None);
    }

    #[test]
    fn arguments_name_languages_resolution_and_segmentation() {
        let languages = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let said =
            |names: &[&str], dpi| tesseract_arguments(&languages(names), dpi, PSM_AUTO).join(" ");
        assert_eq!(
            said(&["eng", "deu"], Some(300)),
            "stdin stdout -l eng+deu --dpi 300 --psm 3 tsv"
        );
        assert_eq!(
            said(&["--user-words", "../x", ""], None),
            "stdin stdout --psm 3 tsv"
        );
    }
}
