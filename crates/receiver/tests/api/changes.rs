//! What people change: clients and projects under conditions, files filed by hand, tables for spreadsheets.

use contract::{FileEventKind, FileSnapshot};
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{Answer, ORIGIN, PROJECT, TestReceiver, answer, event, headers, snapshot};

async fn patch(shop: &TestReceiver, path: &str, seen: Option<&str>, body: Json) -> Answer {
    let request = shop.request(Method::PATCH, path).json(&body);
    answer(match seen {
        Some(tag) => request.header("if-match", tag),
        None => request,
    })
    .await
}

async fn etag(shop: &TestReceiver, path: &str) -> String {
    let response = shop.request(Method::GET, path).send().await.unwrap();
    response.headers()["etag"].to_str().unwrap().to_owned()
}

async fn csv(shop: &TestReceiver, path: &str) -> String {
    let response = shop.request(Method::GET, path).header("accept", "text/csv");
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(
        response.headers()["content-type"],
        "text/csv; charset=utf-8"
    );
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_change_holds_only_for_what_was_seen_and_activity_tells_of_it() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        let project = format!("/projects/{PROJECT}");
        let seen = etag(&shop, &project).await;
        let change = json!({"status": "in progress", "due_date": "2026-12-24", "material": "MS", "thickness_mm": 5});
        let (status, changed) = patch(&shop, &project, Some(&seen), change).await;
        assert_eq!(status, 200, "{changed}");
        assert_eq!(
            (
                &changed["status"],
                &changed["due_date"],
                &changed["thickness_mm"]
            ),
            (&json!("In Progress"), &json!("2026-12-24"), &json!(5.0))
        );
        let late = patch(&shop, &project, Some(&seen), json!({"name": "late"})).await;
        assert_eq!(
            (late.0, &late.1["code"]),
            (412, &json!("precondition_failed"))
        );
        let (_, same) = patch(&shop, &project, None, json!({"material": null})).await;
        assert_eq!(
            (&same["material"], &same["name"]),
            (&Json::Null, &Json::Null)
        );
        for (body, field) in [
            (json!({"status": "Done"}), "status"),
            (json!({"due_date": "24.12.2026"}), "due_date"),
            (json!({"thickness_mm": 0}), "thickness_mm"),
            (json!({"code": "x"}), "code"),
        ] {
            let (status, problem) = patch(&shop, &project, None, body).await;
            assert_eq!(
                (status, &problem["errors"][0]["field"]),
                (422, &json!(field))
            );
        }
        assert_eq!(shop.items("/projects?status=in%20progress").await.len(), 1);
        assert_eq!(shop.items("/projects?due_before=2026-12-24").await.len(), 0);
        assert_eq!(shop.items("/projects?due_before=2026-12-25").await.len(), 1);

        let told = shop.items(&format!("{project}/activity")).await;
        let actions: Vec<&Json> = told.iter().map(|one| &one["action"]).collect();
        assert_eq!(
            actions,
            ["PROJECT CHANGED", "PROJECT CHANGED", "PROJECT CREATED"]
        );
        let expected = json!([{"field": "material", "before": "MS", "after": null}]);
        assert_eq!(
            (&told[0]["changes"], &told[0]["actor"]),
            (&expected, &json!("operator"))
        );

        shop.stop().await;
    }
}

