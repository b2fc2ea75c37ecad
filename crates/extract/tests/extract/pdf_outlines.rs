//! PDF pages that are drawings: measured at their stated scale, and told from charts and forms.

use crate::pdf::{MM, codes, outcome_of, read, reviews};
use crate::pdf_file::{PdfFile, circle, rectangle, text};
use extract::Limits;

/// A plate of 200 by 100 with two holes of 20, drawn on A4 at this scale, with a frame, a dashed line, a dimension and
/// the letter `A` made of strokes.
fn plate(scale: &str, by: f64) -> Vec<u8> {
    let mm = MM / by;
    let (x, y) = (100.0, 400.0);
    let mut page = rectangle(20.0, 20.0, 555.0, 802.0) + &rectangle(x, y, 200.0 * mm, 100.0 * mm);
    page += &circle(x + 40.0 * mm, y + 50.0 * mm, 10.0 * mm);
    page += &circle(x + 160.0 * mm, y + 50.0 * mm, 10.0 * mm);
    page += &format!(
        "[4 2] 0 d 80 {} m 400 {} l S [] 0 d\n",
        y + 50.0 * mm,
        y + 50.0 * mm
    );
    page += &format!(
        "{x} 390 m {x} 370 l S {x} 375 m {} 375 l S\n",
        x + 200.0 * mm
    );
    page += "450 450 m 453 458 l 456 450 l S 451 453 m 455 453 l S 452 451 m 454 451 l 454 452.5 l 452 452.5 l h S\n";
    page += &text("200", 200.0, 377.0, 8.0);
    for (row, words) in (0..).zip([scale, "Material: MS", "Thickness: 6"]) {
        page += &text(words, 400.0, 80.0 - 12.0 * f64::from(row), 9.0);
    }
    PdfFile::page(&page)
}

#[test]
fn an_outline_is_measured_at_its_stated_scale_with_a_warning() {
    for (scale, by, unit) in [
        ("Scale: 1:1", 1.0, None),
        ("Scale: 1:2", 2.0, None),
        ("Scale 2:1", 0.5, Some(extract::Unit::Inch)),
    ] {
        let outcome = outcome_of(&plate(scale, by), &Limits::default(), |input| {
            input.unit = unit
        });
        let extraction = outcome.unwrap().extraction;
        let measures = &extraction.drawing.as_ref().expect(scale).measures;
        let (width, height) = measures.extents_mm.unwrap().rounded_size();
        assert!(
            (width - 200.0).abs() < 0.01 && (height - 100.0).abs() < 0.01,
            "{scale} {width} {height}"
        );
        let length = 600.0 + 2.0 * std::f64::consts::PI * 20.0;
        assert!(
            (measures.cut_length_mm - length).abs() < 0.001 * length,
            "{scale}"
        );
        assert_eq!(measures.parts_total, 1, "{scale}");
        assert_eq!(
            (measures.holes.len(), measures.holes[0].count),
            (1, 2),
            "{scale}"
        );
        assert!(
            (measures.holes[0].diameter_mm - 20.0).abs() < 0.02,
            "{scale}"
        );
        assert!(codes(&extraction).contains(&"pdf_outline"), "{scale}");
        assert!(reviews(&extraction).contains(&"pdf_outline"), "{scale}");
    }
    let unscaled = read(&plate("Scale: NTS", 2.0));
    assert!(unscaled.drawing.is_none() && codes(&unscaled).contains(&"pdf_not_to_scale"));
}

#[test]
fn charts_and_forms_are_no_drawings() {
    let mut chart = rectangle(100.0, 300.0, 300.0, 200.0);
    for tick in 0..6 {
        let x = 100.0 + 60.0 * f64::from(tick);
        chart += &format!("{x} 300 m {x} 296 l S\n");
        chart += &text(&(tick * 2).to_string(), x, 285.0, 8.0);
    }
    assert!(read(&PdfFile::page(&chart)).drawing.is_none());
}

#[test]
fn what_is_doubtful_of_an_outline_is_said_of_the_document() {
    let plate = |x| rectangle(x, 100.0, 200.0, x);
    let crossing = PdfFile::page(&format!("{}{}", plate(100.0), plate(150.0)));
    let mut limits = Limits::default();
    limits.measure.findings_max = 0;
    let extraction = outcome_of(&crossing, &limits, |_| {}).unwrap().extraction;
    assert!(extraction.drawing.is_some());
    assert!(codes(&extraction).contains(&"findings_max"));
}
