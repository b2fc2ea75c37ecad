//! One small LightBurn project for each construct: shapes, what is wrong with them, and how cut settings work them.

use crate::extracted;
use crate::lightburn::{DISC, codes, measures, project, section};
use drawing::{Extents, Operation};
use extract::lightburn::CutSetting;
use std::f64::consts::PI;

/// What is drawn, by a name; its length, its box, closed contours and open chains.
type Drawn<'a> = (&'a str, &'a str, f64, [f64; 4], (u64, u64));

const SQUARE: [f64; 4] = [0.0, 0.0, 10.0, 10.0];
const UNIT: [f64; 4] = [-1.0, -1.0, 1.0, 1.0];
const WIDE: [f64; 4] = [-20.0, -10.0, 20.0, 10.0];
/// Four Béziers are a little longer than the circle they stand for.
const ROUND: f64 = 2.000_280_7 * PI;

const PLAIN: &[Drawn<'_>] = &[
    (
        "circle",
        "<Shape Type='Ellipse' Rx='5' Ry='5'><XForm>1 0 0 1 20 30</XForm></Shape>",
        10.0 * PI,
        [15.0, 25.0, 25.0, 35.0],
        (1, 0),
    ),
    (
        "no transform",
        "<Shape Type='Ellipse' Rx='1' Ry='1'/>",
        2.0 * PI,
        UNIT,
        (1, 0),
    ),
    (
        "ellipse",
        "<Shape Type='Ellipse' Rx='2' Ry='4'/>",
        19.376_896_441,
        [-2.0, -4.0, 2.0, 4.0],
        (1, 0),
    ),
    (
        "stretched circle",
        "<Shape Type='Ellipse' Rx='2' Ry='2'><XForm>1 0 0 2 0 0</XForm></Shape>",
        19.376_896_441,
        [-2.0, -4.0, 2.0, 4.0],
        (1, 0),
    ),
    (
        "mirrored and turned",
        "<Shape Type='Ellipse' Rx='5' Ry='5'><XForm>0 -2 -2 0 1 2</XForm></Shape>",
        20.0 * PI,
        [-9.0, -8.0, 11.0, 12.0],
        (1, 0),
    ),
    (
        "rectangle",
        "<Shape Type='Rect' W='40' H='20' Cr='0'/>",
        120.0,
        WIDE,
        (1, 0),
    ),
    (
        "locked",
        "<Shape Type='Rect' W='40' H='20' Locked='1'/>",
        120.0,
        WIDE,
        (1, 0),
    ),
    (
        "round corners",
        "<Shape Type='Rect' W='40' H='20' Cr='2'/>",
        104.0 + 4.0 * PI,
        WIDE,
        (1, 0),
    ),
    (
        "hollow corners",
        "<Shape Type='Rect' W='40' H='20' Cr='-2'/>",
        104.0 + 4.0 * PI,
        WIDE,
        (1, 0),
    ),
    (
        "corners too round",
        "<Shape Type='Rect' W='40' H='20' Cr='99'/>",
        40.0 + 20.0 * PI,
        WIDE,
        (1, 0),
    ),
    (
        "hexagon",
        "<Shape Type='Polygon' N='6' Rx='10' Ry='10'/>",
        60.0,
        [-8.660_254, -10.0, 8.660_254, 10.0],
        (1, 0),
    ),
    (
        "nested groups",
        "<Shape Type='Group'><XForm>2 0 0 2 100 0</XForm><Children><Shape Type='Group'><XForm>0 1 -1 0 0 0</XForm><Children>\
         <Shape Type='Ellipse' Rx='5' Ry='5'><XForm>1 0 0 1 20 30</XForm></Shape></Children></Shape></Children></Shape>",
        20.0 * PI,
        [30.0, 30.0, 50.0, 50.0],
        (1, 0),
    ),
];

