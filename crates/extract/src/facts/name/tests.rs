//! What names of shops say, row by row, and what no name may do.

use proptest::prelude::*;

use super::*;

/// Reads every name of a table and compares all its columns; `-` stands for what a name does not state.
fn check(table: &str) {
    let rules = Rules::default();
    for row in table.lines() {
        let columns: Vec<_> = row.split(" | ").collect();
        let (name, expected) = columns.split_first().unwrap();
        let facts = read_name(name, &rules).facts;
        let read = [
            facts.part_name.map(|fact| fact.value),
            facts.material.map(|fact| fact.value),
            facts.thickness_mm.map(|fact| fact.value.to_string()),
            facts.quantity.map(|fact| fact.value.to_string()),
        ];
        assert_eq!(
            read.map(|value| value.unwrap_or("-".to_owned())),
            expected,
            "{name}"
        );
    }
}

/// Name | part | material | thickness in mm | quantity.
const TWENTY_FILES_OF_A_REAL_SHOP: &str = "\
0004-100mm garden-Galv-1.2mm-x16.lbrn2 | 100mm garden | Galvanized Steel | 1.2 | 16
0005-100mm teeth-GaLv-1.2mm-x5.lbrn2 | 100mm teeth | Galvanized Steel | 1.2 | 5
0001-Full Gas Box Version1-Galv-1mm-x1.lbrn2 | Full Gas Box | Galvanized Steel | 1 | 1
0002-100x100x50-Galv-3mm-x20.lbrn2 | 100x100x50 | Galvanized Steel | 3 | 20
0003-Slats-MS-10mm-x9.dxf | Slats | Mild Steel | 10 | 9
0008-piece 4 holes-MS-5mm-x60.dxf | piece 4 holes | Mild Steel | 5 | 60
0011-Khaya.200x200mm baseplate-MS-8mm-x2.dxf | Khaya.200x200mm baseplate | Mild Steel | 8 | 2
0014-Bracket 200.400mm-Galv-3mm-x1.dxf | Bracket 200.400mm | Galvanized Steel | 3 | 1
0011-Crank Angler-MS-0.53-x1.lbrn2 | Crank Angler | Mild Steel | 0.53 | 1
0001-W.VT3.Plate Unfolded-VAS-4mm-x1.dxf | W.VT3.Plate Unfolded | Vastrap | 4 | 1
0002-Flatsheet-VAS-4mm-x1.dxf | Flatsheet | Vastrap | 4 | 1
0004-shaped plates-MS-2mm-x1.dxf | shaped plates | Mild Steel | 2 | 1
0005-VA2604-VAS-4mm-x1.dxf | VA2604 | Vastrap | 4 | 1
0005-VA2609-VAS-4mm-x1.dxf | VA2609 | Vastrap | 4 | 1
0005-VA2614-VAS-4mm-x1.dxf | VA2614 | Vastrap | 4 | 1
0005-VA2619-VAS-4mm-x3.dxf | VA2619 | Vastrap | 4 | 3
0007-W.VA7.Channel-VAS-4mm-x1.dxf | W.VA7.Channel | Vastrap | 4 | 1
Slat_Holder_x32.dxf | Slat_Holder | - | - | 32
Alpine_White_0.53_AZ200_x20.dxf | Alpine_White_0.53_AZ200 | - | - | 20
Barge_flashing_v2.lbrn2 | Barge_flashing | - | - | -
";

#[test]
fn twenty_files_of_a_real_shop() {
    check(TWENTY_FILES_OF_A_REAL_SHOP);
}

