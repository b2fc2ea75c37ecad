//! What accepted events bring about.

use contract::{Event, EventType, FileEventKind, JsonObject, Profile, render};
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{
    ORIGIN, PROJECT, TestReceiver, event, headers, now_s, sign, sign_body, snapshot,
};

#[tokio::test]
async fn an_event_is_applied_once_and_its_file_carries_all_facts() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let project_id = shop.make_project().await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let (status, first) = shop.send("shop", &processed).await;
        assert_eq!(status, 200, "{first}");
        let id = first["design_file_id"].as_i64().unwrap();
        let expected = json!({
            "success": true, "message": "applied", "design_file_id": id, "project_id": project_id,
        });
        assert_eq!(first, expected);

        let (status, again) = shop.send("shop", &processed).await;
        assert_eq!(status, 200);
        let expected = json!({
            "success": true, "message": "received before", "design_file_id": id,
            "project_id": project_id, "duplicate": true,
        });
        assert_eq!(again, expected);

        let (_, file) = shop.get(&format!("/design-files/{id}")).await;
        for (key, value) in [
            ("source", json!("shop")),
            ("origin", json!(ORIGIN)),
            ("ingest_id", json!(5)),
            ("status", json!("completed")),
            ("material", json!("Mild Steel")),
            ("thickness_mm", json!(5.0)),
            ("quantity", json!(10)),
            ("project_id", json!(project_id)),
            ("created_at", json!("2025-10-21T10:29:58.250Z")),
            (
                "preview_url",
                json!("http://127.0.0.1:8081/files/1/preview.svg"),
            ),
        ] {
            assert_eq!(file[key], value, "{key}");
        }
        assert_eq!(file["extraction"]["holes"][0]["count"], 4);
        assert_eq!(file["versions"].as_array().unwrap().len(), 1);

        let inbox = shop.items("/inbox").await;
        assert_eq!(inbox.len(), 1);
        assert_eq!(
            (&inbox[0]["state"], &inbox[0]["duplicates"]),
            (&json!("applied"), &json!(1))
        );
        assert_eq!(shop.items("/activity?design_file_id=1").await.len(), 1);
        let made = shop.items("/activity?action=project%20created").await;
        assert_eq!(
            (&made[0]["project_code"], &made[0]["actor"]),
            (&json!(PROJECT), &json!("operator"))
        );
        shop.stop().await;
    }
}

#[tokio::test]
async fn every_profile_is_understood() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    assert_eq!(shop.send("module-n", &processed).await.0, 200);
    // The sources differ, so these are two files.
    assert_eq!(shop.send("shop", &processed).await.0, 200);
    let files = shop.items("/design-files").await;
    let sources: Vec<&Json> = files.iter().map(|file| &file["source"]).collect();
    assert_eq!(files.len(), 2, "{sources:?}");
    assert!(files.iter().all(|file| file["origin"] == ORIGIN));
    shop.stop().await;
}

#[tokio::test]
async fn a_sender_of_old_signs_the_body_and_names_neither_id_nor_sequence() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let send = async |kind: &str, second: u8, material: &str| {
        let body = json!({
            "event_type": kind, "timestamp": format!("2025-10-21T10:30:{second:02}"), "ingest_id": 9,
            "file_data": {"ingest_id": 9, "original_filename": "a.dxf", "material": material},
        });
        let body = serde_json::to_vec(&body).unwrap();
        let any = event(FileEventKind::Processed, 1, &snapshot(9));
        shop.send_raw("old", sign_body(&any, &body), body).await
    };
    // Late arrivals are put where their timestamps say.
    assert_eq!(send("file.processed", 5, "SS").await.0, 200);
    let (status, early) = send("file.ingested", 1, "MS").await;
    assert_eq!((status, &early["message"]), (200, &json!("applied")));
    let (_, stale) = send("file.processed", 3, "Al").await;
    assert_eq!(
        stale["message"],
        "recorded; a newer event was applied before"
    );
    assert_eq!(send("file.processed", 5, "SS").await.1["duplicate"], true);
    let files = shop.items("/design-files").await;
    assert_eq!(
        (files.len(), &files[0]["material"], &files[0]["origin"]),
        (1, &json!("SS"), &json!(""))
    );
    let states: Vec<Json> = shop
        .items("/inbox")
        .await
        .into_iter()
        .map(|e| e["state"].clone())
        .collect();
    assert_eq!(states, ["stale", "applied", "applied"]);

    // What the original really sends: a signature over the body with its keys sorted.
    let body = br#"{"timestamp": "2025-10-21T10:31:00", "event_type": "file.deleted", "ingest_id": 9, "file_data": {"ingest_id": 9}}"#;
    let sorted = br#"{"event_type": "file.deleted", "file_data": {"ingest_id": 9}, "ingest_id": 9, "timestamp": "2025-10-21T10:31:00"}"#;
    let any = event(FileEventKind::Deleted, 1, &snapshot(9));
    let (status, deleted) = shop
        .send_raw("old", sign_body(&any, sorted), body.to_vec())
        .await;
    assert_eq!(status, 200, "{deleted}");
    assert!(shop.items("/design-files").await.is_empty());
    let files = shop.items("/design-files?include_deleted=true").await;
    // A deletion that says nothing but the id leaves the facts.
    assert_eq!(
        (&files[0]["status"], &files[0]["material"]),
        (&json!("deleted"), &json!("SS"))
    );
    shop.stop().await;
}