#[tokio::test]
async fn clients_change_alike_and_stay_while_they_have_projects() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        let project = format!("/projects/{PROJECT}");
        let client = "/clients/cl-0001";
        let seen = etag(&shop, client).await;
        let (_, changed) = patch(&shop, client, Some(&seen), json!({"email": "a@b.example"})).await;
        assert_eq!(
            (&changed["email"], &changed["projects"]),
            (&json!("a@b.example"), &json!(1))
        );
        assert_eq!(
            patch(&shop, client, Some(&seen), json!({"name": "x"}))
                .await
                .0,
            412
        );
        for wrong in [json!({"name": ""}), json!({"name": null}), json!([])] {
            assert_eq!(patch(&shop, client, None, wrong).await.0, 422);
        }
        let stateless = json!({"status": null});
        assert_eq!(patch(&shop, &project, None, stateless).await.0, 422);
        let delete = async |path: &str| answer(shop.request(Method::DELETE, path)).await.0;
        assert_eq!(delete(client).await, 409);
        assert_eq!(delete(&project).await, 204);
        assert_eq!(shop.get(&project).await.0, 404);
        assert_eq!(delete(client).await, 204);
        assert_eq!(delete(client).await, 404);
        let told = shop.items("/activity?action=project%20deleted").await;
        assert_eq!(told[0]["project_code"], PROJECT);
        let told = shop.items("/activity?client_code=cl-0001").await;
        let told: Vec<(&Json, &Json)> = told
            .iter()
            .map(|one| (&one["action"], &one["changes"]))
            .collect();
        let change = json!([{"field": "email", "before": null, "after": "a@b.example"}]);
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[0], (&json!("CLIENT DELETED"), &json!([])));
        assert_eq!(told[1], (&json!("CLIENT CHANGED"), &change));
        assert_eq!(told[2].0, "CLIENT CREATED");
        shop.stop().await;
    }
}

/// What is made anew under the code of something deleted is something else.
#[tokio::test]
async fn a_code_that_is_used_again_is_another_record() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let first = shop.make_project().await;
        let path = format!("/projects/{PROJECT}");
        let seen = etag(&shop, &path).await;
        patch(&shop, &path, None, json!({"name": "Roof"})).await;
        assert_eq!(answer(shop.request(Method::DELETE, &path)).await.0, 204);
        let (_, second) = shop.post("/projects", &json!({"code": PROJECT})).await;
        assert!(second["id"].as_i64().unwrap() > first, "{second}");
        let stale = patch(&shop, &path, Some(&seen), json!({"name": "x"})).await;
        assert_eq!(stale.0, 412, "{}", stale.1);
        let activity = shop
            .items(&format!("/activity?project_code={PROJECT}"))
            .await;
        assert_eq!(activity.len(), 4);
        let created = &activity[0];
        assert_eq!(created["action"], "PROJECT CREATED");
        let befores = created["changes"].as_array().unwrap().iter();
        assert!(
            befores.map(|change| &change["before"]).all(Json::is_null),
            "{created}"
        );
        shop.stop().await;
    }
}

fn unfiled(id: i64, name: &str, client: Option<&str>, code: Option<&str>) -> FileSnapshot {
    FileSnapshot {
        original_filename: Some(name.to_owned()),
        client_code: client.map(str::to_owned),
        project_code: code.map(str::to_owned),
        ..snapshot(id)
    }
}

