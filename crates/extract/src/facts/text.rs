//! Facts from a drawing's texts and layer names; it must never take a dimension, a hole or a bolt for a thickness or a quantity.
//!
//! A label makes a statement (`Material: MS`, `Thk 5`, `t=5`, `Qty 4`). Without one only a short text that names both a known
//! material and a thickness (`3mm Galv`), or nothing but a material, is heard, and little trusted.

use super::caller::is_date;
use super::codes;
use super::figure::{measure, quantity};
use super::model::{Fact, Facts, Source};
use super::pattern::{first_group, patterns};
use super::rules::Rules;
use super::words::read_words;

const LABELLED: f64 = 0.85;
const LAYER: f64 = 0.6;
const BARE: f64 = 0.55;
const UNKNOWN_MATERIAL: f64 = 0.5;
/// Words that end a material's name, or stand in place of one.
const AFTER_MATERIAL: [&str; 18] = [
    "thk",
    "thick",
    "thickness",
    "t",
    "qty",
    "quantity",
    "finish",
    "scale",
    "date",
    "part",
    "no",
    "rev",
    "see",
    "as",
    "refer",
    "tbc",
    "tba",
    "n/a",
];
/// A text without label that has more words is a sentence.
const BARE_WORDS_MAX: usize = 6;

patterns! {
    MATERIAL = r"(?i)(?:^|[^a-z])(?:material|mat'?l|mat)\.?\s*[:=]\s*([^,;|:=]{1,60})";
    THICKNESS = r"(?i)(?:^|[^a-z0-9])(?:thickness|thick|thk|thkn)\.?\s*(?:\(mm\)\s*)?[:=]?\s*([0-9]{1,3}(?:[.,][0-9]{1,3})?)\s*(?:mm)?(?:$|[^a-z0-9.,])";
    SYMBOL_THICKNESS = r"(?:^|[^A-Za-z0-9])[tT]\s*[:=]\s*([0-9]{1,3}(?:[.,][0-9]{1,3})?)\s*(?:mm|MM)?(?:$|[^A-Za-z0-9.,])";
    MILLIMETRES_THICK = r"(?i)(?:^|[^a-z0-9.,])([0-9]{1,3}(?:[.,][0-9]{1,3})?)\s*(?:mm)?\s*(?:thk|thick)(?:$|[^a-z])";
    QUANTITY = r"(?i)(?:^|[^a-z])(?:qty|quantity|no\.?\s*off|no\.?\s*req'?d)\.?\s*[:=]?\s*([0-9]{1,7})(?:$|[^0-9.,x])";
    COUNTED = r"(?i)^([0-9]{1,6}\s*(?:off|pcs))$";
    PART = r"(?i)(?:^|[^a-z])part(?:\s*(?:name|no\.?|number))?\s*[:=]\s*([^,;|:=]{2,80})";
    PURCHASE_ORDER = r"(?i)(?:^|[^a-z])(?:p\.?o\.?|purchase order)\s*(?:no\.?|number)?\s*[:=#]\s*([A-Z0-9][A-Z0-9/-]{2,29})";
    DUE = r"(?i)(?:^|[^a-z])due(?:\s*date)?\s*[:=]\s*([0-9]{4}[-/][0-9]{2}[-/][0-9]{2})";
}

/// One reading for each line that says something, labelled ones and bare ones as they come.
pub(crate) fn read_texts(texts: &[String], rules: &Rules) -> Vec<Facts> {
    texts
        .iter()
        .take(rules.texts_read_max)
        .filter(|text| text.len() <= rules.text_bytes_max)
        .flat_map(|text| text.lines())
        .map(|line| read_line(line.trim(), rules))
        .filter(|facts| *facts != Facts::default())
        .collect()
}

/// Materials and thicknesses that layers are named after: `Galv_1.2mm`.
pub(super) fn read_layers(layers: &[String], rules: &Rules) -> Vec<Facts> {
    layers
        .iter()
        .take(rules.texts_read_max)
        .filter(|name| name.len() <= rules.text_bytes_max)
        .map(|name| {
            let read = read_words(name, Source::Layer, rules).facts;
            // Without a material `0.35mm` is a pen and `T1` a tool.
            let sheet = read.material.is_some();
            Facts {
                material: weakened(read.material, LAYER),
                thickness_mm: weakened(read.thickness_mm, LAYER).filter(|_| sheet),
                ..Facts::default()
            }
        })
        .filter(|facts| *facts != Facts::default())
        .collect()
}