/// Name | part | material | thickness in mm | quantity.
const THE_DEPARTURES_PEOPLE_MAKE: &str = "\
0005-VA2601-VAS-4mm-x1 | VA2601 | Vastrap | 4 | 1
W - V2612 - Vastrap - Rev 1 .dxf | W - V2612 | Vastrap | - | -
W - V2612 - Vastrap - Rev 1  | W - V2612 | Vastrap | - | -
Purlin_cleats_x170_6mm.dxf | Purlin_cleats | - | 6 | 170
30_and_60_Degree_Slant_5mm_x_2.dxf | 30_and_60_Degree_Slant | - | 5 | 2
base_plate_200x200_t10_4x18_on160.dxf | base_plate_200x200_4x18_on160 | - | 10 | -
0014-Emberton roof-MS-053mm-x1.dxf | Emberton roof | Mild Steel | 0.53 | 1
0014-Emberton roof-MS-053mm-x1_VERSION 2.lbrn2 | Emberton roof | Mild Steel | 0.53 | 1
0001-100mm L cut-Galv-x5.lbrn2 | 100mm L cut | Galvanized Steel | - | 5
0002-L cut 200mm-Galv-1.2mm-x127.dxf | L cut 200mm | Galvanized Steel | 1.2 | 127
0008-100mm.1220mm garden-Galv-1.2mm-x5.lbrn2 | 100mm.1220mm garden | Galvanized Steel | 1.2 | 5
0007-75mm-Galv-1.2mm-x17.dxf | 75mm | Galvanized Steel | 1.2 | 17
0008-90 deg plate-Galv-1.2mm.x2.dxf | 90 deg plate | Galvanized Steel | 1.2 | 2
0008-90 deg plate-Galv-1.2mm.x2 | 90 deg plate | Galvanized Steel | 1.2 | 2
0005-Lid-MS-3mm x4.dxf | Lid | Mild Steel | 3 | 4
0005-Lid-MS-3mm_x4.dxf | Lid | Mild Steel | 3 | 4
0012-RoundCap-MS Charcol-0.dxf | RoundCap | Mild Steel | - | -
0012-RoundCap-MS Charcol-0.53mm-x2.dxf | RoundCap | Mild Steel | 0.53 | 2
0001-A Z OROS-SS-0.dxf | A Z OROS | Stainless Steel | - | -
0004-Colour Swatch Varients50x.150x-ColS-0.dxf | Colour Swatch Varients50x.150x | ColS | - | -
0002-Vent in full-Sureaz-0.47-x1.dxf | Vent in full | Sureaz | 0.47 | 1
0009-Closure-MNG-0.53mm-x18.dxf | Closure | MNG | 0.53 | 18
0010-2hold plate-Galv-3mm-x4.dxf | 2hold plate | Galvanized Steel | 3 | 4
0012-Signage version1- - -x1.dxf | Signage | - | - | 1
0001-Floor design- - -x1.lbrn2 | Floor design | - | - | 1
0005-UNI TWIST V2-SS-1mm-x35.dxf | UNI TWIST | Stainless Steel | 1 | 35
OGOA-W-V2601-Vas-6mm-x1.dxf | OGOA-W-V2601 | Vastrap | 6 | 1
DEOA-200.125.100.75mm garden-Galv-1mm-x1 version 2.0.lbrn2 | DEOA-200.125.100.75mm garden | Galvanized Steel | 1 | 1
0004-140mmx140mm bracket-Galv-3mm-x6.lbrn2 | 140mmx140mm bracket | Galvanized Steel | 3 | 6
0006-Baseplate 700x900mm-Galv-1mm-x1.lbrn2 | Baseplate 700x900mm | Galvanized Steel | 1 | 1
0003-1200x600mm-MS-5mm-x1.dxf | 1200x600mm | Mild Steel | 5 | 1
0002-1085x2025-VAS-4mm-x1.lbrn2 | 1085x2025 | Vastrap | 4 | 1
0013-Cleats 120mm Medobrook-MS-4mm-x2.lbrn2 | Cleats 120mm Medobrook | Mild Steel | 4 | 2
0001-Square 200x200mm 4 holes-MS-3mm-x1.dxf | Square 200x200mm 4 holes | Mild Steel | 3 | 1
0003-W PA2 1 Plate Unfolded-VAS-4mm-x1.lbrn2 | W PA2 1 Plate Unfolded | Vastrap | 4 | 1
Sign Design Outa Africa X1 final.dxf | Sign Design Outa Africa final | - | - | 1
sign SMALL mng x1 flat.dxf | sign SMALL mng flat | - | - | 1
sign v3 - Copy.dxf | sign | - | - | -
sign v3.22.lbrn2 | sign | - | - | -
sign v3.fix.dxf | sign | - | - | -
tank_end_disk_d800_t4.dxf | tank_end_disk_d800 | - | 4 | -
flange_d300_t12_8x18_on240.dxf | flange_d300_8x18_on240 | - | 12 | -
L_bracket_blank_50x50_t2_2x5.dxf | L_bracket_blank_50x50_2x5 | - | 2 | -
panel_500x800_t3_perimeterHoles.dxf | panel_500x800_perimeterHoles | - | 3 | -
gate_panel_1000x1800_t3_window700x1400.dxf | gate_panel_1000x1800_window700x1400 | - | 3 | -
";

#[test]
fn the_departures_people_make() {
    check(THE_DEPARTURES_PEOPLE_MAKE);
}

