//! The pages as a person without scripts uses them: projects, files, clients, the inbox, sources; and that what strangers
//! wrote stays text.

use contract::{FileEventKind, FileSnapshot};
use serde_json::json;
use testkit::{Browser, TempDb};

use crate::harness::{PROJECT, TestReceiver, event, headers, snapshot};

const NASTY: &str = "<img src=x onerror=alert(1)>\"'&amp;";

/// A file of this name, read.
async fn received(shop: &TestReceiver, id: i64, name: &str, code: Option<&str>) {
    let file = FileSnapshot {
        project_code: code.map(str::to_owned),
        original_filename: Some(name.to_owned()),
        ..snapshot(id)
    };
    let sent = shop
        .send("shop", &event(FileEventKind::Processed, 1, &file))
        .await;
    assert_eq!(sent.0, 200, "{}", sent.1);
}

#[tokio::test]
async fn a_client_and_a_project_are_made() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let browser = Browser::new(&shop);
    browser
        .open("/console")
        .await
        .assert_says("Nothing is due within 7 days");
    browser
        .open("/console/projects")
        .await
        .assert_says("No projects yet");

    let new = browser
        .open("/console/clients/new")
        .await
        .form("/console/clients/new");
    let page = browser
        .send(&new, &[("code", "CL1"), ("name", "Acme")])
        .await;
    assert_eq!(page.status, 422, "the code is none");
    let page = browser
        .send(&page.form("/console/clients/new"), &[("code", "CL0001")])
        .await;
    assert_eq!(page.path, "/console/clients");
    page.assert_says("Client CL0001 is made");
    page.assert_says("Acme");

    let new = browser
        .open("/console/projects/new?client_code=CL0001")
        .await;
    let new = new.form("/console/projects/new");
    let typed = [
        ("name", "Stairs"),
        ("thickness_mm", "thick"),
        ("due_date", "2030-01-31"),
    ];
    let page = browser.send(&new, &typed).await;
    assert_eq!(page.status, 422);
    page.assert_says("give a number");
    let again = page.form("/console/projects/new");
    assert!(
        again
            .fields
            .contains(&("name".to_owned(), "Stairs".to_owned())),
        "kept"
    );
    let page = browser
        .send(&again, &[("thickness_mm", "1,5 mm"), ("code", PROJECT)])
        .await;
    let at = format!("/console/projects/{PROJECT}");
    assert_eq!(page.path, at);
    page.assert_says("Stairs");
    page.assert_says("1.5 mm");

    shop.stop().await;
}

#[tokio::test]
async fn a_project_is_changed_by_one_at_a_time_and_deleted() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    let browser = Browser::new(&shop);
    let at = format!("/console/projects/{PROJECT}");
    let page = browser.open(&at).await;
    let stale = page.form(&format!("{at}/status"));
    let page = browser.send(&stale, &[("status", "In Progress")]).await;
    page.assert_says("is now In Progress");
    page.assert_says("status Request → In Progress");
    let refused = browser.send(&stale, &[("status", "Queued")]).await;
    assert_eq!(refused.status, 412, "made from an older look at it");
    let edit = page.form(&at);
    browser
        .send(&edit, &[("material", "Galvanized Steel")])
        .await
        .assert_says("is saved");
    let page = browser.send(&edit, &[("material", "Brass")]).await;
    assert_eq!(page.status, 412);
    page.assert_says("Somebody else has changed this project meanwhile");
    assert!(
        page.form(&at)
            .fields
            .contains(&("material".to_owned(), "Brass".to_owned()))
    );
    let page = browser.send(&page.form(&at), &[]).await;
    page.assert_says("is saved");
    page.assert_says("material Galvanized Steel → Brass");

    browser
        .open("/console/projects?status=Queued")
        .await
        .assert_says("None is like this");
    assert_eq!(
        browser.open("/console/projects?status=Odd").await.status,
        422
    );
    browser
        .open("/console/projects?q=cl0001&without_files=true")
        .await
        .assert_says(PROJECT);
    let page = browser.open("/console/clients/CL0001").await;
    let page = browser
        .send(&page.form("/console/clients/CL0001/delete"), &[])
        .await;
    assert_eq!(page.status, 409);
    page.assert_says("client CL0001 has a project");
    let page = browser.open(&at).await;
    let page = browser.send(&page.form(&format!("{at}/delete")), &[]).await;
    page.assert_says("is deleted");
    assert_eq!(browser.open(&at).await.status, 404);
    shop.stop().await;
}

