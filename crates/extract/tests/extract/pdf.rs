//! PDF: real files against what trusted tools say of them, made ones against what they were made of.

use crate::corpus::{corpus, truth};
use crate::pdf_file::{PdfFile, rectangle, ruled_table, text};
use extract::{ExtractError, Extraction, Input, Limits, Ocr, OcrWord, Outcome, extract, facts};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) const A4: (f64, f64) = (595.0, 842.0);
pub(crate) const MM: f64 = 72.0 / 25.4;

pub(crate) fn outcome_of<'a>(
    bytes: &[u8],
    limits: &Limits,
    change: impl FnOnce(&mut Input<'a>),
) -> Result<Outcome, ExtractError> {
    static CALLER: LazyLock<facts::CallerFacts> = LazyLock::new(Default::default);
    let mut input = Input::new("a.pdf", &CALLER);
    change(&mut input);
    extract(bytes, &input, &facts::Rules::default(), limits)
}

pub(crate) fn read(bytes: &[u8]) -> Extraction {
    let outcome = outcome_of(bytes, &Limits::default(), |_| {});
    outcome.expect("this is a PDF").extraction
}

pub(crate) fn text_of(extraction: &Extraction) -> &str {
    let document = extraction.document.as_ref();
    document.map_or("", |document| &document.text)
}

pub(crate) fn codes(extraction: &Extraction) -> Vec<&str> {
    let diagnostics = extraction.diagnostics.iter();
    diagnostics
        .map(|diagnostic| diagnostic.code.as_str())
        .collect()
}

pub(crate) fn reviews(extraction: &Extraction) -> Vec<&str> {
    let reviews = extraction.needs_review.iter();
    reviews.map(|review| review.code.as_ref()).collect()
}

fn fields(extraction: &Extraction) -> Vec<(&str, &str)> {
    let document = extraction.document.as_ref().expect("a document");
    let fields = document.fields.iter();
    fields
        .map(|field| (field.name.as_str(), field.value.as_str()))
        .collect()
}

/// The share of the expected words that were read, as a bag.
fn overlap(expected: &[String], text: &str) -> f64 {
    let mut bag: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace() {
        *bag.entry(word).or_default() += 1;
    }
    let found = expected.iter().filter(|word| {
        let left = bag.get_mut(word.as_str()).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    });
    found.count() as f64 / expected.len().max(1) as f64
}

#[test]
fn real_files_read_as_trusted_tools_read_them() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    for row in rows.iter().filter(|row| row["kind"] == "pdf") {
        let name = row["file"].as_str().unwrap();
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let outcome = outcome_of(&bytes, &Limits::default(), |input| input.preview = true);
        if row["needs_pass"] == true {
            assert_eq!(outcome, Err(ExtractError::PasswordNeeded), "{name}");
            continue;
        }
        let outcome = outcome.unwrap();
        let document = outcome.extraction.document.as_ref().unwrap();
        assert_eq!(document.pages_total, row["page_count"].as_u64(), "{name}");
        let version = document.format_version.as_deref().unwrap();
        assert_eq!(
            format!("PDF {version}"),
            row["metadata"]["format"],
            "{name}"
        );
        for key in ["title", "author", "creator", "producer"] {
            let said = document.info.get(key).map_or("", String::as_str);
            assert_eq!(said, row["metadata"][key], "{name} {key}");
        }
        let size = &row["page_sizes"][0];
        let (width, height) = (
            document.pages[0].width_mm * MM,
            document.pages[0].height_mm * MM,
        );
        assert!(
            (width - size[0].as_f64().unwrap()).abs() < 0.6,
            "{name} {width} {size}"
        );
        assert!(
            (height - size[1].as_f64().unwrap()).abs() < 0.6,
            "{name} {height} {size}"
        );
        let words: Vec<String> = serde_json::from_value(row["words200"].clone()).unwrap();
        let share = overlap(&words, &document.text);
        println!("{name}: {share:.3} of {} words", words.len());
        assert!(share >= 0.9, "{name}: {:?}", document.text);
        assert!(outcome.extraction.drawing.is_none(), "{name} is no drawing");
        assert!(
            outcome.preview.is_some() && outcome.scan.is_none(),
            "{name}"
        );
    }
}

