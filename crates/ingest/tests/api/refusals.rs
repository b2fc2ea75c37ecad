//! What is not taken in: each refusal says what is wrong and what is accepted, and leaves nothing behind.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestIngest, answer, assert_problem, disc, disc_with_text, form, id_of};

/// Small bounds, to be met with small files.
const BOUNDS: &[&str] = &[
    "ingest.limits.dxf_bytes_max=100000",
    "ingest.limits.pdf_bytes_max=100",
    "ingest.limits.text_bytes_max=200000",
    "ingest.files_per_request_max=3",
    "ingest.form_field_bytes_max=1000",
    "ingest.request_body_bytes_max=300000",
    "ingest.upload_pause_seconds_max=1",
];

const PAGE: &[u8] = b"<!doctype html><html><body>login</body></html>";

struct Refused {
    name: &'static str,
    bytes: Vec<u8>,
    mode: &'static str,
    status: u16,
    code: &'static str,
    says: &'static str,
}

fn refused(name: &'static str, bytes: Vec<u8>, mode: &'static str) -> Refused {
    Refused {
        name,
        bytes,
        mode,
        status: 415,
        code: "unsupported_kind",
        says: "whatever its name",
    }
}

fn too_large(name: &'static str, bytes: Vec<u8>, says: &'static str) -> Refused {
    Refused {
        status: 413,
        code: "file_too_large",
        says,
        ..refused(name, bytes, "")
    }
}

fn refused_files() -> Vec<Refused> {
    let noise = |words: u32| -> Vec<u8> {
        let scattered = (0..words).map(|n| n.wrapping_mul(2_654_435_761));
        scattered.flat_map(u32::to_be_bytes).collect()
    };
    let pdf = [b"%PDF-1.7\n", [b' '; 100].as_slice()].concat();
    vec![
        Refused {
            status: 422,
            code: "invalid_field",
            says: "empty",
            ..refused("empty.dxf", Vec::new(), "")
        },
        refused("noise.dxf", noise(1_000), ""),
        refused("long noise.dxf", noise(50_000), ""),
        too_large(
            "large.dxf",
            disc_with_text(&"x".repeat(100_000)),
            "ingest.limits.dxf_bytes_max",
        ),
        too_large("small.pdf", pdf, "at most 100 bytes"),
        Refused {
            says: "mode=dxf",
            ..refused("disc.dxf", disc(1), "pdf")
        },
        Refused {
            says: "content is text",
            ..refused("page.dxf", PAGE.to_vec(), "dxf")
        },
    ]
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_in_is_refused_with_a_reason() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, BOUNDS).await;
    for case in refused_files() {
        let files = [(case.name, case.bytes.as_slice())];
        let (status, body) = ingest.upload_as(&files, &[("mode", case.mode)]).await;
        assert_eq!(status, case.status, "{}: {body}", case.name);
        let result = &body[0];
        assert_eq!(
            (&result["success"], &result["error_code"]),
            (&json!(false), &json!(case.code))
        );
        let error = result["error"].as_str().unwrap();
        assert!(error.contains(case.says), "{}: {error}", case.name);
    }
    // HTML is text, whatever the name says; it is kept, with a warning.
    let (status, body) = ingest.upload_as(&[("page.dxf", PAGE)], &[]).await;
    let kind = &body[0]["detected_type"];
    assert_eq!((status, kind), (200, &json!("text")), "{body}");
    assert!(body[0]["warnings"][0].as_str().unwrap().contains("text"));
    let total = ingest.ok("/files").await["total"].as_i64();
    assert_eq!((total, ingest.staged()), (Some(1), 0));
    assert_eq!(ingest.blobs().len(), 1);
    ingest.stop().await;
}

/// A form field, its value, and what the refusal says.
const REFUSED_FIELDS: &[(&str, &str, &str)] = &[
    ("mode", "dwg", "AUTO, dxf"),
    ("client_code", "ACME", "CL0001"),
    ("project_code", "JB-1", "JB-2025-10-CL0001-001"),
    ("override_metadata", "{", "JSON object"),
    ("override_metadata", "[1]", "JSON object"),
    ("override_metadata", r#"{"colour":"red"}"#, "colour"),
    (
        "override_metadata",
        r#"{"thickness_mm":-1}"#,
        "thickness_mm",
    ),
    ("override_metadata", r#"{"quantity":0}"#, "quantity"),
    (
        "override_metadata",
        r#"{"part_name":"a\u0000b"}"#,
        "part_name",
    ),
    ("colour", "red", "accepted are files"),
];

#[tokio::test]
async fn a_field_that_cannot_be_understood_is_refused_by_name() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, BOUNDS).await;
    let disc = disc(1);
    let file = [("a.dxf", disc.as_slice())];
    for (field, value, says) in REFUSED_FIELDS {
        let answer = ingest.upload_as(&file, &[(field, value)]).await;
        assert_problem(&answer, 422, "invalid_field", says);
        let named = answer.1["errors"][0]["field"].as_str().unwrap();
        assert!([field, says].contains(&&named), "{value}: {named}");
    }
    let long = "x".repeat(2_000);
    let long = ingest
        .upload_as(&file, &[("override_metadata", &long)])
        .await;
    assert_problem(&long, 422, "invalid_field", "1000 bytes");
    let metadata = ("override_metadata", r#"{"client_code":"CL0002"}"#);
    let answer = ingest
        .upload_as(&file, &[("client_code", "CL0001"), metadata])
        .await;
    assert_problem(&answer, 422, "invalid_field", "CL0002");
    assert_eq!(answer.1["errors"][0]["field"], "client_code");
    let twice = ingest
        .upload_as(&file, &[("mode", "dxf"), ("mode", "pdf")])
        .await;
    assert_problem(&twice, 422, "invalid_field", "once");
    for query in ["?wait=-1", "?wait=x", "?wait=301", "?wait=1.5", "?quick=1"] {
        let (status, body) = ingest.send(query, form(&file, &[])).await;
        assert_eq!(
            (status, body["code"].as_str()),
            (422, Some("invalid_field")),
            "{query}"
        );
    }
    assert_nothing(&ingest).await;
    ingest.stop().await;
}

/// Nothing was recorded, and nothing stayed behind.
async fn assert_nothing(ingest: &TestIngest) {
    let total = ingest.ok("/files").await["total"].as_i64();
    assert_eq!(
        (total, ingest.staged(), ingest.blobs().len()),
        (Some(0), 0, 0)
    );
}

#[tokio::test]
async fn a_request_without_files_or_with_too_much_is_refused_as_a_whole() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, BOUNDS).await;
    let answer = ingest.upload_as(&[], &[("mode", "AUTO")]).await;
    assert_problem(&answer, 422, "invalid_field", "at least one file");
    let disc = disc(1);
    let answer = ingest
        .upload_as(&[("a.dxf", disc.as_slice()); 4], &[])
        .await;
    assert_problem(
        &answer,
        422,
        "invalid_field",
        "ingest.files_per_request_max",
    );
    let large = "x".repeat(150_000).into_bytes();
    let answer = ingest
        .upload_as(&[("a.txt", large.as_slice()); 3], &[])
        .await;
    assert_problem(
        &answer,
        413,
        "body_too_large",
        "ingest.request_body_bytes_max",
    );
    assert_nothing(&ingest).await;
    ingest.stop().await;
}