#[tokio::test]
async fn a_file_is_put_under_a_project_by_one_click() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    received(&shop, 1, "0001-plate.dxf", None).await;
    received(&shop, 2, "other.dxf", Some("JB-2025-10-CL0001-077")).await;
    let browser = Browser::new(&shop);
    let page = browser.open("/console").await;
    assert_eq!(page.texts("a[href='/console/unmatched'] .value"), ["2"]);
    let page = browser.open("/console/unmatched").await;
    page.assert_says("the file's name begins with 1, the number of this project of client CL0001");
    page.assert_says("no such project JB-2025-10-CL0001-077");
    let buttons = format!("button[name=project_code][value='{PROJECT}']");
    assert_eq!(page.texts(&buttons).len(), 1);
    let file = shop.items("/design-files?q=plate").await[0]["id"].to_string();
    let at = format!("/console/design-files/{file}");
    let form = page.form(&format!("{at}/link"));
    let page = browser.send(&form, &[("project_code", PROJECT)]).await;
    assert_eq!(page.path, "/console/unmatched");
    page.assert_says("0001-plate.dxf is under JB-2025-10-CL0001-001");
    let undo = page.form(&format!("{at}/unlink"));
    browser
        .open(&format!("/console/projects/{PROJECT}"))
        .await
        .assert_says("0001-plate.dxf");
    let page = browser.send(&undo, &[]).await;
    assert_eq!(page.path, at);
    page.assert_says("is under no project");

    let form = page.form(&format!("{at}/link"));
    let page = browser
        .send(&form, &[("project_code", "JB-2020-01-CL0001-001")])
        .await;
    assert_eq!(page.status, 422);
    page.assert_says("there is no project JB-2020-01-CL0001-001");
    let page = browser.send(&form, &[("project_code", PROJECT)]).await;
    assert_eq!(page.path, at);
    page.assert_says("put there by hand");
    page.assert_says("Its sender says no project");
    shop.stop().await;
}

#[tokio::test]
async fn drawings_stand_beside_cutting_lists() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    shop.make_project().await;
    received(&shop, 1, "bracket.dxf", Some(PROJECT)).await;
    let lines = r#"{"part_lines_total":2,"part_lines":[{"part_name":"Bracket","quantity":12},{"part_name":"Gusset","quantity":3,"material":"Brass"}]}"#;
    let list = FileSnapshot {
        part_name: Some("Cutting list".to_owned()),
        file_type: Some("excel".to_owned()),
        extraction: Some(serde_json::value::RawValue::from_string(lines.to_owned()).unwrap()),
        ..snapshot(2)
    };
    shop.send("shop", &event(FileEventKind::Processed, 1, &list))
        .await;
    let second = FileSnapshot {
        version: Some(2),
        quantity: Some(11),
        ..snapshot(3)
    };
    shop.send("shop", &event(FileEventKind::Processed, 1, &second))
        .await;
    let browser = Browser::new(&shop);
    let page = browser.open(&format!("/console/projects/{PROJECT}")).await;
    page.assert_says("Bracket CL0001");
    page.assert_says("11 × 120.0 × 80.5 mm 651.3 mm 7164.6 mm the list asks for 12");
    page.assert_says("1 with another quantity than listed. 1 listed without a drawing.");
    page.assert_says("Gusset Brass – 3 ×");
    page.assert_says("1 part 11 ×");
    assert_eq!(
        page.texts("table.parts tbody .tick").len(),
        1,
        "a box to tick on paper"
    );
    let file = shop.items("/design-files?q=bracket").await[0]["id"].to_string();
    let page = browser.open(&format!("/console/design-files/{file}")).await;
    page.assert_says("Holes 4 × ⌀ 6 mm");
    page.assert_says("version 2 this one");
    assert_eq!(page.texts("td .tag.info[title=changed]"), ["11 ×"]);
    for (path, begins) in [
        ("parts.csv", "part_name,"),
        ("design-files.csv", "id,"),
        ("job-sheet.pdf", "%PDF"),
    ] {
        let path = format!("/console/projects/{PROJECT}/{path}");
        let answer = browser
            .ask(browser.request(reqwest::Method::GET, &path))
            .await;
        let bytes = answer.bytes().await.unwrap();
        assert!(bytes.starts_with(begins.as_bytes()), "{path}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn a_failed_event_is_seen_and_applied_again() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let file = snapshot(1);
    let sent = shop
        .send("strict", &event(FileEventKind::Processed, 1, &file))
        .await;
    assert_eq!(sent.0, 422);
    let body = json!({"id": "odd-1", "type": "shop.odd", "timestamp": "2025-10-21T10:00:00Z", "data": {"b": 1.50, "a": NASTY}});
    let sent = shop
        .send_raw(
            "open",
            headers(&[("cookie", "secret=1")]),
            body.to_string().into_bytes(),
        )
        .await;
    assert_eq!(sent.0, 200, "{}", sent.1);

    let browser = Browser::new(&shop);
    let page = browser.open("/console/projects").await;
    assert_eq!(
        page.texts("section[aria-label='Troubles since you last looked'] li"),
        ["1 received event failed"]
    );
    let page = browser.send(&page.form("/console/seen"), &[]).await;
    assert_eq!(page.path, "/console/projects");
    assert!(!page.has("section[aria-label='Troubles since you last looked']"));

    let page = browser.open("/console/inbox?state=failed").await;
    page.assert_says("there is no project");
    let id = shop.items("/inbox?state=failed").await[0]["id"].to_string();
    let at = format!("/console/inbox/{id}");
    let page = browser.open(&at).await;
    page.assert_says("signature over id, time and body");
    page.assert_says("webhook-signature ***");
    shop.make_project().await;
    let page = browser
        .send(&page.form(&format!("{at}/reapply")), &[])
        .await;
    assert_eq!(page.path, at);
    page.assert_says("The records say what it said.");
    assert!(!page.has("form[action$='/reapply']"));

    let id = shop.items("/inbox?state=unknown").await[0]["id"].to_string();
    let page = browser.open(&format!("/console/inbox/{id}")).await;
    page.assert_says("not signed; its source may send so");
    page.assert_says("cookie ***");
    assert!(
        page.texts("pre")[0].contains("\n  \"data\": {"),
        "{}",
        page.texts("pre")[0]
    );
    assert_eq!(browser.open("/console/inbox?state=odd").await.status, 422);
    shop.stop().await;
}

#[tokio::test]
async fn a_source_shows_its_secret_once() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let browser = Browser::new(&shop);
    browser
        .open("/console/sources")
        .await
        .assert_says("the configuration");
    let form = browser
        .open("/console/sources/new")
        .await
        .form("/console/sources/new");
    let page = browser.send(&form, &[("name", "no good")]).await;
    assert_eq!(page.status, 422);
    let page = browser
        .send(
            &page.form("/console/sources/new"),
            &[
                ("name", "floor"),
                ("allow_networks", "127.0.0.1, 10.0.0.0/8"),
            ],
        )
        .await;
    assert_eq!(page.path, "/console/sources/floor");
    page.assert_says("Its secret is shown this once");
    page.assert_says("127.0.0.1, 10.0.0.0/8");
    let secret = page.texts("#secret")[0].clone();
    assert!(secret.starts_with("whsec_"));
    assert!(
        !browser
            .open("/console/sources/floor")
            .await
            .html
            .contains(&secret)
    );

    let at = "/console/sources/floor";
    let form = page.form(&format!("{at}/keys"));
    let page = browser.send(&form, &[("not_after", "soon")]).await;
    assert_eq!(page.status, 422);
    let page = browser.send(&form, &[("not_before", "2030-01-01")]).await;
    page.assert_says("does not hold");
    assert_eq!(page.texts("form[action*='/keys/'] button").len(), 2);
    let action = page
        .parsed()
        .select(&testkit::selector("form[action*='/keys/']"))
        .next()
        .unwrap()
        .attr("action")
        .unwrap()
        .to_owned();
    let page = browser.send(&page.form(&action), &[]).await;
    page.assert_says("The key is taken away");
    let page = browser.send(&page.form(&format!("{at}/delete")), &[]).await;
    page.assert_says("floor may send no more");
    assert_eq!(browser.open(at).await.status, 404);
    let page = browser.open("/console/reconcile").await;
    page.assert_says("cannot be asked");
    let page = browser.open("/console/sources/new").await;
    let mut form = page.form("/console/sources/new");
    form.fields.truncate(1);
    form.action = "/console/reconcile/shop".to_owned();
    let page = browser.send(&form, &[]).await;
    assert_eq!(page.status, 422);
    page.assert_says("has no reconcile_url in the settings");
    shop.stop().await;
}

