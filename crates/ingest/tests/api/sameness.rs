//! What is the same, what is another version, and what only shares its bytes.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{TestIngest, disc, id_of};

const PROJECT: (&str, &str) = ("project_code", "JB-2025-10-CL0001-001");
const OTHER_PROJECT: (&str, &str) = ("project_code", "JB-2025-10-CL0001-002");

/// An upload and what it is; `of` is the place in the table of the first with the same bytes.
struct Case {
    name: &'static str,
    disc: u32,
    fields: &'static [(&'static str, &'static str)],
    duplicate: bool,
    version: i64,
    of: Option<usize>,
}

const fn new(
    name: &'static str,
    disc: u32,
    fields: &'static [(&'static str, &'static str)],
    version: i64,
    of: Option<usize>,
) -> Case {
    Case {
        name,
        disc,
        fields,
        duplicate: false,
        version,
        of,
    }
}

const fn repeat(case: Case) -> Case {
    Case {
        duplicate: true,
        ..case
    }
}

const NAME: &str = "0003-Ring-SS-2mm-x12.dxf";
const FIVE: (&str, &str) = ("override_metadata", r#"{"quantity":5}"#);
const FIVE_TOO: (&str, &str) = ("override_metadata", r#"{ "quantity" : "5" }"#);

const CASES: &[Case] = &[
    new(NAME, 1, &[], 1, None),
    repeat(new(NAME, 1, &[], 1, None)),
    // The same bytes: under the name of another part, and under another name of the same part.
    new("0003-Disc-SS-2mm-x12.dxf", 1, &[], 1, Some(0)),
    new("0004-Ring-SS-2mm-x12.dxf", 1, &[], 2, Some(0)),
    // The same bytes in a project, in another, and for a client.
    new(NAME, 1, &[PROJECT], 1, Some(0)),
    new(NAME, 1, &[OTHER_PROJECT], 1, Some(0)),
    new(NAME, 1, &[("client_code", "CL0001")], 3, Some(0)),
    repeat(new(NAME, 1, &[PROJECT], 1, Some(0))),
    // The caller's facts differ; then they are equal in another spelling.
    new(NAME, 1, &[FIVE], 4, Some(0)),
    repeat(new(NAME, 1, &[FIVE_TOO], 4, Some(0))),
    // Other bytes under the same name, and again, and in a project.
    new(NAME, 2, &[], 5, None),
    repeat(new(NAME, 2, &[], 5, None)),
    new(NAME, 2, &[PROJECT], 2, Some(10)),
    // Without a part name the stem counts, whatever its letter case.
    new("0019.dxf", 3, &[], 1, None),
    new("0019.DXF", 4, &[], 2, None),
    // A stated version holds if it is free.
    new("CL0001-NOPROJECT-Ring-SS-2mm-x12-v9.dxf", 5, &[], 9, None),
    new(NAME, 6, &[], 10, None),
    new("CL0001-NOPROJECT-Ring-SS-3mm-x12-v9.dxf", 7, &[], 11, None),
];

#[tokio::test]
async fn bytes_name_place_and_given_facts_decide_what_an_upload_is() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let mut results: Vec<Json> = Vec::new();
        for (at, case) in CASES.iter().enumerate() {
            let result = ingest
                .upload_with(case.name, &disc(case.disc), case.fields)
                .await;
            let of = case
                .of
                .map_or(Json::Null, |of| results[of]["ingest_id"].clone());
            assert_eq!(result["duplicate"], case.duplicate, "{at}: {result}");
            assert_eq!(
                result["metadata"]["version"], case.version,
                "{at}: {result}"
            );
            assert_eq!(result["duplicate_of"], of, "{at}: {result}");
            results.push(result);
        }
        let ids: BTreeSet<i64> = results.iter().map(id_of).collect();
        let records = CASES.iter().filter(|case| !case.duplicate).count();
        assert_eq!(ids.len(), records);
        assert_eq!(ingest.blobs().len(), 7, "bytes are stored once");
        // A repeat is no event.
        ingest.events(2 * records).await;
        let versions = ingest
            .ok(&format!("/files/{}/versions", id_of(&results[0])))
            .await;
        let versions = versions["items"].as_array().unwrap().iter();
        let numbers: Vec<_> = versions.map(|record| record["version"].as_i64()).collect();
        assert_eq!(numbers, [11, 10, 9, 5, 4, 3, 2, 1].map(Some));
        ingest.stop().await;
    }
}

