//! What SQLite has committed goes on to the database file while the writer writes.

use std::fs;
use std::time::{Duration, Instant};

use db::{DatabaseUrl, Lane, TxError, Writer, WriterSettings};
use testkit::TempDb;

use crate::open;
use crate::writer::insert;

/// Some 80 MB: what the thread is called for, and far below what makes the writer's own connection do it.
const COMMITS: i64 = 1_100;
const BODY_BYTES: usize = 65_536;
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn the_log_is_moved_to_the_file_beside_the_writer() {
    let temp = TempDb::sqlite();
    let DatabaseUrl::Sqlite(file) = temp.url().clone() else {
        unreachable!("a SQLite file has a path");
    };
    let writer = Writer::start(&open(&temp), WriterSettings::default()).unwrap();
    let body = "x".repeat(BODY_BYTES);
    for id in 0..COMMITS {
        let body = body.clone();
        let written = writer.with_tx(Lane::Interactive, 1, 0, move |tx| {
            insert(tx, id, &body)?;
            Ok::<_, TxError<()>>(())
        });
        written.await.unwrap();
    }
    let began = Instant::now();
    while fs::metadata(&file).unwrap().len() < 600 * BODY_BYTES as u64 {
        assert!(began.elapsed() < PATIENCE, "everything is still in the log");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
