//! SVG files: sizes, shapes and layers of made ones, and hostile ones.

use drawing::{Measures, UnitSource};
use extract::{ExtractError, Extraction, Input, Kind, Limits, Unit, facts};
use proptest::prelude::*;

fn extracted(svg: &str, unit: Option<Unit>) -> Result<Extraction, ExtractError> {
    let caller = facts::CallerFacts::default();
    let input = Input {
        unit,
        ..Input::new("a.svg", &caller)
    };
    let rules = facts::Rules::default();
    let limits = Limits::default();
    extract::extract(svg.as_bytes(), &input, &rules, &limits).map(|outcome| outcome.extraction)
}

fn read(svg: &str) -> Extraction {
    extracted(svg, None).expect("an SVG")
}

fn measures(extraction: &Extraction) -> &Measures {
    &extraction.drawing.as_ref().unwrap().measures
}

/// A page of 200 by 100 mm whose coordinates are millimetres.
fn page(content: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape"
            width="200mm" height="100mm" viewBox="0 0 200 100" fill="none" stroke="black">{content}</svg>"#
    )
}

fn close(a: f64, b: f64, slack: f64) -> bool {
    (a - b).abs() <= slack
}

const ILLUSTRATOR: &str = "<!-- Generator: Adobe Illustrator 25.0 -->";
const CSS: f64 = 25.4 / 96.0;