/// Name | part | material | thickness in mm | quantity.
const OTHER_ORDERS_AND_SEPARATORS: &str = "\
0005-Plate-x2-MS-4mm.dxf | Plate | Mild Steel | 4 | 2
0005-MS-Plate-4mm-x2.dxf | Plate | Mild Steel | 4 | 2
0005-4mm-MS-Plate-x2.dxf | Plate | Mild Steel | 4 | 2
0005-Top-Plate-5mm-x1.dxf | Top-Plate | - | 5 | 1
0005-Top-left cover-MS-3mm-x2.dxf | Top-left cover | Mild Steel | 3 | 2
0005-Plate MS 3mm x2.dxf | Plate | Mild Steel | 3 | 2
0005 Plate MS 3mm x2.dxf | Plate | Mild Steel | 3 | 2
0005_Plate_MS_3mm_x2.dxf | Plate | Mild Steel | 3 | 2
0005-Plate-MS-5-x2.dxf | Plate | Mild Steel | 5 | 2
0005-Plate-12-x2.dxf | Plate-12 | - | - | 2
0005-Plate-MS-1,5mm-x2.dxf | Plate | Mild Steel | 1.5 | 2
0005-Plate-MS-5 mm-x2.dxf | Plate | Mild Steel | 5 | 2
0005-Plate-MS-5MM-X2.DXF | Plate | Mild Steel | 5 | 2
0005-Plate-MS-4mm-2off.dxf | Plate | Mild Steel | 4 | 2
0005 - Plate - MS - 4mm - x2.dxf | Plate | Mild Steel | 4 | 2
0005\u{2013}Plate\u{2013}MS\u{2013}4mm\u{2013}x2.dxf | Plate | Mild Steel | 4 | 2
Plate-Al-2mm.dxf | Plate | Aluminum | 2 | -
Plate-MS.dxf | Plate | Mild Steel | - | -
Plate-5mm-x2.dxf | Plate | - | 5 | 2
Bracket MS 5mm x 2.dxf | Bracket | Mild Steel | 5 | 2
5mm MS Bracket x2.dxf | Bracket | Mild Steel | 5 | 2
Bracket (MS) 5mm (qty 4).dxf | Bracket | Mild Steel | 5 | 4
mild steel gusset 10mm 12 off.dxf | gusset | Mild Steel | 10 | 12
stainless_steel_tray_1.5mm_x3.dxf | tray | Stainless Steel | 1.5 | 3
Gusset_3mm_Galv.dxf | Gusset | Galvanized Steel | 3 | -
folder/sub\\0005-Plate-MS-4mm-x2.dxf | Plate | Mild Steel | 4 | 2
0005-Plate-Stainless Steel-4mm-x2.dxf | Plate | Stainless Steel | 4 | 2
0005-Plate-chequer plate-4mm-x2.dxf | Plate | Vastrap | 4 | 2
0005-Plate-Other-4mm-x2.dxf | Plate | Other | 4 | 2
0005-MS bracket-x2.dxf | MS bracket | - | - | 2
";

#[test]
fn other_orders_and_separators() {
    check(OTHER_ORDERS_AND_SEPARATORS);
}

/// Name | part | material | thickness in mm | quantity.
const WHAT_IS_NOT_STATED_STAYS_UNKNOWN: &str = "\
bracket.dxf | bracket | - | - | -
sheet 1200x600.dxf | sheet 1200x600 | - | - | -
plate 1200 x 600.dxf | plate 1200 x 600 | - | - | -
bolt M6x20.dxf | bolt M6x20 | - | - | -
bolt_M6x20_plate.dxf | bolt_M6x20_plate | - | - | -
max 5.dxf | max 5 | - | - | -
value evaluation.dxf | value evaluation | - | - | -
al fresco sign.dxf | al fresco sign | - | - | -
plate 12mm holes.dxf | plate 12mm holes | - | - | -
plate x4 holes.dxf | plate x4 holes | - | - | -
Bracket 140mm x 140mm.dxf | Bracket 140mm x 140mm | - | - | -
Bracket 140mm x 140.dxf | Bracket 140mm x 140 | - | - | -
100mm L cut.dxf | 100mm L cut | - | - | -
V8 mount.dxf | V8 mount | - | - | -
X5 bumper.dxf | X5 bumper | - | - | -
Quotation - QUO0004537.pdf | Quotation - QUO0004537 | - | - | -
20251017_085323_4cfaad90.dxf | - | - | - | -
2025-10-17.dxf | - | - | - | -
0005.dxf | - | - | - | -
.dxf | - | - | - | -
 | - | - | - | -
   .dxf | - | - | - | -
