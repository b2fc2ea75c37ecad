//! Spreadsheets: the corpus against the reference, cutting lists as shops write them, and hostile files.

use crate::corpus::{corpus, truth};
use extract::{ExtractError, Extraction, Input, Kind, Limits, Outcome, PartLine, Schema, facts};
use rust_xlsxwriter::{Format, Formula, Workbook, Worksheet};
use serde_json::Value;
use std::fs;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub(super) fn outcome_within(
    bytes: &[u8],
    name: &str,
    limits: &Limits,
) -> Result<Outcome, ExtractError> {
    let caller = facts::CallerFacts::default();
    let input = Input {
        preview: true,
        ..Input::new(name, &caller)
    };
    extract::extract(bytes, &input, &facts::Rules::default(), limits)
}

pub(super) fn outcome(bytes: &[u8], name: &str) -> Result<Outcome, ExtractError> {
    outcome_within(bytes, name, &Limits::default())
}

pub(super) fn codes(extraction: &Extraction) -> Vec<&str> {
    let said = extraction.diagnostics.iter();
    said.map(|said| said.code.as_str()).collect()
}

/// Place, name, material, thickness, quantity, width, height; `-` stands for nothing.
pub(super) fn shown(lines: &[PartLine]) -> Vec<String> {
    let word = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
    let figure = |mm: Option<f64>| mm.map_or("-".to_owned(), |mm| mm.to_string());
    let line = |line: &PartLine| {
        [
            word(&line.place),
            word(&line.part_name),
            word(&line.material),
            figure(line.thickness_mm),
            line.quantity
                .map_or("-".to_owned(), |count| count.to_string()),
            figure(line.width_mm),
            figure(line.height_mm),
        ]
        .join(" | ")
    };
    lines.iter().map(line).collect()
}

/// Writes rows of cells between bars; figures become numbers.
fn write(sheet: &mut Worksheet, text: &str) {
    for (row, line) in (0..).zip(text.lines()) {
        for (column, cell) in (0..).zip(line.split('|')) {
            match (cell.trim(), cell.trim().parse::<f64>()) {
                ("", _) => {}
                (_, Ok(number)) => drop(sheet.write(row, column, number).unwrap()),
                (text, Err(_)) => drop(sheet.write(row, column, text).unwrap()),
            }
        }
    }
}

pub(super) fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let mut book = Workbook::new();
    for (name, text) in sheets {
        write(book.add_worksheet().set_name(*name).unwrap(), text);
    }
    book.save_to_buffer().unwrap()
}

/// A zip of these parts.
pub(super) fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let plain = SimpleFileOptions::default();
        let options = match *name {
            "mimetype" => plain.compression_method(zip::CompressionMethod::Stored),
            _ => plain,
        };
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(super) const CONTENT_TYPES: &[u8] = br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#;
pub(super) const PACKAGE: &[u8] = br#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
pub(super) const BOOK: &[u8] = br#"<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
pub(super) const RELATIONS: &[u8] = br#"<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

/// An xlsx of one sheet, written by hand.
pub(super) fn raw(sheet: &str, strings: Option<&str>) -> Vec<u8> {
    let mut parts: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", PACKAGE),
        ("xl/workbook.xml", BOOK),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ];
    if let Some(strings) = strings {
        parts.push(("xl/sharedStrings.xml", strings.as_bytes()));
    }
    zipped(&parts)
}

