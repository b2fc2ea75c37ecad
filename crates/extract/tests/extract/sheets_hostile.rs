//! Spreadsheets that lie, burst, are locked or cut: each ends cleanly, within the limits.

use crate::corpus::corpus;
use crate::sheets::{
    BOOK, CONTENT_TYPES, TITLED, codes, ods, outcome, outcome_within, raw, workbook, zipped,
};
use extract::{ExtractError, Limits, SheetLimits};
use proptest::prelude::*;
use std::fs;

#[test]
fn far_cells_and_lying_sizes_cost_nothing() {
    let sheet = "<worksheet><dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
        <row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row></sheetData></worksheet>";
    let read = outcome(&raw(sheet, None), "a.xlsx").unwrap().extraction;
    let sheets = &read.document.as_ref().unwrap().sheets;
    assert_eq!((sheets[0].rows, sheets[0].columns), (1_048_576, 16_384));
    assert_eq!(codes(&read), ["columns_max"]);
    let sheet = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>7</v></c></row></sheetData></worksheet>";
    let words = "<sst uniqueCount=\"99999999999999\"><si><t>Part</t></si></sst>";
    assert_eq!(
        outcome(&raw(sheet, Some(words)), "a.xlsx").unwrap_err(),
        ExtractError::Damaged
    );
    // Words that are missing: what can be read is, or the file is damaged; never more.
    let read = outcome(&raw(sheet, None), "a.xlsx").unwrap().extraction;
    assert!(!codes(&read).is_empty(), "{:?}", read.document);
}

#[test]
fn bombs_are_refused_by_what_they_say_and_by_what_they_are() {
    let zeros = vec![b' '; 40 * 1024 * 1024];
    let bomb = zipped(&[
        ("[Content_Types].xml", CONTENT_TYPES),
        ("xl/workbook.xml", BOOK),
        ("xl/worksheets/sheet1.xml", &zeros),
    ]);
    assert!(bomb.len() < 100_000);
    assert_eq!(
        outcome(&bomb, "a.xlsx").unwrap_err(),
        ExtractError::TooLarge("package.inflated_bytes_max")
    );
    // The same with the declared sizes made small, in the local header and in the directory.
    let mut lying = bomb.clone();
    let size = (40u32 * 1024 * 1024).to_le_bytes();
    let at: Vec<usize> = (0..lying.len() - 4)
        .filter(|&at| lying[at..at + 4] == size)
        .collect();
    assert!(at.len() > 1);
    for at in at {
        lying[at..at + 4].copy_from_slice(&100u32.to_le_bytes());
    }
    let refused = outcome(&lying, "a.xlsx").unwrap_err();
    assert!(
        matches!(refused, ExtractError::TooLarge(_) | ExtractError::Damaged),
        "{refused}"
    );
    let mut entries = Limits::default();
    entries.package.entries_max = 2;
    assert_eq!(
        outcome_within(&bomb, "a.xlsx", &entries).unwrap_err(),
        ExtractError::TooLarge("package.entries_max")
    );
}

#[test]
fn locked_cut_and_foreign_files_end_cleanly() {
    let mut locked = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
    locked.extend([0; 1024]);
    locked.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(
        outcome(&locked, "a.xlsx").unwrap_err().code(),
        "password_needed"
    );
    let whole = workbook(&[("List", TITLED)]);
    for cut in (30..whole.len()).step_by(97) {
        assert!(outcome(&whole[..cut], "a.xlsx").is_err(), "cut at {cut}");
    }
    let mut broken = whole.clone();
    let sum = broken
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    broken[sum + 16] ^= 1;
    assert!(outcome(&broken, "a.xlsx").is_ok());
    assert_eq!(
        outcome(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and no more", "a.xls").unwrap_err(),
        ExtractError::Damaged
    );
}

#[test]
fn limits_leave_out_and_say_so() {
    let sheet = SheetLimits {
        cells_max: 8,
        columns_max: 3,
        preview_bytes_max: 400,
        ..SheetLimits::default()
    };
    let limits = Limits {
        sheet,
        ..Limits::default()
    };
    let list = "Part | Qty | W | H\nA | 1 | 2 | 3\nB | 2 | 3 | 4\nC | 3 | 4 | 5";
    let read = outcome_within(&workbook(&[("S", list)]), "a.xlsx", &limits).unwrap();
    assert_eq!(codes(&read.extraction), ["cells_max", "columns_max"]);
    assert_eq!(read.extraction.part_lines.len(), 2);
    assert!(read.preview.unwrap().bytes.len() <= 400);
}

/// Inputs that other readers choke on: quotes within quotes, unclosed ones, and tags within tags.
#[test]
fn odd_text_takes_no_more_than_one_pass() {
    let quotes = "Part,Qty\n".to_owned() + &"a,\"x\n".repeat(20_000);
    let unclosed = "Part,Qty\n\"".to_owned() + &"a,x\n".repeat(20_000);
    let deep = "<table><tr><td>".repeat(20_000);
    let tags = "<".repeat(200_000) + "<table>";
    let open = "<a \"".repeat(200_000) + "<table>";
    for (text, name) in [
        (quotes, "a.csv"),
        (unclosed, "a.csv"),
        (deep, "a.xls"),
        (tags, "a.xls"),
        (open, "a.xls"),
    ] {
        let begun = std::time::Instant::now();
        let _answer = outcome(text.as_bytes(), name);
        assert!(
            begun.elapsed().as_secs() < 120,
            "{}",
            text.get(..20).unwrap_or_default()
        );
    }
}

fn samples() -> Vec<(Vec<u8>, &'static str)> {
    let corpus = corpus().into_iter().flat_map(|corpus| {
        [
            "profiles.xls",
            "ragged.xls",
            "biff4_no_format_no_window2.xls",
        ]
        .map(|name| (fs::read(corpus.join("excel").join(name)).unwrap(), "a.xls"))
    });
    let made = [
        (workbook(&[("List", TITLED)]), "a.xlsx"),
        (
            raw(
                "<worksheet><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row></sheetData></worksheet>",
                None,
            ),
            "a.xlsx",
        ),
        (TITLED.replace(" | ", ";").into_bytes(), "a.csv"),
        (
            b"<table><tr><td rowspan=3>Part<td>Qty<tr><td>1</table>".to_vec(),
            "a.xls",
        ),
        (
            ods(
                "<table:table table:name=\"S\"><table:table-row><table:table-cell table:number-columns-repeated=\"3\"><text:p>Part</text:p></table:table-cell></table:table-row></table:table>",
                "",
            ),
            "a.ods",
        ),
    ];
    corpus.chain(made).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_change_of_a_file_is_more_than_an_error(
        which in 0usize..8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let samples = samples();
        let (mut bytes, name) = samples[which % samples.len()].clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()).max(1));
        }
        let _answer = outcome(&bytes, name);
    }
}
