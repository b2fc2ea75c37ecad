//! What is asked and how answers are read.

use client::{Client, Cursor, DesignFileQuery, FileQuery, FileStatus};
use serde_json::json;
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::{answering, only};

fn ok(body: serde_json::Value) -> ScriptedReply {
    ScriptedReply::json(200, body.to_string())
}

#[tokio::test]
async fn a_record_is_read_and_new_fields_are_ignored() {
    let (endpoint, client) = answering(ok(json!({
        "id": 12, "original_filename": "bracket.dxf", "file_size": 20480, "status": "completed",
        "thickness_mm": 3, "quantity": 14, "version": 1, "confidence_score": 0.95, "part_name": null,
        "is_deleted": false, "retry_count": 0, "created_at": "2026-11-21T10:30:00.000Z",
        "something_new": {"a": [1]},
    })))
    .await;
    let record = client.record(12).await.unwrap();
    assert_eq!(
        (
            record.id,
            record.status,
            record.thickness_mm,
            record.quantity
        ),
        (12, FileStatus::Completed, Some(3.0), Some(14))
    );
    assert_eq!((record.part_name, record.material), (None, None));
    let request = only(&endpoint);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/ingest/12")
    );
    assert_eq!(request.header("authorization"), None);
}

#[tokio::test]
async fn filters_are_encoded_and_lists_are_read() {
    let (endpoint, client) = answering(ok(json!({
        "success": true, "count": 1, "limit": 5, "offset": 0, "files": [{"id": 7, "status": "failed"}],
        "items": [{"id": 7, "status": "failed"}], "total": 31, "next_cursor": 7,
    })))
    .await;
    let query = FileQuery {
        project_code: Some("JB-2025-10-CL0001-001".into()),
        thickness_mm: Some(0.53),
        status: Some(FileStatus::Failed),
        q: Some("Bär & 1/2\" x".into()),
        limit: Some(5),
        ..FileQuery::default()
    };
    let page = client.files(&query).await.unwrap();
    assert_eq!(
        (page.items[0].id, page.total, page.next_cursor.clone()),
        (7, 31, Some(Cursor::Number(7)))
    );
    assert_eq!(
        only(&endpoint).path,
        "/files?project_code=JB-2025-10-CL0001-001&thickness_mm=0.53&status=failed\
         &q=B%C3%A4r+%26+1%2F2%22+x&limit=5"
    );

    let next = FileQuery {
        cursor: page.next_cursor,
        ..FileQuery::default()
    };
    client.files(&next).await.unwrap();
    assert_eq!(endpoint.requests()[1].path, "/files?cursor=7");
}

#[tokio::test]
async fn queue_and_health_are_read() {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|request| match request.path.as_str() {
        "/webhooks/queue/stats" => {
            ok(json!({"total": 9, "pending": 4, "processing": 2, "completed": 2, "failed": 1}))
        }
        "/health" => ok(json!({"status": "healthy", "service": "ingest", "version": "0.1.0"})),
        _ => ScriptedReply::status(404),
    });
    let client = Client::new(endpoint.url(), None).unwrap();
    let stats = client.queue_stats().await.unwrap();
    assert_eq!((stats.total, stats.pending, stats.failed), (9, 4, 1));
    let health = client.health().await.unwrap();
    assert_eq!(
        (health.status.as_str(), health.service.as_str()),
        ("healthy", "ingest")
    );
}

#[tokio::test]
async fn the_receiver_is_asked() {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|request| match request.path.as_str() {
        "/design-files?client_code=CL0001&include_deleted=false" => ok(json!({
            "items": [{
                "id": 3, "source": "module-n", "origin": "00ff", "ingest_id": 12, "status": "completed",
                "deleted": false, "created_at": "2026-11-21T10:30:00.000Z", "updated_at": "2026-11-21T10:30:01.000Z", "project_code": "JB-2025-10-CL0001-001",
                "extraction": {"width_mm": 100.0, "holes": []},
            }],
            "total": 1,
        })),
        "/projects/JB%2F1%20a" => ok(json!({"id": 1, "code": "JB/1 a", "client_code": "CL0001", "design_files": 2,
            "created_at": "2026-11-21T10:30:00.000Z"})),
        _ => ScriptedReply::status(404),
    });
    let client = Client::new(endpoint.url(), None).unwrap();
    let query = DesignFileQuery {
        client_code: Some("CL0001".into()),
        ..DesignFileQuery::default()
    };
    let page = client.design_files(&query).await.unwrap();
    assert_eq!((page.items[0].id, page.items[0].ingest_id), (3, 12));
    assert_eq!(page.items[0].extraction["width_mm"], 100.0);
    assert_eq!(page.next_cursor, None);
    let project = client.project("JB/1 a").await.unwrap();
    assert_eq!(project.client_code.as_deref(), Some("CL0001"));
}

#[tokio::test]
async fn the_key_is_sent_and_never_shown_and_a_base_path_is_kept() {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| {
        ok(json!({"status": "healthy", "service": "ingest", "version": "0.1.0"}))
    });
    let base = format!("{}/shop/", endpoint.url());
    let client = Client::new(&base, Some("dw_hunter2")).unwrap();
    client.health().await.unwrap();
    let request = only(&endpoint);
    assert_eq!(request.path, "/shop/health");
    assert_eq!(request.header("authorization"), Some("Bearer dw_hunter2"));
    assert!(!format!("{client:?}").contains("hunter2"));
}
