//! What becomes of a delivery after each kind of answer.

use std::net::TcpListener;
use std::time::Duration;

use db::{Backend, Clock, SystemClock};
use testkit::{ScriptedEndpoint, ScriptedReply};

use crate::gated_endpoint::RawEndpoint;
use crate::harness::{
    AttemptRow, DEAD, DELIVERED, DeliveryRow, Harness, PENDING, SECRET, poll, settings,
    subscription, verify,
};

crate::on_both_databases!(
    failures_are_retried_with_the_same_bytes,
    a_schedule_is_used_up,
    retry_after_is_honoured_up_to_the_cap,
    client_errors_follow_the_schedules_rule,
    redirects_are_not_followed,
    broken_connections_are_retried,
    one_deadline_covers_a_dripping_answer,
    a_huge_answer_is_cut,
    forbidden_addresses_are_never_connected_to,
    a_damaged_event_stands_in_nobodys_way,
);

async fn failures_are_retried_with_the_same_bytes(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([
        ScriptedReply::json(500, r#"{"oh":"no"}"#),
        ScriptedReply::dropped(),
        ScriptedReply::status(429),
        ScriptedReply::status(204),
    ]);
    let harness = Harness::start(backend, vec![subscription("shop", endpoint.url())]).await;
    harness.publish("note.made", r#"{"n": 1}"#).await;
    let (row, attempts) = harness.only(DELIVERED).await;
    assert_eq!((row.attempts, row.claim), (4, 4));
    let outcomes: Vec<_> = attempts
        .iter()
        .map(|a| (a.outcome, a.status_code))
        .collect();
    assert_eq!(
        outcomes,
        [(2, Some(500)), (6, None), (2, Some(429)), (1, Some(204))]
    );
    assert_eq!(
        attempts[0].response.as_deref(),
        Some(r#"{"oh":"no"}"#.as_bytes())
    );
    assert!(attempts[1].error.is_some() && attempts[3].response.is_none());

    let requests = endpoint.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        verify(request, SECRET);
        assert_eq!(request.body, requests[0].body);
        assert_eq!(
            request.header("webhook-id"),
            requests[0].header("webhook-id")
        );
    }
}

async fn a_schedule_is_used_up(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::status(503));
    let harness = Harness::start(backend, vec![subscription("shop", endpoint.url())]).await;
    harness.publish("note.made", "{}").await;
    let (row, attempts) = harness.only(DEAD).await;
    assert_eq!((row.attempts, row.owner), (4, None));
    assert!(attempts.iter().all(|a| a.status_code == Some(503)));
    assert_eq!((attempts.len(), endpoint.requests().len()), (4, 4));
}

/// One event to each of these addresses under these schedules: how each delivery stands after its first
/// attempt.
async fn first_attempts(
    harness: &mut Harness,
    endpoints: &[(String, &str)],
) -> Vec<(DeliveryRow, AttemptRow)> {
    let subscriptions = endpoints.iter().enumerate().map(|(n, (url, schedule))| {
        let mut wanted = subscription(&format!("s{n}"), url);
        wanted.retry_schedule = (*schedule).into();
        wanted.events = vec!["note.*".into()];
        wanted
    });
    harness.restart(subscriptions.collect()).await;
    harness.publish("note.made", "{}").await;
    let tried = |row: &DeliveryRow| row.attempts > 0 && row.owner.is_none();
    let over = poll(|| harness.deliveries().iter().all(tried)).await;
    assert!(over, "{:?}", harness.deliveries());
    let rows = harness.deliveries();
    assert_eq!(rows.len(), endpoints.len());
    let first = |row: DeliveryRow| {
        let mut attempts = harness.attempts(row.id);
        (row, attempts.remove(0))
    };
    rows.into_iter().map(first).collect()
}

/// The same against one scripted server, which knows them by their paths.
async fn answered(
    backend: Backend,
    cases: &[(&str, &str)],
    script: impl Fn(&str) -> ScriptedReply + Send + 'static,
) -> Vec<(DeliveryRow, AttemptRow)> {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(move |request| script(request.path.trim_start_matches('/')));
    let endpoints: Vec<_> = cases
        .iter()
        .map(|(path, schedule)| (format!("{}/{path}", endpoint.url()), *schedule))
        .collect();
    let mut harness = Harness::idle(backend, settings());
    harness.settings.retry_after_seconds_max = 3_600;
    first_attempts(&mut harness, &endpoints).await
}

async fn retry_after_is_honoured_up_to_the_cap(backend: Backend) {
    let now = std::time::UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms().unsigned_abs());
    let date = httpdate::fmt_http_date(now + Duration::from_secs(600));
    let asked = ["120", &date, "999999", "-5", "soon"].map(str::to_owned);
    let cases: Vec<_> = ["0", "1", "2", "3", "4"].map(|n| (n, "60")).into();
    let ends = answered(backend, &cases, move |path| {
        let n: usize = path.parse().unwrap();
        ScriptedReply::status(503).header("retry-after", &asked[n])
    });
    for ((row, _), seconds) in ends.await.into_iter().zip([120, 600, 3_600, 60, 60]) {
        let (wait, expected) = (row.due_at_ms - SystemClock.now_ms(), seconds * 1_000);
        assert!(
            (expected - 25_000..=expected + 2_000).contains(&wait),
            "{wait} for {expected}"
        );
        assert_eq!(row.state, PENDING);
    }
}