/// What stands before the root, the root's attributes, the unit that was said, millimetres of 60 units, and whether that
/// is beyond doubt.
#[rustfmt::skip]
const PAGES: [(&str, &str, Option<Unit>, f64, bool); 10] = [
    ("", r#"width="100mm" height="50mm" viewBox="0 0 100 50""#, None, 60.0, true),
    ("", r#"width="10cm" height="5cm" viewBox="0 0 1000 500""#, None, 6.0, true),
    ("", r#"width="100mm" height="50mm""#, None, 60.0 * CSS, true),
    ("", r#"width="4in" height="2in" viewBox="0 0 96 48""#, None, 63.5, true),
    ("", r#"width="384" height="192""#, None, 60.0 * CSS, false),
    ("", r#"viewBox="0 0 384 192""#, None, 60.0 * CSS, false),
    (ILLUSTRATOR, r#"width="384px" height="192px""#, None, 60.0 * 25.4 / 72.0, false),
    ("", r#"width="384" height="192" inkscape:version="0.48.4 r9939""#, None, 60.0 * 25.4 / 90.0, false),
    ("", r#"width="384" height="192""#, Some(Unit::Millimetre), 60.0, true),
    ("", r#"width="38.4in" height="19.2in" viewBox="0 0 38.4 19.2""#, Some(Unit::Inch), 60.0 * 25.4, true),
];

#[test]
fn the_page_tells_the_unit_or_leaves_it_in_doubt() {
    for (before, size, unit, width, sure) in PAGES {
        let svg = format!(
            r#"{before}<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" {size}>
                <rect x="1" y="1" width="60" height="20" stroke="red" fill="none"/></svg>"#
        );
        let extraction = extracted(&svg, unit).unwrap();
        let measures = measures(&extraction);
        let ours = measures.extents_mm.unwrap().width();
        assert!(close(ours, width, 1e-3), "{size}: {ours}");
        let units = measures.units.unwrap();
        assert_eq!(units.confidence >= 0.7, sure, "{size}: {units:?}");
        assert_eq!(units.source == UnitSource::Pixels, !sure, "{size}");
    }
}

#[test]
fn shapes_are_measured_as_they_are_drawn() {
    let svg = page(
        r#"<rect x="10" y="10" width="100" height="60"/>
        <circle cx="30" cy="40" r="5"/>
        <g transform="translate(20 0) scale(2)"><circle cx="30" cy="20" r="5"/></g>
        <path d="M 95 30 a 4 4 0 1 0 0.0001 0 z"/>"#,
    );
    let extraction = read(&svg);
    assert_eq!(extraction.kind, Some(Kind::Svg));
    let measures = measures(&extraction);
    let extents = measures.extents_mm.unwrap();
    assert!(close(extents.width(), 100.0, 1e-3) && close(extents.height(), 60.0, 1e-3));
    // Upwards is up: the upper edge of the page is 100 mm high.
    assert!(close(extents.min_y, 30.0, 1e-3) && close(extents.max_y, 90.0, 1e-3));
    assert_eq!(
        (measures.parts_total, measures.pierces, measures.open_chains),
        (1, 4, 0)
    );
    let holes: Vec<_> = measures
        .holes
        .iter()
        .map(|hole| (hole.diameter_mm, hole.count))
        .collect();
    for ((diameter, count), expected) in holes.iter().zip([8.0, 10.0, 20.0]) {
        assert!(close(*diameter, expected, 0.01) && *count == 1, "{holes:?}");
    }
    assert_eq!(holes.len(), 3);
    let length = 320.0 + std::f64::consts::PI * 38.0;
    assert!(
        close(measures.cut_length_mm, length, 0.02),
        "{}",
        measures.cut_length_mm
    );
    assert_eq!(measures.entity_counts["circle"], 2);
}

#[test]
fn fillings_are_outlines_and_paper_is_no_part() {
    let svg = page(
        r#"<rect width="200" height="100" fill="white" stroke="none"/>
        <path d="M 10 10 h 40 v 30" fill="black" stroke="none"/>
        <path d="M 100 10 h 40 v 30"/>
        <path d="M 10 80 h 10" fill="none" stroke="none"/>"#,
    );
    let extraction = read(&svg);
    let measures = measures(&extraction);
    assert_eq!((measures.contours_total, measures.open_chains), (1, 1));
    assert!(close(measures.cut_length_mm, 120.0 + 70.0, 1e-3));
    let codes: Vec<_> = extraction
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.code.as_str())
        .collect();
    assert_eq!(codes, ["background"]);
}

#[test]
fn layers_are_groups_or_colours() {
    let line = |y: u32, colour: &str| format!(r#"<path d="M 0 {y} h 10" stroke="{colour}"/>"#);
    let layer = |label: &str, content: &str| {
        format!(
            r#"<g id="{label}1" inkscape:groupmode="layer" inkscape:label="{label}">{content}</g>"#
        )
    };
    let two = [line(10, "#ff0000"), line(20, "blue")].concat();
    let cases = [
        (
            [
                layer("Cut", &two),
                layer("Engrave", &format!("<g id='x'>{}</g>", line(30, "red"))),
            ]
            .concat(),
            vec!["Cut", "Engrave"],
        ),
        (layer("Layer 1", &two), vec!["#0000ff", "#ff0000"]),
        (two.clone(), vec!["#0000ff", "#ff0000"]),
        (line(10, "lime"), vec!["#00ff00"]),
        (
            format!(
                r#"<g id="Holes"><g id="inner">{}</g></g>"#,
                line(10, "lime")
            ),
            vec!["Holes"],
        ),
        (
            format!(
                "<style>.bend{{stroke:#00f}}</style><path class='bend' d='M 0 5 h 9'/>{}",
                line(10, "red")
            ),
            vec!["#0000ff", "#ff0000"],
        ),
    ];
    for (content, expected) in cases {
        let extraction = read(&page(&content));
        let mut names: Vec<_> = measures(&extraction)
            .layers
            .iter()
            .map(|layer| layer.name.as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected, "{content}");
    }
}

#[test]
fn words_state_facts_and_copies_are_drawn() {
    let svg = page(
        r##"<defs><path id="slot" d="M 0 0 h 10 v 5 h -10 z"/></defs>
        <use href="#slot" x="10" y="10"/><use href="#slot" x="40" y="10"/>
        <text x="20" y="60">Material: <tspan>MS</tspan></text><text x="20" y="70">Thk: 6 mm</text>"##,
    );
    let extraction = read(&svg);
    assert_eq!(measures(&extraction).parts_total, 2);
    assert!(close(measures(&extraction).cut_length_mm, 60.0, 1e-3));
    let texts = &extraction.drawing.as_ref().unwrap().texts;
    assert_eq!(texts, &["Material: MS", "Thk: 6 mm"]);
    assert_eq!(extraction.facts.material.unwrap().value, "Mild Steel");
    assert_eq!(extraction.facts.thickness_mm.unwrap().value, 6.0);
}

#[test]
fn nothing_outside_the_file_is_opened() {
    let folder = std::env::temp_dir().join(format!("image-svg-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let other = folder.join("other.svg");
    std::fs::write(&other, page(r#"<rect width="50" height="50"/>"#)).unwrap();
    let svg = page(&format!(
        r#"<image href="{0}" width="50" height="50"/><use href="{0}#a"/><path d="M 0 0 h 9"/>"#,
        other.display()
    ));
    let extraction = read(&svg);
    assert!(close(measures(&extraction).cut_length_mm, 9.0, 1e-3));
    assert_eq!(extraction.diagnostics[0].code, "images_skipped");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn bombs_are_refused_or_small() {
    let entities: String = (1..12)
        .map(|n| format!(r#"<!ENTITY e{n} "{}">"#, format!("&e{};", n - 1).repeat(10)))
        .collect();
    let bomb = format!(
        r#"<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY e0 "<path d='M 0 0 h 9'/>">{entities}]>{}"#,
        page("&e11;")
    );
    let own = page(r##"<g id="a"><use href="#a"/><path d="M 0 0 h 9"/></g>"##);
    let copies: String = (1..12)
        .map(|n| {
            format!(
                r##"<g id="u{n}">{}</g>"##,
                format!(r##"<use href="#u{}"/>"##, n - 1).repeat(10)
            )
        })
        .collect();
    let copied = page(&format!(
        r##"<defs><path id="u0" d="M 0 0 h 9"/>{copies}</defs><use href="#u11"/>"##
    ));
    let deep = page(&format!(
        "{}{}",
        "<g>".repeat(100_000),
        "</g>".repeat(100_000)
    ));
    let nested = page(&format!(
        "{}<path d='M 0 0 h 9'/>{}",
        "<g>".repeat(150),
        "</g>".repeat(150)
    ));
    for (name, svg, expected) in [
        ("entities", bomb, Some(ExtractError::SvgTooComplex)),
        ("own copy", own, None),
        ("copies", copied, Some(ExtractError::SvgTooComplex)),
        ("too deep", deep, Some(ExtractError::SvgTooComplex)),
        ("deep", nested, None),
        ("no svg", "<svg".to_owned(), Some(ExtractError::DamagedSvg)),
    ] {
        assert_eq!(extracted(&svg, None).err(), expected, "{name}");
    }
}

const SAMPLE: &str = r##"<g id="Cut" transform="rotate(30 4 5) skewX(3)"><rect x="1" y="2" width="9" height="4" rx="1"/>
    <ellipse cx="4" cy="4" rx="3" ry="2"/><path d="M1,1 q 3,4 5,6 t 2 2 A 3 4 20 1 0 9 9 Z m 1 1 l 4 4"/>
    <polygon points="1,1 2,3 4,1"/></g><use href="#Cut" x="40"/><text x="1" y="2">Qty: 4</text>"##;

#[test]
fn files_cut_off_anywhere_have_an_answer() {
    let svg = page(SAMPLE);
    assert!(measures(&read(&svg)).cut_length_mm > 50.0);
    for cut in (0..svg.len()).step_by(7) {
        let start: String = svg.chars().take(cut).collect();
        let read = extracted(&start, None);
        // Before its first element it may be any text.
        assert!(read.is_err() || cut < 100, "{cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn damaged_files_have_an_answer(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[0-9a-zA-Z.e<>\"= -]"), 1..12),
    ) {
        let mut svg: Vec<char> = page(SAMPLE).chars().collect();
        for (place, character) in changes {
            let place = place.index(svg.len());
            svg[place] = character.chars().next().unwrap();
        }
        let svg: String = svg.into_iter().collect();
        if let Ok(extraction) = extracted(&svg, None) {
            serde_json::to_string(&extraction).expect("an Extraction is JSON");
        }
    }
}
