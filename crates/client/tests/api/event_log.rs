//! The event log followed: nothing twice, nothing missed, oldest first.

use client::{Change, Client, EventTail, Forwarder, reach};
use serde_json::{Value, json};
use testkit::{ScriptedEndpoint, ScriptedReply};

fn event(number: u32) -> Value {
    json!({
        "id": format!("evt_{number}"), "type": "order.placed", "timestamp": "2026-11-22T08:00:00.000Z",
        "recorded_at": "2026-11-22T08:00:00.000Z", "tenant_id": "default", "origin": "0",
        "subject": format!("order/{number}"), "sequence": 1, "data": {}, "metadata": null,
    })
}

/// Newest first, as the service answers.
fn page(numbers: &[u32], next: Option<&str>) -> ScriptedReply {
    let items: Vec<Value> = numbers.iter().map(|number| event(*number)).collect();
    let page = json!({"items": items, "total": 9, "next_cursor": next});
    ScriptedReply::json(200, page.to_string())
}

#[tokio::test]
async fn every_event_comes_once_and_in_order() {
    let service = ScriptedEndpoint::start().await;
    service.respond_in_turn([
        page(&[4, 3], Some("7")),
        page(&[2, 1], None),
        // 5 was committed after 6 had been seen.
        page(&[6, 4, 3], None),
        page(&[6, 5, 4, 3], None),
        page(&[6, 5], None),
    ]);
    let client = Client::new(service.url(), Some("dw_key")).unwrap();
    let mut tail = EventTail::new(client, "2026-11-22T07:00:00Z".to_owned(), None);
    for expected in [
        &["evt_1", "evt_2", "evt_3", "evt_4"][..],
        &["evt_6"],
        &["evt_5"],
        &[],
    ] {
        let events = tail.next().await.unwrap();
        let ids: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, expected);
    }
    let requests = service.requests();
    assert!(
        requests[0].path.contains("since=2026-11-22T07"),
        "{}",
        requests[0].path
    );
    assert!(
        requests[1].path.contains("cursor=7"),
        "{}",
        requests[1].path
    );
}

#[tokio::test]
async fn a_change_is_sent_once_and_its_answer_handed_on() {
    let service = ScriptedEndpoint::start().await;
    let client = Client::new(service.url(), None).unwrap();
    service.respond_in_turn([
        ScriptedReply::json(202, r#"{"kept": 1.50}"#),
        ScriptedReply::dropped(),
    ]);
    let path = ["replays"];
    let answer = client
        .change_platform(Change::Post, &path, Some(&json!({})))
        .await;
    assert_eq!(answer.unwrap()["kept"], 1.5);
    let broken = client.change_platform(Change::Post, &path, None).await;
    assert!(broken.is_err());
    assert_eq!(service.requests().len(), 2, "never twice");
}

#[tokio::test]
async fn whoever_answers_is_reached_and_a_forwarder_says_what_it_cannot_do() {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([ScriptedReply::json(405, "{}")]);
    assert_eq!(reach(endpoint.url()).await.unwrap().status, 405);
    let profile = Forwarder::new(endpoint.url(), "smoke", None).unwrap_err();
    assert!(profile.to_string().contains("module-n"), "{profile}");
    assert!(Forwarder::new(endpoint.url(), "standard", Some("short")).is_err());
    let own = Forwarder::new(endpoint.url(), "standard", None).unwrap();
    assert!(own.secret().starts_with("whsec_"));
    assert!(!format!("{own:?}").contains(own.secret()));
}
