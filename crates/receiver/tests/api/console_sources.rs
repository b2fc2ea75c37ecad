//! How a source sends, changed in its form: all of it, by one at a time, and never a key.

use contract::{FileEventKind, Profile, render};
use serde_json::json;
use testkit::{Browser, TempDb};

use crate::harness::{SECRET, TestReceiver, event, headers, now_s, sign, snapshot};

const AT: &str = "/console/sources/floor";
const EDIT: &str = "/console/sources/floor/edit";

async fn made(shop: &TestReceiver) {
    let source = json!({"name": "floor", "secret": SECRET});
    assert_eq!(shop.post("/api/v1/sources", &source).await.0, 201);
}

#[tokio::test]
async fn all_options_are_changed_in_one_form() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        made(&shop).await;
        let browser = Browser::new(&shop);
        assert!(browser.open(AT).await.links().iter().any(|to| to == EDIT));
        let form = browser.open(EDIT).await.form(EDIT);
        // Nothing typed is nothing changed.
        let page = browser.send(&form, &[]).await;
        page.assert_says("The source is saved");
        let (_, options) = shop.get("/api/v1/sources/floor").await;
        let unchanged = json!({"profile": "standard", "tolerance_seconds": 300, "allow_unsigned": false,
            "body_only_signature": false, "legacy_sorted_signature": false, "unsigned_ids": false,
            "allow_networks": [], "body_bytes_max": 0, "unknown_project": "keep"});
        assert_eq!(options["options"], unchanged);

        let form = browser.open(EDIT).await.form(EDIT);
        let typed = [
            ("profile", "module-n"),
            ("unknown_project", "create"),
            ("allow_networks", "127.0.0.0/8,  10.0.0.1"),
            ("tolerance_seconds", "60"),
            ("body_bytes_max", "9000"),
            ("allow_unsigned", "1"),
            ("legacy_sorted_signature", "1"),
        ];
        let page = browser.send(&form, &typed).await;
        assert_eq!(page.path, AT);
        for said in [
            "module-n",
            "60 s",
            "127.0.0.0/8, 10.0.0.1",
            "9000 bytes",
            "accepted on loopback",
        ] {
            page.assert_says(said);
        }
        let (_, source) = shop.get("/api/v1/sources/floor").await;
        let changed = json!({"profile": "module-n", "tolerance_seconds": 60, "allow_unsigned": true,
            "body_only_signature": false, "legacy_sorted_signature": true, "unsigned_ids": false,
            "allow_networks": ["127.0.0.0/8", "10.0.0.1"], "body_bytes_max": 9000,
            "unknown_project": "create"});
        assert_eq!(source["options"], changed);
        // It holds at once, and its key is still its own.
        let processed = event(FileEventKind::Processed, 2, &snapshot(5));
        let body = render(Profile::ModuleN, &processed, "endpoint").unwrap();
        let sent = shop.send_raw("floor", headers(&[]), body.clone()).await;
        assert_eq!(sent.0, 200, "{}", sent.1);
        let signed = sign(&processed.id.to_string(), now_s(), &body);
        assert_eq!(shop.send_raw("floor", signed, body).await.0, 200);

        // The form holds what is stored, boxes too; one that is not ticked is taken back.
        let mut form = browser.open(EDIT).await.form(EDIT);
        let holds = |name: &str, value: &str| {
            let field = (name.to_owned(), value.to_owned());
            assert!(form.fields.contains(&field), "{name}: {:?}", form.fields);
        };
        holds("allow_unsigned", "1");
        holds("body_bytes_max", "9000");
        form.fields.retain(|(name, _)| name != "allow_unsigned");
        browser.send(&form, &[("body_bytes_max", "")]).await;
        let (_, source) = shop.get("/api/v1/sources/floor").await;
        assert_eq!(source["options"]["allow_unsigned"], false);
        assert_eq!(source["options"]["body_bytes_max"], 0);
        shop.stop().await;
    }
}

#[tokio::test]
async fn what_is_refused_comes_back_beside_its_field() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    made(&shop).await;
    let browser = Browser::new(&shop);
    let page = browser.open(EDIT).await;
    let secret = SECRET.trim_start_matches("whsec_");
    assert!(!page.html.contains(secret) && !page.has("input[type=password]"));
    let first = page.form(EDIT);
    for (field, value) in [
        ("profile", "xml"),
        ("allow_networks", "here"),
        ("tolerance_seconds", "soon"),
        ("tolerance_seconds", "-1"),
        ("tolerance_seconds", ""),
        ("tolerance_seconds", "99999"),
        ("tolerance_seconds", "99999999999999999999"),
        ("body_bytes_max", "1e3"),
        ("body_bytes_max", "20001"),
        ("body_only_signature", "1"),
        ("unsigned_ids", "1"),
    ] {
        let page = browser.send(&first, &[(field, value)]).await;
        assert_eq!(page.status, 422, "{field}: {value}");
        let beside = page.texts(&format!("#wrong-{field}"));
        assert_eq!(beside.len(), 1, "{field}: {value}");
        let kept = page.form(EDIT);
        if field != "profile" {
            let typed = (field.to_owned(), value.to_owned());
            assert!(kept.fields.contains(&typed), "{:?}", kept.fields);
        }
    }
    let odd = browser.send(&first, &[("unknown_project", "ask")]).await;
    assert_eq!(odd.status, 422);
    odd.assert_says("`keep`, `create`, `refuse`");
    for missing in ["profile", "tolerance_seconds", "tag"] {
        let mut form = first.clone();
        form.fields.retain(|(name, _)| name != missing);
        let page = browser.send(&form, &[]).await;
        assert_eq!(page.status, 422, "{missing}");
        page.assert_says(missing);
    }
    let (_, source) = shop.get("/api/v1/sources/floor").await;
    assert_eq!(source["options"]["tolerance_seconds"], 300);
    shop.stop().await;
}

#[tokio::test]
async fn one_at_a_time_changes_what_is_not_of_the_settings() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    made(&shop).await;
    let browser = Browser::new(&shop);
    let first = browser.open(EDIT).await.form(EDIT);
    let second = browser.open(EDIT).await.form(EDIT);
    browser.send(&first, &[("tolerance_seconds", "60")]).await;
    let page = browser.send(&second, &[("tolerance_seconds", "90")]).await;
    assert_eq!(page.status, 412);
    page.assert_says("Somebody else has changed this source meanwhile");
    let page = browser.send(&page.form(EDIT), &[]).await;
    page.assert_says("90 s");

    // Those of the settings are changed there, and what is not there is not there.
    let page = browser.open("/console/sources/shop/edit").await;
    assert_eq!(page.status, 409);
    page.assert_says("[sources.shop]");
    assert!(
        !browser
            .open("/console/sources/shop")
            .await
            .html
            .contains("/edit")
    );
    let moved = testkit::Form {
        action: "/console/sources/shop/edit".to_owned(),
        ..second.clone()
    };
    assert_eq!(browser.send(&moved, &[]).await.status, 409);
    let nowhere = testkit::Form {
        action: "/console/sources/nowhere/edit".to_owned(),
        ..second
    };
    assert_eq!(browser.send(&nowhere, &[]).await.status, 404);
    assert_eq!(browser.open(&nowhere.action).await.status, 404);
    shop.stop().await;
}
