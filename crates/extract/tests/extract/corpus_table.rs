//! One table of the whole corpus: how many files of each kind are read, and how many of those agree with the trusted
//! reader in each thing it measures. A floor for every figure only ever rises. Files that miss are named with by how
//! much. The reference's own mistakes count as misses here: they are told apart in the tests of their format.
#![expect(
    clippy::indexing_slicing,
    reason = "JSON of the corpus: a missing key is null"
)]

use crate::corpus::{agrees, corpus, counts, numbers, truth};
use drawing::{Drawing, Extents, LayerRules, Shape};
use extract::{ExtractError, Extraction, Input, Limits, dxf, extract, facts, lightburn};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::time::Instant;

const PLACE_SLACK: f64 = 0.01;
const LENGTH_SLACK: f64 = 1e-3;
const WORDS_SHARE_MIN: f64 = 0.9;

/// What is held against the reference: counts are entities, shapes, pages, sheets or pixels.
const ASPECTS: [&str; 7] = [
    "read", "counts", "extents", "length", "holes", "words", "facts",
];
/// How many files of a kind must agree in each aspect. Raise them, never lower them.
const FLOORS: [(&str, [u32; 7]); 6] = [
    ("dxf", [17, 17, 15, 14, 17, 17, 0]),
    ("lbrn", [8, 8, 8, 7, 8, 8, 0]),
    ("pdf", [6, 6, 0, 0, 0, 6, 0]),
    ("excel", [9, 9, 0, 0, 0, 9, 0]),
    ("image", [7, 7, 0, 0, 0, 0, 0]),
    ("shop", [20, 14, 14, 14, 14, 0, 20]),
];

/// How a file stands beside the reference in one aspect: right, or by how much not.
type Verdict = (&'static str, Result<(), String>);

/// Agreements by aspect: right ones, compared ones.
#[derive(Default)]
struct Tally {
    files: u32,
    seconds: f64,
    aspects: BTreeMap<&'static str, (u32, u32)>,
}

fn equal<T: PartialEq + Display>(ours: T, theirs: T) -> Result<(), String> {
    match ours == theirs {
        true => Ok(()),
        false => Err(format!("{ours}, not {theirs}")),
    }
}

fn extents(ours: Option<Extents>, theirs: &Value) -> Result<(), String> {
    match agrees(ours, &numbers(theirs), PLACE_SLACK) {
        true => Ok(()),
        false => Err(format!("{ours:?}, not {theirs}")),
    }
}

fn length(ours: f64, theirs: f64) -> Result<(), String> {
    match (ours - theirs).abs() <= LENGTH_SLACK * theirs {
        true => Ok(()),
        false => Err(format!(
            "{ours:.3}, not {theirs:.3}: {:+.3} %",
            100.0 * (ours / theirs - 1.0)
        )),
    }
}

fn holes(mut ours: Vec<f64>, theirs: &Value) -> Result<(), String> {
    let mut theirs = numbers(theirs);
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-4;
    match ours.len() == theirs.len() && ours.iter().zip(&theirs).all(near) {
        true => Ok(()),
        false => Err(format!("{ours:?}, not {theirs:?}")),
    }
}

/// The share of the reference's words that are found here too, as often.
fn words<'t>(ours: impl Iterator<Item = &'t str>, theirs: &Value) -> Result<(), String> {
    let mut bag: BTreeMap<&str, u32> = BTreeMap::new();
    for word in ours.flat_map(str::split_whitespace) {
        *bag.entry(word).or_default() += 1;
    }
    let list = theirs.as_array().into_iter().flatten();
    let wanted: Vec<&str> = list
        .filter_map(Value::as_str)
        .flat_map(str::split_whitespace)
        .collect();
    let found = wanted.iter().filter(|word| match bag.get_mut(*word) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    });
    let share = found.count() as f64 / wanted.len().max(1) as f64;
    match wanted.is_empty() || share >= WORDS_SHARE_MIN {
        true => Ok(()),
        false => Err(format!("{:.0} % of {}", 100.0 * share, wanted.len())),
    }
}

/// Every curve, whatever its layer is for: the reference knows no operations.
fn drawn(drawing: &Drawing) -> (Option<Extents>, f64, Vec<f64>) {
    let curves = || drawing.curves.iter();
    let around = Extents::around(curves().filter_map(|curve| drawing.extents(curve)));
    let length = curves().map(|curve| drawing.length(curve)).sum();
    let circles = curves().filter_map(|curve| match curve.shape {
        Shape::Arc(arc) if arc.is_circle() => Some(2.0 * arc.radius),
        _ => None,
    });
    (around, length, circles.collect())
}

