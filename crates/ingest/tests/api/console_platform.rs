//! Pages of the webhook platform: an endpoint made, tested, paused and given new keys; deliveries sent again; events
//! published; replays; keys.

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};

use crate::browser::Browser;
use crate::harness::{PATIENCE, TestIngest, answer, disc};
use crate::keys::{AUTH, key};

#[tokio::test]
async fn an_endpoint_is_made_tested_paused_and_deleted() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let endpoint = ScriptedEndpoint::start().await;
        let url = format!("{}/erp", endpoint.url());
        let browser = Browser::new(&ingest);
        let page = browser.open("/console/subscriptions/new").await;
        let form = page.form("/console/subscriptions/new");
        let refused = browser
            .send(&form, &[("url", "ftp://x"), ("events", "file.*")])
            .await;
        assert_eq!(refused.status, 422);
        refused.assert_says("must be http:// or https://");
        assert!(
            refused.has("input[name=url][value='ftp://x']"),
            "what was typed stays"
        );
        let filled = [
            ("url", url.as_str()),
            ("events", "file.*, invoice.paid"),
            ("schedule", "1, 2"),
            ("timeout_seconds", "5"),
        ];
        let page = browser.send(&form, &filled).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let secret = page.texts("#secret").remove(0);
        assert!(secret.starts_with("whsec_"), "{secret}");
        page.assert_says("after 1 s, 2 s");
        let again = browser.open(&page.path).await;
        assert!(!again.html.contains(&secret), "shown once");
        let at = page.path.clone();

        let probe = browser.send(&page.form(&format!("{at}/test")), &[]).await;
        probe.assert_says("answered status 200");
        probe.assert_says(&format!("POST {url}"));
        probe.assert_says("webhook.test");
        assert_eq!(endpoint.wait_for(1, PATIENCE).await.len(), 1);

        let rotated = browser.send(&page.form(&format!("{at}/rotate")), &[]).await;
        assert_ne!(rotated.texts("#secret").remove(0), secret);
        let paused = browser.send(&page.form(&format!("{at}/pause")), &[]).await;
        paused.assert_says("paused");
        let enabled = browser
            .send(&paused.form(&format!("{at}/enable")), &[])
            .await;
        enabled.assert_says("active");
        let page = browser
            .send(&enabled.form(&format!("{at}/delete")), &[])
            .await;
        page.assert_says("The subscription is deleted");
        assert!(!page.html.contains("/erp"));
        let configured = browser.open("/console/subscriptions").await;
        configured.assert_says("kept in the configuration");
        ingest.stop().await;
    }
}

const SUBSCRIPTIONS: &str = "/api/v1/webhooks/subscriptions";

/// A subscription with something in every field, as the API answers it, and the address of its form.
async fn erp(ingest: &TestIngest, endpoint: &ScriptedEndpoint) -> (Json, String) {
    let wanted = json!({
        "url": format!("{}/erp", endpoint.url()), "events": ["file.*"], "description": "ERP",
        "headers": {"x-api-key": "hunter2"}, "retry": {"schedule": "quick"}, "metadata": {"owner": "office"},
        "batch": {"max_events": 20, "max_wait_ms": 300},
    });
    let made = ingest.request(Method::POST, SUBSCRIPTIONS).json(&wanted);
    let made = answer(made).await.1;
    let id = made["id"].as_str().unwrap();
    let edit = format!("/console/subscriptions/{id}/edit");
    (made, edit)
}

#[tokio::test]
async fn what_a_form_cannot_say_is_told_beside_its_field() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let endpoint = ScriptedEndpoint::start().await;
    let (made, edit) = erp(&ingest, &endpoint).await;
    let browser = Browser::new(&ingest);
    let shown = browser.open(&edit).await;
    assert!(
        !shown.html.contains("hunter2"),
        "values of headers are never shown"
    );
    assert!(shown.has("details[open]"), "what is set is not folded away");
    let form = shown.form(&edit);
    for (name, value) in [
        ("url", "ftp://x"),
        ("events", "file.*, Nope!"),
        ("filter", "event."),
        ("timeout_seconds", "1000"),
        ("max_retries", "99"),
        ("max_in_flight", "many"),
        ("rate_limit_per_second", "0"),
        ("batch_max_events", "1"),
        ("batch_max_events", ""),
        ("batch_max_wait_ms", "soon"),
        ("schedule", "often"),
        ("headers", "no colon"),
        ("headers", "host: other"),
        ("metadata", "[1]"),
    ] {
        let refused = browser
            .send(&form, &[(name, value), ("description", "kept")])
            .await;
        assert_eq!(refused.status, 422, "{name}");
        let told = refused.texts(&format!("#wrong-{name}"));
        assert!(
            told.len() == 1 && !told[0].is_empty(),
            "{name}: {}",
            refused.text()
        );
        let kept = refused.form(&edit).fields;
        for (name, value) in [(name, value), ("description", "kept")] {
            let field = kept.iter().find(|field| field.0 == name).unwrap();
            assert_eq!(field.1, value, "what was typed stays");
        }
    }
    let id = made["id"].as_str().unwrap();
    let stored = ingest.ok(&format!("{SUBSCRIPTIONS}/{id}")).await;
    assert_eq!(
        stored["version"], made["version"],
        "a refusal changes nothing"
    );
    ingest.stop().await;
}

