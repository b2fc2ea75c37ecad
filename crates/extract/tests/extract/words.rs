//! Text and word processors' documents: what they state, and files that pose as them.

use crate::sheets::{shown, zipped};
use extract::{ExtractError, Extraction, Input, Kind, Limits, facts};

fn read(bytes: &[u8], name: &str) -> Result<Extraction, ExtractError> {
    let caller = facts::CallerFacts::default();
    let input = Input::new(name, &caller);
    let read = extract::extract(bytes, &input, &facts::Rules::default(), &Limits::default());
    read.map(|outcome| outcome.extraction)
}

fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"w\"><w:body>{body}</w:body></w:document>"
    );
    zipped(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", document.as_bytes()),
        (
            "word/header1.xml",
            b"<w:hdr><w:p><w:r><w:t>Client: CL0042</w:t></w:r></w:p></w:hdr>",
        ),
    ])
}

const BODY: &str = "<w:p><w:r><w:t>Mater</w:t></w:r><w:r><w:t>ial: MS</w:t></w:r><w:r><w:delText> SS</w:delText></w:r></w:p>\
    <w:p><w:r><w:t>PO No: 4500-12</w:t><w:tab/><w:instrText>PAGE</w:instrText></w:r></w:p>\
    <w:tbl><w:tr><w:tc><w:tcPr><w:gridSpan w:val=\"2\"/></w:tcPr><w:p><w:r><w:t>Part &amp; place</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Thk</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Qty</w:t></w:r></w:p></w:tc></w:tr>\
    <w:tr><w:tc><w:p><w:r><w:t>Brac</w:t></w:r><w:r><w:t>ket</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc><w:tc><w:p><w:r><w:t>3 mm</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>4 off</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";

#[test]
fn a_word_document_states_facts_and_lines() {
    let read = read(
        &docx(&BODY.replace("Part &amp; place", "Part")),
        "order.docx",
    )
    .unwrap();
    assert_eq!(read.kind, Some(Kind::Word));
    assert_eq!(
        shown(&read.part_lines),
        ["table 1 row 2 | Bracket | - | 3 | 4 | - | -"]
    );
    let document = read.document.unwrap();
    assert_eq!(
        document.text,
        "Client: CL0042\nMaterial: MS\nPO No: 4500-12"
    );
    assert_eq!(document.format_version.as_deref(), Some("docx"));
    assert_eq!(read.facts.material.unwrap().value, "Mild Steel");
    assert_eq!(read.facts.client_code.unwrap().value.as_str(), "CL0042");
    assert_eq!(read.facts.po_number.unwrap().value, "4500-12");
    assert_eq!(read.facts.quantity.unwrap().value, 4);
}

#[test]
fn an_open_document_text_states_the_same() {
    let content = "<office:text><text:h>Order</text:h><text:p>Material:<text:s/>MS</text:p><table:table table:name=\"T\">\
        <table:table-row><table:table-cell><text:p>Part</text:p></table:table-cell><table:table-cell><text:p>Qty</text:p></table:table-cell></table:table-row>\
        <table:table-row><table:table-cell><text:p>Cap</text:p></table:table-cell><table:table-cell><text:p>2</text:p></table:table-cell></table:table-row></table:table></office:text>";
    let bytes = zipped(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("content.xml", content.as_bytes()),
    ]);
    let read = read(&bytes, "order.odt").unwrap();
    assert_eq!(read.kind, Some(Kind::Word));
    assert_eq!(
        shown(&read.part_lines),
        ["table 1 row 2 | Cap | - | - | 2 | - | -"]
    );
    assert_eq!(read.facts.material.unwrap().value, "Mild Steel");
}

#[test]
fn plain_text_states_facts_line_by_line() {
    for (name, text, material, quantity) in [
        (
            "note.txt",
            &b"Please cut:\r\nMaterial: MS\r\nQty: 4\r\n"[..],
            Some("Mild Steel"),
            Some(4),
        ),
        ("note.txt", b"3mm Galv", Some("Galvanized Steel"), None),
        (
            "note.txt",
            b"The value of carbonate, max 5, is evaluated.",
            None,
            None,
        ),
        (
            "list.txt",
            b"Part\tMaterial\tQty\nBracket\tSS\t7\nTotal\t\t7\n",
            Some("Stainless Steel"),
            Some(7),
        ),
        (
            "page.html",
            b"<html><script>Material: SS</script><p>Material: MS<br>Qty: 4",
            Some("Mild Steel"),
            Some(4),
        ),
        ("notes.csv", b"Material: MS", Some("Mild Steel"), None),
    ] {
        let read = read(text, name).unwrap();
        assert_eq!(read.kind, Some(Kind::Text), "{name}");
        assert_eq!(
            read.facts.material.map(|fact| fact.value).as_deref(),
            material,
            "{name}"
        );
        assert_eq!(
            read.facts.quantity.map(|fact| fact.value),
            quantity,
            "{name}"
        );
    }
}

#[test]
fn what_is_not_read_says_what_to_do() {
    let ole = |word: &str| {
        let mut bytes = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
        bytes.extend(word.encode_utf16().flat_map(u16::to_le_bytes));
        bytes
    };
    for (name, bytes, code) in [
        (
            "a.rtf",
            b"{\\rtf1 Material: MS}".to_vec(),
            "unsupported_kind",
        ),
        ("a.doc", ole("WordDocument"), "unsupported_kind"),
        ("a.docx", ole("EncryptedPackage"), "password_needed"),
        ("a.docx", docx("")[..200].to_vec(), "damaged"),
        (
            "a.docx",
            zipped(&[("[Content_Types].xml", b"<Types/>")]),
            "damaged",
        ),
    ] {
        let error = read(&bytes, name).unwrap_err();
        assert_eq!(error.code(), code, "{name}");
        assert!(error.to_string().contains(": "), "{error}");
    }
    let bomb = docx(&" ".repeat(40 * 1024 * 1024));
    assert_eq!(read(&bomb, "a.docx").unwrap_err().code(), "too_large");
}
