//! Sources made over the API: their keys, limits and the senders with ways of their own.

use contract::{FileEventKind, Profile, render};
use reqwest::Method;
use reqwest::header::HeaderMap;
use ring::{digest, hmac};
use serde_json::{Value as Json, json};
use testkit::TempDb;

use crate::harness::{
    Answer, SECRET, TestReceiver, answer, event, headers, now_s, sign, sign_with, snapshot,
};

const OTHER: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn ask(shop: &TestReceiver, method: Method, path: &str, body: Json) -> Answer {
    answer(shop.request(method, path).json(&body)).await
}

async fn send_signed(shop: &TestReceiver, source: &str, sequence: i64, secret: &str) -> Answer {
    let processed = event(FileEventKind::Processed, sequence, &snapshot(5));
    let body = render(Profile::Standard, &processed, "endpoint").unwrap();
    let id = processed.id.to_string();
    let headers = sign_with(secret, &id, now_s(), &body);
    shop.send_raw(source, headers, body).await
}

#[tokio::test]
async fn a_source_is_made_with_a_secret_shown_once_and_takes_more_keys() {
    for temp in TempDb::both() {
        let shop = TestReceiver::start(&temp).await;
        let base = "/api/v1/sources";
        let (status, made) = shop.post(base, &json!({"name": "partner"})).await;
        assert_eq!(status, 201, "{made}");
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert_eq!(send_signed(&shop, "partner", 1, &secret).await.0, 200);
        let (_, shown) = shop.get(&format!("{base}/partner")).await;
        assert!(!shown.to_string().contains(&secret), "{shown}");
        assert!(secret.ends_with(shown["keys"][0]["hint"].as_str().unwrap()));

        // One more key beside it, then the first goes.
        let keys = format!("{base}/partner/keys");
        let (status, more) = shop.post(&keys, &json!({"secret": OTHER})).await;
        assert_eq!((status, more.get("secret")), (201, None), "{more}");
        assert_eq!(send_signed(&shop, "partner", 2, OTHER).await.0, 200);
        assert_eq!(send_signed(&shop, "partner", 3, &secret).await.0, 200);
        let first = shown["keys"][0]["id"].to_string();
        let gone = answer(shop.request(Method::DELETE, &format!("{keys}/{first}")));
        assert_eq!(gone.await.0, 204);
        let (status, refused) = send_signed(&shop, "partner", 4, &secret).await;
        assert_eq!(
            (status, &refused["code"]),
            (401, &json!("signature_mismatch"))
        );
        assert_eq!(send_signed(&shop, "partner", 4, OTHER).await.0, 200);
        let last = more["keys"][0]["id"].to_string();
        let last = answer(shop.request(Method::DELETE, &format!("{keys}/{last}"))).await;
        assert_eq!((last.0, &last.1["code"]), (409, &json!("conflict")));

        // It outlives the process; the secret lies sealed.
        shop.stop().await;
        let shop = TestReceiver::start(&temp).await;
        assert_eq!(send_signed(&shop, "partner", 5, OTHER).await.0, 200);
        let gone = answer(shop.request(Method::DELETE, &format!("{base}/partner"))).await;
        assert_eq!(gone.0, 204);
        assert_eq!(send_signed(&shop, "partner", 6, OTHER).await.0, 404);
        assert_eq!(shop.items("/design-files").await[0]["source"], "partner");
        // Its files are there still when it comes back.
        let again = json!({"name": "partner", "secret": OTHER});
        assert_eq!(shop.post(base, &again).await.0, 201);
        assert_eq!(
            send_signed(&shop, "partner", 5, OTHER).await.1["duplicate"],
            true
        );
        shop.stop().await;
    }
}

#[tokio::test]
async fn keys_hold_from_when_till_when_they_say() {
    let temp = TempDb::sqlite();
    let extra = [
        format!("sources.old-key.secrets={SECRET} not_after=2026-01-01"),
        format!("sources.late-key.secrets={SECRET} not_before=2999-01-01"),
        format!("sources.two-keys.secrets={SECRET} not_after=2026-01-01,{OTHER}"),
    ];
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let shop = TestReceiver::start_with(&temp, &extra).await;
    for source in ["old-key", "late-key"] {
        let (status, refused) = send_signed(&shop, source, 1, SECRET).await;
        assert_eq!((status, &refused["code"]), (401, &json!("unknown_key")));
    }
    let (status, refused) = send_signed(&shop, "two-keys", 1, SECRET).await;
    assert_eq!(
        (status, &refused["code"]),
        (401, &json!("signature_mismatch"))
    );
    assert_eq!(send_signed(&shop, "two-keys", 1, OTHER).await.0, 200);
    let key = json!({"secret": SECRET, "not_before": "2020-01-01", "not_after": "2999-01-01"});
    assert_eq!(
        shop.post("/api/v1/sources", &json!({"name": "x"})).await.0,
        201
    );
    let (status, added) = shop.post("/api/v1/sources/x/keys", &key).await;
    assert_eq!((status, &added["keys"][0]["holds"]), (201, &json!(true)));
    assert_eq!(send_signed(&shop, "x", 2, SECRET).await.0, 200);
    shop.stop().await;
}

