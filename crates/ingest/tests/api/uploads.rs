//! What comes in is understood, named and answered in full.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{TestIngest, disc, fixture, fixtures, form, id_of};
use crate::workers::grid;

#[track_caller]
fn assert_close(found: &Json, expected: &Json, within: f64, what: &str) {
    let (found, expected) = (found.as_f64(), expected.as_f64());
    let (Some(found), Some(expected)) = (found, expected) else {
        unreachable!("{what}: {found:?}, not {expected:?}")
    };
    assert!(
        (found - expected).abs() <= within,
        "{what}: {found}, not {expected}"
    );
}

#[tokio::test]
async fn every_good_file_is_measured_and_named_as_worked_out_by_hand() {
    let truth: Json = serde_json::from_slice(&fixture("good/truth.json")).unwrap();
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        for truth in truth.as_array().unwrap() {
            let name = truth["file"].as_str().unwrap();
            let bytes = fixture(&format!("good/{name}"));
            let result = ingest.upload(name, &bytes).await;
            assert_eq!(result["status"], "completed", "{result}");
            let id = id_of(&result);
            let body = ingest.ok(&format!("/files/{id}/metadata")).await;
            for fact in ["client_code", "project_code", "part_name", "material"] {
                assert_eq!(body["metadata"][fact], truth[fact], "{name} {fact}");
                assert_eq!(result["metadata"][fact], truth[fact], "{name} {fact}");
            }
            assert_close(
                &body["metadata"]["thickness_mm"],
                &truth["thickness_mm"],
                0.0,
                name,
            );
            assert_eq!(body["metadata"]["quantity"], truth["quantity"], "{name}");
            let drawing = &body["extraction"]["drawing"];
            let extracted = &body["metadata"]["extracted"];
            assert_eq!(extracted["perimeter_mm"], drawing["cut_length_mm"]);
            assert_eq!(extracted["entity_counts"], drawing["entity_counts"]);
            assert_eq!(
                extracted["bounding_box"]["min_x"],
                drawing["extents_mm"]["min_x"]
            );
            for side in ["min_x", "min_y", "max_x", "max_y"] {
                let what = format!("{name} {side}");
                let (found, expected) = (&drawing["extents_mm"][side], &truth["extents_mm"][side]);
                assert_close(found, expected, 0.01, &what);
            }
            let length = &truth["cut_length_mm"];
            let within = length.as_f64().unwrap() * 0.001;
            assert_close(&drawing["cut_length_mm"], length, within, name);
            assert_eq!(drawing["pierces"], truth["pierces"], "{name}");
            assert_eq!(ingest.content(id).await, (200, bytes));
        }
        ingest.stop().await;
    }
}

const RESULT_KEYS: &[&str] = &[
    "archive",
    "confidence_score",
    "detected_type",
    "duplicate",
    "duplicate_of",
    "error",
    "error_code",
    "file_path",
    "filename",
    "ingest_id",
    "metadata",
    "normalized_filename",
    "status",
    "success",
    "warnings",
];
const METADATA_KEYS: &[&str] = &[
    "client_code",
    "confidence_score",
    "detected_type",
    "extracted",
    "extracted_at",
    "extraction_notes",
    "material",
    "part_name",
    "project_code",
    "quantity",
    "source_file",
    "thickness_mm",
    "version",
];
const RECORD_KEYS: &[&str] = &[
    "accepted",
    "archive",
    "client_code",
    "confidence_score",
    "corrections",
    "created_at",
    "detected_type",
    "duplicate_of",
    "error_code",
    "error_message",
    "file_path",
    "file_size",
    "file_type",
    "id",
    "ingest_id",
    "is_deleted",
    "material",
    "mime_type",
    "needs_review",
    "original_filename",
    "part_name",
    "processed_at",
    "processing_mode",
    "project_code",
    "quantity",
    "retry_count",
    "sha256",
    "status",
    "stored_filename",
    "thickness_mm",
    "updated_at",
    "version",
];