const PATHS: &[Drawn<'_>] = &[
    (
        "closed",
        "<VertList>V0 0V10 0V10 10V0 10</VertList><PrimList>LineClosed</PrimList>",
        40.0,
        SQUARE,
        (1, 0),
    ),
    (
        "open",
        "<VertList>V0 0V10 0V10 10V0 10</VertList><PrimList>LineOpen</PrimList>",
        30.0,
        SQUARE,
        (0, 1),
    ),
    (
        "an empty list",
        "<VertList>V0 0V10 0V10 10V0 10</VertList><PrimList/>",
        40.0,
        SQUARE,
        (1, 0),
    ),
    (
        "no list",
        "<VertList>V0 0V10 0V10 10V0 10</VertList>",
        40.0,
        SQUARE,
        (1, 0),
    ),
    (
        "curves that nothing lists",
        "<VertList>V1 0c0x1c0y0.5522848c1x1c1y-0.5522848V0 1c0x-0.5522848c0y1c1x0.5522848c1y1V-1 0c0x-1c0y-0.5522848c1x-1c1y0.5522848\
         V0 -1c0x0.5522848c0y-1c1x-0.5522848c1y-1</VertList>",
        ROUND,
        UNIT,
        (1, 0),
    ),
    (
        "curves",
        "<VertList>V1 0c0x1c0y0.5522848c1x1c1y-0.5522848V0 1c0x-0.5522848c0y1c1x0.5522848c1y1V-1 0c0x-1c0y-0.5522848c1x-1c1y0.5522848\
         V0 -1c0x0.5522848c0y-1c1x-0.5522848c1y-1</VertList><PrimList>B0 1B1 2B2 3B3 0</PrimList>",
        ROUND,
        UNIT,
        (1, 0),
    ),
    (
        "curves that stay open",
        "<VertList>V1 0c0x1c0y0.5522848c1x1c1y-0.5522848V0 1c0x-0.5522848c0y1c1x0.5522848c1y1V-1 0c0x-1c0y-0.5522848c1x-1c1y0.5522848\
         V0 -1c0x0.5522848c0y-1c1x-0.5522848c1y-1</VertList><PrimList>B0 1B1 2B2 3</PrimList>",
        ROUND * 0.75,
        UNIT,
        (0, 1),
    ),
    (
        "two chains",
        "<VertList>V0 0V10 0V10 10V0 10V50 0V60 0V60 9</VertList><PrimList>L0 1L1 2L2 3L3 0L4 5L5 6</PrimList>",
        59.0,
        [0.0, 0.0, 60.0, 10.0],
        (1, 1),
    ),
    (
        "a handle without its other half",
        "<VertList>V0 0c0x1c1x1V10 0c0x7c1x9</VertList><PrimList>B0 1</PrimList>",
        10.0,
        [0.0, 0.0, 10.0, 0.0],
        (0, 1),
    ),
    (
        "blanks",
        "<VertList>V 0 0 S\nV10,0 SV10 10</VertList><PrimList> L0 1\nL1 2 L2 0 </PrimList>",
        34.142_135_624,
        SQUARE,
        (1, 0),
    ),
    (
        "split text",
        "<VertList>V0 0V1<!-- -->0 0<![CDATA[V10 10]]></VertList><PrimList>LineOp&#101;n</PrimList>",
        20.0,
        SQUARE,
        (0, 1),
    ),
    (
        "elements",
        "<V/><V vx='10' c0x='1'/><V vx='10' vy='10'/><P T='L' p0='0' p1='1'/><P T='B' p0='1' p1='2'/>",
        20.0,
        SQUARE,
        (0, 1),
    ),
];

/// What stands before and after a text's or a sharing path's own lists.
const OTHERS: &[Drawn<'_>] = &[
    (
        "a text stands where its own transform says",
        "<Shape Type='Text' Str='I'><BackupPath Type='Path'><XForm>1 0 0 1 5 5</XForm><VertList>V0 0V10 0V10 10V0 10</VertList>\
         <PrimList>LineClosed</PrimList></BackupPath><XForm>2 0 0 2 100 0</XForm></Shape>",
        80.0,
        [100.0, 0.0, 120.0, 20.0],
        (1, 0),
    ),
    (
        "shared lists",
        "<Shape Type='Path' VertID='3' PrimID='4'><VertList>V0 0V10 0V10 10V0 10</VertList><PrimList>LineClosed</PrimList></Shape>\
         <Shape Type='Group'><Children><Shape Type='Path' VertID='3' PrimID='4'><XForm>1 0 0 1 90 0</XForm></Shape></Children></Shape>",
        80.0,
        [0.0, 0.0, 100.0, 10.0],
        (2, 0),
    ),
    (
        "shared pieces with other corners",
        "<Shape Type='Path' VertID='3' PrimID='4'><VertList>V0 0V10 0V10 10V0 10</VertList><PrimList>LineOpen</PrimList></Shape>\
         <Shape Type='Path' VertID='5' PrimID='4'><VertList>V0 50V7 50</VertList></Shape>",
        37.0,
        [0.0, 0.0, 10.0, 50.0],
        (0, 2),
    ),
];