#[tokio::test]
async fn an_endpoint_is_changed_in_its_form() {
    for temp in TempDb::both() {
        let ingest = TestIngest::start(&temp).await;
        let endpoint = ScriptedEndpoint::start().await;
        let (made, edit) = erp(&ingest, &endpoint).await;
        let api = format!("{SUBSCRIPTIONS}/{}", made["id"].as_str().unwrap());
        let browser = Browser::new(&ingest);
        let page = edit.trim_end_matches("/edit");
        assert!(browser.open(page).await.links().contains(&edit));
        let form = browser.open(&edit).await.form(&edit);
        let unchanged = browser.send(&form, &[]).await;
        unchanged.assert_says("The subscription is changed");
        let stored = ingest.ok(&api).await;
        for field in [
            "url",
            "events",
            "description",
            "headers",
            "retry",
            "metadata",
            "profile",
            "signing",
            "batch",
        ] {
            assert_eq!(stored[field], made[field], "{field}");
        }
        let form = browser.open(&edit).await.form(&edit);
        let filled = [
            ("description", "ERP, new"),
            ("timeout_seconds", "7"),
            ("schedule", "5, 3600"),
            ("headers", "X-Api-Key: ***\nx-shop: 7"),
            ("ordering", "subject"),
            ("metadata", ""),
            ("client_errors", "no"),
            ("batch_max_events", "50"),
            ("batch_max_wait_ms", ""),
        ];
        let changed = browser.send(&form, &filled).await;
        changed.assert_says("after 5 s, 1 h; not when the receiver refuses");
        changed.assert_says("in order, one at a time");
        changed.assert_says("up to 50 events, collected for at most 1000 ms");
        let stored = ingest.ok(&api).await;
        for (field, value) in [
            ("description", json!("ERP, new")),
            ("timeout_seconds", json!(7)),
            ("ordering", json!("subject")),
            ("metadata", json!(null)),
            ("headers", json!({"x-api-key": "***", "x-shop": "***"})),
        ] {
            assert_eq!(stored[field], value, "{field}");
        }
        assert_eq!(stored["retry"]["retry_client_errors"], false);

        // The form of before would undo what was changed since.
        let late = browser.send(&form, &[("description", "mine")]).await;
        assert_eq!(late.status, 412);
        late.assert_says("changed meanwhile");
        let settled = browser.send(&late.form(&edit), &[]).await;
        settled.assert_says("The subscription is changed");
        assert_eq!(ingest.ok(&api).await["description"], "mine");

        ingest.upload("a-MS-3mm-x1.dxf", &disc(1)).await;
        let sent = endpoint.wait_for(1, PATIENCE).await;
        assert_eq!(
            sent[0].header("x-api-key"),
            Some("hunter2"),
            "the stored value is kept"
        );
        ingest.stop().await;
    }
}

