//! What a full disk and a lost server do to a batch: no false yes, nothing half written, and work again after.

use db::{Lane, LockError, TxError, WriteError, Writer, WriterSettings, sql};
use diesel::sql_types::BigInt;
use futures_util::future::join_all;
use testkit::TempDb;

use crate::writer::{in_one_batch, insert};
use crate::{open, open_with, rows};

/// Each job writes a row and then 100 kB; the file may hold a few of them, not all. A job that ignores
/// the error is in the batch as well: it must not get its small row committed alone.
#[tokio::test]
async fn a_full_disk_refuses_the_whole_batch() {
    let temp = TempDb::sqlite();
    let mut settings = temp.settings();
    settings.sqlite_bytes_max = 1_000_000;
    let database = open_with(settings);
    let writer = Writer::start(&database, WriterSettings::default()).unwrap();
    let large = "x".repeat(100_000);
    let job = |id: i64, swallow: bool| {
        let large = large.clone();
        writer.with_tx(Lane::Interactive, 1, 7, move |tx| {
            insert(tx, id, "small")?;
            let wrote = insert(tx, id + 1_000, &large);
            if !swallow {
                wrote?;
            }
            insert(tx, id + 2_000, "after")?;
            Ok::<(), TxError<()>>(())
        })
    };
    let answers = in_one_batch(&writer, join_all((0..30).map(|id| job(id, id % 2 == 1)))).await;
    assert!(
        answers
            .iter()
            .all(|a| matches!(a, Err(WriteError::Unavailable(_)))),
        "{answers:?}"
    );
    assert_eq!(rows(&database), 0, "nothing of a refused batch is there");
    job(1, false).await.expect("a job that fits is written");
    assert_eq!(rows(&database), 3);
}

#[derive(diesel::QueryableByName)]
struct Pid {
    #[diesel(sql_type = BigInt)]
    pid: i64,
}

/// The server ends the writer's connection in the middle of a batch.
#[tokio::test]
async fn a_lost_server_refuses_the_batch_and_is_found_again() {
    let temp = TempDb::postgres();
    let database = open(&temp);
    let writer = Writer::start(&database, WriterSettings::default()).unwrap();
    let good = |id: i64| {
        writer.with_tx(Lane::Interactive, 1, 7, move |tx| {
            insert(tx, id, "x")?;
            Ok::<(), TxError<()>>(())
        })
    };
    let killer = {
        let database = database.clone();
        writer.with_tx(Lane::Interactive, 1, 7, move |tx| {
            insert(tx, 100, "x")?;
            let own: Pid = tx
                .conn()
                .one(sql("SELECT pg_backend_pid()::bigint AS pid"))?;
            database
                .connect()?
                .execute(sql("SELECT pg_terminate_backend(?::int)").bind(own.pid))?;
            Ok::<(), TxError<()>>(())
        })
    };
    let batch = async { tokio::join!(good(1), killer, good(2)) };
    let (before, killed, after) = in_one_batch(&writer, batch).await;
    for answer in [before, killed, after] {
        assert!(
            matches!(
                &answer,
                Err(WriteError::Unavailable(_) | WriteError::OutcomeUnknown(_))
            ),
            "{answer:?}"
        );
    }
    assert_eq!(rows(&database), 0);
    good(3).await.expect("the writer connects again");
    assert_eq!(rows(&database), 1);
}

/// The session that holds a node's name ends on the server: the name is taken again, or said to be lost.
#[test]
fn a_lost_name_is_taken_again_unless_another_has_it() {
    let temp = TempDb::postgres();
    let database = open(&temp);
    let mut lock = database.lock_node("node-1").unwrap();
    assert!(matches!(
        database.lock_node("node-1"),
        Err(LockError::Held { .. })
    ));
    let end_the_holder = || {
        let ended = database.connect().unwrap().execute(sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        ));
        ended.unwrap();
    };
    end_the_holder();
    lock.renew().expect("nobody else has taken it");
    assert!(matches!(
        database.lock_node("node-1"),
        Err(LockError::Held { .. })
    ));
    end_the_holder();
    let thief = std::iter::repeat_with(|| database.lock_node("node-1"))
        .take(100)
        .inspect(|_| std::thread::sleep(std::time::Duration::from_millis(10)))
        .find_map(Result::ok);
    assert!(
        thief.is_some(),
        "the name is free once its session has ended"
    );
    assert!(matches!(lock.renew(), Err(LockError::Held { .. })));
}

/// A second process on one SQLite file is refused; the name is free again once the first is gone.
#[test]
fn a_file_has_one_owner() {
    let temp = TempDb::sqlite();
    let database = open(&temp);
    let mut lock = database.lock_node("node-1").unwrap();
    lock.renew().unwrap();
    let refused = database.lock_node("node-2").err().unwrap().to_string();
    assert!(refused.contains("another process"), "{refused}");
    drop(lock);
    database.lock_node("node-2").unwrap();
}
