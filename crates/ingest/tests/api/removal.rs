//! Deleting: softly, for good, twice, and beside uploads of the same bytes.

use std::time::{Duration, Instant};

use futures_util::future::join;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{PATIENCE, TestIngest, assert_problem, disc, form, id_of};

/// Waits until so many blobs are on disk; removal follows the answer.
async fn until_blobs(ingest: &TestIngest, count: usize) {
    let began = Instant::now();
    while ingest.blobs().len() != count {
        assert!(
            began.elapsed() < PATIENCE,
            "{:?}, not {count}",
            ingest.blobs()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_soft_delete_hides_the_file_and_keeps_everything() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let first = id_of(&ingest.upload("a.dxf", &disc(1)).await);
        assert_eq!(ingest.delete(&format!("/files/{first}")).await.0, 200);
        let record = ingest.record(first).await;
        assert_eq!(
            (&record["status"], &record["is_deleted"]),
            (&json!("deleted"), &json!(true))
        );
        assert_eq!(ingest.content(first).await, (200, disc(1)));
        assert_eq!(ingest.ok("/files").await["total"], 0);
        assert_eq!(ingest.ok("/files?status=deleted").await["total"], 1);
        let twice = ingest
            .delete(&format!("/files/{first}?hard_delete=false"))
            .await;
        assert_problem(&twice, 410, "gone", "deleted");
        let again = ingest.post(&format!("/files/{first}/re-extract")).await;
        assert_problem(&again, 410, "gone", "deleted");
        // The same upload is a new record with a new id and the free version.
        let second = ingest.upload("a.dxf", &disc(1)).await;
        assert!(id_of(&second) > first);
        assert_eq!(
            (&second["duplicate"], &second["duplicate_of"]),
            (&json!(false), &json!(null))
        );
        assert_eq!(second["metadata"]["version"], 1);
        assert_eq!(ingest.blobs().len(), 1);
        let events = ingest.events(5).await;
        let deleted = events
            .iter()
            .find(|event| event["type"] == "file.deleted")
            .unwrap();
        assert_eq!(deleted["data"]["hard_delete"], false);
        assert_eq!(deleted["data"]["status"], "deleted");
        assert_eq!(deleted["sequence"], 3);
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_hard_delete_removes_the_bytes_that_nobody_else_uses() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let first = id_of(&ingest.upload("a.dxf", &disc(1)).await);
        let second = id_of(&ingest.upload("b.dxf", &disc(1)).await);
        assert_eq!(
            ingest
                .delete(&format!("/files/{first}?hard_delete=True"))
                .await
                .0,
            200
        );
        assert_eq!(ingest.content(second).await, (200, disc(1)));
        for path in ["", "/content", "/metadata", "/versions"] {
            let gone = ingest.get(&format!("/files/{first}{path}")).await;
            assert_problem(&gone, 410, "gone", "for good");
        }
        // Soft first: the bytes stay until it is for good.
        assert_eq!(ingest.delete(&format!("/files/{second}")).await.0, 200);
        assert_eq!(ingest.content(second).await.0, 200);
        assert_eq!(
            ingest
                .delete(&format!("/files/{second}?hard_delete=1"))
                .await
                .0,
            200
        );
        until_blobs(&ingest, 0).await;
        let twice = ingest
            .delete(&format!("/files/{second}?hard_delete=true"))
            .await;
        assert_problem(&twice, 410, "gone", "deleted");
        assert_problem(&ingest.delete("/files/999").await, 404, "not_found", "999");
        let unclear = ingest.delete("/files/1?hard_delete=maybe").await;
        assert_problem(&unclear, 422, "invalid_field", "true and false");
        // The same bytes again, under another generation.
        let third = ingest.upload("a.dxf", &disc(1)).await;
        assert!(id_of(&third) > second);
        assert_eq!(third["duplicate_of"], json!(null));
        assert_eq!(ingest.content(id_of(&third)).await, (200, disc(1)));
        let events = ingest.events(9).await;
        let hard: Vec<bool> = events
            .iter()
            .filter(|event| event["type"] == "file.deleted")
            .map(|event| event["data"]["hard_delete"].as_bool().unwrap())
            .collect();
        assert_eq!(hard, [true, false, true]);
        ingest.stop().await;
    }
}

#[tokio::test]
async fn bytes_are_never_removed_under_an_upload() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start_with(&temp, &["ingest.database.writers=4"]).await;
        let bytes = disc(1);
        let mut last = id_of(&ingest.upload("0.dxf", &bytes).await);
        for round in 1..25 {
            let (name, path) = (
                format!("{round}.dxf"),
                format!("/files/{last}?hard_delete=true"),
            );
            let (uploaded, deleted) =
                join(ingest.upload(&name, &bytes), ingest.delete(&path)).await;
            assert_eq!(deleted.0, 200);
            last = id_of(&uploaded);
            assert_eq!(uploaded["status"], "completed", "{uploaded}");
            assert_eq!(
                ingest.content(last).await,
                (200, bytes.clone()),
                "round {round}"
            );
        }
        assert_eq!(
            ingest
                .delete(&format!("/files/{last}?hard_delete=true"))
                .await
                .0,
            200
        );
        until_blobs(&ingest, 0).await;
        ingest.stop().await;
    }
}

#[tokio::test]
async fn a_file_deleted_while_it_is_read_stays_deleted() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let large = crate::workers::grid(30_000);
    let (status, body) = ingest
        .send("?wait=0", form(&[("grid.dxf", &large)], &[]))
        .await;
    assert_eq!(status, 202, "{body}");
    let id = id_of(&body[0]);
    assert_eq!(ingest.delete(&format!("/files/{id}")).await.0, 200);
    // The worker is done with it when the next one is.
    ingest.upload("next.dxf", &disc(1)).await;
    assert_eq!(ingest.record(id).await["status"], "deleted");
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
            "file.deleted",
            "file.ingested",
            "file.processed"
        ]
    );
    ingest.stop().await;
}