#[tokio::test]
async fn a_body_that_is_no_form_or_breaks_off_is_refused() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, BOUNDS).await;
    let post = |kind: &str, body: Vec<u8>| {
        let request = ingest
            .request(Method::POST, "/ingest")
            .header("content-type", kind);
        answer(request.body(body))
    };
    assert_problem(
        &post("application/json", b"{}".to_vec()).await,
        415,
        "unsupported_media_type",
        "multipart",
    );
    assert_problem(
        &post("image/vnd.dxf", disc(1)).await,
        415,
        "unsupported_media_type",
        "multipart",
    );
    let form_type = "multipart/form-data; boundary=b";
    let cases: &[&[u8]] = &[
        b"",
        b"nonsense",
        b"--b\r\n",
        b"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.dxf\"\r\n\r\n0\nSECTION\n",
        b"--b\r\n\r\nno header\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data; name=\"mode\"\r\n\r\n\xFF\xFE\r\n--b--\r\n",
    ];
    for body in cases {
        let (status, body) = post(form_type, body.to_vec()).await;
        assert!([400, 422].contains(&status), "{body}");
        assert!(!body["detail"].as_str().unwrap().is_empty());
    }
    assert_problem(
        &post("multipart/form-data", b"--b--".to_vec()).await,
        400,
        "bad_request",
        "boundary",
    );
    assert_nothing(&ingest).await;
    ingest.stop().await;
}

/// What comes back to the bytes of a whole connection.
fn converse(base: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(base.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    // A reset after the answer is as good as an end.
    drop(stream.read_to_string(&mut answer));
    answer
}

const HEAD: &str =
    "POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n";
const FILE: &str =
    "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.dxf\"\r\n\r\n0\nSECTION\n";

#[tokio::test]
async fn a_client_that_stops_sending_is_let_go_and_leaves_nothing() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start_with(&temp, BOUNDS).await;
    let stalled = format!("{HEAD}Content-Length: 5000\r\n\r\n{FILE}");
    let base = ingest.base.clone();
    let said = tokio::task::spawn_blocking(move || converse(&base, stalled.as_bytes()));
    let said = said.await.unwrap();
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(said.contains("ingest.upload_pause_seconds_max"), "{said}");
    // Gone in the middle, and gone without the length that was announced.
    for bytes in [
        format!("{HEAD}Content-Length: 5000\r\n\r\n{FILE}"),
        format!(
            "{HEAD}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{FILE}",
            4000
        ),
    ] {
        let mut stream = TcpStream::connect(ingest.base.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
    }
    let began = std::time::Instant::now();
    while ingest.staged() > 0 {
        assert!(began.elapsed() < crate::harness::PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(ingest.ok("/files").await["total"], 0);
    ingest.stop().await;
}

#[tokio::test]
async fn encoded_names_are_decoded_and_cleaned() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        for (at, (encoded, cleaned)) in [
            ("a%00b%0Ac.dxf", "abc.dxf"),
            ("..%2F..%2Fetc%2Fplate.dxf", "plate.dxf"),
            ("St%C3%A4rke.dxf", "Stärke.dxf"),
            ("bad%FFbyte.dxf", "bad\u{fffd}byte.dxf"),
        ]
        .into_iter()
        .enumerate()
        {
            let disc = disc(u32::try_from(at).unwrap() + 1);
            let body = [
                format!("--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"x\"; filename*=utf-8''{encoded}\r\n\r\n").as_bytes(),
                &disc,
                b"\r\n--b--\r\n",
            ]
            .concat();
            let request = ingest
                .request(Method::POST, "/ingest")
                .header("content-type", "multipart/form-data; boundary=b");
            let (status, body) = answer(request.body(body)).await;
            assert_eq!(
                (status, &body[0]["filename"]),
                (200, &json!(cleaned)),
                "{body}"
            );
            assert_eq!(ingest.content(id_of(&body[0])).await.1, disc);
        }
        ingest.stop().await;
    }
}