fn of_dxf(bytes: &[u8], row: &Value, read: &Extraction) -> Vec<Verdict> {
    let reading = dxf::read(bytes, &LayerRules::default(), &Limits::default()).unwrap();
    let (around, whole, circles) = drawn(&reading.drawing);
    let found = &read.drawing.as_ref().unwrap().measures.entity_counts;
    let texts = reading.drawing.texts.iter().map(|text| text.value.as_str());
    vec![
        ("counts", equal_counts(found, &row["modelspace_counts"])),
        ("extents", extents(around, &row["bbox_curves"])),
        ("length", length(whole, row["length_xy"].as_f64().unwrap())),
        ("holes", holes(circles, &row["circle_diameters"])),
        ("words", words(texts, &row["texts"])),
    ]
}

fn equal_counts(ours: &BTreeMap<String, u64>, theirs: &Value) -> Result<(), String> {
    match *ours == counts(theirs) {
        true => Ok(()),
        false => Err(format!("{ours:?}, not {theirs}")),
    }
}

fn of_lightburn(bytes: &[u8], row: &Value, read: &Extraction) -> Vec<Verdict> {
    let reading = lightburn::read(bytes, &LayerRules::default(), &Limits::default()).unwrap();
    let (around, whole, circles) = drawn(&reading.drawing);
    let section = read.drawing.as_ref().unwrap();
    let figure = |key: &str| row[key].as_f64().unwrap();
    let theirs = figure("length_own") + figure("text_outline_length_own");
    let texts = section.texts.iter().map(String::as_str);
    vec![
        (
            "counts",
            equal_counts(&section.measures.entity_counts, &row["shape_counts"]),
        ),
        ("extents", extents(around, &row["bbox_with_text_own"])),
        ("length", length(whole, theirs)),
        ("holes", holes(circles, &row["circle_diameters"])),
        ("words", words(texts, &row["texts"])),
    ]
}

/// Pages, sheets or pixels, and words.
fn of_document(row: &Value, read: &Extraction) -> Vec<Verdict> {
    let document = read.document.as_ref().unwrap();
    let text = document.text.lines();
    if let Some(image) = &document.image {
        let theirs = format!("{} × {}", row["width"], row["height"]);
        let ours = format!("{} × {}", image.width_px, image.height_px);
        return vec![("counts", equal(ours, theirs))];
    }
    if let Some(pages) = row["page_count"].as_u64() {
        let ours = document.pages_total.unwrap_or_default();
        return vec![
            ("counts", equal(ours, pages)),
            ("words", words(text, &row["words200"])),
        ];
    }
    let sheets = document
        .sheets
        .iter()
        .map(|sheet| format!("{} {}×{}", sheet.name, sheet.rows, sheet.columns));
    let theirs = row["sheets"].as_array().unwrap().iter().map(|sheet| {
        let (name, used) = (sheet["name"].as_str().unwrap(), &sheet["last_used"]);
        format!("{name} {}×{}", used[0], used[1])
    });
    let first = row["sheets"][0]["first_row"]["cells"].clone();
    let tables = document.tables.iter();
    let cells = tables
        .flat_map(|table| std::iter::once(&table.header).chain(&table.rows))
        .flatten();
    let found: Vec<&str> = cells.map(String::as_str).chain(text).collect();
    vec![
        (
            "counts",
            equal(
                sheets.collect::<Vec<_>>().join(", "),
                theirs.collect::<Vec<_>>().join(", "),
            ),
        ),
        ("words", words(found.into_iter(), &first)),
    ]
}