fn weakened<T>(fact: Option<Fact<T>>, confidence_max: f64) -> Option<Fact<T>> {
    fact.map(|fact| Fact {
        confidence: fact.confidence.min(confidence_max),
        ..fact
    })
}

fn read_line(line: &str, rules: &Rules) -> Facts {
    let facts = read_labels(line, rules);
    match facts == Facts::default() {
        true => read_bare(line, rules),
        false => facts,
    }
}

fn labelled<T>(value: T, line: &str) -> Fact<T> {
    Fact::new(value, Source::LabelledText, line, LABELLED)
}

fn read_labels(line: &str, rules: &Rules) -> Facts {
    let thickness = [&THICKNESS, &SYMBOL_THICKNESS, &MILLIMETRES_THICK]
        .into_iter()
        .find_map(|pattern| measure(first_group(pattern, line)?))
        .filter(|measure| measure.mm <= rules.thickness_mm_max && !measure.restored);
    let words =
        first_group(&MATERIAL, line).map(|value| read_words(value, Source::LabelledText, rules));
    let beside = words
        .as_ref()
        .and_then(|read| read.facts.thickness_mm.as_ref())
        .map(|fact| fact.value);
    let due = first_group(&DUE, line)
        .map(|date| date.replace('/', "-"))
        .filter(|date| is_date(date));
    let quantity = first_group(&QUANTITY, line).and_then(quantity);
    let project = codes::find_project(line).map(|(code, _)| code);
    let client = codes::find_client(line)
        .map(|(code, _)| code)
        .filter(|_| project.is_none());
    let text = |pattern| {
        first_group(pattern, line).map(|value: &str| labelled(value.trim().to_owned(), line))
    };
    Facts {
        client_code: client.map(|code| labelled(code, line)),
        project_code: project.map(|code| labelled(code, line)),
        part_name: text(&PART).filter(|fact| fact.value.chars().any(char::is_alphabetic)),
        material: material(line, rules),
        thickness_mm: thickness
            .map(|measure| measure.mm)
            .or(beside)
            .map(|mm| labelled(mm, line)),
        quantity: quantity.map(|count| labelled(count, line)),
        due_date: due.map(|date| labelled(date, line)),
        po_number: text(&PURCHASE_ORDER),
        ..Facts::default()
    }
}

/// The material after its label: the table's name, or the words as they stand.
fn material(line: &str, rules: &Rules) -> Option<Fact<String>> {
    let value = first_group(&MATERIAL, line)?.trim();
    let whole = rules
        .materials
        .find(value)
        .map(|material| material.name.clone());
    let read = || {
        read_words(value, Source::LabelledText, rules)
            .facts
            .material
    };
    if let Some(name) = whole.or_else(|| Some(read()?.value)) {
        return Some(labelled(name, line));
    }
    let follows = |word: &&str| {
        !AFTER_MATERIAL
            .iter()
            .any(|other| word.eq_ignore_ascii_case(other))
    };
    let words: Vec<_> = value
        .split_whitespace()
        .take_while(follows)
        .take(3)
        .collect();
    if let Some(material) = words.first().and_then(|word| rules.materials.find(word)) {
        return Some(labelled(material.name.clone(), line));
    }
    let value = words.join(" ");
    let named = value.chars().any(char::is_alphabetic);
    named.then(|| Fact::new(value, Source::LabelledText, line, UNKNOWN_MATERIAL))
}

