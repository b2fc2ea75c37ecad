//! What is published arrives; what is refused does not.

use std::collections::BTreeSet;

use db::{Backend, Lane, TxError, WriteError};
use testkit::ScriptedEndpoint;

use crate::harness::{DELIVERED, Harness, PATIENCE, SECRET, poll, publish, subscription, verify};

crate::on_both_databases!(
    an_event_arrives_once_signed,
    a_module_n_endpoint_gets_its_shape,
    a_refused_transaction_sends_nothing,
    sequences_rise_for_each_subject,
    what_is_submitted_together_arrives,
    endpoints_get_what_they_asked_for,
);

async fn an_event_arrives_once_signed(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut wanted = subscription("shop", endpoint.url());
    wanted.headers.insert("X-Shop".into(), "north".into());
    let harness = Harness::start(backend, vec![wanted]).await;
    let published = harness
        .publish("invoice.paid", r#"{"invoice_id": "a/1","n" :1.50}"#)
        .await;
    assert_eq!((published.sequence, published.deliveries), (1, 1));
    let (row, attempts) = harness.only(DELIVERED).await;
    assert_eq!((row.attempts, row.owner, attempts.len()), (1, None, 1));
    assert_eq!(
        (attempts[0].outcome, attempts[0].status_code),
        (1, Some(200))
    );

    let requests = endpoint.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    verify(request, SECRET);
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.header("webhook-id"),
        Some(published.id.to_string().as_str())
    );
    assert_eq!(request.header("x-webhook-event-type"), Some("invoice.paid"));
    assert_eq!(request.header("x-shop"), Some("north"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let text = request.text();
    assert!(text.contains(
        r#""subject":"invoice/a/1","sequence":1,"data":{"invoice_id": "a/1","n" :1.50}"#
    ));
    assert!(text.contains(harness.engine().publisher().origin()));
}

async fn a_module_n_endpoint_gets_its_shape(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut wanted = subscription("receiver", endpoint.url());
    wanted.profile = "module-n".into();
    wanted.events = vec!["file.*".into()];
    let harness = Harness::start(backend, vec![wanted]).await;
    harness
        .publish("file.processed", r#"{"file_id":7,"ingest_id":7}"#)
        .await;
    let request = endpoint.wait_for(1, PATIENCE).await.remove(0);
    verify(&request, SECRET);
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["event_type"], "file.processed");
    assert_eq!(
        (&body["ingest_id"], &body["file_data"]["sequence"]),
        (&7.into(), &1.into())
    );
    assert!(
        request
            .header("x-webhook-signature")
            .unwrap()
            .starts_with("sha256=")
    );
}

async fn a_refused_transaction_sends_nothing(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, crate::harness::settings());
    harness.settings.queue_deliveries_per_endpoint_max = 1;
    harness
        .restart(vec![subscription("shop", endpoint.url())])
        .await;
    let publisher = harness.engine().publisher().clone();
    let event = harness.event("note.made", r#"{"n":1}"#);
    let refused = harness.writer.with_tx(Lane::Interactive, 1, 0, move |tx| {
        publisher.publish(tx, event.clone())?;
        Err::<(), _>(TxError::Refused("no"))
    });
    assert_eq!(refused.await, Err(WriteError::Refused("no")));
    assert!(harness.deliveries().is_empty());

    // The one slot is free again: the next is handed over, not left in the table.
    harness.publish("note.made", r#"{"n":2}"#).await;
    let (row, _) = harness.only(DELIVERED).await;
    assert_eq!((row.claim, endpoint.requests().len()), (1, 1));
    assert!(endpoint.requests()[0].text().contains(r#"{"n":2}"#));
}

async fn sequences_rise_for_each_subject(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publishers = (0..64).map(|n| {
        let harness = &harness;
        async move {
            let mut sequences = Vec::new();
            for _ in 0..5 {
                let data = format!(r#"{{"order_id":{}}}"#, n % 2);
                let event = harness.event("order.made", &data);
                let publisher = harness.engine().publisher();
                // Both entrances count on together.
                let published = match n % 4 {
                    0 | 1 => publisher.submit(event).await.unwrap(),
                    _ => publish(publisher, &harness.writer, event).await,
                };
                sequences.push(published.sequence);
            }
            assert!(sequences.is_sorted(), "{sequences:?}");
            (n % 2, sequences)
        }
    });
    let all = futures_util::future::join_all(publishers).await;
    for subject in 0..2 {
        let of_subject = all.iter().filter(|(n, _)| *n == subject);
        let seen: BTreeSet<i64> = of_subject.flat_map(|(_, seen)| seen.clone()).collect();
        assert_eq!(seen, (1..=160).collect());
    }
    let alone = harness.publish("note.made", "{}").await;
    assert_eq!((alone.sequence, alone.deliveries), (1, 0));
}

async fn endpoints_get_what_they_asked_for(backend: Backend) {
    let (all, files, paid) = (
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
        ScriptedEndpoint::start().await,
    );
    let mut wants_files = subscription("files", files.url());
    wants_files.events = vec!["file.*".into()];
    let mut wants_paid = subscription("paid", paid.url());
    wants_paid.events = vec!["invoice.paid".into(), "note.made".into()];
    let subscriptions = vec![subscription("all", all.url()), wants_files, wants_paid];
    let harness = Harness::start(backend, subscriptions).await;
    for (event_type, count) in [
        ("file.processed", 2),
        ("invoice.paid", 2),
        ("invoice.made", 1),
        ("filed.away", 1),
        ("note.made", 2),
    ] {
        let published = harness.publish(event_type, "{}").await;
        assert_eq!(published.deliveries, count, "{event_type}");
    }
    harness.until(DELIVERED, 8).await;
    let types = |endpoint: &ScriptedEndpoint| {
        let requests = endpoint.requests();
        let types = requests
            .iter()
            .map(|r| r.header("x-webhook-event-type").unwrap().to_owned());
        types.collect::<BTreeSet<_>>()
    };
    assert_eq!((all.requests().len(), types(&all).len()), (5, 5));
    assert_eq!(types(&files), ["file.processed".to_owned()].into());
    assert_eq!(
        types(&paid),
        ["invoice.paid".to_owned(), "note.made".to_owned()].into()
    );
    assert!(poll(|| harness.deliveries().iter().all(|row| row.owner.is_none())).await);
}

async fn what_is_submitted_together_arrives(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![subscription("shop", endpoint.url())]).await;
    let publisher = harness.engine().publisher();
    let events = (0..300).map(|n| {
        let mut event = harness.event("note.made", &format!(r#"{{"n":{n}}}"#));
        event.subject = (n % 3 > 0).then(|| format!("note/{}", n % 3));
        event.metadata = (n % 2 == 0).then(|| event.data.clone());
        publisher.submit(event)
    });
    let published = futures_util::future::join_all(events).await;
    let ids: BTreeSet<_> = published
        .iter()
        .map(|p| p.as_ref().unwrap().id.to_string())
        .collect();
    harness.until(DELIVERED, 300).await;
    let requests = endpoint.requests();
    let seen = requests
        .iter()
        .map(|r| r.header("webhook-id").unwrap().to_owned());
    assert_eq!((ids.len(), seen.collect::<BTreeSet<_>>()), (300, ids));
    for request in &requests {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        let n = body["data"]["n"].as_i64().unwrap();
        let metadata = if n % 2 == 0 {
            &body["data"]
        } else {
            &serde_json::Value::Null
        };
        assert_eq!(&body["metadata"], metadata);
        let subject = body["subject"].as_str().unwrap();
        assert_eq!(subject.starts_with("event/evt_"), n % 3 == 0, "{subject}");
    }
}
