//! Icons as SVG in the page: drawn by us, in the colour of the text around them.

use std::fmt;

/// HTML that needs no escaping: made here of nothing that a stranger wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup(pub(crate) String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markup {}

/// Names and path data, on a square of 16 units, stroked.
const ICONS: &[(&str, &str)] = &[
    ("overview", "M2 9h4v5H2zM6 5h4v9H6zM10 2h4v12h-4z"),
    ("upload", "M8 11V2M4.5 5.5 8 2l3.5 3.5M2 10v4h12v-4"),
    ("download", "M8 2v9M4.5 7.5 8 11l3.5-3.5M2 11v3h12v-3"),
    ("files", "M4 1.5h5l3.5 3.5v9.5H4zM9 1.5V5h3.5"),
    ("check", "M2.5 8.5 6 12l7.5-8"),
    ("to-check", "M8 1.5 15 14H1zM8 6v4M8 12v.1"),
    (
        "subscriptions",
        "M3 13a9 9 0 0 1 0-10M13 3a9 9 0 0 1 0 10M5.5 10.5a5 5 0 0 1 0-5M10.5 5.5a5 5 0 0 1 0 5M8 8v.1",
    ),
    ("deliveries", "M1.5 8 14.5 2 10 14 7.5 9zM7.5 9l7-7"),
    ("dead", "M3 3l10 10M13 3 3 13"),
    ("events", "M2 8h3l2-5 2.5 10L11.5 8H14"),
    ("replays", "M3 8a5 5 0 1 0 1.5-3.6M3 2v3h3"),
    (
        "settings",
        "M2 4.5h6M11 4.5h3M2 11.5h3M8 11.5h6M9.5 3v3M6.5 10v3",
    ),
    (
        "search",
        "M7 2a5 5 0 1 1 0 10A5 5 0 0 1 7 2zM10.8 10.8 14.5 14.5",
    ),
    ("alert", "M8 1.5 15 14H1zM8 6v4M8 12v.1"),
    (
        "info",
        "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 7v4M8 4.8v.1",
    ),
    ("trash", "M2.5 4h11M6 4V2h4v2M4 4l.7 10h6.6L12 4"),
    ("key", "M9.5 6.5a3.5 3.5 0 1 1 1 0zM7.6 8.4 2 14M4 12l2 2"),
    ("projects", "M1.5 4h5l1.5 2h6.5v8h-13z"),
    (
        "clients",
        "M8 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM2 14a6 6 0 0 1 12 0",
    ),
    ("inbox", "M2 9 4 3h8l2 6v5H2zM2 9h3.5l1 2h3l1-2H14"),
    ("print", "M4 6V2h8v4M4 11H2V6h12v5h-2M4 9.5h8V14H4z"),
    (
        "link",
        "M6.5 9.5 9.5 6.5M7 4.5l2-2a3 3 0 0 1 4.5 4.5l-2 2M9 11.5l-2 2A3 3 0 0 1 2.5 9l2-2",
    ),
    ("sign-out", "M6 2H2.5v12H6M10.5 5 14 8l-3.5 3M14 8H6"),
    ("plus", "M8 2.5v11M2.5 8h11"),
    (
        "zoom-in",
        "M7 2a5 5 0 1 1 0 10A5 5 0 0 1 7 2zM10.8 10.8 14.5 14.5M7 5v4M5 7h4",
    ),
    (
        "zoom-out",
        "M7 2a5 5 0 1 1 0 10A5 5 0 0 1 7 2zM10.8 10.8 14.5 14.5M5 7h4",
    ),
    ("fit", "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4"),
];

/// An icon beside words that say the same; an unknown name is none.
pub fn icon(name: &str) -> Markup {
    let path = ICONS.iter().find(|(known, _)| *known == name);
    Markup(path.map_or(String::new(), |(_, path)| {
        format!(
            "<svg class=\"icon\" viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\" focusable=\"false\">\
             <path d=\"{path}\"/></svg>"
        )
    }))
}
