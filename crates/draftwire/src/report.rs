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

/// Why the program ends, with the causes behind it.
pub(crate) fn failure(cause: &anyhow::Error) {
    eprintln!("draftwire: {cause:#}");
}

/// A length or a thickness without needless digits.
pub(crate) fn figure(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}