-----.dxf | - | - | - | -
x5.dxf | x5 | - | - | -
0005-Plate-MS-4000mm-x2.dxf | Plate | Mild Steel | - | 2
0005-Plate-MS-0mm-x2.dxf | Plate | Mild Steel | - | 2
0005-Plate-MS-4mm-x0.dxf | Plate-x0 | Mild Steel | 4 | -
";

#[test]
fn what_is_not_stated_stays_unknown() {
    check(WHAT_IS_NOT_STATED_STAYS_UNKNOWN);
}

#[test]
fn codes_with_hyphens_are_never_split() {
    let rules = Rules::default();
    for (name, client, project, part) in [
        (
            "CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf",
            Some("CL0001"),
            Some("JB-2025-10-CL0001-001"),
            "BracketLeft",
        ),
        (
            "CL0001-JB-2025-10-CL0001-001-Bracket-Left-MS-5mm.dxf",
            Some("CL0001"),
            Some("JB-2025-10-CL0001-001"),
            "Bracket-Left",
        ),
        (
            "CL-0001-jb-2025-10-cl0001-001-Bracket-MS-5mm-x2.dxf",
            Some("CL0001"),
            Some("JB-2025-10-CL0001-001"),
            "Bracket",
        ),
        (
            "JB-2025-10-CL0001-001 Bracket MS 5mm x2.dxf",
            None,
            Some("JB-2025-10-CL0001-001"),
            "Bracket",
        ),
        (
            "Bracket-PO-2024-01-CL0123-999-MS-5mm-x2.dxf",
            None,
            Some("PO-2024-01-CL0123-999"),
            "Bracket",
        ),
        (
            "Bracket_cl 0007_MS_5mm.dxf",
            Some("CL0007"),
            None,
            "Bracket",
        ),
        (
            "JB-2025-10-CL0001-001.dxf",
            None,
            Some("JB-2025-10-CL0001-001"),
            "",
        ),
        (
            "CL0001-JB-2025-10-CL0001-001-Bracket-MS-5mm-x14-v1 - Copy (2).dxf",
            Some("CL0001"),
            Some("JB-2025-10-CL0001-001"),
            "Bracket",
        ),
    ] {
        let facts = read_name(name, &rules).facts;
        assert_eq!(
            facts.client_code.map(|f| f.value.to_string()).as_deref(),
            client,
            "{name}"
        );
        assert_eq!(
            facts.project_code.map(|f| f.value.to_string()).as_deref(),
            project,
            "{name}"
        );
        assert_eq!(
            facts.part_name.map_or(String::new(), |f| f.value),
            part,
            "{name}"
        );
        assert!(facts.job_number.is_none(), "{name}");
    }
}

#[test]
fn versions_revisions_copies_and_colours_are_told_apart() {
    let rules = Rules::default();
    for (name, version, remarks) in [
        ("Barge_flashing_v2.lbrn2", Some(2), ""),
        (
            "0014-Emberton roof-MS-053mm-x1_VERSION 2.lbrn2",
            Some(2),
            "",
        ),
        (
            "DEOA-200.125.100.75mm garden-Galv-1mm-x1 version 2.0.lbrn2",
            Some(2),
            "",
        ),
        ("0001-Full Gas Box Version1-Galv-1mm-x1.lbrn2", Some(1), ""),
        ("0005-UNI TWIST V2-SS-1mm-x35.dxf", Some(2), ""),
        ("sign v3.22.lbrn2", Some(3), ""),
        ("sign v3 - Copy.lbrn2", Some(3), "Copy"),
        ("plate - Copy (2).dxf", None, "Copy (2)"),
        ("plate (1).dxf", None, "(1)"),
        ("W - V2612 - Vastrap - Rev 1 .dxf", None, "1"),
        ("plate_revB.dxf", None, "B"),
        ("0012-RoundCap-MS Charcol-0.dxf", None, "Charcol"),
        ("OGOA-W-V2601-Vas-6mm-x1.dxf", None, ""),
        ("0005-VA2601-VAS-4mm-x1.dxf", None, ""),
        ("conversion 2.dxf", None, ""),
    ] {
        let read = read_name(name, &rules);
        assert_eq!(read.facts.version.map(|f| f.value), version, "{name}");
        let said: Vec<_> = read
            .remarks
            .iter()
            .map(|remark| remark.text.as_str())
            .collect();
        assert_eq!(said.join(","), remarks, "{name}");
    }
}