#[test]
fn the_corpus_is_read_as_the_reference_reads_it() {
    let Some(corpus) = corpus() else { return };
    let rows = truth(&corpus.join("truth.jsonl"));
    for truth in rows.iter().filter(|row| row["kind"] == "excel") {
        let name = truth["file"].as_str().unwrap();
        let read = outcome(&fs::read(corpus.join(name)).unwrap(), name)
            .unwrap()
            .extraction;
        assert_eq!(read.kind, Some(Kind::Excel), "{name}");
        let document = read.document.unwrap();
        let sheets = truth["sheets"].as_array().unwrap();
        assert_eq!(document.sheets.len(), sheets.len(), "{name}");
        for (sheet, expected) in document.sheets.iter().zip(sheets) {
            assert_eq!(sheet.name, expected["name"].as_str().unwrap(), "{name}");
            let used = [sheet.rows, sheet.columns].map(Value::from);
            assert_eq!(
                Value::from(used.to_vec()),
                expected["last_used"],
                "{name} {}",
                sheet.name
            );
            let table = document
                .tables
                .iter()
                .find(|table| table.place == sheet.name);
            let first = expected["first_row"]["cells"].as_array();
            let Some((table, first)) = table.zip(first) else {
                continue;
            };
            let cell = |cell: &Value| match cell {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                Value::Object(date) => date["date"].as_str().unwrap().chars().take(10).collect(),
                other => other.to_string(),
            };
            let first: Vec<String> = first.iter().map(cell).collect();
            let row = if table.header.is_empty() {
                &table.rows[0]
            } else {
                &table.header
            };
            let words = |row: &[String]| {
                row.iter()
                    .filter(|cell| !cell.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(row), words(&first), "{name} {}", sheet.name);
        }
    }
}

pub(super) const TITLED: &str = "\
ACME Fabrication (Pty) Ltd
CUTTING LIST - Gate frame
Client: | CL0042
Project: | JB-2026-02-CL0042-007 | | Due date: | 2026/03/01

Part Name | Material | Thk (mm) | Qty | Width | Height | Price
Base plate | MS | 10 | 4 | 200 | 200 | 12.5
Gusset <L&R> | Galv | 1.6 | x8 | 120,5 | 80 | R 3,20
Subtotal | | | 12
Cap | Corten | 3 mm | 2 off | 50 | 60
Total | | | 14";

#[test]
fn a_cutting_list_gives_a_line_for_each_part() {
    let read = outcome(&workbook(&[("List", TITLED)]), "list.xlsx").unwrap();
    let extraction = read.extraction;
    assert_eq!(
        shown(&extraction.part_lines),
        [
            "List!7 | Base plate | Mild Steel | 10 | 4 | 200 | 200",
            "List!8 | Gusset <L&R> | Galvanized Steel | 1.6 | 8 | 120.5 | 80",
            "List!10 | Cap | Corten | 3 | 2 | 50 | 60",
        ]
    );
    assert_eq!(extraction.part_lines_total, 3);
    assert_eq!(extraction.part_lines[1].price.as_deref(), Some("R 3,20"));
    assert_eq!(codes(&extraction), ["unknown_material"]);
    let mut reviews = extraction.needs_review.iter();
    assert!(
        reviews.all(|review| review.code != "not_stated"),
        "each line states its own"
    );
    let facts = &extraction.facts;
    assert_eq!(facts.client_code.as_ref().unwrap().value.as_str(), "CL0042");
    assert_eq!(
        facts.project_code.as_ref().unwrap().value.as_str(),
        "JB-2026-02-CL0042-007"
    );
    assert_eq!(facts.due_date.as_ref().unwrap().value, "2026-03-01");
    assert!(facts.material.is_none() && facts.quantity.is_none());
    let document = extraction.document.unwrap();
    assert_eq!(document.schema, Some(Schema::Quote));
    assert_eq!(document.tables[0].header[2], "Thk (mm)");
    assert_eq!(document.tables[0].columns["thickness"], 2);
    assert_eq!(document.fields[0].name, "Client");
    let svg = String::from_utf8(read.preview.unwrap().bytes).unwrap();
    assert!(
        svg.contains("Gusset &lt;L&amp;R&gt;") && svg.len() < 256 * 1024,
        "{svg}"
    );
}

#[test]
fn what_all_lines_agree_on_becomes_a_fact_of_the_file() {
    let list = "Part | Mat | t | Qty\nA | MS | 5 | 1\nB | Mild steel | 5 | 2";
    let facts = outcome(&workbook(&[("S", list)]), "a.xlsx")
        .unwrap()
        .extraction
        .facts;
    let material = facts.material.unwrap();
    assert_eq!(
        (material.value.as_str(), material.source),
        ("Mild Steel", facts::Source::TableColumn)
    );
    assert_eq!(facts.thickness_mm.unwrap().value, 5.0);
    assert!(facts.quantity.is_none());
    let list = "Part | Mat | t | Qty\nBracket | MS | 5 | 7";
    let facts = outcome(&workbook(&[("S", list)]), "a.xlsx")
        .unwrap()
        .extraction
        .facts;
    assert_eq!(facts.part_name.unwrap().value, "Bracket");
    assert_eq!(facts.quantity.unwrap().value, 7);
}

/// Sheets, and the lines they come to.
#[test]
fn lists_of_many_shapes_are_understood() {
    type Sheets<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Sheets<'_>, &[&str]); 7] = [
        (
            &[
                ("3mm Galv", "Part | Qty\nA | 1"),
                ("6mm SS", "Part | Qty\nB | 2"),
            ],
            &[
                "3mm Galv!2 | A | Galvanized Steel | 3 | 1 | - | -",
                "6mm SS!2 | B | Stainless Steel | 6 | 2 | - | -",
            ],
        ),
        (
            &[(
                "S",
                "Item | Description | Qty | Thk [in] | W [in] | L [in]\n1 | Cover | 2 | 0.25 | 10 | 20",
            )],
            &["S!2 | Cover | - | 6.35 | 2 | 254 | 508"],
        ),
        (
            &[(
                "S",
                "Teil | Werkstoff | Blechdicke | Stück\nWinkel | S235JR | 1,5 mm | 12 Stk",
            )],
            &["S!2 | Winkel | Mild Steel | 1.5 | 12 | - | -"],
        ),
        (
            &[(
                "S",
                "Onderdeel | Materiaal | Dikte | Aantal\nHoekplaat | Vastrap | 4,5 | 3",
            )],
            &["S!2 | Hoekplaat | Vastrap | 4.5 | 3 | - | -"],
        ),
        (
            &[("S", "Part | Qty | | Part | Qty\nA | 1 | | B | 2")],
            &["S!2 | A | - | - | 1 | - | -", "S!2 | B | - | - | 2 | - | -"],
        ),
        (
            &[(
                "S",
                "Part | Size (mm) | Qty\nPurlin cleat 6mm MS | 100 x 50 | 170",
            )],
            &["S!2 | Purlin cleat 6mm MS | Mild Steel | 6 | 170 | 100 | 50"],
        ),
        (
            &[("S", "Date | Hours | Rate\n1 | 8 | 350\n2 | 7 | 350")],
            &[],
        ),
    ];
    for (sheets, expected) in cases {
        let read = outcome(&workbook(sheets), "list.xlsx").unwrap().extraction;
        assert_eq!(shown(&read.part_lines), expected, "{sheets:?}");
    }
}