#[tokio::test]
async fn a_file_without_its_project_is_kept_and_linked_once_there_is_one() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let (status, answer) = shop.send("shop", &processed).await;
        assert_eq!(status, 200);
        assert!(
            answer["warning"].as_str().unwrap().contains(PROJECT),
            "{answer}"
        );
        assert!(answer.get("project_id").is_none());
        assert_eq!(shop.items("/unmatched").await.len(), 1);
        assert_eq!(
            shop.items("/inbox?state=unmatched").await[0]["state"],
            "unmatched"
        );

        let project_id = shop.make_project().await;
        assert!(shop.items("/unmatched").await.is_empty());
        assert!(shop.items("/inbox?state=unmatched").await.is_empty());
        let files = shop
            .items(&format!("/projects/{PROJECT}/design-files"))
            .await;
        assert_eq!(files[0]["project_id"], project_id);
        let activity = shop.items(&format!("/projects/{PROJECT}/activity")).await;
        assert_eq!(activity[0]["action"], "PROJECT CREATED");
        assert_eq!(activity[1]["event_type"], "file.processed");
        assert_eq!(
            shop.get(&format!("/projects/{PROJECT}")).await.1["design_files"],
            1
        );
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_source_may_make_projects_or_refuse_unknown_ones() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let (status, refused) = shop.send("strict", &processed).await;
        assert_eq!(
            (status, &refused["errors"][0]["field"]),
            (422, &json!("project_code"))
        );
        assert_eq!(
            shop.items("/inbox?state=failed").await[0]["error"]["code"],
            "unknown_project"
        );
        assert!(shop.items("/design-files").await.is_empty());

        let (status, made) = shop.send("makes", &processed).await;
        assert_eq!(status, 200);
        let (_, project) = shop.get(&format!("/projects/{PROJECT}")).await;
        assert_eq!(
            (&project["id"], &project["client_code"]),
            (&made["project_id"], &json!("CL0001"))
        );

        // The refused event comes again and is applied: a failure is no reason to call it a repeat.
        let (status, again) = shop.send("strict", &processed).await;
        assert_eq!(
            (status, &again["message"]),
            (200, &json!("applied")),
            "{again}"
        );
        assert!(shop.items("/inbox?state=failed").await.is_empty());
        assert_eq!(shop.send("strict", &processed).await.1["duplicate"], true);
        let actions = shop.items("/activity").await;
        let actions: Vec<&Json> = actions.iter().map(|one| &one["action"]).collect();
        assert_eq!(
            actions,
            [
                "PROJECT CREATED",
                "CLIENT CREATED",
                "FILE PROCESSED",
                "FILE PROCESSED"
            ]
        );
        shop.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_about_files_is_recorded_and_answered_200() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    for (n, name) in ["invoice.paid", "webhook.test", "file.uploaded"]
        .into_iter()
        .enumerate()
    {
        let paid = Event {
            event_type: EventType::parse(name).unwrap(),
            data: JsonObject::parse("{}").unwrap(),
            ..event(FileEventKind::Processed, n as i64 + 1, &snapshot(5))
        };
        let (status, body) = shop.send("shop", &paid).await;
        assert_eq!((status, &body["success"]), (200, &json!(true)), "{name}");
        assert_eq!(shop.send("shop", &paid).await.1["duplicate"], true);
    }
    assert_eq!(shop.items("/inbox?state=unknown").await.len(), 3);
    assert!(shop.items("/activity").await.is_empty());
    shop.stop().await;
}

#[tokio::test]
async fn an_unsigned_source_is_told_apart_by_id_or_body() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    let body = render(Profile::Standard, &processed, "endpoint").unwrap();
    let (status, first) = shop.send_raw("open", headers(&[]), body.clone()).await;
    assert_eq!(status, 200, "{first}");
    let by_header = headers(&[("webhook-id", &processed.id.to_string())]);
    assert_eq!(
        shop.send_raw("open", by_header, body.clone()).await.1["duplicate"],
        true
    );
    let signed = sign(&processed.id.to_string(), now_s(), &body);
    assert_eq!(
        shop.send_raw("open", signed, body).await.1["duplicate"],
        true
    );
    shop.stop().await;
}

