//! `kill -9` at random moments under load: what was answered 2xx is neither lost nor done twice. Must never
//! stop a service kindly.

use std::time::{Duration, Instant};

use db::Backend;
use e2e::designs::Design;
use e2e::effects;
use e2e::load::{self, Load, upload_until};
use e2e::pair::{Pair, is_ended, number};
use e2e::{seed, turns};
use fastrand::Rng;
use tokio::sync::watch;

/// Soon enough again that a test is quick, often enough that no delivery dies while the receiver does.
const RETRY_SCHEDULE: &str = "1, 1, 1, 1, 2, 2, 2, 5, 5, 5";
/// Moments of a kill after a start.
const KILL_MS: std::ops::Range<u64> = 100..600;
/// Files that wait for their extraction when ingest dies for the last time.
const BURST: usize = 30;
/// Enough that reading them takes longer than sending them.
const GEAR_VERTICES: usize = 20_000;
/// Attempts of one endpoint that may be under way when ingest dies: as many may be made twice.
const IN_FLIGHT_MAX: i64 = 16;
/// Time for work to go on after a restart, on a busy machine.
const RESUME_TIME_MAX: Duration = Duration::from_secs(5);
/// Time for all of it to be done.
const FINISH_TIME_MAX: Duration = Duration::from_secs(20);

async fn kill_ingest(backend: Backend, kills: i64, uploads: usize) {
    let _turn = turns::beside_others().await;
    let seed = seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut pair = Pair::start(backend, RETRY_SCHEDULE).await;
    let (over, faults_over) = watch::channel(false);
    let base = pair.ingest.url();
    let uploading = upload_until(base, seed, uploads, faults_over);
    let (mut load, ()) = tokio::join!(uploading, async {
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(random.u64(KILL_MS))).await;
            pair.ingest.kill();
            pair.ingest.start();
        }
        over.send_replace(true);
    });
    pair.ingest.healthy().await;
    let resumed = kill_in_mid_work(&mut pair, &mut load).await;
    let effects = effects::of(&pair, &load).await;
    println!(
        "{backend:?}, ingest killed {} times: {effects}; {resumed}",
        kills + 1
    );
    assert!(effects.lost.is_empty(), "lost: {:?}", effects.lost);
    assert!(effects.duplicates <= (kills + 1) * IN_FLIGHT_MAX);
}

/// Kills ingest with files in all stages; says how soon their work goes on.
async fn kill_in_mid_work(pair: &mut Pair, load: &mut Load) -> String {
    let base = pair.ingest.url();
    let gears = (0..BURST).map(|number| Design::gear(number, GEAR_VERTICES));
    let burst = load::burst(&base, gears).await;
    pair.ingest.kill();
    let ended = count_ended(pair, &burst).await;
    pair.ingest.start();
    let began = Instant::now();
    let mut first = None;
    loop {
        let now = count_ended(pair, &burst).await;
        if now > ended || now == BURST {
            first = first.or(Some(began.elapsed()));
        }
        let time_max = if first.is_none() {
            RESUME_TIME_MAX
        } else {
            FINISH_TIME_MAX
        };
        assert!(
            began.elapsed() < time_max,
            "work under way does not go on: {now} of {BURST}"
        );
        if now == BURST {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (first, last) = (first.unwrap_or_default(), began.elapsed());
    load.answered.extend(burst.answered);
    format!(
        "{} files under way went on {:.2} s after the restart and were through after {:.2} s",
        BURST - ended,
        first.as_secs_f64(),
        last.as_secs_f64()
    )
}

async fn count_ended(pair: &Pair, load: &Load) -> usize {
    let files = pair.design_files().await;
    let ours = |id: i64| load.answered.contains_key(&id);
    let ended = files.iter().filter(|file| is_ended(file));
    ended.filter(|file| ours(number(file, "ingest_id"))).count()
}

async fn kill_receiver(backend: Backend, kills: usize, uploads: usize) {
    let _turn = turns::beside_others().await;
    let seed = seed();
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut pair = Pair::start(backend, RETRY_SCHEDULE).await;
    let (over, faults_over) = watch::channel(false);
    let uploading = upload_until(pair.ingest.url(), seed, uploads, faults_over);
    let (load, ()) = tokio::join!(uploading, async {
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(random.u64(KILL_MS))).await;
            pair.receiver.kill();
            pair.receiver.start();
            pair.receiver.healthy().await;
        }
        over.send_replace(true);
    });
    let uploaded = Instant::now();
    pair.settled(load.answered.len()).await;
    let settled = uploaded.elapsed().as_secs_f64();
    let effects = effects::of(&pair, &load).await;
    println!(
        "{backend:?}, receiver killed {kills} times: {effects}; at rest {settled:.2} s after the last upload"
    );
    assert!(effects.lost.is_empty(), "lost: {:?}", effects.lost);
    assert_eq!(
        load.unanswered, 0,
        "a dead receiver is nothing to those who upload"
    );
}

#[tokio::test]
async fn a_killed_ingest_loses_nothing_on_sqlite() {
    kill_ingest(Backend::Sqlite, 19, 200).await;
}

#[tokio::test]
async fn a_killed_ingest_loses_nothing_on_postgres() {
    kill_ingest(Backend::Postgres, 4, 60).await;
}

#[tokio::test]
async fn a_killed_receiver_loses_nothing_on_sqlite() {
    kill_receiver(Backend::Sqlite, 20, 200).await;
}

#[tokio::test]
async fn a_killed_receiver_loses_nothing_on_postgres() {
    kill_receiver(Backend::Postgres, 5, 60).await;
}

/// A crash is held against a file that was being read, not against those that only waited.
#[tokio::test]
async fn files_that_only_waited_are_not_blamed_for_crashes() {
    const FILES: usize = 200;
    const KILLS: usize = 6;
    let _turn = turns::beside_others().await;
    let mut pair = Pair::start(Backend::Sqlite, RETRY_SCHEDULE).await;
    let plates = (0..FILES).map(Design::numbered);
    let load = load::burst(&pair.ingest.url(), plates).await;
    for _ in 0..KILLS {
        pair.ingest.kill();
        pair.ingest.start();
        pair.ingest.healthy().await;
    }
    let effects = effects::of(&pair, &load).await;
    println!("ingest killed {KILLS} times with a queue: {effects}");
    // Each worker may have been reading the same file every time.
    let at_work_max = std::thread::available_parallelism().unwrap().get();
    assert!(
        effects.lost.len() <= at_work_max,
        "failed: {:?}",
        effects.lost
    );
}