#[tokio::test]
async fn files_under_no_project_are_proposed_and_filed_by_hand() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        for (id, name, client, code) in [
            (1, "0001-VA2601-4mm-x1.dxf", Some("CL0001"), None),
            (2, "0001-other.dxf", Some("CL0002"), None),
            (3, "001_no client.dxf", None, None),
            (
                4,
                "bracket.dxf",
                Some("CL0001"),
                Some("JB-2025-09-CL0001-001"),
            ),
            (5, "plate.dxf", Some("CL0001"), None),
        ] {
            let facts = unfiled(id, name, client, code);
            let processed = event(FileEventKind::Processed, 2, &facts);
            assert_eq!(shop.send("shop", &processed).await.0, 200);
        }
        let unmatched = shop.items("/unmatched").await;
        let told: Vec<(i64, usize)> = unmatched
            .iter()
            .map(|one| {
                (
                    one["ingest_id"].as_i64().unwrap(),
                    one["suggestions"].as_array().unwrap().len(),
                )
            })
            .collect();
        assert_eq!(told, [(5, 0), (4, 1), (3, 1), (2, 0), (1, 1)]);
        let suggestion = &unmatched[4]["suggestions"][0];
        assert_eq!(suggestion["project_code"], PROJECT);
        assert!(
            suggestion["reason"].as_str().unwrap().contains("CL0001"),
            "{suggestion}"
        );
        assert!(csv(&shop, "/unmatched.csv").await.contains(PROJECT));
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_link_by_hand_outlives_what_the_sender_says() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        shop.make_project().await;
        let processed = event(
            FileEventKind::Processed,
            2,
            &unfiled(1, "0001-x.dxf", None, None),
        );
        let (_, told) = shop.send("shop", &processed).await;
        let id = told["design_file_id"].as_i64().unwrap();
        let link = format!("/design-files/{id}/link");
        let odd = shop
            .post(&link, &json!({"project_code": "JB-2025-10-CL0001-999"}))
            .await;
        assert_eq!(
            (odd.0, &odd.1["errors"][0]["field"]),
            (422, &json!("project_code"))
        );
        let (status, linked) = shop.post(&link, &json!({"project_code": PROJECT})).await;
        assert_eq!(
            (status, &linked["project_code"]),
            (200, &json!(PROJECT)),
            "{linked}"
        );
        // The sender changes its mind; the link holds until it is taken away.
        let facts = unfiled(
            1,
            "moved.dxf",
            Some("CL0001"),
            Some("JB-2025-09-CL0001-001"),
        );
        let moved = event(FileEventKind::ReExtracted, 3, &facts);
        assert_eq!(shop.send("shop", &moved).await.0, 200);
        let (_, file) = shop.get(&format!("/design-files/{id}")).await;
        assert_eq!(
            (
                &file["project_code"],
                &file["sent_project_code"],
                &file["original_filename"]
            ),
            (
                &json!(PROJECT),
                &json!("JB-2025-09-CL0001-001"),
                &json!("moved.dxf")
            )
        );
        assert_eq!(
            shop.items(&format!("/projects/{PROJECT}/design-files"))
                .await
                .len(),
            1
        );
        let (_, free) = answer(shop.request(Method::DELETE, &link)).await;
        assert_eq!(
            (&free["project_code"], &free["linked_project_code"]),
            (&json!("JB-2025-09-CL0001-001"), &Json::Null)
        );
        let told = shop.items(&format!("/projects/{PROJECT}/activity")).await;
        let actions: Vec<&Json> = told.iter().map(|one| &one["action"]).collect();
        assert_eq!(actions, ["FILE UNLINKED", "FILE LINKED", "PROJECT CREATED"]);
        assert_eq!(told[0]["changes"][0]["before"], PROJECT);
        assert_eq!(
            shop.post("/design-files/999/link", &json!({"project_code": PROJECT}))
                .await
                .0,
            404
        );
        shop.stop().await;
    }
}