#[tokio::test]
async fn every_link_leads_somewhere_and_what_strangers_wrote_stays_text() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let client = json!({"code": "CL0001", "name": NASTY, "email": NASTY, "notes": NASTY});
    assert_eq!(shop.post("/clients", &client).await.0, 201);
    let project = json!({"code": PROJECT, "name": NASTY, "material": NASTY, "notes": NASTY, "due_date": "2020-01-01"});
    assert_eq!(shop.post("/projects", &project).await.0, 201);
    let file = |id, code: Option<&str>| FileSnapshot {
        project_code: code.map(str::to_owned),
        client_code: Some(NASTY.to_owned()),
        original_filename: Some(format!("0001-{NASTY}.dxf")),
        stored_filename: Some(NASTY.to_owned()),
        part_name: Some(NASTY.to_owned()),
        material: Some(NASTY.to_owned()),
        file_type: Some("<b>".to_owned()),
        ..snapshot(id)
    };
    for (id, code) in [(1, Some(PROJECT)), (2, None), (3, Some(NASTY))] {
        let event = event(FileEventKind::Processed, 1, &file(id, code));
        assert_eq!(shop.send("shop", &event).await.0, 200);
    }
    let browser = Browser::new(&shop);
    let pages = browser.every_page().await;
    assert!(pages.len() > 30, "{pages:?}");
    for path in &pages {
        let page = browser.open(path).await;
        assert!(
            !page.has("[onload], [onerror], img[src=x], main b"),
            "{path}"
        );
        let foreign =
            page.texts("img:not([src^='/console/']), script:not([src^='/console/assets/'])");
        assert!(foreign.is_empty(), "{path} loads from elsewhere");
    }
    for path in [
        "/console/nowhere",
        "/console/design-files/abc",
        "/console/projects/x%00",
    ] {
        assert_eq!(browser.open(path).await.status, 404, "{path}");
    }
    let page = browser.open("/console").await;
    page.assert_says("days overdue");
    shop.stop().await;
}
