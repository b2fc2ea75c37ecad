//! OpenDocument packages: the sheets of .ods, the text and tables of .odt. It must never read a package whose parts are
//! encrypted as if they were text.

use crate::blocks::{self, Blocks, Tables};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::error::ExtractError;
use crate::limits::Limits;
use crate::markup::Tokens;
use crate::package::Package;
use crate::sheet::Workbook;

/// # Errors
/// [`ExtractError::PasswordNeeded`], [`ExtractError::Damaged`] without content, [`ExtractError::TooLarge`].
pub(crate) fn sheets(
    package: &mut Package<'_>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Workbook, ExtractError> {
    let Blocks {
        lines,
        sheets,
        grids,
    } = read(package, Tables::Named, limits, diagnostics)?;
    Ok(Workbook {
        format: "ods",
        sheets,
        grids,
        texts: lines,
    })
}

/// # Errors
/// As [`sheets`].
pub(crate) fn read(
    package: &mut Package<'_>,
    tables: Tables,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Result<Blocks, ExtractError> {
    if let Some((manifest, _)) = package.part("META-INF/manifest.xml")?
        && memchr::memmem::find(&manifest, b"encryption-data").is_some()
    {
        return Err(ExtractError::PasswordNeeded);
    }
    let (content, sound) = package.part("content.xml")?.ok_or(ExtractError::Damaged)?;
    if !sound {
        part_damaged("content.xml", diagnostics);
    }
    let content = String::from_utf8_lossy(&content);
    Ok(blocks::read(
        Tokens::of_xml(&content),
        tables,
        limits,
        diagnostics,
    ))
}

pub(crate) fn part_damaged(name: &str, diagnostics: &mut Diagnostics) {
    diagnostics.push(|| {
        let message = format!("{name} inside the file is damaged: what it holds may be missing");
        Diagnostic::new(Severity::Warning, "part_damaged", message)
            .hint("save the file again in the program it comes from")
    });
}