#[tokio::test]
async fn dead_letters_are_seen_and_sent_again() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    let endpoint = ScriptedEndpoint::start().await;
    let wanted = json!({"url": format!("{}/erp", endpoint.url()), "events": ["invoice.paid"], "retry_enabled": false});
    let made = ingest
        .request(Method::POST, "/api/v1/webhooks/subscriptions")
        .json(&wanted);
    assert_eq!(answer(made).await.0, 201);
    endpoint.respond_in_turn([ScriptedReply::status(500)]);
    let browser = Browser::new(&ingest);
    let page = browser.open("/console/events/new?type=invoice.paid").await;
    let form = page.form("/console/events/new");
    let wrong = [("data", "{broken"), ("subject", "order/7")];
    let refused = browser.send(&form, &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.has("input[name=subject][value='order/7']"),
        "what was typed stays"
    );
    assert!(
        !refused.texts(".field .error").is_empty(),
        "{}",
        refused.text()
    );
    for data in ["1e400", "{\"a\":1e400}", "[]", "{} {}"] {
        let refused = browser.send(&form, &[("data", data)]).await;
        assert_eq!(refused.status, 422, "{data}");
    }
    let typed = [("subject", "order/7"), ("data", "{\"total\": 1.50}")];
    let page = browser.send(&form, &typed).await;
    page.assert_says("The event is published");
    page.assert_says("order/7");
    let began = std::time::Instant::now();
    let dead = loop {
        let page = browser.open("/console/dead-letters").await;
        if page.has("td.main > a[href^='/console/deliveries/']") {
            break page;
        }
        assert!(began.elapsed() < PATIENCE, "{}", page.text());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    dead.assert_says("invoice.paid");
    let link = dead
        .links()
        .into_iter()
        .find(|link| link.starts_with("/console/deliveries/"))
        .unwrap();
    let one = browser.open(&link).await;
    one.assert_says("Attempt 1 status (500)");
    endpoint.respond_in_turn([ScriptedReply::status(200)]);
    let page = browser
        .send(&dead.form("/console/dead-letters/redeliver"), &[])
        .await;
    page.assert_says("1 deliveries are sent again");
    let sent = endpoint.wait_for(2, PATIENCE).await;
    let body = String::from_utf8_lossy(&sent[1].body);
    assert!(body.contains(r#"{"total": 1.50}"#), "as typed: {body}");
    let began = std::time::Instant::now();
    while !browser.open(&link).await.text().contains("delivered") {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let again = browser.open(&link).await.form(&format!("{link}/redeliver"));
    browser
        .send(&again, &[])
        .await
        .assert_says("It is sent again");
    ingest.stop().await;
}

#[tokio::test]
async fn events_are_replayed_with_their_progress() {
    let temp = TempDb::sqlite();
    let ingest = TestIngest::start(&temp).await;
    ingest.upload("a-MS-3mm-x1.dxf", &disc(1)).await;
    ingest.events(2).await;
    let browser = Browser::new(&ingest);
    let page = browser.open("/console/replays").await;
    page.assert_says("Nothing was replayed yet");
    let form = page.form("/console/replays");
    let wrong = [("since", "yesterday"), ("types", "file.*")];
    let refused = browser.send(&form, &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.has("input[name=types][value='file.*']"),
        "what was typed stays"
    );
    assert!(
        !refused.texts(".field .error").is_empty(),
        "{}",
        refused.text()
    );
    let page = browser
        .send(
            &form,
            &[("since", "2020-01-01"), ("types", "file.processed")],
        )
        .await;
    page.assert_says("The replay has begun");
    page.assert_says("file.processed");
    ingest.endpoint.wait_for(3, PATIENCE).await;
    ingest.stop().await;
}

#[tokio::test]
async fn keys_are_made_and_revoked_and_the_configuration_keeps_its_secrets() {
    let temp = TempDb::sqlite();
    let admin = key(&temp, "default", &["admin"]).await;
    let other = key(&temp, "other", &["admin"]).await;
    let ingest = TestIngest::start_with(&temp, AUTH).await;
    let browser = Browser::with_key(&ingest, &admin).await;
    let page = browser.open("/console/settings").await;
    page.assert_says("Configuration in force");
    assert!(
        !page.html.contains(crate::harness::SECRET),
        "secrets are masked"
    );
    let form = page.form("/console/settings/keys");
    assert_eq!(
        browser.send(&form, &[("name", "ERP")]).await.status,
        422,
        "no scope"
    );
    let page = browser
        .send(&form, &[("name", "ERP"), ("scope", "read")])
        .await;
    let made = page.texts("#secret").remove(0);
    let watching = Browser::with_key(&ingest, &made).await;
    watching
        .open("/console/settings")
        .await
        .assert_says("Your key may not see keys");
    let revoke = page
        .parsed()
        .select(&crate::browser::selector("tr:last-child form"))
        .next()
        .unwrap()
        .attr("action")
        .unwrap()
        .to_owned();
    browser
        .send(&page.form(&revoke), &[])
        .await
        .assert_says("The key is revoked");
    assert!(
        watching
            .open("/console")
            .await
            .path
            .starts_with("/console/sign-in")
    );
    let foreign = Browser::with_key(&ingest, &other).await;
    let page = foreign.open("/console/settings").await;
    assert!(
        !page.text().contains("Configuration in force"),
        "the machine's, not a tenant's"
    );
    ingest.stop().await;
}
