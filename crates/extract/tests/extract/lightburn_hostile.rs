//! Projects that mean harm, or mean nothing: an answer every time, within the limits, and never a panic.

use crate::lightburn::{project, read};
use drawing::{LayerRules, measure};
use extract::{ExtractError, Input, Limits, SNIFF_BYTES, facts, lightburn, sniff};
use proptest::prelude::*;

fn small() -> Limits {
    Limits {
        entities_max: 2_000,
        vertices_max: 5_000,
        diagnostics_max: 10,
        layers_max: 20,
        ..Limits::default()
    }
}

fn any_answer(bytes: &[u8]) {
    let (caller, rules, limits) = (
        facts::CallerFacts::default(),
        facts::Rules::default(),
        small(),
    );
    sniff(bytes.get(..SNIFF_BYTES).unwrap_or(bytes), "a.lbrn2");
    // Past the sniffing, too.
    if let Ok(reading) = lightburn::read(bytes, &LayerRules::default(), &limits) {
        let listed = reading.drawing.vertices.len() + reading.drawing.pieces.len();
        assert!(listed <= limits.vertices_max);
        measure(&reading.drawing, &limits.measure);
    }
    match extract::extract(bytes, &Input::new("a.lbrn2", &caller), &rules, &limits) {
        Ok(outcome) => {
            let extraction = outcome.extraction;
            assert!(extraction.diagnostics.len() <= 12);
            let json = serde_json::to_string(&extraction).expect("an Extraction is JSON");
            let back: extract::Extraction =
                serde_json::from_str(&json).expect("it reads its own JSON");
            assert_eq!(back.drawing, extraction.drawing);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// One of everything, small.
fn sample() -> Vec<u8> {
    let mut text = String::from_utf8(project(concat!(
        "<Thumbnail Source=\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\"/>",
        "<VariableText><Start Value=\"0\"/></VariableText>",
        "<CutSetting type=\"Cut\"><index Value=\"1\"/><name Value=\"C01\"/><speed Value=\"9\"/>",
        "<SubLayer type=\"Scan\" index=\"1\"><speed Value=\"2\"/></SubLayer></CutSetting>",
        "<Shape Type=\"Group\"><XForm>2 0 0 2 1 1</XForm><Children>",
        "<Shape Type=\"Ellipse\" CutIndex=\"1\" Rx=\"3\" Ry=\"4\"><XForm>1 .5 0 1 9 8</XForm></Shape>",
        "<Shape Type=\"Rect\" CutIndex=\"1\" W=\"3\" H=\"4\" Cr=\"-1\"><XForm>1 0 0 1 9 8</XForm></Shape>",
        "</Children></Shape>",
        "<Shape Type=\"Path\" CutIndex=\"1\" VertID=\"1\" PrimID=\"2\"><XForm>1 0 0 1 0 0</XForm>",
        "<VertList>V0 0c0x1c0y2c1x1V5 5c0x1c1x4c1y5SV9 0</VertList><PrimList>B0 1L1 2L2 0</PrimList></Shape>",
        "<Shape Type=\"Path\" CutIndex=\"1\" VertID=\"1\" PrimID=\"2\"><XForm>1 0 0 1 9 0</XForm></Shape>",
        "<Shape Type=\"Text\" Str=\"5 &lt; 6\"><BackupPath Type=\"Path\"><VertList>V0 0V1 0V1 1</VertList>",
        "</BackupPath><XForm>1 0 0 1 0 7</XForm></Shape>",
        "<Shape Type=\"Polygon\" N=\"5\" Rx=\"2\" Ry=\"2\"/>",
        "<Shape Type=\"Path\"><V vx=\"1\" vy=\"2\"/><V vx=\"3\" vy=\"4\"/><P T=\"L\" p0=\"0\" p1=\"1\"/></Shape>",
    )))
    .unwrap();
    text.push('\n');
    text.into_bytes()
}

#[test]
fn a_file_cut_anywhere_is_answered() {
    let whole = sample();
    assert!(!read(&whole).drawing.truncated);
    let root = whole.windows(2).position(|pair| pair == b"\">").unwrap() + 2;
    for length in 0..whole.len() {
        any_answer(&whole[..length]);
        let wide = |bytes: &[u8]| -> Vec<u8> { bytes.iter().flat_map(|byte| [*byte, 0]).collect() };
        any_answer(&wide(&whole[..length])[..(2 * length).saturating_sub(1)]);
        if length > root + 100 && length < whole.len() - 21 {
            assert!(read(&whole[..length]).drawing.truncated, "{length}");
        }
    }
}

#[test]
fn a_document_type_is_refused() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]>\
                  <LightBurnProject><Notes Notes=\"&b;\"/></LightBurnProject>";
    let refused = lightburn::read(
        laughs.as_bytes(),
        &LayerRules::default(),
        &Limits::default(),
    );
    assert_eq!(refused.err(), Some(ExtractError::XmlDoctype));
    any_answer(laughs.as_bytes());
    let other = lightburn::read(b"<svg/>", &LayerRules::default(), &Limits::default());
    assert_eq!(other.err(), Some(ExtractError::NotLightburn));
}

fn nested(depth: usize) -> Vec<u8> {
    let open = "<Shape Type=\"Group\"><XForm>1 0 0 1 1 0</XForm><Children>".repeat(depth);
    let close = "</Children></Shape>".repeat(depth);
    let disc = "<Shape Type=\"Ellipse\" Rx=\"5\" Ry=\"5\"><XForm>1 0 0 1 0 0</XForm></Shape>";
    project(&format!("{open}{disc}{close}"))
}

#[test]
fn deep_groups_are_followed_to_the_limit() {
    let reading = read(&nested(20_000));
    let curve = reading.drawing.curves.first().unwrap();
    let extents = reading.drawing.extents(curve).unwrap();
    assert!((extents.min_x - 19_995.0).abs() < 1e-6);
    assert!(!reading.drawing.truncated);
    let deeper = read(&nested(60_000));
    assert!(deeper.drawing.truncated);
    assert_eq!(
        deeper.diagnostics.iter().next().unwrap().code,
        "xml_depth_max"
    );
}

#[test]
fn limits_are_kept() {
    let read = |content: &str| {
        lightburn::read(&project(content), &LayerRules::default(), &small()).unwrap()
    };
    let codes = |reading: &lightburn::Reading| -> Vec<String> {
        reading
            .diagnostics
            .iter()
            .map(|remark| remark.code.clone())
            .collect()
    };
    let square =
        |index: usize| format!("<Shape Type=\"Rect\" CutIndex=\"{index}\" W=\"1\" H=\"1\"/>");
    let many = read(&square(0).repeat(3_000));
    assert_eq!(many.drawing.curves.len(), 5_000 / 3 / 4);
    assert_eq!(codes(&many), ["entities_max", "vertices_max"]);
    let layers = read(&(0..100).map(square).collect::<String>());
    assert_eq!(
        (layers.drawing.layers.len(), codes(&layers)),
        (20, vec!["layers_max".to_owned()])
    );
    let corners = "V1 2".repeat(100_000);
    let list = format!(
        "<Shape Type=\"Path\" VertID=\"1\" PrimID=\"1\"><VertList>{corners}</VertList><PrimList>LineOpen</PrimList></Shape>"
    );
    let lists = read(&list);
    assert!(lists.drawing.vertices.len() <= 5_000 && lists.drawing.truncated);
    // A short list that many share, and one whose pieces name nothing, are paid for each time.
    for pieces in ["L0 1L1 2L2 0", "L9 8L9 8L9 8"] {
        let shared = "<Shape Type=\"Path\" VertID=\"1\" PrimID=\"1\"/>".repeat(1_900);
        let lists = format!("<VertList>V0 0V1 0V1 1</VertList><PrimList>{pieces}</PrimList>");
        let lists = read(&format!(
            "<Shape Type=\"Path\" VertID=\"1\" PrimID=\"1\">{lists}</Shape>{shared}"
        ));
        assert!(
            lists.drawing.truncated && lists.drawing.vertices.len() <= 5_000,
            "{pieces}"
        );
    }
    let old = "<V vx=\"1\" vy=\"1\"/>".repeat(10_000);
    assert!(
        read(&format!("<Shape Type=\"Path\">{old}</Shape>"))
            .drawing
            .truncated
    );
    let attributes: String = (0..10_000).map(|n| format!(" a{n}=\"1\"")).collect();
    any_answer(&project(&format!("<Shape{attributes} Type=\"Rect\"/>")));
    let settings = "<CutSetting type=\"Cut\"><index Value=\"0\"/></CutSetting>".repeat(5_000);
    let settings = read(&settings);
    assert_eq!(settings.section.cut_settings.len(), 2_000);
    let types: String = (0..500)
        .map(|n| format!("<Shape Type=\"T{n}\"/>"))
        .collect();
    assert_eq!(read(&types).drawing.entity_counts.len(), 65);
}

#[test]
fn odd_files_are_answered() {
    for content in [
        "",
        "text",
        "<Shape/>",
        "<Shape Type=\"\"/>",
        "<Shape Type=\"Path\"/>",
        "<Shape Type=\"Path\"><VertList/><PrimList/></Shape>",
        "<Shape Type=\"Path\"><VertList>V0 0</VertList></Shape>",
        "<Shape Type=\"Path\"><VertList>V0 0V1 1</VertList><PrimList>L4294967295 4294967296</PrimList></Shape>",
        "<BackupPath Type=\"Path\"/>",
        "<CutSetting/><CutSetting type=\"Cut\"><index Value=\"99999999999999999999\"/></CutSetting>",
        "<CutSetting type=\"Cut\"><speed Value=\"1e-300\"/><numPasses Value=\"1e300\"/></CutSetting><Shape Type=\"Rect\" W=\"9\" H=\"9\"/>",
        "<Shape Type=\"Rect\" CutIndex=\"-9223372036854775808\" W=\"9\" H=\"9\"/>",
        "<Thumbnail Source=\"&#0;&bad;\"/><Notes Notes=\"&#xD800;\"/>",
        "<Shape Type=\"Ellipse\" Rx=\"0\" Ry=\"5\"/><Shape Type=\"Ellipse\" Rx=\"1e-320\" Ry=\"5\"/>",
        "<Shape Type=\"Ellipse\" Rx=\"5\" Ry=\"5\"><XForm>0 0 0 0 0 0</XForm></Shape>",
        "<Shape Type=\"Rect\" W=\"5\" H=\"5\" Cr=\"1\"><XForm>1 1 1 1 0 0</XForm></Shape>",
        "<Shape Type=\"Ellipse\" Rx=\"5\" Ry=\"5\"><XForm>1e308 1e308 -1e308 1e308 0 0</XForm></Shape>",
        "<Shape Type=\"Bitmap\" W=\"1e200\" H=\"1e200\"/>",
        "<LightBurnProject><Shape Type=\"Rect\" W=\"1\" H=\"1\"/></LightBurnProject>",
        "<![CDATA[<Shape]]><!-- <Shape --><?pi <Shape ?>",
    ] {
        any_answer(&project(content));
    }
}

proptest! {
    #[test]
    fn damaged_projects(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = sample();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        any_answer(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        any_answer(&bytes);
    }

    #[test]
    fn figures_of_any_size(figures in prop::collection::vec(any::<f64>(), 8)) {
        let f = &figures;
        any_answer(&project(&format!(
            "<Shape Type=\"Rect\" W=\"{0:e}\" H=\"{1:e}\" Cr=\"{2:e}\"><XForm>{3:e} {4:e} {5:e} {6:e} 0 {7:e}</XForm></Shape>\
             <Shape Type=\"Ellipse\" Rx=\"{0:e}\" Ry=\"{1:e}\"><XForm>{3} {4} {5} {6} 0 0</XForm></Shape>\
             <Shape Type=\"Path\"><VertList>V{0:e} {1:e}c0x{2:e}c0y{3:e}V{4:e} {5:e}c1x{6:e}c1y{7:e}</VertList><PrimList>B0 1B1 0</PrimList></Shape>\
             <Shape Type=\"Polygon\" N=\"{0}\" Rx=\"{1}\" Ry=\"{2}\"/>",
            f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7],
        )));
    }

    #[test]
    fn lists_of_anything(corners in "[VScxy01 .eE+-]{0,60}", pieces in "[LB0-9 ]{0,40}") {
        any_answer(&project(&format!("<Shape Type=\"Path\"><VertList>{corners}</VertList><PrimList>{pieces}</PrimList></Shape>")));
    }
}
