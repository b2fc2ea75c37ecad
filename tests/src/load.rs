//! Uploads that go on while services die: every upload is repeated until it is answered 2xx, as a careful
//! client does. Must never take anything but a 2xx for an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::designs::Design;
use crate::http::{Answer, http, upload};
use crate::pair::number;

/// Uploads under way at once.
const UPLOADERS: u64 = 4;
/// Longest pause of an uploader between two designs, so that the load spreads over all faults.
const PAUSE_MS_MAX: u64 = 100;
/// Pause before an upload that failed is repeated.
const REPEAT_AFTER: Duration = Duration::from_millis(50);
/// Time for one design to be taken in at last.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(60);

/// What was uploaded and what came back.
#[derive(Debug, Default)]
pub struct Load {
    /// Designs answered 2xx, by `ingest_id`.
    pub answered: BTreeMap<i64, Design>,
    /// Attempts that ended without an answer or with 503.
    pub unanswered: usize,
}

impl Load {
    fn add(&mut self, other: Self) {
        self.unanswered += other.unanswered;
        for (id, design) in other.answered {
            let before = self.answered.insert(id, design);
            assert!(before.is_none(), "two designs have ingest_id {id}");
        }
    }
}

/// Uploads at least `count` designs, and more until `faults_over`, four at a time.
pub async fn upload_until(
    base: String,
    seed: u64,
    count: usize,
    faults_over: watch::Receiver<bool>,
) -> Load {
    let next = Arc::new(AtomicUsize::new(0));
    let mut uploaders = JoinSet::new();
    for number in 0..UPLOADERS {
        let (base, next, over) = (base.clone(), Arc::clone(&next), faults_over.clone());
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(number));
        uploaders.spawn(async move {
            let (mut load, http) = (Load::default(), http());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count && *over.borrow() {
                    return load;
                }
                let wait = random.bool().then_some(0);
                let design = Design::numbered(number);
                let (id, unanswered) = insist(&http, &base, &design, wait).await;
                load.unanswered += unanswered;
                load.answered.insert(id, design);
                let pause = Duration::from_millis(random.u64(..PAUSE_MS_MAX));
                tokio::time::sleep(pause).await;
            }
        });
    }
    let mut all = Load::default();
    while let Some(load) = uploaders.join_next().await {
        all.add(load.expect("an uploader comes to its end"));
    }
    all
}

/// Uploads all designs at once, without waiting for their extraction; each must be answered.
pub async fn burst(base: &str, designs: impl Iterator<Item = Design>) -> Load {
    let mut uploads = JoinSet::new();
    let http = http();
    for design in designs {
        let (base, http) = (base.to_owned(), http.clone());
        uploads.spawn(async move {
            let answer = upload(&http, &base, &design, Some(0)).await;
            let answer = answer.expect("ingest answers");
            assert!(answer.is_success(), "{answer:?}");
            (ingest_id(&answer), design)
        });
    }
    let answered = uploads.join_all().await.into_iter().collect();
    Load {
        answered,
        unanswered: 0,
    }
}

/// Repeats an upload until it is answered 2xx; its `ingest_id`, and how many attempts were in vain.
async fn insist(
    http: &reqwest::Client,
    base: &str,
    design: &Design,
    wait: Option<u64>,
) -> (i64, usize) {
    let began = Instant::now();
    let mut unanswered = 0;
    while began.elapsed() < UPLOAD_TIME_MAX {
        match upload(http, base, design, wait).await {
            Ok(answer) if answer.is_success() => return (ingest_id(&answer), unanswered),
            Ok(answer) => assert_eq!(answer.status, 503, "{}: {}", design.name, answer.json),
            Err(_no_answer) => {}
        }
        unanswered += 1;
        tokio::time::sleep(REPEAT_AFTER).await;
    }
    unreachable!("{} is not taken in within {UPLOAD_TIME_MAX:?}", design.name)
}

/// The identity of the one file that was uploaded.
pub fn ingest_id(answer: &Answer) -> i64 {
    let id = answer
        .json
        .get(0)
        .map_or(-1, |result| number(result, "ingest_id"));
    assert!(id > 0, "{answer:?}");
    id
}
