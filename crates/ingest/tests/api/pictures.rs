//! Previews and part lines: shown safely, made when missing, gone with the file.

use reqwest::Method;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, assert_problem, disc, id_of};

/// Status, content type, policy and body.
async fn fetch(ingest: &TestIngest, path: &str) -> (u16, String, String, Vec<u8>) {
    let answer = ingest.request(Method::GET, path).send().await.unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    let (kind, policy) = (header("content-type"), header("content-security-policy"));
    (
        answer.status().as_u16(),
        kind,
        policy,
        answer.bytes().await.unwrap().to_vec(),
    )
}

#[tokio::test]
async fn a_drawing_is_shown_and_its_picture_is_made_again_when_it_is_lost() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("0001-Lid-MS-2mm-x3.dxf", &disc(50)).await);
    let path = format!("/files/{id}/preview.svg");
    let (status, kind, policy, svg) = fetch(&ingest, &path).await;
    assert_eq!((status, kind.as_str()), (200, "image/svg+xml"));
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    );
    assert!(svg.starts_with(b"<svg"));
    let kept = ingest.previews();
    assert_eq!(kept.len(), 1);
    std::fs::remove_file(&kept[0]).unwrap();
    let (status, _, _, again) = fetch(&ingest, &path).await;
    assert_eq!((status, again), (200, svg));
    let png = format!("/files/{id}/preview.png");
    let (status, kind, _, first) = fetch(&ingest, &format!("{png}?size=200")).await;
    assert_eq!((status, kind.as_str()), (200, "image/png"));
    assert!(first.starts_with(b"\x89PNG"));
    // Rounded up to the same size: the same picture.
    let (_, _, _, second) = fetch(&ingest, &format!("{png}?size=256")).await;
    assert_eq!(first, second);
    assert_eq!(ingest.previews().len(), 2);
    let request = ingest.request(Method::GET, &path);
    let tag = request.send().await.unwrap().headers()["etag"].clone();
    let known = ingest
        .request(Method::GET, &path)
        .header("if-none-match", tag);
    assert_eq!(known.send().await.unwrap().status(), 304);
    for size in ["0", "1025", "x"] {
        let answer = ingest.get(&format!("{png}?size={size}")).await;
        assert_problem(&answer, 422, "invalid_field", "size");
    }
    let events = ingest.events(2).await;
    assert_eq!(
        events[1]["data"]["preview_url"],
        format!("{}{path}", ingest.base)
    );
    assert_eq!(
        ingest
            .delete(&format!("/files/{id}?hard_delete=true"))
            .await
            .0,
        200
    );
    assert_eq!(fetch(&ingest, &path).await.0, 410);
    let began = std::time::Instant::now();
    while !ingest.previews().is_empty() {
        assert!(
            began.elapsed() < crate::harness::PATIENCE,
            "previews go with the bytes"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    ingest.stop().await;
}

#[tokio::test]
async fn what_has_no_picture_says_so() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let (_, body) = ingest.upload_as(&[("a.txt", b"Material: MS\n")], &[]).await;
    let id = id_of(&body[0]);
    let answer = ingest.get(&format!("/files/{id}/preview.svg")).await;
    assert_problem(&answer, 404, "not_found", "preview");
    let events = ingest.events(2).await;
    assert_eq!(events[1]["data"]["preview_url"], json!(null));
    assert_problem(
        &ingest.get("/files/9/preview.png").await,
        404,
        "not_found",
        "9",
    );
    ingest.stop().await;
}

#[tokio::test]
async fn a_file_without_part_lines_has_an_empty_list() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("text.dxf", &disc(1)).await);
    let lines = ingest.ok(&format!("/files/{id}/part-lines")).await;
    assert_eq!((&lines["items"], &lines["total"]), (&json!([]), &json!(0)));
    let (status, kind, _, csv) = fetch(&ingest, &format!("/files/{id}/part-lines.csv")).await;
    assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
    assert!(csv.starts_with(b"part_name,material,thickness_mm"));
    let accepting = ingest.request(Method::GET, &format!("/files/{id}/part-lines"));
    let accepting = accepting.header("accept", "text/csv").send().await.unwrap();
    assert_eq!(accepting.bytes().await.unwrap(), csv);
    let answer = ingest.get(&format!("/files/{id}/part-lines?limit=0")).await;
    assert_problem(&answer, 422, "invalid_field", "limit");
    ingest.stop().await;
}