#[track_caller]
fn assert_keys(value: &Json, expected: &[&str]) {
    let mut keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn answers_have_every_key_that_existing_clients_read() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let name = "CL0001-JB-2025-10-CL0001-001-BracketLeft-MS-5mm-x14-v1.dxf";
    let result = ingest.upload(name, &fixture(&format!("good/{name}"))).await;
    let id = id_of(&result);
    assert_keys(&result, RESULT_KEYS);
    assert_keys(&result["metadata"], METADATA_KEYS);
    assert_eq!(result["normalized_filename"], name);
    assert_eq!(
        result["file_path"],
        format!("CL0001/JB-2025-10-CL0001-001/{name}")
    );
    let flat = ingest.record(id).await;
    assert_keys(&flat, RECORD_KEYS);
    let nested = ingest.ok(&format!("/files/{id}")).await;
    assert_keys(&nested, &["file", "success"]);
    assert_eq!(nested["file"], flat);
    let list = ingest.ok("/files").await;
    assert_eq!(list["files"], json!([flat]));
    assert_eq!(list["files"], list["items"]);
    for (key, value) in [("count", 1), ("total", 1), ("limit", 100), ("offset", 0)] {
        assert_eq!(list[key], value, "{key}");
    }
    let metadata = ingest.ok(&format!("/files/{id}/metadata")).await;
    assert_eq!(metadata["file_id"], id);
    assert_eq!(metadata["filename"], name);
    assert_eq!(metadata["extractions"], json!([metadata["extraction"]]));
    assert_keys(&metadata["metadata"], METADATA_KEYS);
    let (status, again) = ingest.post(&format!("/files/{id}/re-extract")).await;
    assert_eq!(status, 202);
    assert_keys(&again, &["file_id", "message", "status", "success"]);
    ingest.settled(id).await;
    let (status, deleted) = ingest.delete(&format!("/files/{id}")).await;
    assert_eq!(status, 200);
    assert_keys(&deleted, &["file_id", "message", "success"]);
    ingest.stop().await;
}

#[tokio::test]
async fn several_files_are_answered_in_order_and_a_bad_one_harms_no_other() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let files = fixtures("good");
    let mut sent: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, b)| (n.as_str(), b.as_slice()))
        .collect();
    sent.insert(3, ("noise.dxf", b"\0\x01\x02\x03"));
    let (status, body) = ingest.upload_as(&sent, &[]).await;
    assert_eq!(status, 200, "{body}");
    let results = body.as_array().unwrap();
    assert_eq!(results.len(), sent.len());
    for (at, (result, (name, _))) in results.iter().zip(&sent).enumerate() {
        assert_eq!(result["filename"], *name);
        assert_eq!(result["success"], at != 3, "{result}");
    }
    assert_keys(&results[3], RESULT_KEYS);
    assert_eq!(results[3]["ingest_id"], Json::Null);
    assert_eq!(results[3]["error_code"], "unsupported_kind");
    assert_eq!(ingest.ok("/files").await["total"], files.len());
    ingest.stop().await;
}

#[tokio::test]
async fn without_waiting_the_answer_is_202_and_the_work_goes_on() {
    let grid = grid(30_000);
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let (status, body) = ingest.send("?wait=0", form(&[("a.dxf", &grid)], &[])).await;
        assert_eq!((status, &body[0]["status"]), (202, &json!("processing")));
        let record = ingest.settled(id_of(&body[0])).await;
        assert_eq!(record["status"], "completed");
        assert_eq!(record["retry_count"], 0);
        ingest.stop().await;
    }
}

#[tokio::test]
async fn given_facts_hold_against_the_name_and_the_drawing() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let fields = [
        ("client_code", "cl-0007"),
        ("project_code", "JB-2025-10-CL0007-002"),
        (
            "override_metadata",
            r#"{"part_name":"Lid","material":"SS","thickness_mm":"1,5","quantity":9}"#,
        ),
    ];
    let name = "0003-Ring-MS-2mm-x12.dxf";
    let result = ingest.upload_with(name, &disc(10), &fields).await;
    let metadata = &result["metadata"];
    assert_eq!(metadata["client_code"], "CL0007");
    assert_eq!(metadata["part_name"], "Lid");
    assert_eq!(metadata["material"], "Stainless Steel");
    assert_eq!(metadata["thickness_mm"], 1.5);
    assert_eq!(metadata["quantity"], 9);
    let stored = "CL0007-JB-2025-10-CL0007-002-Lid-SS-1.5mm-x9-v1.dxf";
    assert_eq!(result["normalized_filename"], stored);
    ingest.stop().await;
}