#[test]
fn departures_are_reported_and_trusted_less() {
    let rules = Rules::default();
    for (name, code) in [
        (
            "0014-Emberton roof-MS-053mm-x1.dxf",
            "decimal_point_restored",
        ),
        ("Emberton_roof_MS_053mm.dxf", "decimal_point_restored"),
        ("0001-A Z OROS-SS-0.dxf", "name_cut_at_decimal_point"),
        ("0005-Lid-0.dxf", "name_cut_at_decimal_point"),
        ("0005-Plate-MS-4000mm-x2.dxf", "thickness_refused"),
        ("Plate 3mm 5mm.dxf", "thickness_ambiguous"),
    ] {
        let codes: Vec<_> = read_name(name, &rules)
            .diagnostics
            .into_iter()
            .map(|d| d.code)
            .collect();
        assert_eq!(codes, [code], "{name}");
    }
    let confidence = |name: &str| {
        read_name(name, &rules)
            .facts
            .thickness_mm
            .unwrap()
            .confidence
    };
    assert!(confidence("0014-Roof-MS-053mm-x1.dxf") < rules.confidence_threshold);
    assert!(confidence("0014-Roof-MS-0.53mm-x1.dxf") > 0.95);
}

#[test]
fn the_convention_and_the_job_number_are_told() {
    let rules = Rules::default();
    for (name, convention, job) in [
        (
            "CL0001-JB-2025-10-CL0001-001-Bracket-MS-5mm-x14-v1.dxf",
            Some("stored"),
            None,
        ),
        ("0005-VA2601-VAS-4mm-x1.dxf", Some("job"), Some("0005")),
        ("0005_Plate_MS.dxf", Some("words"), Some("0005")),
        ("OGOA-W-V2601-Vas-6mm-x1.dxf", Some("part"), None),
        ("Purlin_cleats_x170_6mm.dxf", Some("words"), None),
        ("2025-10-17-Plate-MS.dxf", Some("part"), None),
        ("bracket.dxf", None, None),
    ] {
        let read = read_name(name, &rules);
        assert_eq!(read.convention.as_deref(), convention, "{name}");
        assert_eq!(
            read.facts.job_number.map(|f| f.value).as_deref(),
            job,
            "{name}"
        );
    }
}

#[test]
fn a_shop_may_bring_its_own_convention_and_material() {
    let json = r#"{"conventions":[{"name":"ours","pattern":"{part}-{quantity}-{material}-{thickness}"}],
        "materials":[{"name":"Chromadek","code":"CHR","aliases":["MNG"]}]}"#;
    let rules: Rules = serde_json::from_str(json).unwrap();
    let facts = read_name("Lid-x4-MNG-0.5mm.dxf", &rules).facts;
    assert_eq!(facts.material.unwrap().value, "Chromadek");
    assert_eq!(
        (
            facts.quantity.unwrap().value,
            facts.thickness_mm.unwrap().value
        ),
        (4, 0.5)
    );
    assert_eq!(facts.part_name.unwrap().value, "Lid");
}

proptest! {
    #[test]
    fn any_name_is_read_without_harm(name in any::<String>(), pieces in "((MS|x5|v2|5mm|0|Rev 1|0005|053mm|é|CL0001|JB-2025-10-CL0001-001|x|mm|\u{301}|copy|\\(1\\))[-_ .]?){0,12}") {
        let rules = Rules::default();
        for given in [&name, &pieces] {
            let read = read_name(given, &rules);
            for (fact, confidence) in read.facts.confidences() {
                prop_assert!((0.0..=1.0).contains(&confidence), "{} of {}", fact, given);
            }
            prop_assert!(read.facts.thickness_mm.is_none_or(|f| f.value > 0.0 && f.value <= rules.thickness_mm_max));
            prop_assert!(read.facts.quantity.is_none_or(|f| f.value >= 1));
            prop_assert!(read.facts.part_name.is_none_or(|f| !f.value.trim().is_empty()));
        }
    }
}

#[test]
fn folders_give_the_codes_that_the_name_lacks() {
    for (path, client, project) in [
        ("CL-0001/1.Projects/part.dxf", Some("CL0001"), None),
        (
            "CL-0001/JB-2025-10-CL0001-002 gates/part.dxf",
            None,
            Some("JB-2025-10-CL0001-002"),
        ),
        ("CL0002\\CL0003\\part.dxf", Some("CL0003"), None),
        ("CL0002/part CL0004.dxf", Some("CL0004"), None),
        ("plates/part.dxf", None, None),
    ] {
        let facts = read_name(path, &Rules::default()).facts;
        let client_found = facts.client_code.as_ref().map(|fact| fact.value.as_str());
        let project_found = facts.project_code.as_ref().map(|fact| fact.value.as_str());
        assert_eq!((client_found, project_found), (client, project), "{path}");
        assert_eq!(
            facts.part_name.map(|fact| fact.value).as_deref(),
            Some("part")
        );
    }
}