async fn prints(shop: &TestReceiver) {
    let sheet = format!("/projects/{PROJECT}/job-sheet.pdf");
    let sheet = shop
        .request(reqwest::Method::GET, &sheet)
        .send()
        .await
        .unwrap();
    assert_eq!(sheet.headers()["content-type"], "application/pdf");
    assert!(sheet.bytes().await.unwrap().starts_with(b"%PDF-"));
    assert_eq!(
        shop.get("/projects/JB-2025-10-CL0009-009/job-sheet.pdf")
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn a_project_s_drawings_stand_beside_its_cutting_lists() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    let without = shop.items("/projects?without_files=true").await;
    assert_eq!((without.len(), &without[0]["code"]), (1, &json!(PROJECT)));
    let list = r#"{"part_lines_total":2,"part_lines":[{"part_name":"bracket","quantity":12},{"part_name":"=Cap","quantity":4}]}"#;
    let listed = FileSnapshot {
        original_filename: Some("list.xlsx".to_owned()),
        part_name: None,
        file_type: Some("excel".to_owned()),
        extraction: Some(RawValue::from_string(list.to_owned()).unwrap()),
        ..snapshot(2)
    };
    for facts in [snapshot(1), listed] {
        let processed = event(FileEventKind::Processed, 2, &facts);
        assert_eq!(shop.send("shop", &processed).await.0, 200);
    }
    let (_, parts) = shop.get(&format!("/projects/{PROJECT}/parts")).await;
    let part = &parts["items"][0];
    assert_eq!(
        (
            &part["part_name"],
            &part["quantity"],
            &part["quantity_on_list"],
            &part["state"]
        ),
        (
            &json!("Bracket"),
            &json!(10),
            &json!(12),
            &json!("quantity_differs")
        )
    );
    assert_eq!(part["cut_length_total_mm"], 6513.27);
    assert_eq!(parts["lines_without_drawing"][0]["part_name"], "=Cap");
    let table = csv(&shop, &format!("/projects/{PROJECT}/parts.csv")).await;
    let rows: Vec<&str> = table.lines().collect();
    assert!(
        rows[1].starts_with("Bracket,Mild Steel,5.0,10,120.0,80.5,651.327,6513.27,"),
        "{table}"
    );
    assert!(
        rows[2].starts_with("'=Cap,") && rows[2].ends_with("4,no_drawing"),
        "{table}"
    );
    prints(&shop).await;
    assert_eq!(shop.items("/projects?without_files=true").await.len(), 0);
    for path in [
        "/clients",
        "/projects",
        "/design-files",
        "/activity",
        "/inbox",
        "/projects.csv",
    ] {
        let table = csv(&shop, path).await;
        assert!(table.lines().count() > 1, "{path}: {table}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn lists_go_on_where_a_page_ended() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        for id in 1..=7 {
            let processed = event(FileEventKind::Processed, 1, &snapshot(id));
            assert_eq!(shop.send("makes", &processed).await.0, 200);
        }
        for path in ["/design-files", "/activity", "/inbox"] {
            let whole = shop.items(path).await;
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let (status, page) = shop.get(&format!("{path}?limit=3&cursor={cursor}")).await;
                assert_eq!(status, 200, "{page}");
                found.extend(page["items"].as_array().unwrap().clone());
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(found, whole, "{path}");
        }
        for path in [
            "/design-files",
            "/activity",
            "/projects",
            "/clients",
            "/inbox",
        ] {
            for odd in ["cursor=x", "cursor=WzEsMiwzLDRd", "cursor=W10"] {
                let (status, problem) = shop.get(&format!("{path}?{odd}")).await;
                assert_eq!(status, 422, "{path}?{odd}: {problem}");
            }
        }
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_failed_event_is_applied_when_asked() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let processed = event(FileEventKind::Processed, 2, &snapshot(5));
    assert_eq!(shop.send("strict", &processed).await.0, 422);
    let failed = shop.items("/inbox?state=failed&type=file.processed").await;
    let reapply = format!("/inbox/{}/reapply", failed[0]["id"]);
    assert_eq!(shop.post(&reapply, &json!({})).await.0, 422);
    shop.make_project().await;
    let (status, told) = shop.post(&reapply, &json!({})).await;
    assert_eq!(
        (status, &told["message"]),
        (200, &json!("applied")),
        "{told}"
    );
    let (_, again) = shop.post(&reapply, &json!({})).await;
    assert_eq!(again["duplicate"], true);
    let inbox = shop.items("/inbox?state=applied").await;
    assert_eq!((inbox.len(), &inbox[0]["profile"]), (1, &json!("standard")));
    assert_eq!(shop.post("/inbox/999/reapply", &json!({})).await.0, 404);
    shop.stop().await;
}

#[tokio::test]
async fn old_senders_may_name_the_file_beside_its_data_and_use_their_own_words() {
    let temp = TempDb::sqlite();
    let extra = [
        "sources.legacy.profile=module-n",
        "sources.legacy.allow_unsigned=true",
    ];
    let shop = TestReceiver::start_with(&temp, &extra).await;
    let body = json!({
        "event_type": "file.processed", "timestamp": "2025-10-21T10:30:00", "ingest_id": 9,
        "file_data": {"original_filename": "a.dxf", "status": "archived", "sequence": 3, "origin": ORIGIN},
    });
    let body = serde_json::to_vec(&body).unwrap();
    let (status, told) = shop.send_raw("legacy", headers(&[]), body).await;
    assert_eq!(status, 200, "{told}");
    let files = shop.items("/design-files").await;
    assert_eq!(
        (
            &files[0]["ingest_id"],
            &files[0]["status"],
            &files[0]["origin"]
        ),
        (&json!(9), &json!("completed"), &json!(ORIGIN))
    );
    shop.stop().await;
}