#[test]
fn a_title_block_states_the_part() {
    // Cells with a small label above the value, at the bottom right; a cell of a label beside a cell of its value.
    let mut page = String::new();
    let cells = [
        (300.0, 60.0, 130.0, "TITLE", "BASE PLATE LEFT"),
        (430.0, 60.0, 60.0, "REV", "B"),
        (300.0, 30.0, 70.0, "MATERIAL", "Mild Steel"),
        (370.0, 30.0, 60.0, "THICKNESS", "10 mm"),
        (430.0, 30.0, 60.0, "QTY", "4"),
    ];
    for (x, y, width, label, value) in cells {
        page += &rectangle(x, y, width, 30.0);
        page += &text(label, x + 2.0, y + 22.0, 6.0);
        page += &text(value, x + 6.0, y + 6.0, 10.0);
    }
    for (x, words) in [(490.0, "SCALE"), (530.0, "1:2")] {
        page += &rectangle(x, 30.0, 40.0, 60.0);
        page += &text(words, x + 3.0, 50.0, 8.0);
    }
    let extraction = read(&PdfFile::page(&page));
    let mut found = fields(&extraction);
    found.sort_unstable();
    let expected = [
        ("material", "Mild Steel"),
        ("part_name", "BASE PLATE LEFT"),
        ("quantity", "4"),
        ("revision", "B"),
        ("scale", "1:2"),
        ("thickness", "10 mm"),
    ];
    assert_eq!(found, expected);
    let facts = &extraction.facts;
    let thickness = facts.thickness_mm.as_ref().unwrap();
    assert_eq!(
        (thickness.value, thickness.source),
        (10.0, facts::Source::LabelledText)
    );
    assert_eq!(thickness.evidence, "Thickness: 10 mm");
    assert_eq!(facts.quantity.as_ref().unwrap().value, 4);
    assert_eq!(facts.material.as_ref().unwrap().value, "Mild Steel");
    assert!(extraction.part_lines.is_empty() && extraction.drawing.is_none());
}

#[test]
fn a_title_block_whose_cells_line_up_is_no_table_of_parts() {
    let rows = [
        [("MATERIAL", "Galv"), ("THICKNESS", "1.2 mm"), ("QTY", "40")],
        [("TITLE", "Cover"), ("DWG NO.", "C-7"), ("REV", "2")],
    ];
    let parts: [&[&str]; 3] = [
        &["2", "Clip", "12"],
        &["1", "Lid", "6"],
        &["ITEM", "DESCRIPTION", "QTY"],
    ];
    let mut page = ruled_table(300.0, 150.0, &[80.0, 80.0, 80.0], &parts);
    for (row, cells) in (0..).zip(rows) {
        for (column, (label, value)) in (0..).zip(cells) {
            let (x, y) = (
                300.0 + 80.0 * f64::from(column),
                60.0 - 30.0 * f64::from(row),
            );
            page += &rectangle(x, y, 80.0, 30.0);
            page += &text(label, x + 2.0, y + 22.0, 6.0);
            page += &text(value, x + 6.0, y + 6.0, 10.0);
        }
    }
    let extraction = read(&PdfFile::page(&page));
    let names: Vec<_> = extraction
        .part_lines
        .iter()
        .map(|line| line.part_name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["Lid", "Clip"]);
    let facts = &extraction.facts;
    assert_eq!(facts.part_name.as_ref().unwrap().value, "Cover");
    assert_eq!(facts.thickness_mm.as_ref().unwrap().value, 1.2);
    assert_eq!(facts.quantity.as_ref().unwrap().value, 40);
    assert_eq!(fields(&extraction).len(), 6);
}

