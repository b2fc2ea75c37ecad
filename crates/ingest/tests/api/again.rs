//! Having a file read again.

use reqwest::Method;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, answer, assert_problem, disc, form, id_of};

#[tokio::test]
async fn a_file_is_read_again_and_says_what_changed() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let id = id_of(&ingest.upload("0001-Lid-MS-2mm-x1.dxf", &disc(1)).await);
        let paths = [
            (format!("/files/{id}/re-extract"), ""),
            (format!("/files/{id}/re-extract?mode=dxf"), ""),
            (format!("/extract/{id}"), "mode=AUTO"),
            (format!("/extract/{id}"), "other=1&mode=dxf"),
        ];
        for (path, body) in &paths {
            let request = ingest
                .request(Method::POST, path)
                .header("content-type", "application/x-www-form-urlencoded");
            let (status, body) = answer(request.body(*body)).await;
            assert_eq!(
                (status, &body["status"]),
                (202, &json!("processing")),
                "{path}: {body}"
            );
            assert_eq!(ingest.settled(id).await["status"], "completed");
        }
        let form = reqwest::multipart::Form::new().text("mode", "dxf");
        let (status, _) = answer(
            ingest
                .request(Method::POST, &format!("/extract/{id}"))
                .multipart(form),
        )
        .await;
        assert_eq!(status, 202);
        assert_eq!(ingest.settled(id).await["processing_mode"], "dxf");
        let events = ingest.events(2 + paths.len() + 1).await;
        for (at, event) in events.iter().enumerate() {
            assert_eq!(event["sequence"], at + 1);
            if at >= 2 {
                assert_eq!(event["type"], "file.re_extracted");
                assert_eq!(event["data"]["changed"], json!([]));
                assert_eq!(event["data"]["reason"], "re_extracted");
                assert_eq!(event["data"]["status"], "completed");
            }
        }
        ingest.stop().await;
    }
}

#[tokio::test]
async fn what_cannot_be_read_again_is_refused() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("a.dxf", &disc(1)).await);
    let answer = ingest
        .post(&format!("/files/{id}/re-extract?mode=pdf"))
        .await;
    assert_problem(&answer, 422, "invalid_field", "content of file 1 is dxf");
    let answer = ingest
        .post(&format!("/files/{id}/re-extract?mode=dwg"))
        .await;
    assert_problem(&answer, 422, "invalid_field", "AUTO, dxf");
    assert_problem(&ingest.post("/extract/77").await, 404, "not_found", "77");
    assert_eq!(
        ingest.record(id).await["status"],
        "completed",
        "a refusal changes nothing"
    );
    let large = crate::workers::grid(30_000);
    let (_, body) = ingest
        .send("?wait=0", form(&[("grid.dxf", &large)], &[]))
        .await;
    let busy = id_of(&body[0]);
    let answer = ingest.post(&format!("/extract/{busy}")).await;
    assert_problem(&answer, 409, "conflict", "is being extracted");
    ingest.settled(busy).await;
    ingest.events(4).await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_failure_on_reading_again_keeps_what_was_known() {
    let temp = TempDb::sqlite();
    let bytes = crate::harness::disc_with_text("Material: SS");
    let ingest = TestIngest::start(&temp).await;
    let before = ingest.upload("0001-Lid-x3.dxf", &bytes).await;
    let id = id_of(&before);
    assert_eq!(before["metadata"]["material"], "Stainless Steel");
    let endpoint = ingest.stop().await;
    let script = crate::workers::script(&temp, "read setup; read file; exit 3");
    let ingest = TestIngest::start_to(&temp, &[&script], endpoint).await;
    assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 202);
    let failed = ingest.settled(id).await;
    assert_eq!(
        (&failed["status"], &failed["error_code"]),
        (&json!("failed"), &json!("worker_died"))
    );
    assert_eq!(failed["material"], "Stainless Steel");
    let endpoint = ingest.stop().await;
    let ingest = TestIngest::start_to(&temp, &[], endpoint).await;
    assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 202);
    let mended = ingest.settled(id).await;
    assert_eq!(
        (&mended["status"], &mended["error_code"]),
        (&json!("completed"), &json!(null))
    );
    let types: Vec<_> = ingest
        .events(4)
        .await
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(
        types,
        [
            "file.ingested",
            "file.processed",
            "file.failed",
            "file.re_extracted"
        ]
    );
    ingest.stop().await;
}
