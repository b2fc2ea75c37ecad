//! Previews and part lines: shown safely, made when missing, gone with the file.

use reqwest::Method;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, assert_problem, disc, id_of};

/// A grey slope of 40 by 20 pixels.
const PNG_HEX: &str = "\
     89504e470d0a1a0a0000000d4948445200000028000000140800000000da2d20670000003c4944415478da636060e3119290\
     53d13230b371f2f00b894a48cb29aaa86be99a306dcea215ebb6ec3a70eccca51bf79ebc62185538aa705421482100f4b56d\
     b0b1b895560000000049454e44ae426082";

fn png() -> Vec<u8> {
    let digits = PNG_HEX.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

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
async fn a_picture_is_shown_and_made_again_when_it_is_lost() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("photo.png", &png()).await);
    let path = format!("/files/{id}/preview.svg");
    assert_eq!(
        ingest.previews().len(),
        1,
        "it is there before anybody asks"
    );
    let (status, kind, policy, svg) = fetch(&ingest, &path).await;
    assert_eq!((status, kind.as_str()), (200, "image/svg+xml"));
    assert_eq!(
        policy,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    );
    let text = String::from_utf8(svg.clone()).unwrap();
    assert!(text.contains("width=\"40\" height=\"20\""), "{text}");
    assert!(text.contains("href=\"data:image/png;base64,"), "{text}");
    for kept in ingest.previews() {
        std::fs::remove_file(kept).unwrap();
    }
    let (status, _, _, again) = fetch(&ingest, &path).await;
    assert_eq!((status, again), (200, svg));
    let request = ingest.request(Method::GET, &path);
    let tag = request.send().await.unwrap().headers()["etag"].clone();
    let known = ingest.request(Method::GET, &path);
    let known = known.header("if-none-match", tag).send().await.unwrap();
    assert_eq!(known.status(), 304);
    let events = ingest.events(2).await;
    let url = format!("{}{path}", ingest.base);
    assert_eq!(events[1]["data"]["preview_url"], url);
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
async fn pixels_come_in_a_few_sizes() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let id = id_of(&ingest.upload("photo.png", &png()).await);
    let path = format!("/files/{id}/preview.png");
    let (status, kind, _, first) = fetch(&ingest, &format!("{path}?size=200")).await;
    assert_eq!((status, kind.as_str()), (200, "image/png"));
    assert!(first.starts_with(b"\x89PNG"));
    // Rounded up to the same size: the same picture, kept once.
    let kept = ingest.previews().len();
    let (_, _, _, second) = fetch(&ingest, &format!("{path}?size=256")).await;
    assert_eq!(first, second);
    assert_eq!(ingest.previews().len(), kept);
    for size in ["0", "1025", "x"] {
        let answer = ingest.get(&format!("{path}?size={size}")).await;
        assert_problem(&answer, 422, "invalid_field", "size");
    }
    ingest.stop().await;
}

#[tokio::test]
async fn the_lines_of_a_cutting_list_are_answered_in_pages_and_told_in_events() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let mut list = String::from("Part name,Material,Thickness,Qty\n");
    for n in 1..=150 {
        list.push_str(&format!("Plate {n},MS,5,{n}\n"));
    }
    let (_, body) = ingest
        .upload_as(&[("list.csv", list.as_bytes())], &[])
        .await;
    let id = id_of(&body[0]);
    assert_eq!(body[0]["status"], "completed", "{body}");
    let page = ingest
        .ok(&format!("/files/{id}/part-lines?limit=2&offset=140"))
        .await;
    assert_eq!(page["total"], 150, "{page}");
    let names: Vec<&serde_json::Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["part_name"])
        .collect();
    assert_eq!(names, ["Plate 141", "Plate 142"]);
    let (_, _, _, csv) = fetch(&ingest, &format!("/files/{id}/part-lines.csv")).await;
    let csv = String::from_utf8(csv).unwrap();
    assert_eq!(csv.lines().count(), 151);
    assert!(
        csv.lines()
            .nth(1)
            .unwrap()
            .starts_with("Plate 1,Mild Steel,5"),
        "{csv}"
    );
    let events = ingest.events(2).await;
    let summary = &events[1]["data"]["extraction"];
    assert_eq!(summary["part_lines_total"], 150);
    assert_eq!(summary["part_lines"].as_array().unwrap().len(), 100);
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
