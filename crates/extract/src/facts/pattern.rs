//! Regular expressions as named constants, compiled at first use; it must never compile one from what a file says.

use regex::Regex;

/// Names patterns: `patterns! { NUMBER = r"^[0-9]+$"; }`.
macro_rules! patterns {
    ($($name:ident = $pattern:expr;)*) => {
        $(static $name: std::sync::LazyLock<regex::Regex> = std::sync::LazyLock::new(|| {
            regex::Regex::new($pattern).expect("a constant pattern that the tests compile")
        });)*
    };
}
pub(super) use patterns;

/// The first group of a pattern that matched.
pub(super) fn first_group<'t>(pattern: &Regex, text: &'t str) -> Option<&'t str> {
    let captures = pattern.captures(text)?;
    captures
        .iter()
        .skip(1)
        .flatten()
        .next()
        .map(|found| found.as_str())
}
