//! Cutting lists as shops write them, row by row.

use super::*;

/// Rows of cells between bars; a figure is a number, the rest is text; an empty row is left out.
fn grid(text: &str) -> Grid {
    let cell = |cell: &str| match cell.trim().parse::<f64>() {
        Ok(number) => Cell::Number(number),
        Err(_) => Cell::text(cell),
    };
    let row = |(number, line): (u64, &str)| Row {
        number,
        cells: line.split('|').map(cell).collect(),
    };
    let rows = (1..).zip(text.lines()).map(row);
    Grid::new(
        Site::Sheet("Sheet1".to_owned()),
        rows.filter(|row| row.filled().next().is_some()).collect(),
    )
}

fn tables(grids: &[Grid]) -> (Tables, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::new(200);
    let read = read(
        grids,
        &Rules::default(),
        &Limits::default(),
        &mut diagnostics,
    );
    (read, diagnostics.into_list())
}

/// Row, name, material, thickness, quantity, width, height; `-` stands for nothing.
fn lines(text: &str) -> String {
    shown(&tables(&[grid(text)]).0)
}

fn shown(tables: &Tables) -> String {
    let figure = |mm: Option<f64>| mm.map_or("-".to_owned(), |mm| mm.to_string());
    let line = |line: &PartLine| {
        let word = |text: &Option<String>| text.clone().unwrap_or("-".to_owned());
        let place = word(&line.place);
        let place = place.rsplit(['!', ' ']).next().unwrap().to_owned();
        [
            place,
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
    tables
        .part_lines
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(lines(text), expected.trim(), "{text}");
}

#[test]
fn titles_above_and_totals_below_are_no_parts() {
    check(
        "\
ACME Fabrication (Pty) Ltd
Cutting list 0007
Client: | CL0001 | | Date: | 2026-01-05

Part Name | Material | Thk (mm) | Qty | Width | Length
Base plate | MS | 10 | 4 | 200 | 200
Gusset | Galvanised | 1,6 | x8 | 120,5 | 80
Subtotal | | | 12
Cap | 3CR12 | 3mm | 2 off | 50 | 60
Total | | | 14 | |
Please call before delivery",
        "\
6 | Base plate | Mild Steel | 10 | 4 | 200 | 200
7 | Gusset | Galvanized Steel | 1.6 | 8 | 120.5 | 80
9 | Cap | Stainless Steel | 3 | 2 | 50 | 60",
    );
}

#[test]
fn a_total_is_no_part_wherever_its_label_stands() {
    for total in [
        "Total | | | 6",
        " | Total | | 6",
        " | | Total | 6",
        " | | Total: | 6",
        " | | | Total",
        " | | TOTAL | 6 pcs",
    ] {
        check(
            &format!("Part | Material | Thk | Qty\nA | MS | 3 | 2\nB | MS | 3 | 4\n{total}"),
            "2 | A | Mild Steel | 3 | 2 | - | -\n3 | B | Mild Steel | 3 | 4 | - | -",
        );
    }
}

#[test]
fn units_in_the_header_count() {
    check(
        "Part | Material | Gauge | Thickness [in] | Width \" | Height (cm) | Qty\nA | SS | 11 | 1/4 | 2.5 | 10 | 1\nB | SS | 11 | 3mm | 1-1/2 | 2 | 3",
        "2 | A | Stainless Steel | 6.35 | 1 | 63.5 | 100\n3 | B | Stainless Steel | 3 | 3 | 38.1 | 20",
    );
    check(
        "All dimensions in inches\nPart | Qty | W | H\nA | 1 | 2 | 4",
        "3 | A | - | - | 1 | 50.8 | 101.6",
    );
}

#[test]
fn headers_take_two_rows_and_repeat_on_every_page() {
    check(
        "\
Part | Material | Size | | Qty
 | | Width | Height |
A | MS | 10 | 20 | 1
Part | Material | Size | | Qty
 | | Width | Height |
B | MS | 30 | 40 | 2",
        "3 | A | Mild Steel | - | 1 | 10 | 20\n6 | B | Mild Steel | - | 2 | 30 | 40",
    );
    check(
        "Part | Thk | Width | Qty\n | mm | in | pcs\nA | 3 | 2 | 4",
        "3 | A | - | 3 | 4 | 50.8 | -",
    );
}

#[test]
fn merged_cells_speak_for_those_they_cover() {
    let mut merged = grid(
        "Part | Dimensions (mm) | | Material | Qty\n | W | H | |\nA | 10 | 20 | MS | 1\nB | 30 | 40 | | 2\nC | 50 | 60 | | 3",
    );
    merged.spans = Spans::new([
        Span {
            rows: (1, 1),
            columns: (1, 2),
        },
        Span {
            rows: (3, 4),
            columns: (3, 3),
        },
    ]);
    assert_eq!(
        shown(&tables(&[merged]).0),
        "3 | A | Mild Steel | - | 1 | 10 | 20\n4 | B | Mild Steel | - | 2 | 30 | 40\n5 | C | - | - | 3 | 50 | 60"
    );
}

#[test]
fn several_tables_stand_below_and_beside_each_other() {
    check(
        "\
3mm Mild Steel
Part | Qty
A | 1

6mm Vastrap
Part | Qty
B | 2
Galv
C 2mm | 3",
        "3 | A | Mild Steel | 3 | 1 | - | -\n7 | B | Vastrap | 6 | 2 | - | -\n9 | C 2mm | Galvanized Steel | 2 | 3 | - | -",
    );
    check(
        "Part | Qty | | Part | Qty\nA | 1 | | B | 2\nC | 3",
        "2 | A | - | - | 1 | - | -\n3 | C | - | - | 3 | - | -\n2 | B | - | - | 2 | - | -",
    );
}

#[test]
fn headings_between_lines_state_what_columns_leave_open() {
    check(
        "\
Beskrywing | Dikte | Aantal
Vloerplaat | 4,5 | 2
Vastrap:
Trap | \" | 12",
        "2 | Vloerplaat | - | 4.5 | 2 | - | -\n4 | Trap | Vastrap | 4.5 | 12 | - | -",
    );
    let (read, said) = tables(&[grid(
        "Material: MS\nThickness | 5\nPart | Qty\nA | 1\nB | 2",
    )]);
    assert_eq!(
        shown(&read),
        "4 | A | Mild Steel | 5 | 1 | - | -\n5 | B | Mild Steel | 5 | 2 | - | -"
    );
    let codes: Vec<_> = said.iter().map(|said| said.code.as_str()).collect();
    assert_eq!(codes, ["stated_in_title", "stated_in_title"]);
    assert_eq!(read.texts, ["Material: MS", "Thickness: 5"]);
    let facts = &read.readings[0];
    assert_eq!(facts.material.as_ref().unwrap().value, "Mild Steel");
    assert_eq!(facts.thickness_mm.as_ref().unwrap().value, 5.0);
    assert!(facts.part_name.is_none() && facts.quantity.is_none());
}

#[test]
fn the_best_of_several_names_is_taken() {
    check(
        "Item | Part No | Description | Qty | Size\n1 | 1001 | Bracket | 4 | 200x100\n2 | 1002 | Plate | 2 | 80 x 60 x 5mm",
        "2 | Bracket | - | - | 4 | 200 | 100\n3 | Plate | - | 5 | 2 | 80 | 60",
    );
    check(
        "Item | Material | Thickness | Qty\n1 | MS | 3 | 4",
        "2 | - | Mild Steel | 3 | 4 | - | -",
    );
    check(
        "Artikel | Werkstoff | Dicke | Menge | Breite | Länge\nBlech | S235 | 1,5 | 3 Stk | 1.250,5 | 2.000 mm",
        "2 | Blech | Mild Steel | 1.5 | 3 | 1250.5 | 2000",
    );
    check(
        "Part | Qty | Amount\nA | 2 | R 1 250,00",
        "2 | A | - | - | 2 | - | -",
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    let (read, said) = tables(&[grid(
        "Part | Material | Thk | Qty\nA | Unobtainium | thick | 2.5\nB | - | 1,500 | n/a\nC | MS | 900 | 1",
    )]);
    assert_eq!(
        shown(&read),
        "2 | A | Unobtainium | - | - | - | -\n3 | B | - | - | - | - | -\n4 | C | Mild Steel | - | 1 | - | -"
    );
    let codes: Vec<_> = said.iter().map(|said| said.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "figure_not_read",
            "figure_not_read",
            "figure_ambiguous",
            "thickness_refused",
            "thickness_refused",
            "unknown_material"
        ]
    );
}

#[test]
fn a_table_shows_what_it_is_for() {
    for (header, schema) in [
        ("Part | Material | Thickness | Qty", Schema::CuttingList),
        ("Part | Material | Thickness | Qty | Price", Schema::Quote),
        ("Part | Qty", Schema::PartsList),
        ("Service | Price | Total", Schema::Invoice),
        ("Material | Qty | Bin", Schema::Inventory),
        ("Client | Project", Schema::Generic),
    ] {
        let (read, _) = tables(&[grid(&format!("{header}\na | b | 3 | 4 | 5"))]);
        assert_eq!(read.schema, Some(schema), "{header}");
    }
    assert_eq!(tables(&[grid("")]).0.schema, None);
    let (read, _) = tables(&[grid("Part | Qty | Price\nA | 2 | R 12,50")]);
    let table = &read.tables[0];
    assert_eq!(table.header, ["Part", "Qty", "Price"]);
    assert_eq!(table.rows, [["A", "2", "R 12,50"]]);
    assert_eq!(table.columns["price"], 2);
    assert_eq!(read.part_lines[0].price.as_deref(), Some("R 12,50"));
    let facts = &read.readings[0];
    assert_eq!(facts.quantity.as_ref().unwrap().value, 2);
    assert_eq!(
        facts.part_name.as_ref().unwrap().evidence,
        "A | 2 | R 12,50"
    );
}

#[test]
fn what_is_no_list_of_parts_makes_no_lines() {
    for text in [
        "PROFIL | a | b | h | l\nx | 1 | 2 | 3 | 4",
        "1 | 2 | 3\n4 | 5 | 6",
        "ID | TOTAL | MAIN | SUB\n1 | 2 | 3 | 4",
        "Material | Mild Steel\nThickness | 5\nQty | 4",
        "Total | 5",
        "A | DOG PRODUCTS | Dog product\nB | BIRD PRODUCTS | Bird product",
        "Note to all staff\nThe total of the part is 5",
    ] {
        assert_eq!(lines(text), "", "{text}");
    }
}

#[test]
fn hidden_sheets_do_not_add_lines() {
    let mut old = grid("Part | Qty\nA | 9");
    old.hidden = true;
    let (read, said) = tables(&[old.clone(), grid("Part | Qty\nA | 1")]);
    assert_eq!(shown(&read), "2 | A | - | - | 1 | - | -");
    assert_eq!(said[0].code, "hidden_lines");
    assert_eq!(read.tables.len(), 2);
    assert_eq!(shown(&tables(&[old]).0), "2 | A | - | - | 9 | - | -");
}
