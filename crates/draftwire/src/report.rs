//! What the program says on the terminal. A closed pipe is no failure.

use std::io::{self, Write};

/// One line on standard output.
pub(crate) fn line(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Why the program ends, with the causes behind it that have not been named yet.
pub(crate) fn failure(error: &anyhow::Error) {
    let mut sentence = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !sentence.contains(&cause) {
            sentence.push_str(&format!(": {cause}"));
        }
    }
    eprintln!("draftwire: {sentence}");
}

/// A length or a thickness without needless digits.
pub(crate) fn figure(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

/// Rows below their headings, in columns as wide as they need to be.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widest = cells.map(|cell| cell.chars().count()).max();
        let heading = headings
            .get(at)
            .map_or(0, |heading| heading.chars().count());
        widest.unwrap_or_default().max(heading)
    };
    let headings: Vec<String> = headings
        .iter()
        .map(|heading| heading.to_uppercase())
        .collect();
    for row in std::iter::once(&headings).chain(rows) {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(at, cell)| format!("{cell:<width$}", width = width(at)));
        line(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
