//! `/metrics`: every series that dashboards and alerts ask for, and nothing of another tenant.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use reqwest::Method;
use serde_json::{Value as Json, json};
use testkit::{ScriptedEndpoint, ScriptedReply, TempDb};

use crate::harness::{PATIENCE, TestIngest};
use crate::keys::key;
use crate::platform::{BASE, text};

/// Names of our metrics in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let ours = |word: &&str| word.starts_with("webhook_") || word.starts_with("draftwire_");
    words.filter(ours).map(str::to_owned).collect()
}

/// What dashboards and alerts ask for.
fn asked() -> BTreeSet<String> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let read = |path: &str| std::fs::read_to_string(config.join(path)).unwrap();
    let dashboard: Json = serde_json::from_str(&read("grafana/draftwire.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() >= 10);
    names(&(read("prometheus/alerts.yml") + &dashboard.to_string()))
}

/// The metrics, once they say this.
async fn until(ingest: &TestIngest, key: &str, sample: &str) -> String {
    let began = Instant::now();
    loop {
        let asked = ingest.request(Method::GET, "/metrics");
        let asked = match key {
            "" => asked,
            key => asked.bearer_auth(key),
        };
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], service::EXPOSITION_TYPE);
        let metrics = answer.text().await.unwrap();
        if metrics.contains(sample) {
            return metrics;
        }
        assert!(began.elapsed() < PATIENCE, "{sample} is not in\n{metrics}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn everything_that_is_asked_for_is_exported() {
    for temp in TempDb::both() {
        let endpoint = ScriptedEndpoint::start().await;
        endpoint.respond_with(|request| match request.text().contains("never") {
            true => ScriptedReply::status(503),
            false => ScriptedReply::status(200),
        });
        let ingest = TestIngest::start_to(&temp, &[], endpoint).await;
        for id in ["once", "never"] {
            ingest
                .publish(json!({"type": "order.paid", "data": {"id": id}}))
                .await;
        }
        let labels = "event=\"order.paid\",tenant_id=\"default\"";
        until(
            &ingest,
            "",
            &format!("webhook_deliveries_total{{{labels},status=\"delivered\"}} 1\n"),
        )
        .await;
        let metrics = until(
            &ingest,
            "",
            &format!("webhook_retries_total{{{labels},reason=\"server_error\"}} 1\n"),
        )
        .await;
        for sample in [
            format!("webhook_delivery_duration_seconds_bucket{{{labels},le=\"0.005\"}} "),
            format!("webhook_delivery_duration_seconds_bucket{{{labels},le=\"10\"}} 2\n"),
            format!("webhook_delivery_duration_seconds_count{{{labels}}} 2\n"),
            "webhook_delivery_http_status{event=\"order.paid\",status_code=\"503\"} 1\n".to_owned(),
            "webhook_breakers{state=\"open\"} 0\n".to_owned(),
            "draftwire_table_bytes{table=\"deliveries\"} ".to_owned(),
            "draftwire_table_bytes{table=\"files\"} ".to_owned(),
            "draftwire_writer_batch_jobs_bucket{le=\"512\"} ".to_owned(),
        ] {
            assert!(metrics.contains(&sample), "{sample} is not in\n{metrics}");
        }
        let exported = names(&metrics);
        let missing: Vec<_> = asked().difference(&exported).cloned().collect();
        assert!(
            missing.is_empty(),
            "{missing:?} are asked for and not exported"
        );
        let has_sample = |name: &&String| {
            let begins = |line: &str| {
                line.strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with(['{', ' ']))
            };
            !metrics.lines().any(begins)
        };
        assert_eq!(asked().iter().find(has_sample), None, "{metrics}");
        ingest.stop().await;
    }
}

#[tokio::test]
async fn the_queue_says_how_long_it_has_waited() {
    let temp = TempDb::sqlite();
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(200).after(PATIENCE));
    let slow = [
        "ingest.delivery.attempts_in_flight_per_endpoint_max=1",
        "ingest.delivery.attempt_timeout_seconds=5",
    ];
    let ingest = TestIngest::start_to(&temp, &slow, endpoint).await;
    for id in ["1", "2"] {
        ingest
            .publish(json!({"type": "order.paid", "data": {"id": id}}))
            .await;
    }
    let began = Instant::now();
    loop {
        let queue = ingest.ok("/webhooks/queue/stats").await;
        let metrics = until(&ingest, "", "webhook_queue_oldest_seconds ").await;
        let oldest = metrics
            .lines()
            .find_map(|line| line.strip_prefix("webhook_queue_oldest_seconds "));
        let oldest_s: f64 = oldest.unwrap().parse().unwrap();
        if queue["oldest_wait_ms"].as_i64().unwrap() > 100 && oldest_s > 0.1 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{queue} {oldest_s}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    ingest.stop().await;
}

#[tokio::test]
async fn a_tenant_sees_nothing_of_another() {
    let temp = TempDb::sqlite();
    let reader = key(&temp, "default", &["read", "publish"]).await;
    let admin = key(&temp, "default", &["admin"]).await;
    let other = key(&temp, "shop-b", &["admin"]).await;
    let ingest = TestIngest::start_with(&temp, &["ingest.auth=true"]).await;
    for (key, name) in [(&reader, "order.paid"), (&other, "secret.plan")] {
        let hook = json!({
            "url": format!("{}/hook", ingest.endpoint.url()), "events": ["*"], "signing": "ed25519",
        });
        let subscribe = ingest.request(Method::POST, &format!("{BASE}/subscriptions"));
        let as_who = if name == "order.paid" { &admin } else { key };
        let made = subscribe.bearer_auth(as_who).json(&hook).send().await;
        assert_eq!(made.unwrap().status(), 201);
        let event = json!({"type": name, "data": {"id": "1"}});
        let publish = ingest.request(Method::POST, &format!("{BASE}/events"));
        let published = publish.bearer_auth(key).json(&event).send().await;
        assert_eq!(published.unwrap().status(), 202);
    }
    let all = until(&ingest, &admin, "secret.plan").await;
    assert!(all.contains("tenant_id=\"shop-b\""), "{all}");
    let all = until(&ingest, &admin, "order.paid").await;
    assert!(all.contains("webhook_queue_depth "));
    let own = until(&ingest, &reader, "order.paid").await;
    assert!(
        !own.contains("shop-b") && !own.contains("secret.plan"),
        "{own}"
    );
    let theirs = until(&ingest, &other, "secret.plan").await;
    for hidden in ["default", "order.paid", "queue_depth", "draftwire_"] {
        assert!(!theirs.contains(hidden), "{hidden} in {theirs}");
    }
    let mut sets = Vec::new();
    for query in ["", "?tenant=shop-b", "?tenant=nobody"] {
        let set = ingest
            .ok(&format!("/.well-known/webhooks-keys{query}"))
            .await;
        let keys: Vec<String> = set["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| text(&key["kid"]))
            .collect();
        sets.push(keys);
    }
    assert_eq!(sets.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 0]);
    assert_ne!(sets[0], sets[1]);
    ingest.stop().await;
}
