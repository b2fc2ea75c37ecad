//! What people correct holds, is told to everybody, and can be taken back; what they deleted comes back when they ask.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{Answer, TestIngest, answer, assert_problem, disc, disc_with_text, id_of};

async fn patch(ingest: &TestIngest, id: i64, body: Json) -> Answer {
    let request = ingest.request(Method::PATCH, &format!("/files/{id}"));
    answer(request.json(&body)).await
}

#[tokio::test]
async fn a_correction_holds_across_reading_again_and_can_be_withdrawn() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let bytes = disc_with_text("Material: SS");
        let id = id_of(&ingest.upload("0001-Lid-2mm-x3.dxf", &bytes).await);
        let body = json!({ "material": "ms", "project_code": "JB-2025-10-CL0007-001" });
        let (status, answer) = patch(&ingest, id, body).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(
            answer["changed"],
            json!(["client_code", "project_code", "material"])
        );
        let file = &answer["file"];
        assert_eq!(
            (&file["material"], &file["client_code"], &file["quantity"]),
            (&json!("Mild Steel"), &json!("CL0007"), &json!(3))
        );
        assert!(
            file["stored_filename"]
                .as_str()
                .unwrap()
                .contains("JB-2025-10-CL0007-001")
        );
        let codes: Vec<&Json> = file["needs_review"]
            .as_array()
            .map_or(Vec::new(), |reviews| {
                reviews.iter().map(|r| &r["code"]).collect()
            });
        assert!(!codes.contains(&&json!("no_project")), "{codes:?}");
        assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 202);
        assert_eq!(ingest.settled(id).await["material"], "Mild Steel");
        let metadata = ingest.ok(&format!("/files/{id}/metadata")).await;
        assert_eq!(
            metadata["extraction"]["facts"]["material"]["source"],
            "correction"
        );
        assert_eq!(metadata["metadata"]["material"], "Mild Steel");
        let (status, withdrawn) = patch(&ingest, id, json!({ "material": null })).await;
        assert_eq!(
            (status, &withdrawn["file"]["material"]),
            (200, &json!("Stainless Steel"))
        );
        assert_eq!(
            withdrawn["file"]["corrections"],
            json!({ "project_code": "JB-2025-10-CL0007-001" })
        );
        // What is so already is no change and no event.
        let (status, same) = patch(&ingest, id, json!({ "material": null })).await;
        assert_eq!((status, &same["changed"]), (200, &json!([])));
        let events = ingest.events(5).await;
        let corrected = &events[2]["data"];
        assert_eq!(events[2]["type"], "file.re_extracted");
        assert_eq!(
            (&corrected["reason"], &corrected["project_code"]),
            (&json!("corrected"), &json!("JB-2025-10-CL0007-001"))
        );
        assert_eq!(corrected["changed"], answer["changed"]);
        assert!(corrected["extraction"]["width_mm"].is_number());
        assert_eq!(events[3]["data"]["reason"], "re_extracted");
        assert_eq!(events[3]["data"]["material"], "Mild Steel");
        assert_eq!(events[4]["data"]["material"], "Stainless Steel");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn corrections_are_judged_and_may_be_conditional() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("0001-Lid-MS-2mm-x3.dxf", &disc(1)).await);
    for (body, says) in [
        (json!({}), "at least one fact"),
        (json!({ "colour": "red" }), "colour"),
        (json!({ "thickness_mm": -1 }), "thickness_mm"),
        (json!({ "quantity": "many" }), "quantity"),
        (json!({ "project_code": "JB-1" }), "project_code"),
    ] {
        let answer = patch(&ingest, id, body.clone()).await;
        assert_problem(&answer, 422, "invalid_field", says);
    }
    assert_problem(
        &patch(&ingest, 99, json!({ "material": "MS" })).await,
        404,
        "not_found",
        "99",
    );
    let seen = ingest.request(Method::GET, &format!("/files/{id}"));
    let tag = seen.send().await.unwrap().headers()["etag"].clone();
    let with = |tag: &reqwest::header::HeaderValue, quantity: u32| {
        let request = ingest.request(Method::PATCH, &format!("/files/{id}"));
        answer(
            request
                .header("if-match", tag)
                .json(&json!({ "quantity": quantity })),
        )
    };
    assert_eq!(with(&tag, 5).await.0, 200);
    assert_problem(
        &with(&tag, 6).await,
        412,
        "precondition_failed",
        "has changed",
    );
    assert_eq!(ingest.record(id).await["quantity"], 5);
    assert_eq!(ingest.delete(&format!("/files/{id}")).await.0, 200);
    assert_problem(
        &patch(&ingest, id, json!({ "quantity": 7 })).await,
        410,
        "gone",
        "deleted",
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_that_could_not_be_read_can_still_be_told_what_it_is() {
    let temp = TempDb::sqlite();
    let script = crate::workers::script(&temp, "read setup; read file; exit 3");
    let ingest = TestIngest::start_with(&temp, &[&script]).await;
    let id = id_of(&ingest.upload("scan.dxf", &disc(1)).await);
    let (status, answer) = patch(
        &ingest,
        id,
        json!({ "part_name": "Lid", "thickness_mm": 3 }),
    )
    .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&answer["file"]["status"], &answer["file"]["part_name"]),
        (&json!("failed"), &json!("Lid"))
    );
    assert_eq!(
        ingest.events(3).await[2]["data"]["error"]["code"],
        "worker_died"
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_deleted_file_comes_back_with_all_that_is_known_of_it() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let name = "0001-Lid-MS-2mm-x3.dxf";
        let id = id_of(&ingest.upload(name, &disc(1)).await);
        let before = ingest.record(id).await;
        let restore = format!("/files/{id}/restore");
        assert_problem(&ingest.post(&restore).await, 409, "conflict", "not deleted");
        assert_eq!(ingest.delete(&format!("/files/{id}")).await.0, 200);
        // Another version of the same part takes its number meanwhile.
        let other = ingest.upload(name, &disc(2)).await;
        assert_eq!(other["metadata"]["version"], 1);
        let (status, body) = ingest.post(&restore).await;
        assert_eq!(status, 200, "{body}");
        let after = ingest.record(id).await;
        for key in [
            "status",
            "material",
            "part_name",
            "quantity",
            "confidence_score",
            "sha256",
        ] {
            assert_eq!(after[key], before[key], "{key}");
        }
        assert_eq!(
            (&after["version"], &after["is_deleted"]),
            (&json!(2), &json!(false))
        );
        assert!(
            after["stored_filename"]
                .as_str()
                .unwrap()
                .ends_with("-x3-v2.dxf")
        );
        let events = ingest.events(7).await;
        let own: Vec<&Json> = events
            .iter()
            .filter(|e| e["data"]["ingest_id"] == id)
            .collect();
        let types: Vec<&Json> = own.iter().map(|event| &event["type"]).collect();
        assert_eq!(
            types,
            [
                "file.ingested",
                "file.processed",
                "file.deleted",
                "file.ingested",
                "file.processed"
            ]
        );
        assert!(own[4]["data"]["extraction"]["cut_length_mm"].is_number());
        ingest.stop().await;
    }
}

#[tokio::test]
async fn what_has_been_replaced_or_removed_does_not_come_back() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let name = "0001-Lid-MS-2mm-x3.dxf";
        let id = id_of(&ingest.upload(name, &disc(1)).await);
        let restore = format!("/files/{id}/restore");
        // The same upload again while it is deleted takes its place.
        assert_eq!(ingest.delete(&format!("/files/{id}")).await.0, 200);
        let again = id_of(&ingest.upload(name, &disc(1)).await);
        assert_problem(
            &ingest.post(&restore).await,
            409,
            "conflict",
            &again.to_string(),
        );
        assert_eq!(
            ingest
                .delete(&format!("/files/{id}?hard_delete=true"))
                .await
                .0,
            200
        );
        assert_problem(&ingest.post(&restore).await, 410, "gone", "deleted");
        assert_problem(
            &ingest.post("/files/77/restore").await,
            404,
            "not_found",
            "77",
        );
        ingest.stop().await;
    }
}