fn of_shop(row: &Value, read: &Extraction) -> Vec<Verdict> {
    let facts = serde_json::to_value(&read.facts).unwrap();
    let wrong: Vec<String> = ["material", "thickness_mm", "quantity"]
        .into_iter()
        .filter_map(|fact| {
            let (ours, stated) = (&facts[fact]["value"], &row["stated"][fact]);
            let same = match (ours.as_f64(), stated.as_f64()) {
                (Some(ours), Some(stated)) => ours == stated,
                _ => ours == stated,
            };
            (!same).then(|| format!("{fact} {ours}, stated {stated}"))
        })
        .collect();
    let told = match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("; ")),
    };
    let mut verdicts = vec![("facts", told)];
    let geometry = &row["geometry"];
    if let (Some(drawing), Some(cut)) = (&read.drawing, geometry["cut_length"].as_f64()) {
        let measures = &drawing.measures;
        let round = measures.holes.iter();
        let round = round.flat_map(|group| (0..group.count).map(|_| group.diameter_mm));
        verdicts.extend([
            (
                "counts",
                equal_counts(&measures.entity_counts, &geometry["counts"]),
            ),
            ("extents", extents(measures.extents_mm, &geometry["bbox"])),
            ("length", length(measures.cut_length_mm, cut)),
            (
                "holes",
                holes(round.collect(), &geometry["circle_diameters"]),
            ),
        ]);
    }
    verdicts
}

/// Kind, path below the corpus, and what is known of each file.
fn rows(corpus: &Path) -> Vec<(String, String, Value)> {
    let exchanged = truth(&corpus.join("truth.jsonl")).into_iter().map(|row| {
        let [kind, file] = ["kind", "file"].map(|key| row[key].as_str().unwrap().to_owned());
        (kind, file, row)
    });
    let shop = truth(&corpus.join("shop/truth.jsonl")).into_iter();
    let shop = shop.map(|row| {
        let file = format!("shop/{}", row["name"].as_str().unwrap());
        ("shop".to_owned(), file, row)
    });
    exchanged.chain(shop).collect()
}

fn read(bytes: &[u8], name: &str) -> Result<Extraction, ExtractError> {
    let (caller, rules, limits) = (
        facts::CallerFacts::default(),
        facts::Rules::default(),
        Limits::default(),
    );
    let outcome = extract(bytes, &Input::new(name, &caller), &rules, &limits);
    outcome.map(|outcome| outcome.extraction)
}

fn verdicts(kind: &str, bytes: &[u8], row: &Value, read: &Extraction) -> Vec<Verdict> {
    match kind {
        "dxf" => of_dxf(bytes, row, read),
        "lbrn" => of_lightburn(bytes, row, read),
        "shop" => of_shop(row, read),
        _ => of_document(row, read),
    }
}

#[test]
fn the_corpus_agrees_as_well_as_ever() {
    let Some(corpus) = corpus() else { return };
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for (kind, file, row) in rows(&corpus) {
        let bytes = std::fs::read(corpus.join(&file)).unwrap();
        let name = file.rsplit('/').next().unwrap();
        let began = Instant::now();
        let extraction = read(&bytes, name);
        let tally = tallies.entry(kind.clone()).or_default();
        tally.files += 1;
        tally.seconds += began.elapsed().as_secs_f64();
        let mut verdicts = match &extraction {
            Ok(extraction) => verdicts(&kind, &bytes, &row, extraction),
            Err(_) => Vec::new(),
        };
        let answered = extraction
            .map(|_| ())
            .map_err(|error| error.code().to_owned());
        verdicts.push(("read", answered));
        for (aspect, verdict) in verdicts {
            let (right, compared) = tally.aspects.entry(aspect).or_default();
            *compared += 1;
            match verdict {
                Ok(()) => *right += 1,
                Err(how) => println!("{file}: {aspect} {how}"),
            }
        }
    }
    assert_eq!(tallies.len(), FLOORS.len());
    let below: Vec<String> = FLOORS
        .iter()
        .flat_map(|(kind, floors)| shown(kind, &tallies[*kind], floors))
        .collect();
    assert!(below.is_empty(), "below the floor: {below:?}");
}

/// Prints one kind's line; answers what lies below its floor.
fn shown(kind: &str, tally: &Tally, floors: &[u32; 7]) -> Vec<String> {
    print!(
        "{kind:>6} {:>3} files {:>7.1} ms",
        tally.files,
        1e3 * tally.seconds
    );
    let mut below = Vec::new();
    for (aspect, floor) in ASPECTS.into_iter().zip(floors) {
        let (right, compared) = tally.aspects.get(aspect).copied().unwrap_or_default();
        if compared > 0 {
            print!("  {aspect} {right}/{compared}");
        }
        if right < *floor {
            below.push(format!(
                "{kind} {aspect}: {right} of {compared}, floor {floor}"
            ));
        }
    }
    println!();
    below
}