fn order(table: &str) -> Vec<u8> {
    let mut page = text("PURCHASE ORDER", 200.0, 800.0, 18.0);
    page += &text("PO Number: 4500123", 50.0, 760.0, 10.0);
    page += &text("Due date: 15 Nov 2026", 300.0, 760.0, 10.0);
    page += &text("Customer: CL0012 Smith Engineering", 50.0, 745.0, 10.0);
    page += table;
    page += &text(
        "Please confirm that you have received this order.",
        50.0,
        500.0,
        10.0,
    );
    PdfFile::page(&page)
}

const ORDER: [&[&str]; 4] = [
    &["Item", "Description", "Material", "Thk (mm)", "Qty"],
    &["1", "Base plate", "Mild Steel", "10", "4"],
    &["2", "Cover", "Stainless Steel", "1,5", "12"],
    &["", "Total", "", "", "16"],
];

#[test]
fn tables_of_parts_are_read_with_rules_and_without() {
    let widths = [40.0, 140.0, 120.0, 60.0, 60.0];
    let ruled = ruled_table(50.0, 700.0, &widths, &ORDER);
    let mut open = String::new();
    for (row, cells) in (0..).zip(ORDER) {
        let mut x = 53.0;
        for (width, words) in widths.iter().zip(cells) {
            open += &text(words, x, 686.0 - 20.0 * f64::from(row), 9.0);
            x += width;
        }
    }
    // Rules drawn as thin filled bars.
    let mut bars = open.clone();
    for row in 0..5 {
        bars += &format!("50 {} 420 0.5 re f\n", 700 - 20 * row);
    }
    let mut x = 50.0;
    for width in [0.0, 40.0, 140.0, 120.0, 60.0, 60.0] {
        x += width;
        bars += &format!("{x} 620 0.5 80.5 re f\n");
    }
    for (way, table) in [("ruled", ruled), ("open", open), ("bars", bars)] {
        let extraction = read(&order(&table));
        let lines: Vec<_> = extraction
            .part_lines
            .iter()
            .map(|line| {
                (
                    line.part_name.as_deref().unwrap_or_default(),
                    line.material.as_deref().unwrap_or_default(),
                    line.thickness_mm.unwrap_or_default(),
                    line.quantity.unwrap_or_default(),
                )
            })
            .collect();
        let expected = [
            ("Base plate", "Mild Steel", 10.0, 4),
            ("Cover", "Stainless Steel", 1.5, 12),
        ];
        assert_eq!(lines, expected, "{way} {:?}", extraction.document);
        assert_eq!(extraction.part_lines[0].place.as_deref(), Some("page 1"));
        let facts = &extraction.facts;
        assert_eq!(facts.po_number.as_ref().unwrap().value, "4500123", "{way}");
        assert_eq!(
            facts.due_date.as_ref().unwrap().value,
            "2026-11-15",
            "{way}"
        );
        assert_eq!(
            facts.client_code.as_ref().unwrap().value.as_str(),
            "CL0012",
            "{way}"
        );
        assert!(
            facts.quantity.is_none() && facts.thickness_mm.is_none(),
            "{way}: several parts"
        );
        let document = extraction.document.as_ref().unwrap();
        assert_eq!(document.tables[0].header[1], "Description", "{way}");
        assert_eq!(document.tables[0].place, "1", "{way}");
        assert!(extraction.drawing.is_none(), "{way}");
    }
}

#[test]
fn a_list_of_parts_may_grow_upwards() {
    let rows: [&[&str]; 3] = [
        &["2", "Gusset", "Galv", "2"],
        &["1", "Plate", "MS", "1"],
        &["ITEM", "DESCRIPTION", "MATERIAL", "QTY"],
    ];
    let table = ruled_table(50.0, 400.0, &[40.0, 120.0, 80.0, 40.0], &rows);
    let extraction = read(&PdfFile::page(&table));
    let names: Vec<_> = extraction
        .part_lines
        .iter()
        .map(|line| line.part_name.as_deref().unwrap())
        .collect();
    assert_eq!(names, ["Plate", "Gusset"]);
}

