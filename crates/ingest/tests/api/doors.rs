//! The service's doors: who is let in, what paths and methods lead where, how bytes go out.

use reqwest::Method;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, answer, assert_problem, disc, form, id_of};

#[tokio::test]
async fn foreign_names_and_pages_are_turned_away() {
    let temp = TempDb::sqlite();
    let ingest =
        TestIngest::start_with(&temp, &["ingest.public_url=https://files.shop.example"]).await;
    for (header, value, status) in [
        ("host", "evil.example", 421),
        ("host", "127.0.0.1.evil.example:8081", 421),
        ("host", "10.1.2.3", 421),
        ("host", "localhost:8081", 200),
        ("host", "files.shop.example", 200),
        ("origin", "https://evil.example", 421),
        ("origin", "null", 421),
        ("origin", "http://127.0.0.1:3000", 200),
    ] {
        let request = ingest.request(Method::GET, "/files").header(header, value);
        let answer = answer(request).await;
        assert_eq!(answer.0, status, "{header}: {value}");
        if status == 421 {
            assert_problem(&answer, 421, "misdirected", "public_url");
        }
    }
    let upload = ingest
        .request(Method::POST, "/ingest")
        .header("origin", "https://evil.example");
    assert_eq!(
        answer(upload.multipart(form(&[("a.dxf", &disc(1))], &[])))
            .await
            .0,
        421
    );
    assert_eq!(ingest.ok("/files").await["total"], 0);
    ingest.stop().await;
}

#[tokio::test]
async fn paths_methods_and_ids_lead_where_they_should() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let (status, body) = answer(
        ingest
            .request(Method::POST, "/ingest/")
            .multipart(form(&[("a.dxf", &disc(1))], &[])),
    )
    .await;
    assert_eq!(status, 200, "a slash at the end is as good as none");
    let id = id_of(&body[0]);
    for path in [
        "/files/",
        "/health/",
        &format!("/files/{id}/"),
        "/",
        "/ready",
        "/webhooks/queue/stats",
    ] {
        assert_eq!(ingest.get(path).await.0, 200, "{path}");
        let head = ingest.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.status(), 200, "HEAD {path}");
    }
    for id in [
        "0",
        "-1",
        "99",
        "abc",
        "1.5",
        "99999999999999999999999",
        "%00",
        "1;DROP",
    ] {
        for path in [
            format!("/files/{id}"),
            format!("/ingest/{id}"),
            format!("/files/{id}/content"),
        ] {
            let answer = ingest.get(&path).await;
            assert_eq!(
                (answer.0, answer.1["code"].as_str()),
                (404, Some("not_found")),
                "{path}"
            );
        }
        assert_eq!(ingest.delete(&format!("/files/{id}")).await.0, 404);
        assert_eq!(ingest.post(&format!("/extract/{id}")).await.0, 404);
    }
    assert_problem(&ingest.get("/nowhere").await, 404, "not_found", "");
    assert_problem(
        &ingest.get("/extract/1").await,
        405,
        "method_not_allowed",
        "",
    );
    assert_problem(
        &ingest.delete("/files").await,
        405,
        "method_not_allowed",
        "",
    );
    ingest.stop().await;
}

#[tokio::test]
async fn bytes_go_out_with_care() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let result = ingest.upload("Stärke-MS-2mm-x1.dxf", &disc(1)).await;
    let path = format!("/files/{}/content", id_of(&result));
    let got = ingest.request(Method::GET, &path).send().await.unwrap();
    let header = |name: &str| got.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-length"), disc(1).len().to_string());
    assert_eq!(header("content-type"), "image/vnd.dxf");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    assert!(header("content-disposition").starts_with("attachment; filename=\"UNKNOWN-NOPROJECT-"));
    assert!(
        header("content-disposition").contains("filename*=UTF-8''UNKNOWN-NOPROJECT-St%C3%A4rke")
    );
    let etag = header("etag");
    let head = ingest.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], disc(1).len().to_string());
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    for (known, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (etag.trim_matches('"').to_owned(), 200),
    ] {
        let request = ingest
            .request(Method::GET, &path)
            .header("if-none-match", &known);
        let got = request.send().await.unwrap();
        assert_eq!(got.status(), status, "{known}");
    }
    ingest.stop().await;
}

#[tokio::test]
async fn readiness_and_the_queue_tell_how_things_stand() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let ready = ingest.ok("/ready").await;
        assert_eq!(ready["status"], "ready");
        assert_eq!(ready["checks"]["database"]["state"], "up");
        assert_eq!(ready["checks"]["storage"]["state"], "up");
        ingest.upload("a.dxf", &disc(1)).await;
        ingest.events(2).await;
        let began = std::time::Instant::now();
        loop {
            let stats = ingest.ok("/webhooks/queue/stats").await;
            if stats["completed"] == 2 {
                assert_eq!(
                    (&stats["total"], &stats["pending"], &stats["failed"]),
                    (&json!(2), &json!(0), &json!(0))
                );
                break;
            }
            assert!(began.elapsed() < crate::harness::PATIENCE, "{stats}");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let staging = temp.folder().join("data/files/staging");
        let node = std::fs::read_dir(&staging)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        std::fs::remove_dir_all(&node).unwrap();
        let (status, unready) = ingest.get("/ready").await;
        assert_eq!(
            (status, &unready["checks"]["storage"]["state"]),
            (503, &json!("down"))
        );
        assert!(
            !unready.to_string().contains("staging"),
            "no reasons for strangers"
        );
        let answer = ingest.upload_as(&[("b.dxf", &disc(2))], &[]).await;
        assert_problem(&answer, 503, "unavailable", "cannot be stored now");
        ingest.stop().await;
    }
}