#[tokio::test]
async fn twenty_equal_uploads_at_once_are_one_record() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.database.writers=4"]).await;
        let bytes = disc(50);
        let uploads = (0..20).map(|_| ingest.upload("0001-Lid-MS-2mm-x1.dxf", &bytes));
        let results = join_all(uploads).await;
        let ids: BTreeSet<i64> = results.iter().map(id_of).collect();
        assert_eq!(ids.len(), 1);
        let firsts = results.iter().filter(|result| result["duplicate"] == false);
        assert_eq!(firsts.count(), 1);
        assert_eq!(ingest.ok("/files").await["total"], 1);
        assert_eq!((ingest.blobs().len(), ingest.staged()), (1, 0));
        ingest.events(2).await;
        ingest.stop().await;
    }
}

#[tokio::test]
async fn twenty_different_uploads_of_one_part_at_once_are_versions_one_to_twenty() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.database.writers=4"]).await;
        let discs: Vec<Vec<u8>> = (1..=20).map(disc).collect();
        let uploads = discs
            .iter()
            .map(|disc| ingest.upload("0001-Lid-MS-2mm-x1.dxf", disc));
        let results = join_all(uploads).await;
        let versions: BTreeSet<i64> = results
            .iter()
            .map(|result| result["metadata"]["version"].as_i64().unwrap())
            .collect();
        assert_eq!(versions, (1..=20).collect());
        let names: BTreeSet<&str> = results
            .iter()
            .map(|result| result["normalized_filename"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), 20);
        ingest.events(40).await;
        ingest.stop().await;
    }
}

/// One part under many names: uploads and extractions contend for the same versions from all writers.
#[tokio::test]
async fn equal_bytes_under_many_names_at_once_share_one_blob_and_name_one_first() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.database.writers=4"]).await;
        let bytes = disc(50);
        let names: Vec<String> = (0..20)
            .map(|n| format!("{:04}-Lid-MS-2mm-x{}.dxf", n % 10, n / 10 + 1))
            .collect();
        let uploads = names.iter().map(|name| ingest.upload(name, &bytes));
        let results = join_all(uploads).await;
        let first = results.iter().map(id_of).min().unwrap();
        for result in &results {
            let of = if id_of(result) == first {
                Json::Null
            } else {
                json!(first)
            };
            assert_eq!(result["duplicate_of"], of);
        }
        let versions: BTreeSet<i64> = results
            .iter()
            .map(|result| result["metadata"]["version"].as_i64().unwrap())
            .collect();
        assert_eq!(versions, (1..=20).collect());
        assert_eq!((ingest.blobs().len(), ingest.staged()), (1, 0));
        ingest.stop().await;
    }
}

/// The drawing names its project: extraction moves the record there after it was told apart by its name.
#[tokio::test]
async fn a_repeat_of_a_file_that_its_content_has_moved_is_still_a_repeat() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let bytes = crate::harness::disc_with_text("Project: JB-2025-10-CL0001-001");
        let other = [bytes.as_slice(), b"999\nagain\n"].concat();
        let first = ingest.upload("0001-Lid-MS-2mm-x1.dxf", &bytes).await;
        assert_eq!(
            first["metadata"]["project_code"], "JB-2025-10-CL0001-001",
            "{first}"
        );
        let again = ingest.upload("0001-Lid-MS-2mm-x1.dxf", &bytes).await;
        assert_eq!(
            (id_of(&again), &again["duplicate"]),
            (id_of(&first), &json!(true))
        );
        let next = ingest.upload("0001-Lid-MS-2mm-x1.dxf", &other).await;
        assert_eq!(
            next["metadata"]["version"], 2,
            "a version of the part in the project it belongs to"
        );
        assert_eq!(next["metadata"]["project_code"], "JB-2025-10-CL0001-001");
        ingest.stop().await;
    }
}

/// The longest names and facts that are accepted fit into every index.
#[tokio::test]
async fn the_longest_names_and_facts_are_recorded() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let mut seed = 1u32;
        let mut noise = |chars: usize| -> String {
            let next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from_u32(0x4E00 + (seed >> 8) % 0x5000).unwrap()
            };
            std::iter::repeat_with(next).take(chars).collect()
        };
        let (part, material, order, name) = (noise(200), noise(200), noise(200), noise(330));
        let facts =
            json!({"part_name": part, "material": material, "po_number": order}).to_string();
        let fields = [("override_metadata", facts.as_str())];
        let result = ingest
            .upload_with(&format!("{name}.dxf"), &disc(1), &fields)
            .await;
        assert_eq!(result["metadata"]["part_name"], part);
        let nameless = ingest.upload(&format!("{name}.dxf"), &disc(2)).await;
        assert_eq!(nameless["status"], "completed");
        ingest.stop().await;
    }
}