#[test]
fn pages_of_different_parts_are_lines() {
    let mut file = PdfFile::default();
    for (name, mm, count) in [("Left bracket", 3, 4), ("Right bracket", 5, 2)] {
        let mut page = text(&format!("Part name: {name}"), 300.0, 100.0, 10.0);
        page += &text("Material: Mild Steel", 300.0, 85.0, 10.0);
        page += &text(&format!("Thickness: {mm} mm"), 300.0, 70.0, 10.0);
        page += &text(&format!("Qty: {count}"), 300.0, 55.0, 10.0);
        file.add_page("", &page);
    }
    let extraction = read(&file.bytes());
    let lines: Vec<_> = extraction
        .part_lines
        .iter()
        .map(|line| {
            (
                line.part_name.as_deref().unwrap(),
                line.thickness_mm.unwrap(),
                line.quantity.unwrap(),
            )
        })
        .collect();
    assert_eq!(lines, [("Left bracket", 3.0, 4), ("Right bracket", 5.0, 2)]);
    assert_eq!(
        extraction.facts.material.as_ref().unwrap().value,
        "Mild Steel"
    );
    assert!(extraction.facts.thickness_mm.is_none() && extraction.facts.quantity.is_none());
}

#[test]
fn turned_and_cropped_pages_read_upright() {
    let upright = text("Material: Galv", 100.0, 700.0, 12.0) + &text("Qty: 7", 100.0, 680.0, 12.0);
    let turned = "BT /F1 12 Tf 0 1 -1 0 300 100 Tm (Material: Galv) Tj ET BT /F1 12 Tf 0 1 -1 0 320 100 Tm (Qty: 7) Tj ET";
    let cases = [
        ("", upright.as_str(), A4),
        ("/Rotate 90", turned, (A4.1, A4.0)),
        ("", turned, A4),
        ("/Rotate 270", upright.as_str(), (A4.1, A4.0)),
        (
            "/CropBox [50 600 350 800]",
            upright.as_str(),
            (300.0, 200.0),
        ),
    ];
    for (entries, operators, size) in cases {
        let mut file = PdfFile::default();
        file.add_page(entries, operators);
        let extraction = read(&file.bytes());
        assert_eq!(
            text_of(&extraction),
            "Material: Galv\nQty: 7\n",
            "{entries}"
        );
        assert_eq!(
            extraction.facts.quantity.as_ref().unwrap().value,
            7,
            "{entries}"
        );
        let page = extraction.document.as_ref().unwrap().pages[0];
        assert!(
            (page.width_mm * MM - size.0).abs() < 0.1,
            "{entries} {page:?}"
        );
        assert!(
            (page.height_mm * MM - size.1).abs() < 0.1,
            "{entries} {page:?}"
        );
    }
    let mut file = PdfFile::default();
    file.add_page("/CropBox [50 690 350 800]", &upright);
    assert_eq!(
        text_of(&read(&file.bytes())),
        "Material: Galv\n",
        "what is cropped is not there"
    );
}

#[test]
fn words_split_into_strings_are_whole_again() {
    let operators = "BT /F1 12 Tf 100 700 Td [(Mat) -20 (erial:) -300 (Mi) 15 (ld) -280 (Steel)] TJ ET\n\
        BT /F1 12 Tf 100 680 Td (Qt) Tj (y: 4) Tj ET";
    let extraction = read(&PdfFile::page(operators));
    assert_eq!(text_of(&extraction), "Material: Mild Steel\nQty: 4\n");
}

