//! Word processors' documents: text and tables of .docx and .odt. Of older formats it says what to do instead; it must
//! never run a macro nor follow a link.

use crate::blocks::{self, Blocks, Tables};
use crate::diagnostic::Diagnostics;
use crate::document::Document;
use crate::documented::Documented;
use crate::error::ExtractError;
use crate::facts::Rules;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::markup::Tokens;
use crate::open_document;
use crate::package::Package;
use crate::sheet::{is_encrypted, joined};
use crate::table;

/// Headers of pages that are read.
const HEADERS_MAX: usize = 10;

/// # Errors
/// [`ExtractError::OldDocument`] for .doc and .rtf, [`ExtractError::PasswordNeeded`], [`ExtractError::Damaged`],
/// [`ExtractError::TooLarge`].
pub(crate) fn read(
    bytes: &[u8],
    rules: &Rules,
    limits: &Limits,
) -> Result<Documented, ExtractError> {
    if bytes.starts_with(b"{\\rtf") {
        return Err(ExtractError::OldDocument("RTF"));
    }
    if !bytes.starts_with(b"PK") {
        return Err(match is_encrypted(bytes) {
            true => ExtractError::PasswordNeeded,
            false => ExtractError::OldDocument("Word 97 (.doc)"),
        });
    }
    let mut diagnostics = Diagnostics::new(limits.diagnostics_max);
    let mut package = Package::open(bytes, &limits.package)?;
    let (format, blocks) = match package.has("content.xml") {
        true => (
            "odt",
            open_document::read(&mut package, Tables::Counted, limits, &mut diagnostics)?,
        ),
        false => ("docx", docx(&mut package, limits, &mut diagnostics)?),
    };
    Ok(documented(
        Kind::Word,
        format,
        blocks,
        rules,
        limits,
        diagnostics,
    ))
}

fn docx(
    package: &mut Package<'_>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Blocks, ExtractError> {
    let mut parts: Vec<String> = package.names();
    parts.retain(|name| name.starts_with("word/header") && name.ends_with(".xml"));
    parts.sort();
    parts.truncate(HEADERS_MAX);
    parts.push("word/document.xml".to_owned());
    let mut content = String::new();
    for name in &parts {
        let Some((part, sound)) = package.part(name)? else {
            return Err(ExtractError::Damaged);
        };
        if !sound {
            open_document::part_damaged(name, diagnostics);
        }
        content.push_str(&String::from_utf8_lossy(&part));
        content.push_str("<p/>");
    }
    Ok(blocks::read(
        Tokens::of_xml(&content),
        Tables::Counted,
        limits,
        diagnostics,
    ))
}

/// Lines and tables of a text as a document.
pub(crate) fn documented(
    kind: Kind,
    format: &str,
    blocks: Blocks,
    rules: &Rules,
    limits: &Limits,
    mut diagnostics: Diagnostics,
) -> Documented {
    let read = table::read(&blocks.grids, rules, limits, &mut diagnostics);
    let mut texts = blocks.lines;
    texts.extend(read.texts);
    let document = Document {
        format_version: Some(format.to_owned()),
        text: joined(&texts, limits.text_bytes_max),
        tables: read.tables,
        fields: read.fields,
        schema: read.schema,
        ..Document::default()
    };
    Documented {
        texts,
        readings: read.readings,
        part_lines: read.part_lines,
        part_lines_beyond: read.part_lines_beyond,
        ..Documented::new(kind, document, diagnostics)
    }
}