#[tokio::test]
async fn names_are_made_harmless_and_stay_readable() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let long = format!("{}.dxf", "n".repeat(296));
    let cases = [
        ("../../../etc/cron.d/evil.dxf", "evil.dxf"),
        ("C:/Users/me/plate.dxf", "plate.dxf"),
        ("CON.dxf", "_CON.dxf"),
        ("nul", "_nul"),
        ("Stärke – Blech №5.dxf", "Stärke – Blech №5.dxf"),
        ("ab\u{202e}fxd.dxf", "abfxd.dxf"),
        (long.as_str(), long.as_str()),
        ("..", "unnamed"),
        (" ", "unnamed"),
        ("a%00b.dxf", "a%00b.dxf"),
        ("'; DROP TABLE files; --.dxf", "'; DROP TABLE files; --.dxf"),
    ];
    for (at, (sent, cleaned)) in cases.iter().enumerate() {
        let bytes = disc(100 + u32::try_from(at).unwrap());
        let result = ingest.upload(sent, &bytes).await;
        assert_eq!(result["filename"], *cleaned, "{sent:?}");
        let stored = result["normalized_filename"].as_str().unwrap();
        assert!(stored.len() <= 230 && stored.ends_with(".dxf"), "{stored}");
        assert!(!stored.contains(['/', '\\', '\0', ' ']), "{stored}");
        assert_eq!(ingest.content(id_of(&result)).await, (200, bytes));
    }
    assert_eq!(ingest.blobs().len(), cases.len());
    ingest.stop().await;
}

/// One of each kind, most of them no more than a beginning.
const BEGINNINGS: &[(&str, &str, &[u8])] = &[
    ("note.txt", "text", b"Material: MS, thickness 5 mm, qty 4\n"),
    (
        "drawing.pdf",
        "pdf",
        b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj\nendobj\n",
    ),
    ("photo.png", "image", b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR"),
    (
        "job.lbrn2",
        "lbrn2",
        b"<?xml version=\"1.0\"?>\n<LightBurnProject AppVersion=\"1\"/>\n",
    ),
    (
        "list.xlsx",
        "excel",
        b"PK\x03\x04....[Content_Types].xml....xl/workbook.xml",
    ),
    (
        "letter.docx",
        "word",
        b"PK\x03\x04....[Content_Types].xml....word/document.xml",
    ),
];

#[tokio::test]
async fn every_kind_is_told_by_its_content_and_kept_whatever_comes_of_it() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        for (name, kind, bytes) in BEGINNINGS {
            let result = ingest.upload(name, bytes).await;
            assert_eq!(result["detected_type"], *kind, "{result}");
            if result["status"] == "failed" {
                assert!(result["error"].as_str().unwrap().len() > 20, "{result}");
                let record = ingest.record(id_of(&result)).await;
                assert_eq!(record["error_code"], result["error_code"]);
                assert!(record["processed_at"].is_string());
            }
            assert_eq!(ingest.content(id_of(&result)).await, (200, bytes.to_vec()));
        }
        let events = ingest.events(2 * BEGINNINGS.len()).await;
        let failed = events.iter().filter(|event| event["type"] == "file.failed");
        for event in failed {
            assert!(event["data"]["error"]["code"].is_string());
            assert_eq!(event["data"]["error"]["stage"], "extraction");
        }
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_misleading_extension_is_a_warning() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let result = ingest.upload("plate.pdf", &disc(30)).await;
    assert_eq!(
        (&result["detected_type"], &result["status"]),
        (&json!("dxf"), &json!("completed"))
    );
    assert!(
        result["warnings"][0]
            .as_str()
            .unwrap()
            .contains("extension")
    );
    assert!(
        result["normalized_filename"]
            .as_str()
            .unwrap()
            .ends_with(".dxf")
    );
    ingest.stop().await;
}

#[tokio::test]
async fn broken_and_hostile_files_get_a_clear_result_while_others_are_answered() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.extraction.cpu_seconds_max=5"]).await;
        let (status, body) = ingest.get("/health").await;
        assert_eq!((status, &body["status"]), (200, &json!("healthy")));
        for (name, bytes) in fixtures("broken").into_iter().chain(fixtures("hostile")) {
            let (status, body) = ingest.send("?wait=0", form(&[(&name, &bytes)], &[])).await;
            let took = quickest_health(&ingest).await;
            assert!(took < Duration::from_millis(100), "{name}: {took:?}");
            if status != 202 && status != 200 {
                assert!([415, 422].contains(&status), "{name}: {body}");
                assert!(!body[0]["error"].as_str().unwrap().is_empty());
                continue;
            }
            let record = ingest.settled(id_of(&body[0])).await;
            match record["status"].as_str().unwrap() {
                "completed" => {}
                "failed" => assert!(
                    record["error_message"].as_str().unwrap().len() > 20,
                    "{record}"
                ),
                other => unreachable!("{name}: {other}"),
            }
            assert_ne!(record["error_code"], "worker_died", "{name}");
        }
        ingest.stop().await;
    }
}

/// Of three calls, since the machine has other work too; what blocks the service delays them all.
async fn quickest_health(ingest: &TestIngest) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(ingest.get("/health").await.0, 200);
        quickest = quickest.min(began.elapsed());
    }
    quickest
}
