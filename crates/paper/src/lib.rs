//! Pages to print, as PDF: what a shop takes to the machine. Pure: what stands on a page comes in as values, the time too.
//! It must never open a file or a connection.

mod figures;
mod job_sheet;
mod page;
mod text;

pub use job_sheet::{JobSheet, Line, PARTS_MAX, job_sheet};

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    #[error("the bundled font {0} cannot be read")]
    Font(&'static str),
    #[error("a page of {width} by {height} points cannot be made")]
    Page { width: f32, height: f32 },
    #[error("{given} parts are more than a sheet lists ({PARTS_MAX})")]
    TooManyParts { given: usize },
    #[error("the PDF cannot be written: {0}")]
    Write(String),
}
