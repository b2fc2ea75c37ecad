//! Uploads: what is sent, and what comes of it.

use client::{Client, ClientError, FileStatus, Mode, UploadOptions};
use serde_json::json;
use testkit::{RecordedRequest, ScriptedReply};

use crate::{answering, only};

/// A part's header and its content.
type Part = (String, Vec<u8>);

fn parts(request: &RecordedRequest) -> Vec<Part> {
    let kind = request.header("content-type").expect("a content type");
    let (_, boundary) = kind
        .split_once("multipart/form-data; boundary=")
        .expect(kind);
    let (_, mut rest) = cut(&request.body, &format!("--{boundary}")).expect("a part");
    let mut parts = Vec::new();
    while let Some((part, after)) = cut(rest, &format!("\r\n--{boundary}")) {
        let (head, content) = cut(part, "\r\n\r\n").expect("a head and a content");
        let head = String::from_utf8_lossy(head).trim().to_owned();
        parts.push((head, content.to_vec()));
        rest = after;
    }
    parts
}

/// What stands before and after the first `mark`.
fn cut<'a>(bytes: &'a [u8], mark: &str) -> Option<(&'a [u8], &'a [u8])> {
    let mut windows = bytes.windows(mark.len());
    let at = windows.position(|window| window == mark.as_bytes())?;
    let (before, rest) = bytes.split_at(at);
    Some((before, rest.split_at(mark.len()).1))
}

fn accepted() -> ScriptedReply {
    let body = json!([
        {
            "success": true, "ingest_id": 41, "filename": "Träger \"A\" 1.dxf", "status": "completed",
            "normalized_filename": "CL0001-NOPROJECT-Traeger-MS-5mm-x4-v1.dxf", "detected_type": "dxf",
            "confidence_score": 0.9, "warnings": ["units assumed"], "duplicate_of": null, "error": null,
            "metadata": {"material": "MS", "thickness_mm": 5, "quantity": 4, "extracted": {"holes": 2},
                         "extraction_notes": ["from the name"]},
        },
        {"success": false, "filename": "notes.exe", "status": "refused", "error_code": "unsupported_kind", "error": "this kind of file is not accepted"},
    ]);
    ScriptedReply::json(200, body.to_string())
}

#[tokio::test]
async fn files_and_fields_arrive_as_they_are_and_results_are_typed() {
    let (endpoint, client) = answering(accepted()).await;
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let paths = ["Träger \"A\" 1.dxf", "notes.exe"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], &large).unwrap();
    std::fs::write(&paths[1], "").unwrap();
    let options = UploadOptions {
        client_code: Some("CL0001".into()),
        mode: Mode::Dxf,
        override_metadata: json!({"quantity": 4}).as_object().cloned(),
        wait_seconds: Some(0),
        ..UploadOptions::default()
    };

    let results = client.upload(&paths, &options).await.unwrap();

    assert_eq!(
        (results[0].ingest_id, results[0].status),
        (Some(41), Some(FileStatus::Completed))
    );
    assert_eq!(results[0].warnings, ["units assumed"]);
    let facts = results[0].metadata.as_ref().unwrap();
    assert_eq!((facts.thickness_mm, facts.quantity), (Some(5.0), Some(4)));
    assert!(!results[1].success && results[1].ingest_id.is_none());

    let request = only(&endpoint);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/ingest?wait=0")
    );
    let length = request.body.len().to_string();
    assert_eq!(request.header("content-length"), Some(length.as_str()));
    let parts = parts(&request);
    let heads: Vec<_> = parts.iter().map(|(head, _)| head.as_str()).collect();
    let start = "Content-Disposition: form-data; name=";
    assert_eq!(
        heads,
        [
            format!("{start}\"mode\""),
            format!("{start}\"client_code\""),
            format!("{start}\"override_metadata\""),
            format!("{start}\"files\"; filename=\"Träger \\\"A\\\" 1.dxf\""),
            format!("{start}\"files\"; filename=\"notes.exe\""),
        ]
    );
    assert_eq!(
        (&parts[0].1[..], &parts[1].1[..]),
        (&b"dxf"[..], &b"CL0001"[..])
    );
    assert_eq!(parts[2].1, br#"{"quantity":4}"#);
    assert!(parts[3].1 == large, "the bytes of the file");
    assert_eq!(parts[4].1, b"");
}

#[tokio::test]
async fn an_unreadable_file_is_named_and_nothing_is_sent() {
    let (endpoint, client) = answering(accepted()).await;
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.dxf");
    std::fs::write(&good, "0\nEOF\n").unwrap();
    for bad in [folder.path().join("missing.dxf"), folder.path().to_owned()] {
        let error = client
            .upload(&[good.clone(), bad.clone()], &UploadOptions::default())
            .await
            .unwrap_err();
        assert!(
            matches!(&error, ClientError::File { path, .. } if *path == bad),
            "{error}"
        );
    }
    assert_eq!(endpoint.requests().len(), 0);
}

#[tokio::test]
async fn an_upload_is_never_repeated() {
    let (endpoint, client) = answering(ScriptedReply::dropped()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.dxf");
    std::fs::write(&path, "0\nEOF\n").unwrap();
    let error = client
        .upload(&[path], &UploadOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    only(&endpoint);
}

#[tokio::test]
async fn files_refused_one_by_one_and_uploads_refused_whole_are_told_apart() {
    let no_files: [&str; 0] = [];
    let body = json!([{"success": false, "ingest_id": null, "filename": "a.exe", "status": "refused",
        "warnings": [], "error": "this kind of file is not accepted", "error_code": "unsupported_kind"}]);
    let (_endpoint, client) = answering(ScriptedReply::json(415, body.to_string())).await;
    let results = client
        .upload(&no_files, &UploadOptions::default())
        .await
        .unwrap();
    assert_eq!(
        (results[0].status, results[0].error_code.as_deref()),
        (None, Some("unsupported_kind"))
    );

    let body = json!({"type": "urn:draftwire:problem:body_too_large", "title": "x", "status": 413,
        "code": "body_too_large", "detail": "The upload is too large.", "request_id": "r-1"});
    let (_endpoint, client) = answering(ScriptedReply::json(413, body.to_string())).await;
    let error = client
        .upload(&no_files, &UploadOptions::default())
        .await
        .unwrap_err();
    let problem = error.problem().expect("a problem");
    assert_eq!(
        (problem.status, problem.code.as_str()),
        (413, "body_too_large")
    );
}

#[tokio::test]
async fn an_upload_waits_longer_than_a_question() {
    let slow = accepted().after(std::time::Duration::from_millis(600));
    let (_endpoint, client) = answering(slow).await;
    let client: Client = client.with_answer_time_max(std::time::Duration::from_millis(200));
    let no_files: [&str; 0] = [];
    let options = UploadOptions {
        wait_seconds: Some(2),
        ..UploadOptions::default()
    };
    assert_eq!(client.upload(&no_files, &options).await.unwrap().len(), 2);
    assert!(matches!(
        client.health().await,
        Err(ClientError::Timeout { .. })
    ));
}
