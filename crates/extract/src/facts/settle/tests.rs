//! Which of several statements about a file wins, and that every file gets facts.

use proptest::prelude::*;

use super::*;

fn caller(metadata: &str) -> CallerFacts {
    CallerFacts::parse(None, None, Some(metadata), &Rules::default()).unwrap()
}

fn settled(metadata: &str, file_name: &str, texts: &[&str], layers: &[&str]) -> Settled {
    let owned = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let (texts, layers) = (owned(texts), owned(layers));
    let hints = Hints {
        texts: &texts,
        layers: &layers,
        ..Hints::default()
    };
    settle(&caller(metadata), file_name, &hints, &Rules::default())
}

fn codes(settled: &Settled) -> Vec<&str> {
    settled
        .needs_review
        .iter()
        .map(|review| review.code.as_ref())
        .collect()
}

#[test]
fn a_well_named_file_of_a_known_project_needs_nobody() {
    let settled = settled(
        "{}",
        "CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf",
        &[],
        &["0"],
    );
    assert_eq!(codes(&settled), Vec::<&str>::new());
    assert!(settled.confidence_score > 0.9 && settled.conflicts.is_empty());
    assert_eq!(settled.facts.confidences().count(), 7);
}

#[test]
fn the_caller_holds_and_the_disagreement_is_listed() {
    let settled = settled(r#"{"quantity":6}"#, "0005-VA2601-VAS-4mm-x1.dxf", &[], &[]);
    let quantity = settled.facts.quantity.as_ref().unwrap();
    assert_eq!(
        (quantity.value, quantity.source, quantity.confidence),
        (6, Source::Caller, 1.0)
    );
    let [conflict] = settled.conflicts.as_slice() else {
        panic!("{:?}", settled.conflicts)
    };
    assert_eq!(
        (conflict.fact.as_ref(), conflict.values[1].value.as_str()),
        ("quantity", "1")
    );
    assert_eq!(codes(&settled), ["no_project"]);
}

#[test]
fn a_correction_holds_over_everything() {
    let given = caller(r#"{"material":"SS"}"#).corrected_by(&caller(r#"{"material":"MS"}"#));
    let settled = settle(
        &given,
        "0005-Plate-Galv-4mm-x1.dxf",
        &Hints::default(),
        &Rules::default(),
    );
    let material = settled.facts.material.unwrap();
    assert_eq!(
        (material.value.as_str(), material.source),
        ("Mild Steel", Source::Correction)
    );
}

#[test]
fn name_and_label_at_odds_lower_the_trust_and_ask_for_a_look() {
    let settled = settled(
        "{}",
        "0005-Plate-MS-4mm-x1.dxf",
        &["Material: SS", "t=5"],
        &[],
    );
    let facts = &settled.facts;
    assert_eq!(facts.material.as_ref().unwrap().value, "Mild Steel");
    assert!(facts.material.as_ref().unwrap().confidence < 0.95);
    assert_eq!(facts.thickness_mm.as_ref().unwrap().value, 4.0);
    assert_eq!(settled.conflicts.len(), 2);
    assert!(codes(&settled).contains(&"conflict"));
}

#[test]
fn sources_that_agree_are_trusted_more() {
    let alone = settled("{}", "plate.dxf", &["Thk: 5"], &[]);
    let both = settled("{}", "plate.dxf", &["Thk: 5"], &["MS_5mm"]);
    let confidence = |settled: &Settled| settled.facts.thickness_mm.as_ref().unwrap().confidence;
    assert!(confidence(&both) > confidence(&alone));
    let repeated = settled("{}", "plate.dxf", &["Thk: 5", "Thk: 5", "t=5"], &[]);
    assert_eq!(confidence(&repeated), confidence(&alone));
    assert!(both.conflicts.is_empty() && repeated.conflicts.is_empty());
}

#[test]
fn two_labels_at_odds_are_no_fact_to_rely_on() {
    let settled = settled("{}", "plate.dxf", &["Thk: 5", "Thk: 8"], &[]);
    assert!(settled.facts.thickness_mm.as_ref().unwrap().confidence < 0.7);
    assert!(codes(&settled).contains(&"low_confidence") && codes(&settled).contains(&"conflict"));
}

#[test]
fn a_label_overrules_a_word_the_table_does_not_know() {
    let settled = settled(
        "{}",
        "0002-Vent in full-Sureaz-0.47-x1.dxf",
        &["Material: Galv"],
        &[],
    );
    assert_eq!(
        settled.facts.material.as_ref().unwrap().value,
        "Galvanized Steel"
    );
}

#[test]
fn an_unknown_material_is_kept_and_reported() {
    let settled = settled("{}", "0009-Closure-MNG-0.53mm-x18.dxf", &[], &[]);
    assert_eq!(settled.facts.material.as_ref().unwrap().value, "MNG");
    assert_eq!(
        codes(&settled),
        ["low_confidence", "no_project", "unknown_material"]
    );
    assert_eq!(settled.diagnostics[0].code, "unknown_material");
    let given = self::settled(r#"{"material":"Corten"}"#, "a.dxf", &[], &[]);
    assert!(codes(&given).contains(&"unknown_material"));
}

#[test]
fn a_job_number_suggests_a_project_and_states_none() {
    let settled = settled(
        r#"{"client_code":"CL0008"}"#,
        "0005-VA2601-VAS-4mm-x1.dxf",
        &[],
        &[],
    );
    assert!(settled.facts.project_code.is_none());
    assert_eq!(settled.suggestions[0].project_code_or_ending, "CL0008-005");
    assert_eq!(codes(&settled), ["no_project"]);
}

#[test]
fn a_project_names_its_client_and_may_contradict_it() {
    let agreed = settled(
        r#"{"project_code":"JB-2025-10-CL0002-004"}"#,
        "a.dxf",
        &[],
        &[],
    );
    let client = agreed.facts.client_code.as_ref().unwrap();
    assert_eq!(
        (client.value.as_str(), client.source),
        ("CL0002", Source::Caller)
    );
    let metadata = r#"{"project_code":"JB-2025-10-CL0002-004","client_code":"CL0001"}"#;
    let torn = settled(metadata, "a.dxf", &[], &[]);
    assert!(codes(&torn).contains(&"conflict"));
}

#[test]
fn dimensions_never_become_facts() {
    let texts = [
        "120", "120mm", "max 5", "800x1200", "M6x20", "5mm", "R5", "4x18",
    ];
    let settled = settled(
        "{}",
        "Slat_Holder_x32.dxf",
        &texts,
        &["Layer_0", "Defpoints"],
    );
    assert!(settled.facts.thickness_mm.is_none() && settled.facts.material.is_none());
    assert_eq!(settled.facts.quantity.as_ref().unwrap().value, 32);
    assert_eq!(codes(&settled), ["no_project", "not_stated"]);
}

#[test]
fn nothing_said_scores_nothing_and_survives_json() {
    let nothing = settled("{}", "20251017_085323_4cfaad90.dxf", &[], &[]);
    assert_eq!(
        (nothing.facts.clone(), nothing.confidence_score),
        (Facts::default(), 0.0)
    );
    assert!(codes(&nothing).contains(&"low_confidence"));
    let full = settled(
        r#"{"quantity":6}"#,
        "0014-Emberton roof-MS-053mm-x1.dxf",
        &["Qty 3"],
        &["MS"],
    );
    let json = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<Settled>(&json).unwrap(), full);
}

#[test]
fn a_thousand_rivals_are_not_all_listed() {
    let texts: Vec<_> = (1..1_000).map(|count| format!("Qty {count}")).collect();
    let hints = Hints {
        texts: &texts,
        layers: &[],
        ..Hints::default()
    };
    let settled = settle(&CallerFacts::default(), "a.dxf", &hints, &Rules::default());
    assert_eq!(settled.conflicts[0].values.len(), 1 + RIVALS_MAX);
}

proptest! {
    #[test]
    fn any_text_is_weighed_without_harm(
        texts in proptest::collection::vec("(\\PC{0,20}|Material: |Thk |t=|Qty:? |MS|[0-9]{0,4}|mm|x| |\n){0,8}", 0..6),
        layers in proptest::collection::vec("(\\PC{0,9}|MS|5mm|_){0,4}", 0..4),
    ) {
        let hints = Hints {
            texts: &texts,
            layers: &layers,
            ..Hints::default()
        };
        let settled = settle(&CallerFacts::default(), "0005-Plate-MS-4mm-x2.dxf", &hints, &Rules::default());
        prop_assert!((0.0..=1.0).contains(&settled.confidence_score));
        prop_assert!(settled.facts.confidences().all(|(_, confidence)| (0.0..=1.0).contains(&confidence)));
    }
}
