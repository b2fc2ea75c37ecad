//! Services that are absent, broken, slow, endless, or not services at all.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use client::{Client, ClientError};
use serde_json::json;
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::{answering, only};

fn healthy() -> ScriptedReply {
    let body = json!({"status": "healthy", "service": "ingest", "version": "0.1.0"});
    ScriptedReply::json(200, body.to_string())
}

#[tokio::test]
async fn a_question_is_asked_again_when_its_connection_breaks() {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([
        ScriptedReply::dropped(),
        ScriptedReply::dropped(),
        healthy(),
    ]);
    let client = Client::new(endpoint.url(), None).unwrap();
    assert_eq!(client.health().await.unwrap().service, "ingest");
    assert_eq!(endpoint.requests().len(), 3);

    endpoint.respond_in_turn([ScriptedReply::dropped()]);
    let error = client.health().await.unwrap_err();
    assert!(matches!(error, ClientError::Broken { .. }), "{error}");
    assert_eq!(endpoint.requests().len(), 6, "three times, no more");
}

#[tokio::test]
async fn nobody_there_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&url, None).unwrap().health().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    let sentence = error.to_string();
    assert!(
        sentence.contains(&url) && sentence.contains("refused") && sentence.contains("Check"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_problem_keeps_code_detail_request_and_fields() {
    let body = json!({
        "type": "urn:draftwire:problem:invalid_field", "title": "A field has an unusable value",
        "status": 422, "code": "invalid_field", "detail": "limit: at most 1000", "request_id": "r-7",
        "errors": [{"field": "limit", "message": "at most 1000"}],
    });
    let reply = ScriptedReply::status(422)
        .header("content-type", "application/problem+json")
        .body(body.to_string());
    let (endpoint, client) = answering(reply).await;
    let error = client.record(1).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "limit: at most 1000 (422 invalid_field, request r-7)"
    );
    let problem = error.problem().unwrap();
    assert_eq!(problem.request_id.as_deref(), Some("r-7"));
    assert_eq!(problem.errors[0].field, "limit");
    // A refusal is an answer: it is not asked again.
    only(&endpoint);
}

#[tokio::test]
async fn what_is_no_service_is_told_apart() {
    let page = ScriptedReply::status(502).body("<html>Bad gateway</html>");
    let (_endpoint, client) = answering(page).await;
    let error = client.health().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Status { status: 502, body, .. } if body.contains("Bad gateway")),
        "{error}"
    );
    let (_endpoint, client) =
        answering(ScriptedReply::status(200).body("<html>hello</html>")).await;
    let error = client.health().await.unwrap_err();
    assert!(matches!(error, ClientError::Answer { .. }), "{error}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (elsewhere, _) = answering(healthy()).await;
    let reply = ScriptedReply::status(302).header("location", elsewhere.url());
    let (_endpoint, client) = answering(reply).await;
    let error = client.health().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Status { status: 302, .. }),
        "{error}"
    );
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn late_and_endless_answers_end_in_time_and_are_not_repeated() {
    let late = healthy().after(Duration::from_secs(60));
    let endless = ScriptedReply::drip(200, Duration::from_millis(10));
    for reply in [late, endless] {
        let (endpoint, client) = answering(reply).await;
        let client = client.with_answer_time_max(Duration::from_millis(300));
        let began = Instant::now();
        let error = client.health().await.unwrap_err();
        assert!(matches!(error, ClientError::Timeout { .. }), "{error}");
        assert!(began.elapsed() < Duration::from_secs(5));
        only(&endpoint);
    }
}

#[tokio::test]
async fn an_answer_without_measure_is_refused() {
    let huge = vec![b' '; 65 * 1024 * 1024];
    let (_endpoint, client) = answering(ScriptedReply::status(200).body(huge)).await;
    let error = client.health().await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Answer { cause, .. } if cause.contains("larger")),
        "{error}"
    );
}

#[test]
fn unusable_addresses_and_keys_are_refused_without_showing_them() {
    for url in [
        "",
        "127.0.0.1:8081",
        "ftp://x",
        "http://",
        "http://x?a=b",
        "http://me:pw@x",
    ] {
        let error = Client::new(url, None).unwrap_err();
        assert!(matches!(error, ClientError::BaseUrl(_)), "{url}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
    for key in ["", "dw_a b", "dw_a\nx", "dw_ä"] {
        let error = Client::new("http://127.0.0.1:1", Some(key)).unwrap_err();
        assert!(matches!(error, ClientError::Key), "{key:?}");
    }
}
