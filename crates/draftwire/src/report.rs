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
