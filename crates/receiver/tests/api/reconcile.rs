//! What a sender owes beside what has arrived, with a sender that answers from a script.

use std::sync::{Arc, Mutex};

use contract::{Event, FileEventKind};
use serde_json::{Value as Json, json};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};

use crate::harness::{TestReceiver, event, snapshot};

fn events() -> Vec<Event> {
    (1..=5)
        .map(|id| event(FileEventKind::Processed, 1, &snapshot(id)))
        .collect()
}

/// Two events a page; the cursor is the number of the next one.
fn page(events: &[Event], query: &str) -> Json {
    let since = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("since="));
    let begin: usize = since.map_or(0, |cursor| cursor.parse().unwrap());
    let end = (begin + 2).min(events.len());
    let items: Vec<Json> = events[begin..end]
        .iter()
        .map(|event| {
            json!({
                "id": event.id.to_string(), "type": event.event_type.as_str(), "subject": event.subject,
                "sequence": event.sequence, "timestamp": "2025-10-21T10:30:00.000Z",
            })
        })
        .collect();
    json!({
        "subscription": "5f0f1e9e-0000-4000-8000-000000000001", "items": items,
        "next_cursor": end.to_string(), "complete": end == events.len(),
    })
}

fn ids(events: &Json) -> Vec<&str> {
    let events = events.as_array().unwrap().iter();
    events.map(|event| event["id"].as_str().unwrap()).collect()
}

/// The sender's part: it owes all of them, and cannot deliver the last any more. Answers what it was asked for.
fn play(sender: &ScriptedEndpoint, owed: &[Event]) -> Arc<Mutex<Vec<Json>>> {
    let gone = owed[4].id.to_string();
    let asked: Arc<Mutex<Vec<Json>>> = Arc::default();
    let (script, heard) = (owed.to_vec(), Arc::clone(&asked));
    sender.respond_with(move |request| {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            "/api/v1/webhooks/reconcile" => {
                assert!(query.contains("subscription=shop") && query.contains("limit=1000"));
                ScriptedReply::json(200, page(&script, query).to_string())
            }
            "/api/v1/webhooks/replays" => {
                let body: Json = serde_json::from_str(&request.text()).unwrap();
                let ids = body["event_ids"].as_array().unwrap();
                let missing: Vec<&Json> = ids.iter().filter(|id| **id == gone.as_str()).collect();
                let answer = json!({"id": "rpl_1", "expected": ids.len() - missing.len(), "missing": missing});
                heard.lock().unwrap().push(body);
                ScriptedReply::json(202, answer.to_string())
            }
            _ => ScriptedReply::status(404),
        }
    });
    asked
}

#[tokio::test]
async fn what_never_came_is_found_asked_for_and_looked_at_again() {
    for temp in TempDb::both() {
        let (sender, owed) = (ScriptedEndpoint::start().await, events());
        let asked = play(&sender, &owed);
        let extra = [
            format!("sources.shop.reconcile_url={}", sender.url()),
            "sources.shop.reconcile_subscription=shop".to_owned(),
            "sources.shop.reconcile_key=dw_of-the-sender".to_owned(),
        ];
        let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
        let shop = TestReceiver::start_with(&temp, &extra).await;
        for arrived in [&owed[0], &owed[2]] {
            assert_eq!(shop.send("shop", arrived).await.0, 200);
        }
        let run = async || shop.post("/reconcile", &json!({"source": "shop"})).await;
        let (status, report) = run().await;
        assert_eq!(status, 200, "{report}");
        let expected = [1, 3, 4].map(|n: usize| owed[n].id.to_string());
        assert_eq!(ids(&report["missing"]), expected);
        assert_eq!(
            (
                &report["checked"],
                &report["asked"],
                &report["lost"],
                &report["complete"]
            ),
            (&json!(5), &json!(2), &json!(1), &json!(true)),
            "{report}"
        );
        let request = &sender.requests()[0];
        assert_eq!(
            request.header("authorization"),
            Some("Bearer dw_of-the-sender")
        );

        let look = json!({"source": "shop", "ask": false});
        let (_, looked) = shop.post("/reconcile", &look).await;
        assert_eq!(
            (
                &looked["missing_total"],
                &looked["asked"],
                asked.lock().unwrap().len()
            ),
            (&json!(3), &json!(0), 3)
        );

        // They come; the next run begins where something was missing and finds all but what is lost.
        for arrived in [&owed[1], &owed[3]] {
            assert_eq!(shop.send("shop", arrived).await.0, 200);
        }
        let (_, report) = run().await;
        assert_eq!(
            (&report["checked"], &report["missing_total"]),
            (&json!(5), &json!(1))
        );
        // What is lost holds nothing up.
        let (_, report) = run().await;
        assert_eq!(
            (&report["checked"], &report["missing_total"]),
            (&json!(0), &json!(0))
        );
        let anew = json!({"source": "shop", "from_start": true});
        let (_, report) = shop.post("/reconcile", &anew).await;
        assert_eq!(report["checked"], 5);
        let reports = shop.items("/reconcile/report").await;
        assert_eq!((reports.len(), &reports[0]), (1, &report));
        let asked = asked.lock().unwrap().clone();
        assert_eq!(
            asked[0]["subscription"],
            "5f0f1e9e-0000-4000-8000-000000000001"
        );
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_sender_that_cannot_say_is_named_and_others_cannot_be_asked() {
    let temp = TempDb::sqlite();
    let sender = ScriptedEndpoint::start().await;
    let problem = r#"{"type":"x","title":"No","status":403,"detail":"needs the scope read","code":"forbidden"}"#;
    sender.respond_with(move |_| ScriptedReply::json(403, problem));
    let url = format!("sources.shop.reconcile_url={}", sender.url());
    let shop = TestReceiver::start_with(&temp, &[&url]).await;
    let (status, report) = shop.post("/reconcile", &json!({"source": "shop"})).await;
    assert_eq!((status, &report["complete"]), (200, &json!(false)));
    assert!(
        report["error"].as_str().unwrap().contains("scope read"),
        "{report}"
    );
    // A cursor that stands still ends the run.
    let stuck = json!({"subscription": "s", "items": [], "next_cursor": "1", "complete": false});
    sender.respond_with(move |_| ScriptedReply::json(200, stuck.to_string()));
    let (_, report) = shop.post("/reconcile", &json!({"source": "shop"})).await;
    assert!(
        report["error"].as_str().unwrap().contains("cursor"),
        "{report}"
    );
    assert_eq!(
        shop.post("/reconcile", &json!({"source": "open"})).await.0,
        422
    );
    assert_eq!(
        shop.post("/reconcile", &json!({"source": "nobody"}))
            .await
            .0,
        404
    );
    shop.stop().await;
}