#[test]
fn a_picture_of_a_page_asks_for_ocr_and_takes_its_words() {
    let mut file = PdfFile::default();
    let entries = "/Type /XObject /Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray";
    let image = file.stream(entries, &[0, 255, 255, 0]);
    let resources = format!("/Resources << /XObject << /I {image} 0 R >> >>");
    file.add_page(&resources, "q 595 0 0 842 0 0 cm /I Do Q");
    let bytes = file.bytes();
    let outcome = outcome_of(&bytes, &Limits::default(), |_| {}).unwrap();
    let scan = outcome.scan.expect("a scan");
    assert!(
        scan.png.starts_with(b"\x89PNG") && scan.dpi.is_some_and(|dpi| (250..=300).contains(&dpi))
    );
    assert!(reviews(&outcome.extraction).contains(&"no_text"));
    assert_eq!(
        outcome.extraction.document.as_ref().unwrap().images_total,
        Some(1)
    );

    let words = [
        ("Material:", 0, 100, 300),
        ("Galv", 0, 420, 160),
        ("Qty", 1, 100, 120),
        ("4", 1, 240, 40),
    ];
    let words = words.map(|(text, line, left, width)| OcrWord {
        text: text.to_owned(),
        confidence: 0.9,
        left,
        top: 100 + 80 * line,
        width,
        height: 50,
        line,
    });
    let ocr = Ocr {
        available: true,
        confidence: Some(0.9),
        words: words.to_vec(),
    };
    let outcome = outcome_of(&bytes, &Limits::default(), |input| input.ocr = Some(&ocr)).unwrap();
    let extraction = outcome.extraction;
    assert!(outcome.scan.is_none() && reviews(&extraction).contains(&"ocr"));
    assert_eq!(text_of(&extraction), "Material: Galv\nQty 4\n");
    let material = extraction.facts.material.as_ref().unwrap();
    assert_eq!(material.value, "Galvanized Steel");
    assert!(
        material.confidence < 0.8,
        "pixels are trusted less: {}",
        material.confidence
    );
    assert_eq!(extraction.document.unwrap().ocr.unwrap().words.len(), 4);
}

#[test]
fn letters_that_no_font_names_are_not_taken_for_text() {
    let mut file = PdfFile::default();
    let resources = "/Resources << /Font << /F1 << /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor << /Type /FontDescriptor /FontName /X /Flags 4 >> /DW 500 >>] >> >> >>";
    file.add_page(
        resources,
        "BT /F1 12 Tf 100 700 Td <00010002000300040005> Tj ET",
    );
    let outcome = outcome_of(&file.bytes(), &Limits::default(), |_| {}).unwrap();
    assert_eq!(text_of(&outcome.extraction), "");
    assert!(codes(&outcome.extraction).contains(&"text_unreadable"));
    assert!(outcome.scan.is_some());
}

#[test]
fn the_first_page_is_shown() {
    let bytes = PdfFile::page(&text("Hello", 100.0, 700.0, 40.0));
    let outcome = outcome_of(&bytes, &Limits::default(), |input| input.preview = true).unwrap();
    let png = outcome.preview.expect("a preview").bytes;
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((side(16), side(20)), (723, 1024));
    assert!(
        outcome_of(&bytes, &Limits::default(), |_| {})
            .unwrap()
            .preview
            .is_none()
    );
}

#[test]
fn what_the_file_says_of_itself() {
    let mut file = PdfFile::default();
    file.add_page("", &text("x", 10.0, 10.0, 10.0));
    let info = file.object("<< /Title <FEFF0050006C00E40074> /Author (A \\(B\\)) /CreationDate (D:20260102030405+02'00') >>");
    file.trailer = format!("/Info {info} 0 R");
    let extraction = read(&file.bytes());
    let info = extraction.document.unwrap().info;
    assert_eq!(info["title"], "Pl\u{e4}t");
    assert_eq!(info["author"], "A (B)");
    assert_eq!(info["created"], "2026-01-02T03:04:05+02:00");
    assert_eq!(info.len(), 3);
}