async fn client_errors_follow_the_schedules_rule(backend: Backend) {
    let cases = [
        ("404", "standard", PENDING),
        ("404", "quick", DEAD),
        ("301", "standard", PENDING),
        ("301", "patient", DEAD),
        ("408", "doubling", PENDING),
        ("425", "doubling", PENDING),
        ("429", "doubling", PENDING),
        ("501", "doubling", PENDING),
        ("410", "standard", DEAD),
    ];
    let sent = cases.map(|(status, schedule, _)| (status, schedule));
    let ends = answered(backend, &sent, |path| {
        ScriptedReply::status(path.parse().unwrap())
    });
    for ((row, attempt), case) in ends.await.into_iter().zip(cases) {
        assert_eq!((row.state, row.attempts), (case.2, 1), "{case:?}");
        assert_eq!(attempt.status_code.unwrap().to_string(), case.0);
    }
}

async fn redirects_are_not_followed(backend: Backend) {
    let elsewhere = ScriptedEndpoint::start().await;
    let target = elsewhere.url().to_owned();
    let ends = answered(backend, &[("", "standard")], move |_| {
        ScriptedReply::status(307).header("location", &target)
    });
    assert_eq!(ends.await[0].1.status_code, Some(307));
    assert!(elsewhere.requests().is_empty());
}

async fn broken_connections_are_retried(backend: Backend) {
    // Nobody listens on the port of tcpmux; a port that was free a moment ago may be another test's by now.
    let refused = "http://127.0.0.1:1/hook".to_owned();
    let half_success = RawEndpoint::start(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    let half_failure = RawEndpoint::start(b"HTTP/1.1 503 No\r\ncontent-length: 100\r\n\r\nhalf");
    let nonsense = RawEndpoint::start(b"SMTP ready\r\n\r\n");
    let cases = [
        (refused, 4, None, None),
        (half_success.url(), 6, None, None),
        (half_failure.url(), 2, Some(503), Some(b"half".to_vec())),
        (nonsense.url(), 6, None, None),
    ];
    let mut harness = Harness::idle(backend, settings());
    let endpoints: Vec<_> = cases.iter().map(|case| (case.0.clone(), "3600")).collect();
    let ends = first_attempts(&mut harness, &endpoints).await;
    for ((row, attempt), (url, outcome, status, response)) in ends.into_iter().zip(cases) {
        assert_eq!(
            (row.state, attempt.outcome),
            (PENDING, outcome),
            "{url}: {attempt:?}"
        );
        assert_eq!((attempt.status_code, attempt.response), (status, response));
        assert!(attempt.error.is_none_or(|error| !error.contains("http://")));
    }
}

async fn one_deadline_covers_a_dripping_answer(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_with(|_| ScriptedReply::drip(200, Duration::from_millis(100)));
    let mut harness = Harness::idle(backend, settings());
    harness.settings.attempt_timeout_seconds = 1;
    let endpoints = [(endpoint.url().to_owned(), "3600")];
    let (row, attempt) = first_attempts(&mut harness, &endpoints).await.remove(0);
    assert_eq!(
        (row.state, attempt.outcome, attempt.status_code),
        (PENDING, 3, None)
    );
    assert!((1_000..5_000).contains(&attempt.duration_ms), "{attempt:?}");
}

async fn a_huge_answer_is_cut(backend: Backend) {
    let huge = vec![b'x'; 50 << 20];
    let cases = [("500", "standard"), ("200", "standard")];
    let ends = answered(backend, &cases, move |path| {
        ScriptedReply::status(path.parse().unwrap()).body(huge.clone())
    });
    for ((row, attempt), (state, kept)) in ends
        .await
        .into_iter()
        .zip([(PENDING, 16_384), (DELIVERED, 0)])
    {
        assert_eq!(row.state, state);
        assert_eq!(attempt.response.map_or(0, |response| response.len()), kept);
    }
}

async fn forbidden_addresses_are_never_connected_to(backend: Backend) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let urls = [
        // Loopback is not public, with or without TLS, by number or by name.
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("https://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        // Public, but without TLS.
        "http://192.0.1.1/".to_owned(),
    ];
    let mut harness = Harness::idle(backend, settings());
    harness.settings.allow_networks = vec!["10.0.0.0/8".into()];
    let endpoints = urls.map(|url| (url, "3600"));
    let ends = first_attempts(&mut harness, &endpoints).await;
    for ((row, attempt), (url, _)) in ends.into_iter().zip(endpoints) {
        // A name may resolve to something else later, so it is tried again.
        assert_eq!(
            (row.state, attempt.outcome),
            (PENDING, 5),
            "{url}: {attempt:?}"
        );
        assert!(attempt.error.unwrap().contains("allow_networks"));
    }
    let connected = listener.accept().map(|_| ());
    assert_eq!(
        connected.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

async fn a_damaged_event_stands_in_nobodys_way(backend: Backend) {
    let endpoint = ScriptedEndpoint::start().await;
    let mut harness = Harness::idle(backend, settings());
    harness.settings.enabled = false;
    let wanted = || vec![subscription("shop", endpoint.url())];
    harness.restart(wanted()).await;
    harness.publish_many(3).await;
    harness.execute("DELETE FROM events WHERE id = (SELECT min(id) FROM events)".into());
    harness.settings.enabled = true;
    harness.restart(wanted()).await;
    harness.until(DELIVERED, 2).await;
    let (row, attempts) = harness.only(DEAD).await;
    assert_eq!((row.attempts, attempts[0].outcome), (1, 7));
}