fn check((name, content, length, [min_x, min_y, max_x, max_y], chains): &Drawn<'_>) {
    let extraction = extracted(&project(content), "a.lbrn2");
    let measures = measures(&extraction);
    let (ours, extents) = (measures.cut_length_mm, measures.extents_mm.unwrap());
    assert!((ours - length).abs() < 1e-6 * length, "{name}: {ours}");
    let [min_x, min_y, max_x, max_y] = [*min_x, *min_y, *max_x, *max_y];
    let expected = Extents {
        min_x,
        min_y,
        max_x,
        max_y,
    };
    assert!(extents.matches(expected, 1e-6), "{name}: {extents:?}");
    assert_eq!(
        (measures.contours_total, measures.open_chains),
        *chains,
        "{name}"
    );
    assert!(
        measures.measure_complete,
        "{name}: {:?}",
        extraction.diagnostics
    );
}

#[test]
fn shapes_are_drawn_exactly() {
    PLAIN.iter().chain(OTHERS).for_each(check);
    for (name, lists, length, extents, chains) in PATHS {
        let content = format!("<Shape Type='Path'><XForm>1 0 0 1 0 0</XForm>{lists}</Shape>");
        check(&(name, &content, *length, *extents, *chains));
    }
}

/// The code of the diagnostic, the shape, and the type that is not measured.
const DEFECTS: &[(&str, &str, &str)] = &[
    ("bad_figure", "<Shape Type='Rect' W='nan' H='1'/>", "Rect"),
    ("bad_figure", "<Shape Type='Rect' H='1'/>", "Rect"),
    ("bad_figure", "<Shape Type='Rect' W='1e300' H='1'/>", "Rect"),
    (
        "bad_figure",
        "<Shape Type='Polygon' N='2' Rx='1' Ry='1'/>",
        "Polygon",
    ),
    (
        "bad_figure",
        "<Shape Type='Polygon' N='1e9' Rx='1' Ry='1'/>",
        "Polygon",
    ),
    (
        "bad_transform",
        "<Shape Type='Rect' W='1' H='1'><XForm>1 0 0 1 nan 0</XForm></Shape>",
        "Rect",
    ),
    (
        "bad_transform",
        "<Shape Type='Rect' W='1' H='1'><XForm>1 0 0 1</XForm></Shape>",
        "Rect",
    ),
    (
        "bad_transform",
        "<Shape Type='Group'><XForm>1 0 0 inf 0 0</XForm><Children><Shape Type='Rect' W='1' H='1'/></Children></Shape>",
        "Rect",
    ),
    (
        "missing_list",
        "<Shape Type='Path' VertID='9' PrimID='9'/>",
        "Path",
    ),
    (
        "missing_list",
        "<Shape Type='Path' PrimID='9'><VertList>V0 0V1 1</VertList></Shape>",
        "Path",
    ),
    (
        "missing_corner",
        "<Shape Type='Path'><VertList>V0 0V1 1</VertList><PrimList>L0 1L1 7</PrimList></Shape>",
        "Path",
    ),
    (
        "damaged_list",
        "<Shape Type='Path'><VertList>V0 0V1 1V3 x4</VertList><PrimList>L0 1</PrimList></Shape>",
        "Path",
    ),
    (
        "damaged_list",
        "<Shape Type='Path'><VertList>V0 0V1 1</VertList><PrimList>L0 1Q1 0</PrimList></Shape>",
        "Path",
    ),
    (
        "polygon_form",
        "<Shape Type='Polygon' N='5' Rx='1' Ry='1' StarRatio='0.5'/>",
        "Polygon",
    ),
    ("no_outline", "<Shape Type='Spiral' W='3'/>", "Spiral"),
    ("no_outline", "<Shape Type='Path'/>", "Path"),
    (
        "text_without_outline",
        "<Shape Type='Text' Str='Hi' H='5'/>",
        "Text",
    ),
    (
        "late_transform",
        "<Shape Type='Group'><Children><Shape Type='Rect' W='1' H='1'/></Children><XForm>2 0 0 2 0 0</XForm></Shape>",
        "Group",
    ),
];

#[test]
fn what_cannot_be_drawn_is_said() {
    for (code, content, kind) in DEFECTS {
        let extraction = extracted(&project(&format!("{DISC}{content}")), "a.lbrn2");
        let measures = measures(&extraction);
        assert!(
            codes(&extraction).contains(code),
            "{content}: {:?}",
            extraction.diagnostics
        );
        assert!(
            measures.not_measured.contains_key(*kind),
            "{content}: {:?}",
            measures.not_measured
        );
        assert!(
            measures.cut_length_mm >= 31.0,
            "{content}: the rest is measured"
        );
        assert!(
            extraction
                .needs_review
                .iter()
                .any(|review| review.code == "not_measured"),
            "{content}"
        );
    }
    let nothing = extracted(&project("<Shape Type='Rect' W='0' H='0'/>"), "a.lbrn2");
    assert_eq!(codes(&nothing), ["degenerate"]);
    let engraved =
        "<CutSetting type='Scan'><index Value='0'/></CutSetting><Shape Type='Text' Str='Hi'/>";
    let engraved = extracted(&project(engraved), "a.lbrn2");
    assert!(
        measures(&engraved).measure_complete,
        "an engraved text is no cut that is missed"
    );
}

