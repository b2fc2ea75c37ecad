//! Group commit: refusals, defects, bounds, stopping.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::time::Duration;

use db::{DbError, Lane, SetJob, Submission, Tx, TxError, WriteError, Writer, WriterSettings, sql};
use futures_util::future::{join, join_all};
use testkit::TempDb;

use crate::{open, rows};

pub(crate) fn insert(tx: &mut Tx<'_>, id: i64, body: &str) -> Result<(), DbError> {
    let statement = sql("INSERT INTO notes (id, body) VALUES (?, ?)");
    tx.conn()
        .execute(statement.bind(id).bind(body))
        .map(|_one| ())
}

type Answer = Result<(), WriteError<&'static str>>;

async fn write(writer: &Writer, id: i64, refuse: bool) -> Answer {
    writer
        .with_tx(Lane::Interactive, 1, 7, move |tx| {
            insert(tx, id, "x")?;
            if refuse {
                Err(TxError::Refused("odd"))
            } else {
                Ok(())
            }
        })
        .await
}

/// Holds the writer until `jobs` have all been queued behind, so that they share one batch.
pub(crate) async fn in_one_batch<T>(writer: &Writer, jobs: impl Future<Output = T>) -> T {
    let (release, wait) = mpsc::channel::<()>();
    let started = Arc::new(tokio::sync::Notify::new());
    let running = Arc::clone(&started);
    let blocker = writer.with_tx(Lane::Interactive, 1, 7, move |_tx| {
        running.notify_one();
        // Ends when the sender is dropped.
        assert!(wait.recv().is_err());
        Ok::<(), TxError<()>>(())
    });
    let queued = async {
        started.notified().await;
        let mut jobs = std::pin::pin!(jobs);
        // One poll pushes every job into the queue.
        let first = std::future::poll_fn(|cx| Poll::Ready(jobs.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        drop(release);
        jobs.await
    };
    let (blocked, answer) = join(blocker, queued).await;
    blocked.expect("the blocker commits");
    answer
}

#[tokio::test]
async fn a_refusal_does_not_spoil_its_batch() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let jobs = join_all((0..60).map(|id| write(&writer, id, id % 3 == 0)));
        let answers = in_one_batch(&writer, jobs).await;
        let refused = answers
            .iter()
            .filter(|a| **a == Err(WriteError::Refused("odd")))
            .count();
        assert_eq!((refused, rows(&database)), (20, 40), "{}", temp.url());
        let stats = writer.stats();
        assert_eq!((stats.jobs, stats.commits), (61, 2), "{}", temp.url());
    }
}

#[tokio::test]
async fn a_failing_or_panicking_job_fails_alone() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let twice = async {
            let first = write(&writer, 1, false);
            let again = write(&writer, 1, false);
            let other = write(&writer, 2, false);
            let panics =
                writer.with_tx(Lane::Interactive, 1, 7, |_tx| -> Result<(), TxError<()>> {
                    panic!("a defect")
                });
            tokio::join!(first, again, other, panics)
        };
        let (first, again, other, panics) = in_one_batch(&writer, twice).await;
        assert_eq!((first, other), (Ok(()), Ok(())));
        assert!(matches!(again, Err(WriteError::Failed(_))), "{again:?}");
        assert!(matches!(panics, Err(WriteError::Failed(_))), "{panics:?}");
        assert_eq!(rows(&database), 2, "{}", temp.url());
        assert_eq!(write(&writer, 3, false).await, Ok(()));
    }
}

#[tokio::test]
async fn a_swallowed_error_is_not_committed() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let answer = writer
            .with_tx(Lane::Interactive, 1, 7, |tx| {
                insert(tx, 1, "x")?;
                drop(insert(tx, 1, "the same id"));
                Ok::<(), TxError<()>>(())
            })
            .await;
        assert!(matches!(answer, Err(WriteError::Failed(_))), "{answer:?}");
        assert_eq!(rows(&database), 0, "{}", temp.url());
    }
}

#[tokio::test]
async fn effects_follow_the_commit_and_only_the_commit() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let job = |id: i64, refuse: bool| {
            let (seen, reader) = (Arc::clone(&seen), database.clone());
            writer.with_tx(Lane::Interactive, 1, 7, move |tx| {
                insert(tx, id, "x")?;
                let (seen, reader) = (Arc::clone(&seen), reader.clone());
                tx.after_commit(move || {
                    assert!(rows(&reader) > 0, "what was committed can be read");
                    seen.fetch_add(1, Ordering::SeqCst);
                });
                if refuse {
                    Err(TxError::Refused(()))
                } else {
                    Ok(())
                }
            })
        };
        let (kept, refused) = join(job(1, false), job(2, true)).await;
        assert_eq!((kept, refused), (Ok(()), Err(WriteError::Refused(()))));
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}

/// Writes notes as a set; an item with id 13 fails in the database.
struct Notes;

impl SetJob for Notes {
    type Item = i64;
    type Output = i64;
    const RANK: u8 = 10;
    const LANE: Lane = Lane::Interactive;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [i64]) -> Result<Vec<i64>, DbError> {
        for id in items.iter() {
            let body = if *id == 13 { None } else { Some("x") };
            let statement = sql("INSERT INTO notes (id, body) VALUES (?, ?)");
            tx.conn().execute(statement.bind(*id).bind(body))?;
        }
        Ok(items.iter().map(|id| id * 2).collect())
    }
}

