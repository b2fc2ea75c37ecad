//! What a load brought about, counted at both ends: nothing lost, nothing stuck, nothing twice. Must never
//! count before both services are at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::http::{http, items};
use crate::load::Load;
use crate::pair::{Pair, number, text};

/// What was found after a load.
#[derive(Debug)]
pub struct Effects {
    /// Uploads answered 2xx.
    pub answered: usize,
    /// Attempts to upload that got no answer.
    pub unanswered: usize,
    /// Answered uploads that the receiver does not know as completed.
    pub lost: Vec<i64>,
    /// Deliveries that the receiver saw more than once.
    pub duplicates: i64,
}

impl fmt::Display for Effects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            answered,
            unanswered,
            lost,
            duplicates,
        } = self;
        let lost = lost.len();
        write!(
            f,
            "{answered} uploads answered 2xx ({unanswered} attempts were not), {lost} lost, \
             {duplicates} duplicate deliveries"
        )
    }
}

/// Waits until `pair` is at rest and checks everything that `load` must have brought about but the losses,
/// which are the caller's to judge.
pub async fn of(pair: &Pair, load: &Load) -> Effects {
    let files = pair.settled(load.answered.len()).await;
    let known: BTreeMap<i64, &Value> = files
        .iter()
        .map(|file| (number(file, "ingest_id"), file))
        .collect();
    assert_eq!(
        known.len(),
        files.len(),
        "two design files share an ingest_id"
    );
    assert!(
        known.keys().eq(load.answered.keys()),
        "every upload was answered at last, so the receiver knows exactly those: {:?}",
        symmetric_difference(&known, load)
    );
    let completed = |id: &&i64| {
        known
            .get(id)
            .is_some_and(|file| text(file, "status") == "completed")
    };
    let lost = load
        .answered
        .keys()
        .filter(|id| !completed(id))
        .copied()
        .collect();
    kept(pair, load).await;
    once(pair, load.answered.len()).await;
    Effects {
        answered: load.answered.len(),
        unanswered: load.unanswered,
        lost,
        duplicates: duplicates(pair, load.answered.len()).await,
    }
}

fn symmetric_difference(known: &BTreeMap<i64, &Value>, load: &Load) -> BTreeSet<i64> {
    let known: BTreeSet<i64> = known.keys().copied().collect();
    let answered: BTreeSet<i64> = load.answered.keys().copied().collect();
    known.symmetric_difference(&answered).copied().collect()
}

/// Ingest has one record for each upload, and the very bytes.
async fn kept(pair: &Pair, load: &Load) {
    let records = items(&format!("{}/files", pair.ingest.url())).await;
    let ids: BTreeSet<i64> = records.iter().map(|record| number(record, "id")).collect();
    assert!(
        ids.iter().eq(load.answered.keys()),
        "ingest has other records"
    );
    let http = http();
    for (id, design) in &load.answered {
        let url = format!("{}/files/{id}/content", pair.ingest.url());
        let answer = http.get(url).send().await.expect("ingest answers");
        let bytes = answer.bytes().await.expect("the content arrives");
        assert!(bytes == design.bytes, "the bytes of file {id} are others");
    }
}

/// Every event was applied once, none is stuck.
async fn once(pair: &Pair, files: usize) {
    let stats = pair.queue_stats().await;
    let expected = [("pending", 0), ("processing", 0), ("failed", 0)];
    for (state, count) in expected {
        assert_eq!(number(&stats, state), count, "deliveries: {stats}");
    }
    let activity = items(&format!("{}/activity", pair.receiver.url())).await;
    let events: BTreeSet<&str> = activity
        .iter()
        .map(|entry| text(entry, "event_id"))
        .collect();
    assert_eq!(
        events.len(),
        activity.len(),
        "an event shows twice in the activity"
    );
    let mut types: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for entry in &activity {
        let of_file = types.entry(number(entry, "ingest_id")).or_default();
        of_file.push(text(entry, "event_type"));
    }
    assert_eq!(types.len(), files);
    for (id, types) in types {
        let ingested = types
            .iter()
            .filter(|event_type| **event_type == "file.ingested");
        assert_eq!(
            (ingested.count(), types.len()),
            (1, 2),
            "file {id}: {types:?}"
        );
    }
}

async fn duplicates(pair: &Pair, files: usize) -> i64 {
    let inbox = items(&format!("{}/inbox", pair.receiver.url())).await;
    assert_eq!(inbox.len(), 2 * files, "one inbox entry for each event");
    for event in &inbox {
        let state = text(event, "state");
        assert!(matches!(state, "applied" | "stale"), "{event}");
    }
    inbox.iter().map(|event| number(event, "duplicates")).sum()
}