fn read_bare(line: &str, rules: &Rules) -> Facts {
    if line.split_whitespace().count() > BARE_WORDS_MAX {
        return Facts::default();
    }
    let read = read_words(line, Source::BareText, rules);
    let together = read.facts.material.is_some() && read.facts.thickness_mm.is_some();
    let alone = read.rest.is_empty();
    let counted = COUNTED.is_match(line);
    Facts {
        material: weakened(read.facts.material, BARE).filter(|_| together || alone),
        thickness_mm: weakened(read.facts.thickness_mm, BARE).filter(|_| together),
        quantity: weakened(read.facts.quantity, BARE).filter(|_| together || counted),
        ..Facts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, Option<&'static str>, Option<f64>, Option<u32>);

    fn read(line: &str) -> Facts {
        read_texts(&[line.to_owned()], &Rules::default())
            .pop()
            .unwrap_or_default()
    }

    #[test]
    fn labels_make_statements() {
        let rows: [Row; 24] = [
            ("Material: MS", Some("Mild Steel"), None, None),
            (
                "MATERIAL = Stainless Steel 304",
                Some("Stainless Steel"),
                None,
                None,
            ),
            ("Mat'l: 3mm Galv", Some("Galvanized Steel"), Some(3.0), None),
            (
                "Material: MS Thk: 5 mm Qty: 4",
                Some("Mild Steel"),
                Some(5.0),
                Some(4),
            ),
            ("MAT: Corten", Some("Corten"), None, None),
            (
                "Material: Hardox 450 Thk: 6",
                Some("Hardox 450"),
                Some(6.0),
                None,
            ),
            ("Material: see BOM", None, None, None),
            ("Thickness: 1,5", None, Some(1.5), None),
            ("Thk: 5 mm", None, Some(5.0), None),
            ("THK 12", None, Some(12.0), None),
            ("t=5", None, Some(5.0), None),
            ("t = 0.53mm", None, Some(0.53), None),
            ("6mm thk", None, Some(6.0), None),
            ("Qty 4", None, None, Some(4)),
            ("QTY: 120 off", None, None, Some(120)),
            ("No. off: 3", None, None, Some(3)),
            ("3mm Galv", Some("Galvanized Steel"), Some(3.0), None),
            ("MS 5mm x 2", Some("Mild Steel"), Some(5.0), Some(2)),
            ("Vastrap", Some("Vastrap"), None, None),
            ("4 off", None, None, Some(4)),
            ("Thickness: 0", None, None, None),
            ("Material:", None, None, None),
            ("Thk: 9999", None, None, None),
            ("Qty: 0", None, None, None),
        ];
        for (line, material, mm, quantity) in rows {
            let facts = read(line);
            assert_eq!(
                facts.material.map(|f| f.value).as_deref(),
                material,
                "{line}"
            );
            assert_eq!(facts.thickness_mm.map(|f| f.value), mm, "{line}");
            assert_eq!(facts.quantity.map(|f| f.value), quantity, "{line}");
        }
    }

    #[test]
    fn dimensions_and_prose_state_nothing() {
        for line in [
            "max 5",
            "800x1200",
            "M6x20",
            "5",
            "120mm",
            "5mm",
            "x4",
            "4 x M8",
            "12mm holes",
            "R5",
            "SEE NOTE 3",
            "evaluation",
            "weld 5mm throat all round",
            "the carbonate value of this part is 5mm and made of MS",
            "t5",
            "SCALE 1:5",
            "part 5",
            "100 x 50 x 5",
            "2 x 45",
            "A-A",
            "",
        ] {
            assert_eq!(read(line), Facts::default(), "{line}");
        }
    }

    #[test]
    fn codes_orders_and_dates_are_heard() {
        let facts = read("Project: JB-2025-10-CL0001-001");
        assert_eq!(
            facts.project_code.unwrap().value.as_str(),
            "JB-2025-10-CL0001-001"
        );
        assert_eq!(
            read("Client CL-0042").client_code.unwrap().value.as_str(),
            "CL0042"
        );
        assert_eq!(read("PO No: 4500-123").po_number.unwrap().value, "4500-123");
        assert_eq!(
            read("Due date: 2025/10/31").due_date.unwrap().value,
            "2025-10-31"
        );
        assert!(read("Due: 2025-13-31").due_date.is_none());
        assert_eq!(
            read("Part name: Left bracket, rev 2")
                .part_name
                .unwrap()
                .value,
            "Left bracket"
        );
    }

    #[test]
    fn layers_may_be_named_after_their_sheet() {
        let layers = [
            "0",
            "Defpoints",
            "Layer_0",
            "HOLES_12MM",
            "0.35mm",
            "T1",
            "CUT",
            "Galv_1.2mm",
        ]
        .map(str::to_owned);
        let read = read_layers(&layers, &Rules::default());
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].material.as_ref().unwrap().value, "Galvanized Steel");
        assert_eq!(read[0].thickness_mm.as_ref().unwrap().confidence, LAYER);
    }
}