#[test]
fn merged_headers_formulas_dates_errors_and_hidden_sheets() {
    let mut book = Workbook::new();
    let plain = Format::new();
    let date = Format::new().set_num_format("yyyy-mm-dd");
    let sheet = book.add_worksheet();
    sheet
        .merge_range(0, 0, 0, 4, "CUTTING LIST 5mm Mild Steel", &plain)
        .unwrap();
    sheet
        .merge_range(1, 1, 1, 2, "Dimensions (cm)", &plain)
        .unwrap();
    write(sheet, "\n| | | Qty | Due\nPart | W | H | |");
    sheet.write(3, 0, "Plate").unwrap();
    sheet.write(3, 1, 10).unwrap();
    sheet.write(3, 2, 20).unwrap();
    sheet
        .write_formula(3, 3, Formula::new("=2*2").set_result("4"))
        .unwrap();
    sheet.write_with_format(3, 4, 46_000, &date).unwrap();
    sheet.write(4, 0, "Lid").unwrap();
    sheet
        .write_formula(4, 3, Formula::new("=NA()").set_result("#N/A"))
        .unwrap();
    sheet
        .write_formula(4, 1, Formula::new("=B4").set_result(""))
        .unwrap();
    sheet.write_with_format(4, 4, 46_000, &date).unwrap();
    let hidden = book.add_worksheet();
    hidden.set_hidden(true);
    write(hidden, "Part | Qty\nOld | 99");
    let read = outcome(&book.save_to_buffer().unwrap(), "a.xlsx")
        .unwrap()
        .extraction;
    assert_eq!(
        shown(&read.part_lines),
        [
            "Sheet1!4 | Plate | Mild Steel | 5 | 4 | 100 | 200",
            "Sheet1!5 | Lid | Mild Steel | 5 | - | - | -"
        ]
    );
    assert_eq!(read.facts.due_date.as_ref().unwrap().value, "2025-12-09");
    let codes = codes(&read);
    for code in ["hidden_sheet", "hidden_lines", "stated_in_title"] {
        assert!(codes.contains(&code), "{code} in {codes:?}");
    }
    let document = read.document.unwrap();
    assert_eq!(
        document
            .sheets
            .iter()
            .map(|sheet| sheet.visible)
            .collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn formulas_without_a_saved_value_and_dates_from_1904_are_told() {
    let sheet = "<worksheet><dimension ref=\"A1\"/><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>Part</t></is></c>\
        <c r=\"B1\" t=\"inlineStr\"><is><t>Qty</t></is></c></row><row r=\"2\"><c r=\"A2\" t=\"inlineStr\"><is><t>Cap</t></is></c>\
        <c r=\"B2\"><f>1+1</f></c></row></sheetData></worksheet>";
    let read = outcome(&raw(sheet, None), "a.xlsx").unwrap().extraction;
    assert_eq!(codes(&read), ["formula_not_computed"]);
    let book = String::from_utf8(BOOK.to_vec())
        .unwrap()
        .replace("<sheets>", "<workbookPr date1904=\"1\"/><sheets>");
    let styles = "<styleSheet><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>";
    let dated = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" s=\"1\"><v>44538</v></c></row></sheetData></worksheet>";
    let bytes = zipped(&[
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", PACKAGE),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/styles.xml", styles.as_bytes()),
        ("xl/worksheets/sheet1.xml", dated.as_bytes()),
    ]);
    let read = outcome(&bytes, "a.xlsx").unwrap().extraction;
    assert_eq!(read.document.unwrap().tables[0].rows, [["2025-12-09"]]);
}

/// Name, content, lines, format.
#[test]
fn text_that_is_a_spreadsheet_is_read_as_one() {
    let utf16: Vec<u8> = [0xFEFF_u16]
        .into_iter()
        .chain("Part\tQty\r\nStärke\t3\r\n".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&str, &[u8], &[&str], &str); 7] = [
        ("a.csv", b"Part;Thk;Qty\nA;1,5;2\n\"B;\"\"x\"\"\";2,5;4", &["line 2 | A | - | 1.5 | 2 | - | -", "line 3 | B;\"x\" | - | 2.5 | 4 | - | -"], "csv"),
        ("a.xls", b"Part,Qty\nA,1\nB,2\n", &["line 2 | A | - | - | 1 | - | -", "line 3 | B | - | - | 2 | - | -"], "csv"),
        ("a.tsv", b"Cutting list 3mm MS\nPart\tQty\nSt\xE4rke\t2\nB\t3", &["line 3 | Stärke | Mild Steel | 3 | 2 | - | -", "line 4 | B | Mild Steel | 3 | 3 | - | -"], "csv"),
        ("b.csv", &utf16, &["line 2 | Stärke | - | - | 3 | - | -"], "csv"),
        ("c.csv", b"sep=|\nPart|Qty\nA|1", &["line 3 | A | - | - | 1 | - | -"], "csv"),
        (
            "a.xls",
            b"<html><style>td{a:b}</style><body><h1>3mm MS</h1><table><tr><th>Part<th>Size<th colspan=2>Qty</tr><tr><td>A &amp; B<td>10&times;20<td>4</table>",
            &["table 1 row 2 | A & B | - | - | 4 | 10 | 20"],
            "html",
        ),
        (
            "a.xls",
            b"<?xml version=\"1.0\"?><Workbook xmlns:ss=\"urn:s\"><Worksheet ss:Name=\"S\"><Table><Row ss:Index=\"3\"><Cell><Data ss:Type=\"String\">Part</Data></Cell><Cell ss:Index=\"3\"><Data>Qty</Data></Cell></Row><Row><Cell><Data>A</Data></Cell><Cell ss:Index=\"3\"><Data>5</Data></Cell></Row></Table></Worksheet></Workbook>",
            &["table 1 row 4 | A | - | - | 5 | - | -"],
            "html",
        ),
    ];
    for (name, bytes, lines, format) in cases {
        let read = outcome(bytes, name).unwrap().extraction;
        let told = String::from_utf8_lossy(bytes);
        assert_eq!(read.kind, Some(Kind::Excel), "{told}");
        assert_eq!(shown(&read.part_lines), lines, "{told}");
        assert_eq!(
            codes(&read).contains(&"not_a_workbook"),
            name.ends_with("xls"),
            "{told}"
        );
        assert_eq!(
            read.document.unwrap().format_version.as_deref(),
            Some(format),
            "{told}"
        );
    }
}