/// A kind of setting, its index, its name, and its other fields.
const SETTINGS: &[(&str, u32, &str, &str)] = &[
    (
        "Cut",
        0,
        "C00",
        "<numPasses Value='3'/><subname Value='outer'/>",
    ),
    ("Scan", 1, "Logo", "<interval Value='0.1'/>"),
    (
        "Cut",
        2,
        "C02",
        "<doOutput Value='0'/><SubLayer type='Cut' index='1'/>",
    ),
    (
        "Scan",
        3,
        "C03",
        "<SubLayer type='Cut' index='1'><speed Value='5'/></SubLayer>",
    ),
    ("Cut", 4, "C04", "<hide Value='1'/>"),
    ("Offset", 5, "C05", ""),
    ("Tool", 30, "T1", ""),
    ("Scan+Cut", 6, "C06", ""),
    ("Cut", 7, "Score lines", ""),
];

fn worked() -> Vec<u8> {
    let mut content = String::new();
    for (kind, index, name, more) in SETTINGS {
        let fields =
            format!("<index Value='{index}'/><name Value='{name}'/><speed Value='20'/>{more}");
        let square = format!(
            "<Shape Type='Rect' CutIndex='{index}' W='10' H='10'><XForm>1 0 0 1 {index}0 0</XForm></Shape>"
        );
        content += &format!("<CutSetting type='{kind}'>{fields}</CutSetting>{square}");
    }
    content += "<Shape Type='Rect' CutIndex='1' W='4' H='4'><XForm>1 0 0 1 10 0</XForm></Shape>";
    content +=
        "<CutSetting_Img type='Image'><index Value='9'/><name Value='Photo'/></CutSetting_Img>";
    content += "<Shape Type='Bitmap' CutIndex='9' W='6' H='5'><XForm>2 0 0 1 0 0</XForm></Shape>";
    project(&content)
}

#[test]
fn cut_settings_decide_what_is_cut() {
    let extraction = extracted(&worked(), "a.lbrn2");
    let layers: Vec<(&str, Operation, f64)> = measures(&extraction)
        .layers
        .iter()
        .map(|layer| (layer.name.as_str(), layer.operation, layer.cut_length_mm))
        .collect();
    let expected = [
        ("C00 outer", Operation::Cut, 40.0),
        ("C01 Logo", Operation::Engrave, 0.0),
        ("C02", Operation::Cut, 0.0),
        ("C03", Operation::Cut, 40.0),
        ("C04", Operation::Cut, 40.0),
        ("C05", Operation::Engrave, 0.0),
        ("T1", Operation::Ignore, 0.0),
        ("C06", Operation::Cut, 40.0),
        ("C07 Score lines", Operation::Engrave, 0.0),
    ];
    assert_eq!(layers, expected);
    assert_eq!(measures(&extraction).cut_length_mm, 160.0);
    assert_eq!(codes(&extraction), ["hidden_layer"]);
}

#[test]
fn cut_settings_have_times_and_areas() {
    let extraction = extracted(&worked(), "a.lbrn2");
    let section = section(&extraction);
    let told = |setting: &CutSetting| {
        let figures = (setting.estimated_cut_seconds, setting.engrave_area_mm2);
        (setting.index, setting.sub_layer, figures)
    };
    let told: Vec<_> = section.cut_settings.iter().map(told).collect();
    let expected = [
        (0, None, (Some(6.0), None)),
        (1, None, (None, Some(84.0))),
        (2, None, (None, None)),
        (2, Some(1), (None, None)),
        (3, None, (None, Some(100.0))),
        (3, Some(1), (Some(8.0), None)),
        (4, None, (Some(2.0), None)),
        (5, None, (None, Some(100.0))),
        (30, None, (None, None)),
        (6, None, (Some(2.0), Some(100.0))),
        (7, None, (Some(2.0), None)),
        (9, None, (None, Some(60.0))),
    ];
    assert_eq!(told, expected);
    assert_eq!(section.estimated_cut_seconds, Some(20.0));
    assert_eq!(section.bitmap_area_mm2, 60.0);
    assert_eq!(section.cut_settings[1].interval_mm, Some(0.1));
}
