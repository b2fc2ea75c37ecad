//! Subscriptions, events, deliveries and replays from the command line.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{ScriptedEndpoint, ScriptedReply};

use super::{Shop, assert_code, lines};

/// Time for what a command has set going.
const PATIENCE: Duration = Duration::from_secs(30);
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

#[tokio::test]
async fn subscriptions_are_made_tried_paused_and_ended() {
    let shop = Shop::start().await;
    let endpoint = ScriptedEndpoint::start().await;
    let create = [
        "subscriptions",
        "create",
        endpoint.url(),
        "--events",
        "invoice.*,order.placed",
    ];
    let made = shop.json(&create).await;
    let id = made[0]["id"].as_str().unwrap().to_owned();
    assert!(made[0]["secret"].as_str().unwrap().starts_with("whsec_"));
    let again = shop.run(&create).await;
    assert_code(&again, 1);
    assert!(again.errors.contains("409"), "{again:?}");
    assert_code(&shop.run(&["subscriptions", "test", &id]).await, 0);
    let rotated = shop.json(&["subscriptions", "rotate", &id]).await;
    assert_ne!(rotated[0]["secret"], made[0]["secret"]);
    for (change, state) in [("disable", "paused"), ("enable", "active")] {
        assert_code(&shop.run(&["subscriptions", change, &id]).await, 0);
        assert_eq!(
            shop.json(&["subscriptions", "show", &id]).await[0]["state"],
            state
        );
    }
    let list = shop.run(&["subscriptions", "list"]).await;
    assert!(
        list.output.starts_with("ID") && list.output.contains(&id),
        "{list:?}"
    );
    endpoint.respond_in_turn([ScriptedReply::json(500, "{}")]);
    assert_code(&shop.run(&["subscriptions", "test", &id]).await, 1);
    assert_code(&shop.run(&["subscriptions", "delete", &id]).await, 0);
    assert_code(&shop.run(&["subscriptions", "show", &id]).await, 1);
}

#[tokio::test]
async fn events_are_published_followed_and_sent_again() {
    let shop = Shop::start().await;
    let endpoint = ScriptedEndpoint::start().await;
    shop.json(&["subscriptions", "create", endpoint.url()])
        .await;
    // Refused at first.
    endpoint.respond_in_turn([
        ScriptedReply::json(400, "{}"),
        ScriptedReply::json(200, "{}"),
    ]);
    let data = shop.part("invoice.json", br#"{"invoice_id": "inv_1", "amount": 12}"#);
    let published = shop
        .json(&["publish", "invoice.paid", "--data", &format!("@{data}")])
        .await;
    assert_eq!(
        (&published[0]["deliveries"], &published[0]["sequence"]),
        (&json!(1), &json!(1))
    );
    let event = published[0]["id"].as_str().unwrap();
    let began = Instant::now();
    let delivery = loop {
        let list = shop.json(&["deliveries", "list", "--event", event]).await;
        if list[0]["attempt_number"].as_i64() > Some(0) {
            break list[0]["id"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < PATIENCE, "{list:?}");
    };
    let shown = shop.run(&["deliveries", "show", &delivery]).await;
    assert!(
        shown.output.contains("ATTEMPT") && shown.output.contains("400"),
        "{shown:?}"
    );
    assert_code(&shop.run(&["deliveries", "retry", &delivery]).await, 0);
    let tail = [
        "tail",
        "--since",
        LONG_AGO,
        "--type",
        "invoice.paid",
        "--count",
        "1",
    ];
    let tail = shop.run(&tail).await;
    assert_code(&tail, 0);
    assert!(tail.output.contains("invoice/inv_1 #1"), "{tail:?}");
    assert!(tail.output.contains("delivered"), "{tail:?}");

    let create = ["replay", "create", "--since", LONG_AGO];
    let preview = shop.json(&[&create[..], &["--preview"]].concat()).await;
    assert_eq!(preview[0]["expected"], 1);
    let replay = shop.json(&create).await;
    let replay = replay[0]["id"].as_str().unwrap();
    assert_eq!(
        shop.json(&["replay", "show", replay]).await[0]["id"],
        replay
    );
    assert_eq!(shop.json(&["replay", "list"]).await.len(), 1);
    let wrong = shop
        .run(&["publish", "invoice.paid", "--data", "[1]"])
        .await;
    assert_code(&wrong, 1);
    assert!(
        wrong.errors.contains("--data is no JSON object"),
        "{wrong:?}"
    );
    assert!(
        shop.run(&["dead-letters", "list"])
            .await
            .output
            .contains("ID")
    );
}

#[tokio::test]
async fn events_reach_a_developers_machine_signed_and_leave_nothing_behind() {
    let shop = Shop::start().await;
    let endpoint = ScriptedEndpoint::start().await;
    for number in 1..=3 {
        let body =
            format!(r#"{{"type": "order.placed", "data": {{"id": {number}, "price": 1.50}}}}"#);
        let url = format!("{}/api/v1/webhooks/events", shop.url);
        let request = e2e::http::http()
            .post(url)
            .header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.unwrap().status(), 202);
    }
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let hooks = format!("{}/hooks", endpoint.url());
    let listen = ["listen", "--forward", &hooks, "--since", LONG_AGO];
    let own = ["--secret", secret, "--count", "3", "--json"];
    let listened = shop.run(&[&listen[..], &own].concat()).await;
    assert_code(&listened, 0);
    assert_eq!(lines(&listened.output).len(), 3);
    let requests = endpoint.requests();
    let body = |at: usize| serde_json::from_slice::<Value>(&requests[at].body).unwrap();
    for (at, request) in requests.iter().enumerate() {
        assert_eq!(body(at)["data"]["id"], at + 1, "in their order");
        assert!(
            String::from_utf8_lossy(&request.body).contains("1.50"),
            "byte for byte"
        );
        assert_eq!(request.header("webhook-id"), body(at)["id"].as_str());
        assert!(
            request
                .header("webhook-signature")
                .unwrap()
                .starts_with("v1,")
        );
        assert_eq!(request.header("authorization"), None);
    }
    assert!(shop.json(&["subscriptions", "list"]).await.is_empty());
    // One that refuses is told, and is not asked again.
    endpoint.respond_in_turn([ScriptedReply::json(500, "{}")]);
    let refused = shop.run(&[&listen[..], &["--count", "1"]].concat()).await;
    assert_code(&refused, 1);
    assert!(refused.errors.contains("Signed with whsec_"), "{refused:?}");
}