const ODS: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";

pub(super) fn ods(content: &str, manifest: &str) -> Vec<u8> {
    zipped(&[
        ("mimetype", ODS),
        ("content.xml", content.as_bytes()),
        ("META-INF/manifest.xml", manifest.as_bytes()),
    ])
}

#[test]
fn open_document_sheets_are_read_within_limits() {
    let content = "<office:document-content><office:automatic-styles><style:style style:name=\"h\" style:family=\"table\">\
        <style:table-properties table:display=\"false\"/></style:style></office:automatic-styles><office:body><office:spreadsheet>\
        <table:table table:name=\"Old\" table:style-name=\"h\"><table:table-row><table:table-cell office:value-type=\"string\"><text:p>Part</text:p></table:table-cell>\
        <table:table-cell><text:p>Qty</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>X</text:p></table:table-cell>\
        <table:table-cell office:value-type=\"float\" office:value=\"9\"><text:p>9</text:p></table:table-cell></table:table-row></table:table>\
        <table:table table:name=\"New\"><table:table-row table:number-rows-repeated=\"3\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>\
        <table:table-row><table:table-cell/><table:table-cell><text:p>Part</text:p></table:table-cell><table:table-cell><text:p>Qty</text:p></table:table-cell></table:table-row>\
        <table:table-row><table:table-cell/><table:table-cell><text:p>Cap</text:p><office:annotation><text:p>no</text:p></office:annotation></table:table-cell>\
        <table:table-cell office:value-type=\"float\" office:value=\"5\"><text:p>5,00</text:p></table:table-cell></table:table-row>\
        <table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell/></table:table-row></table:table></office:spreadsheet></office:body></office:document-content>";
    let read = outcome(&ods(content, ""), "a.ods").unwrap().extraction;
    assert_eq!(shown(&read.part_lines), ["New!5 | Cap | - | - | 5 | - | -"]);
    assert_eq!(codes(&read), ["hidden_lines", "hidden_sheet"]);
    let locked = ods("x", "<manifest:encryption-data/>");
    assert_eq!(
        outcome(&locked, "a.ods").unwrap_err(),
        ExtractError::PasswordNeeded
    );
    let row = "<table:table-row table:number-rows-repeated=\"1048576\"><table:table-cell table:number-columns-repeated=\"16384\"><text:p>x</text:p></table:table-cell></table:table-row>";
    let bomb = ods(
        &format!(
            "<table:table table:name=\"S\">{}</table:table>",
            row.repeat(1_000)
        ),
        "",
    );
    let mut small = Limits::default();
    small.sheet.cells_max = 20_000;
    let read = outcome_within(&bomb, "a.ods", &small).unwrap().extraction;
    assert!(codes(&read).contains(&"cells_max"));
}