#[tokio::test]
async fn what_a_source_cannot_be_names_its_field() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "a b"}), "name"),
        (json!({"name": "x".repeat(65)}), "name"),
        (json!({"name": "x", "colour": 1}), "colour"),
        (json!({"name": "x", "secret": "short"}), "secret"),
        (json!({"name": "x", "public_key": "short"}), "public_key"),
        (
            json!({"name": "x", "secret": SECRET, "public_key": "whpk_"}),
            "public_key",
        ),
        (
            json!({"name": "x", "options": {"profile": "odd"}}),
            "options.profile",
        ),
        (
            json!({"name": "x", "options": {"colour": 1}}),
            "options.colour",
        ),
        (
            json!({"name": "x", "options": {"allow_networks": ["here"]}}),
            "options.allow_networks",
        ),
        (
            json!({"name": "x", "options": {"body_bytes_max": 1 << 30}}),
            "options.body_bytes_max",
        ),
        (
            json!({"name": "x", "options": {"tolerance_seconds": 90_000}}),
            "options.tolerance_seconds",
        ),
        (
            json!({"name": "x", "options": {"body_only_signature": true}}),
            "options.body_only_signature",
        ),
    ] {
        let (status, problem) = shop.post("/api/v1/sources", &body).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!(field)),
            "{body}: {problem}"
        );
    }
    // The settings' names are theirs.
    let (status, _) = shop.post("/api/v1/sources", &json!({"name": "shop"})).await;
    assert_eq!(status, 409);
    let (_, shown) = shop.get("/api/v1/sources/shop").await;
    assert_eq!(
        (&shown["configured"], &shown["profile"]),
        (&json!(true), &json!("standard"))
    );
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    shop.stop().await;
}

#[tokio::test]
async fn addresses_sizes_and_conditions_are_kept() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let elsewhere = json!({
        "name": "far", "secret": SECRET, "options": {"allow_networks": ["192.0.2.0/24"]},
    });
    let (_, made) = shop.post("/api/v1/sources", &elsewhere).await;
    assert_eq!(made["options"]["allow_networks"][0], "192.0.2.0/24");
    let (status, refused) = send_signed(&shop, "far", 1, SECRET).await;
    assert_eq!((status, &refused["code"]), (403, &json!("forbidden")));
    let near =
        json!({"options": {"allow_networks": ["127.0.0.0/8", "::1"], "body_bytes_max": 300}});
    let path = "/api/v1/sources/far";
    let stale = shop.request(Method::PUT, path).header("if-match", "\"1\"");
    let (status, problem) = answer(stale.json(&near)).await;
    assert_eq!(
        (status, &problem["code"]),
        (412, &json!("precondition_failed"))
    );
    assert_eq!(ask(&shop, Method::PUT, path, near).await.0, 200);
    let (status, refused) = send_signed(&shop, "far", 1, SECRET).await;
    assert_eq!((status, &refused["code"]), (413, &json!("body_too_large")));
    let small = br#"{"id":"e","type":"a.b","timestamp":"2026-01-01","data":{}}"#.to_vec();
    let headers = sign("e", now_s(), &small);
    assert_eq!(shop.send_raw("far", headers, small).await.0, 200);
    shop.stop().await;
}

fn hex(secret: &str, text: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, text);
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const FOREIGN: [&str; 4] = [
    "sources.code.profile=github",
    "sources.code.secrets=a-secret-of-mine",
    "sources.pay.profile=stripe",
    "sources.pay.secrets=whsec_C2FVsBQIhrscChlQIMVb5sSYspob7oDx",
];
const OPENED: &[u8] = br#"{"action":"opened","number":1}"#;
const PAID: &[u8] =
    br#"{"id":"evt_9","type":"invoice.paid","created":1761042600,"data":{"object":{}}}"#;

fn github(id: &str, secret: &str) -> HeaderMap {
    headers(&[
        ("x-github-event", "pull_request"),
        ("x-github-delivery", id),
        (
            "x-hub-signature-256",
            &format!("sha256={}", hex(secret, OPENED)),
        ),
    ])
}