#[tokio::test]
async fn activity_says_what_changed_in_sequence_order() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let mut facts = snapshot(5);
        let processed = event(FileEventKind::Processed, 2, &facts);
        (facts.material, facts.project_code) = (Some("Stainless".to_owned()), None);
        let corrected = event(FileEventKind::ReExtracted, 3, &facts);
        let deleted = event(FileEventKind::Deleted, 4, &facts);
        for late in [&deleted, &corrected, &processed] {
            assert_eq!(shop.send("shop", late).await.0, 200);
        }
        let activity = shop.items("/activity").await;
        let kinds: Vec<&Json> = activity.iter().map(|one| &one["event_type"]).collect();
        assert_eq!(
            kinds,
            ["file.deleted", "file.re_extracted", "file.processed"]
        );
        let change = |field: &str, before: Json, after: Json| json!({"field": field, "before": before, "after": after});
        let expected = json!([
            change("material", json!("Mild Steel"), json!("Stainless")),
            change("project_code", json!(PROJECT), Json::Null),
        ]);
        assert_eq!(activity[1]["changes"], expected);
        let id = activity[0]["design_file_id"].as_i64().unwrap();
        assert_eq!(
            shop.items(&format!("/activity?design_file_id={id}"))
                .await
                .len(),
            3
        );
        assert_eq!(
            shop.items(&format!("/activity?project_code={PROJECT}"))
                .await
                .len(),
            1
        );
        shop.stop().await;
    }
}

/// The array of these events, each as `profile` renders it, signed as one request.
fn array(profile: Profile, events: &[&Event]) -> Vec<u8> {
    let rendered = events.iter().map(|event| {
        let body = render(profile, event, "endpoint").unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    });
    format!("[{}]", rendered.collect::<Vec<_>>().join(",\n")).into_bytes()
}

#[tokio::test]
async fn the_events_of_an_array_are_each_taken_once() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start_with(&temp, &BATCHES).await;
        shop.make_project().await;
        let events: Vec<Event> = (1..=3)
            .map(|id| event(FileEventKind::Processed, 2, &snapshot(id)))
            .collect();
        let [one, two, three] = &events[..] else {
            unreachable!("there are three");
        };
        assert_eq!(shop.send("shop", one).await.0, 200);
        for (source, profile) in [
            ("shop", Profile::Standard),
            ("clouds", Profile::CloudEvents),
        ] {
            let body = array(profile, &[one, two, two, three]);
            let send = async |id: &str| {
                let headers = sign(id, now_s(), &body);
                shop.send_raw(source, headers, body.clone()).await
            };
            let repeats = |told: &Json| -> Vec<bool> {
                let events = told["events"].as_array().unwrap().iter();
                events.map(|event| event["duplicate"] == true).collect()
            };
            let (status, told) = send("bat_1").await;
            assert_eq!(
                (status, &told["message"]),
                (200, &json!("4 events")),
                "{told}"
            );
            let was_sent = source == "shop";
            assert_eq!(repeats(&told), [was_sent, false, true, false], "{told}");
            assert!(told["events"][3]["project_id"].is_i64(), "{told}");
            assert_eq!(repeats(&send("bat_2").await.1), [true; 4]);
            let inbox = shop.items(&format!("/inbox?source={source}")).await;
            assert_eq!(inbox.len(), 3);
            assert_eq!(inbox[0]["event_id"], json!(three.id.to_string()));
        }
        let (_, last) = shop.get("/inbox/1").await;
        assert!(last["body"].as_str().unwrap().starts_with('{'), "{last}");
        assert_eq!(shop.items("/design-files").await.len(), 6);
        shop.stop().await;
    }
}

const BATCHES: [&str; 3] = [
    "receiver.batch_events_max=4",
    "sources.clouds.profile=cloudevents",
    "sources.clouds.secrets=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
];

#[tokio::test]
async fn an_array_with_something_wrong_in_it_is_refused_by_name() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &BATCHES).await;
    let good = event(FileEventKind::Processed, 2, &snapshot(1));
    let four = array(Profile::Standard, &[&good; 4]);
    let good = String::from_utf8(array(Profile::Standard, &[&good])).unwrap();
    let good = good.trim_matches(['[', ']']);
    let no_id = r#"{"id":"e9","type":"file.processed","timestamp":"2025-10-21","data":{}}"#;
    let cases = [
        ("shop", "[]".to_owned(), 200, "0 events"),
        ("shop", String::from_utf8(four).unwrap(), 200, "4 events"),
        (
            "shop",
            format!("[{good},{good},{good},{good},{good}]"),
            400,
            "receiver.batch_events_max",
        ),
        ("shop", format!("[{good},7]"), 400, "event 1 of the array"),
        ("shop", format!("[{good},"), 400, "malformed_body"),
        ("shop", format!("[{good},{no_id}]"), 422, "[1].data"),
        (
            "module-n",
            "[{}]".to_owned(),
            400,
            "profile module-n holds one event",
        ),
    ];
    for (source, body, expected, says) in cases {
        let (status, told) = shop
            .send_raw(
                source,
                sign("bat_1", now_s(), body.as_bytes()),
                body.clone().into(),
            )
            .await;
        let text = told.to_string();
        assert_eq!(status, expected, "{body}: {text}");
        assert!(text.contains(says), "{body}: {text}");
    }
    // What stood beside the refused one was taken.
    let states: Vec<Json> = shop
        .items("/inbox")
        .await
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    assert_eq!(states.len(), 2, "{states:?}");
    assert!(states.contains(&json!("failed")), "{states:?}");
    shop.stop().await;
}