#[tokio::test]
async fn a_set_that_fails_is_written_item_by_item() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let notes = writer.register(Notes);
        let jobs = join_all((0..40).map(async |item| {
            let submission = Submission {
                tenant: 1,
                key: 7,
                bytes: 10,
                item,
            };
            notes.submit(submission).await
        }));
        for (id, answer) in in_one_batch(&writer, jobs).await.into_iter().enumerate() {
            match answer {
                Ok(output) => assert_eq!(output, id as i64 * 2),
                Err(error) => assert!(id == 13 && matches!(error, WriteError::Failed(_))),
            }
        }
        assert_eq!(rows(&database), 39, "{}", temp.url());
    }
}

#[tokio::test]
async fn a_full_queue_says_so_and_a_stopping_writer_writes_what_waits() {
    for temp in TempDb::both() {
        let database = open(&temp);
        let settings = WriterSettings {
            queue_jobs_max: 10,
            ..WriterSettings::default()
        };
        let writer = Writer::start(&database, settings).unwrap();
        let jobs = join_all((0..20).map(|id| write(&writer, id, false)));
        let answers = in_one_batch(&writer, jobs).await;
        let written = answers.iter().filter(|a| a.is_ok()).count();
        let busy = answers
            .iter()
            .filter(|a| **a == Err(WriteError::Busy))
            .count();
        assert_eq!((written, busy), (10, 10), "{}", temp.url());
        writer.stop();
        assert_eq!(rows(&database), 10);
        let late = write(&writer, 99, false).await;
        assert!(matches!(late, Err(WriteError::Unavailable(_))), "{late:?}");
    }
}

/// A job of `tenant` in `lane`.
async fn insert_in(writer: &Writer, lane: Lane, tenant: i64, id: i64) {
    let job = move |tx: &mut Tx<'_>| Ok::<_, TxError<()>>(insert(tx, id, "x")?);
    let written = writer.with_tx(lane, tenant, 7, job).await;
    written.expect("it is written");
}

#[tokio::test]
async fn bulk_work_shares_no_transaction_with_what_somebody_waits_for() {
    let temp = TempDb::sqlite();
    let writer = Writer::start(&open(&temp), WriterSettings::default()).unwrap();
    let jobs = join_all((0..4).map(|id| {
        let lane = match id % 2 {
            0 => Lane::Interactive,
            _ => Lane::Bulk,
        };
        insert_in(&writer, lane, 1, id)
    }));
    in_one_batch(&writer, jobs).await;
    // The one that held it up, then two of each kind.
    let stats = writer.stats();
    assert_eq!((stats.jobs, stats.commits), (5, 3));
}

#[tokio::test]
async fn no_lane_waits_for_another_on_postgres() {
    let temp = TempDb::postgres();
    let writer = Writer::start(&open(&temp), WriterSettings::default()).unwrap();
    // It holds its lane until the others have written.
    let (outcome, wait) = mpsc::channel::<()>();
    let held = writer.with_tx(Lane::Interactive, 1, 7, move |_tx| {
        assert!(wait.recv().is_err());
        Ok::<(), TxError<()>>(())
    });
    let others = async {
        insert_in(&writer, Lane::Outcomes, 1, 1).await;
        insert_in(&writer, Lane::Bulk, 1, 2).await;
        drop(outcome);
    };
    let (held, ()) = join(held, others).await;
    held.unwrap();
}

#[tokio::test]
async fn beside_a_quiet_tenant_a_loud_one_writes_a_little_at_a_time() {
    // Alone it would have 64 jobs in each transaction.
    const COMMITS_ALONE: u64 = 16;
    // A machine that stands still between two transactions cannot tell who is loud.
    const ROUNDS_MAX: usize = 5;
    for temp in TempDb::both() {
        let database = open(&temp);
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let mut commits = 0;
        for _ in 0..ROUNDS_MAX {
            commits = commits_beside_a_quiet_tenant(&writer, 64 * COMMITS_ALONE).await;
            if commits > 2 * COMMITS_ALONE {
                break;
            }
        }
        assert!(commits > 2 * COMMITS_ALONE, "{commits} on {}", temp.url());
    }
}

/// How many transactions so many jobs of a tenant take, handed in at once, while another one writes something now and
/// then.
async fn commits_beside_a_quiet_tenant(writer: &Writer, jobs: u64) -> u64 {
    let before = writer.stats().commits;
    let done = AtomicU64::new(0);
    let write = async |tenant: i64| {
        let nothing = |_tx: &mut Tx<'_>| Ok::<(), TxError<()>>(());
        let written = writer.with_tx(Lane::Interactive, tenant, 7, nothing).await;
        written.expect("it is written");
    };
    let loud = join_all((0..jobs).map(async |_| {
        write(1).await;
        done.fetch_add(1, Ordering::Relaxed);
    }));
    let quiet = async {
        let mut quiet_jobs = 0;
        while done.load(Ordering::Relaxed) < jobs {
            write(2).await;
            quiet_jobs += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        quiet_jobs
    };
    let (_all, quiet_jobs) = join(loud, quiet).await;
    writer.stats().commits - before - quiet_jobs
}