#[tokio::test]
async fn github_is_taken_as_it_signs_and_kept_without_proofs() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &FOREIGN).await;
    let send = async |headers| shop.send_raw("code", headers, OPENED.to_vec()).await;
    let (status, told) = send(github("d1", "a-secret-of-mine")).await;
    assert_eq!((status, &told["success"]), (200, &json!(true)), "{told}");
    assert_eq!(
        send(github("d1", "a-secret-of-mine")).await.1["duplicate"],
        true
    );
    // Nothing but the body is signed: a caught request under another id is the same.
    assert_eq!(
        send(github("d2", "a-secret-of-mine")).await.1["duplicate"],
        true
    );
    for (headers, code) in [
        (github("d2", "another-secret"), "signature_mismatch"),
        (headers(&[("x-github-event", "push")]), "missing_signature"),
    ] {
        let (status, refused) = send(headers).await;
        assert_eq!((status, &refused["code"]), (401, &json!(code)));
    }
    let inbox = shop.items("/inbox").await;
    assert_eq!(inbox[0]["event_type"], "github.pull_request.opened");
    let sha256 = digest::digest(&digest::SHA256, OPENED);
    let key: String = sha256
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!((inbox.len(), &inbox[0]["event_id"]), (1, &json!(key)));
    assert_eq!(inbox[0]["duplicates"], 2);
    let at = format!("/inbox/{}", inbox[0]["id"]);
    let (_, one) = shop.get(&at).await;
    assert_eq!(one["headers"]["x-github-event"], "pull_request");
    assert_eq!(one["headers"]["x-github-delivery"], "d1");
    assert_eq!(one["headers"]["x-hub-signature-256"], "***");
    assert_eq!(one["verified"], "body_signed");
    let (status, again) = shop.post(&format!("{at}/reapply"), &json!({})).await;
    assert_eq!((status, &again["success"]), (200, &json!(true)), "{again}");
    shop.stop().await;
}

#[tokio::test]
async fn ids_that_are_not_signed_tell_events_apart_where_a_source_says_so() {
    let temp = TempDb::sqlite();
    let extra = [&FOREIGN[..], &["sources.code.unsigned_ids=true"]].concat();
    let shop = TestReceiver::start_with(&temp, &extra).await;
    for (id, is_repeat) in [("d1", false), ("d2", false), ("d1", true)] {
        let headers = github(id, "a-secret-of-mine");
        let (status, told) = shop.send_raw("code", headers, OPENED.to_vec()).await;
        assert_eq!(
            (status, told["duplicate"] == true),
            (200, is_repeat),
            "{told}"
        );
    }
    let (status, refused) = shop
        .post(
            "/api/v1/sources",
            &json!({"name": "x", "options": {"unsigned_ids": true}}),
        )
        .await;
    assert_eq!(status, 422, "{refused}");
    shop.stop().await;
}

#[tokio::test]
async fn stripe_is_taken_as_it_signs() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start_with(&temp, &FOREIGN).await;
    let stripe = |time: i64| {
        let text = [format!("{time}.").as_bytes(), PAID].concat();
        let tag = hex("whsec_C2FVsBQIhrscChlQIMVb5sSYspob7oDx", &text);
        headers(&[("stripe-signature", &format!("t={time},v1={tag}"))])
    };
    let send = async |headers| shop.send_raw("pay", headers, PAID.to_vec()).await;
    assert_eq!(send(stripe(now_s())).await.0, 200);
    let (_, again) = send(stripe(now_s() - 5)).await;
    assert_eq!(again["duplicate"], true, "{again}");
    let (status, refused) = send(stripe(now_s() - 400)).await;
    assert_eq!(
        (status, &refused["code"]),
        (401, &json!("timestamp_too_old"))
    );
    let inbox = shop.items("/inbox").await;
    let told: Vec<(&Json, &Json)> = inbox
        .iter()
        .map(|one| (&one["event_type"], &one["event_id"]))
        .collect();
    assert_eq!(told, [(&json!("invoice.paid"), &json!("evt_9"))]);
    shop.stop().await;
}

#[tokio::test]
async fn sources_of_the_settings_are_changed_there() {
    let temp = TempDb::sqlite();
    let shop = TestReceiver::start(&temp).await;
    let at = "/api/v1/sources/shop";
    let key = format!("{at}/keys");
    for (method, path, body) in [
        (Method::PUT, at, json!({"options": {}})),
        (Method::DELETE, at, json!({})),
        (Method::POST, &*key, json!({})),
        (Method::DELETE, &*format!("{key}/1"), json!({})),
    ] {
        let (status, refused) = answer(shop.request(method, path).json(&body)).await;
        assert_eq!(status, 409, "{refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("[sources.shop]"), "{detail}");
    }
    assert_eq!(shop.get(at).await.0, 200);
    shop.stop().await;
}
