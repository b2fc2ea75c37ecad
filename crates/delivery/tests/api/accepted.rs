//! Publishing from outside: what is refused, what is only done once, what is checked against a schema.

use std::convert::Infallible;

use contract::{EventId, EventType, JsonObject};
use db::{Backend, WriteError};
use delivery::{
    Accepted, EventTypeEntry, EventTypeRefusal, PublishRefusal, PublishRequest, Publisher,
    Validation,
};
use testkit::ScriptedEndpoint;

use crate::harness::{Harness, settings};

crate::on_both_databases!(
    a_key_makes_publishing_twice_safe,
    many_at_once_with_one_key_publish_once,
    an_own_id_is_published_once,
    a_batch_is_judged_one_by_one,
    schemas_warn_or_block,
    a_schema_holds_at_once_wherever_it_was_registered,
    who_is_refused_for_its_id_takes_no_key,
    one_id_under_many_keys_is_published_once,
    a_key_outlives_the_process,
);

fn request(harness: &Harness, data: &str, key: Option<&str>) -> PublishRequest {
    PublishRequest {
        event: harness.event("note.made", data),
        id: None,
        idempotency_key: key.map(str::to_owned),
    }
}

async fn a_key_makes_publishing_twice_safe(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let harness = Harness::start(backend, vec![]).await;
    harness.subscribe(endpoint.url(), |_| ()).await;
    let publisher = harness.engine().publisher();
    let first = publisher
        .accept(request(&harness, r#"{"n":1}"#, Some("k")))
        .await
        .unwrap();
    let again = publisher
        .accept(request(&harness, r#"{"n":1}"#, Some("k")))
        .await
        .unwrap();
    assert_eq!((first.repeated, again.repeated), (false, true));
    assert_eq!(first.published, again.published);
    let other = publisher
        .accept(request(&harness, r#"{"n":2}"#, Some("k")))
        .await;
    assert_eq!(
        other.err(),
        Some(WriteError::Refused(PublishRefusal::KeyTaken))
    );
    assert_eq!(harness.published("note.made"), 1);
    // A day later the key is free.
    harness.execute("UPDATE idempotency_keys SET created_at_ms = created_at_ms - 90000000".into());
    let later = publisher
        .accept(request(&harness, r#"{"n":2}"#, Some("k")))
        .await
        .unwrap();
    assert!(!later.repeated && later.published.id != first.published.id);
}

async fn many_at_once_with_one_key_publish_once(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publisher = harness.engine().publisher();
    let each = (0..40).map(|n| {
        // Different subjects go to different writers.
        let data = format!(r#"{{"note_id":{}}}"#, n % 4);
        publisher.accept(request(&harness, &data, Some("one key")))
    });
    let answers = futures_util::future::join_all(each).await;
    let fresh = answers
        .iter()
        .flatten()
        .filter(|accepted| !accepted.repeated)
        .count();
    let taken = Some(WriteError::Refused(PublishRefusal::KeyTaken));
    let refused = answers
        .iter()
        .filter(|answer| answer.as_ref().err() == taken.as_ref())
        .count();
    assert_eq!((fresh, refused), (1, 30), "{answers:?}");
    assert_eq!(harness.published("note.made"), 1);
}

async fn an_own_id_is_published_once(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publisher = harness.engine().publisher();
    let with_id = |data: &str, id| PublishRequest {
        id: Some(id),
        ..request(&harness, data, None)
    };
    let id = EventId::new(1_800_000_000_000, [7; 10]);
    let first = publisher.accept(with_id(r#"{"n":1}"#, id)).await.unwrap();
    assert_eq!(first.published.id, id);
    assert!(
        publisher
            .accept(with_id(r#"{"n":1}"#, id))
            .await
            .unwrap()
            .repeated
    );
    let other = publisher.accept(with_id(r#"{"n":2}"#, id)).await;
    assert_eq!(
        other.err(),
        Some(WriteError::Refused(PublishRefusal::IdTaken))
    );
}

async fn who_is_refused_for_its_id_takes_no_key(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publisher = harness.engine().publisher();
    let id = EventId::new(1_800_000_000_000, [7; 10]);
    let with_id = |data: &str, key| PublishRequest {
        id: Some(id),
        ..request(&harness, data, key)
    };
    publisher.accept(with_id(r#"{"n":1}"#, None)).await.unwrap();
    for _ in 0..2 {
        let refused = publisher.accept(with_id(r#"{"n":2}"#, Some("k"))).await;
        assert_eq!(
            refused.err(),
            Some(WriteError::Refused(PublishRefusal::IdTaken))
        );
    }
    let free = publisher.accept(request(&harness, r#"{"n":3}"#, Some("k")));
    assert!(!free.await.unwrap().repeated);
    let both = || publisher.accept(with_id(r#"{"n":1}"#, Some("other")));
    let (first, second) = (both().await.unwrap(), both().await.unwrap());
    assert!(first.repeated && second.repeated && first.published == second.published);
    assert_eq!(harness.published("note.made"), 2);
}

/// What becomes of requests that are well formed.
async fn all(
    publisher: &Publisher,
    requests: impl IntoIterator<Item = PublishRequest>,
) -> Vec<Result<Accepted, WriteError<PublishRefusal>>> {
    let requests = requests.into_iter().map(Ok::<_, Infallible>);
    let answers = publisher.accept_all(requests).await.into_iter();
    answers.map(|Ok(answer)| answer).collect()
}

async fn one_id_under_many_keys_is_published_once(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publisher = harness.engine().publisher();
    let id = EventId::new(1_800_000_000_000, [7; 10]);
    let request = |n: usize| PublishRequest {
        id: Some(id),
        ..request(&harness, r#"{"n":1}"#, Some(&format!("key {}", 9 - n % 10)))
    };
    let answers = all(publisher, (0..30).map(request)).await;
    let fresh = answers.iter().flatten().filter(|answer| !answer.repeated);
    assert_eq!(fresh.count(), 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .flatten()
            .all(|answer| answer.published.id == id)
    );
    assert_eq!(
        (
            answers.iter().flatten().count(),
            harness.published("note.made")
        ),
        (30, 1)
    );
}

async fn a_key_outlives_the_process(backend: Backend) {
    let mut harness = Harness::start(backend, vec![]).await;
    let keyed = |harness: &Harness| request(harness, r#"{"n":1}"#, Some("k"));
    let publisher = harness.engine().publisher();
    let first = publisher.accept(keyed(&harness)).await.unwrap();
    harness.restart(vec![]).await;
    let publisher = harness.engine().publisher();
    let again = publisher.accept(keyed(&harness)).await.unwrap();
    assert!(again.repeated && again.published == first.published);
}

/// Another process has registered it: nothing was refreshed here.
async fn a_schema_holds_at_once_wherever_it_was_registered(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let publisher = harness.engine().publisher();
    let accepted = |data: &str| publisher.accept(request(&harness, data, Some("k")));
    let other = accepted(r#"{"m":1}"#).await;
    assert!(other.is_ok());
    harness.execute(
        r#"INSERT INTO event_types (tenant_id, name, description, json_schema, validation, created_at_ms, updated_at_ms)
           VALUES (1, 'note.made', '', '{"required":["n"]}', 3, 0, 0)"#
            .into(),
    );
    harness.execute("UPDATE subscriptions_version SET version = version + 1".into());
    let refused = publisher
        .accept(request(&harness, r#"{"m":1}"#, Some("k2")))
        .await;
    assert!(
        matches!(
            refused,
            Err(WriteError::Refused(PublishRefusal::Schema { .. }))
        ),
        "{refused:?}"
    );
    let fits = publisher
        .accept(request(&harness, r#"{"n":1}"#, Some("k2")))
        .await;
    assert!(!fits.unwrap().repeated, "what was refused took no key");
}

async fn a_batch_is_judged_one_by_one(backend: Backend) {
    let mut harness = Harness::idle(backend, settings());
    harness.settings.event_bytes_max = 100;
    harness.restart(vec![]).await;
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(200));
    let mut wrong_subject = request(&harness, "{}", None);
    wrong_subject.event.subject = Some(String::new());
    let mut reserved = request(&harness, "{}", None);
    reserved.event.event_type = EventType::parse("delivery.dead").unwrap();
    let requests = vec![
        request(&harness, r#"{"n":1}"#, None),
        request(&harness, &large, None),
        wrong_subject,
        reserved,
        request(&harness, "{}", Some("")),
        request(&harness, r#"{"n":2}"#, None),
    ];
    let answers = all(harness.engine().publisher(), requests).await;
    let said: Vec<_> = answers
        .iter()
        .map(|answer| match answer {
            Ok(_) => "accepted",
            Err(WriteError::Refused(PublishRefusal::TooLarge { max: 100, .. })) => "too large",
            Err(WriteError::Refused(PublishRefusal::Subject)) => "subject",
            Err(WriteError::Refused(PublishRefusal::Reserved(_))) => "reserved",
            Err(WriteError::Refused(PublishRefusal::Key)) => "key",
            Err(error) => panic!("{error:?}"),
        })
        .collect();
    assert_eq!(
        said,
        [
            "accepted",
            "too large",
            "subject",
            "reserved",
            "key",
            "accepted"
        ]
    );
    assert_eq!(harness.published("note.made"), 2);
}

async fn schemas_warn_or_block(backend: Backend) {
    let harness = Harness::start(backend, vec![]).await;
    let (publisher, tenant) = (harness.engine().publisher(), harness.tenant());
    let schema =
        r#"{"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":0}}}"#;
    let entry = |validation, schema: &str, example: &str| EventTypeEntry {
        event_type: EventType::parse("note.made").unwrap(),
        description: "A note was made".into(),
        schema: Some(JsonObject::parse(schema).unwrap()),
        example: Some(JsonObject::parse(example).unwrap()),
        validation,
    };
    for (wrong_schema, example) in [
        (r#"{"type":"nothing"}"#, "{}"),
        (schema, r#"{"n":-1}"#),
        (r#"{"$ref":"https://example.com/schema.json"}"#, "{}"),
    ] {
        let refused = entry(Validation::Warn, wrong_schema, example)
            .register(publisher, &harness.writer, &tenant)
            .await;
        assert!(
            matches!(
                refused,
                Err(WriteError::Refused(
                    EventTypeRefusal::Schema(_) | EventTypeRefusal::Example(_)
                ))
            ),
            "{refused:?}"
        );
    }
    for (validation, warned, refused) in [
        (Validation::Off, 0, false),
        (Validation::Warn, 1, false),
        (Validation::Block, 0, true),
    ] {
        let made = entry(validation, schema, r#"{"n":1}"#);
        made.clone()
            .register(publisher, &harness.writer, &tenant)
            .await
            .unwrap();
        harness.read(|conn| publisher.refresh(conn));
        let answer = publisher
            .accept(request(&harness, r#"{"n":"one"}"#, None))
            .await;
        assert_eq!(answer.is_err(), refused, "{answer:?}");
        assert_eq!(answer.map_or(0, |accepted| accepted.warnings.len()), warned);
        assert!(
            publisher
                .accept(request(&harness, r#"{"n":1}"#, None))
                .await
                .is_ok()
        );
        let registered = harness.read(|conn| EventTypeEntry::registered(conn, 1));
        assert_eq!(registered, [made]);
    }
}
