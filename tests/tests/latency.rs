//! How soon an uploaded file is known at the receiver while nothing else happens: printed, and held to floors
//! that a debug build on a slow machine reaches too.

use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::Design;
use e2e::http::{get, http, upload};
use e2e::load::ingest_id;
use e2e::pair::{Pair, is_ended, number};
use e2e::turns;

const WARM_UPS: usize = 5;
const UPLOADS: usize = 20;
const MEDIAN_MAX: Duration = Duration::from_millis(300);
const WORST_MAX: Duration = Duration::from_secs(2);

async fn upload_to_applied(backend: Backend) {
    let _turn = turns::alone().await;
    let pair = Pair::start(backend, "1, 1").await;
    let http = http();
    let latest = format!("{}/design-files?limit=1", pair.receiver.url());
    let mut times = Vec::new();
    for number_of_design in 0..WARM_UPS + UPLOADS {
        let design = Design::numbered(number_of_design);
        let began = Instant::now();
        let answer = upload(&http, &pair.ingest.url(), &design, None)
            .await
            .unwrap();
        let id = ingest_id(&answer);
        loop {
            let latest = get(&latest).await.unwrap().json;
            let file = &latest["items"][0];
            if number(file, "ingest_id") == id && is_ended(file) {
                break;
            }
            assert!(
                began.elapsed() < WORST_MAX,
                "file {id} does not arrive: {latest}"
            );
        }
        times.push(began.elapsed());
    }
    let mut times = times.split_off(WARM_UPS);
    times.sort();
    let (median, worst) = (times[UPLOADS / 2], times[UPLOADS - 1]);
    println!("{backend:?}: upload to applied p50 {median:.1?}, p99 {worst:.1?} of {UPLOADS}");
    assert!(median < MEDIAN_MAX && worst < WORST_MAX);
}

#[tokio::test]
async fn a_file_is_known_at_once_on_sqlite() {
    upload_to_applied(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_file_is_known_at_once_on_postgres() {
    upload_to_applied(Backend::Postgres).await;
}
