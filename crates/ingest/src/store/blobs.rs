//! Stored bytes and whether they may still be used.

use db::{Conn, DbError, Tx, sql};
use diesel::sql_types::{BigInt, Binary, SmallInt};

use crate::storage::BlobKey;

const LIVE: i16 = 1;
const DELETING: i16 = 2;
const REMOVED: i16 = 3;

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    generation: i64,
    #[diesel(sql_type = SmallInt)]
    state: i16,
}

/// The generation under which an upload of these bytes is to be kept: the live one, or the next.
pub(crate) fn live_generation(conn: &mut Conn, sha256: &[u8; 32]) -> Result<i64, DbError> {
    let newest: Option<Row> = conn.row(
        sql(
            "SELECT generation, state FROM blobs WHERE sha256 = ? ORDER BY generation DESC LIMIT 1",
        )
        .bind(sha256.as_slice()),
    )?;
    Ok(newest.map_or(1, |row| match row.state {
        LIVE => row.generation,
        _ => row.generation + 1,
    }))
}

/// Records that these bytes are used. False when they are being removed: another generation is needed.
pub(crate) fn mark_used(
    tx: &mut Tx<'_>,
    key: BlobKey,
    size: i64,
    now_ms: i64,
) -> Result<bool, DbError> {
    let conn = tx.conn();
    // An older generation than one that exists has been removed, even where that is no longer on record.
    conn.execute(
        sql(
            "INSERT INTO blobs (sha256, generation, size_bytes, state, created_at_ms) \
             SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS \
             (SELECT 1 FROM blobs WHERE sha256 = ? AND generation > ?) \
             ON CONFLICT (sha256, generation) DO NOTHING",
        )
        .bind(key.sha256.to_vec())
        .bind(key.generation)
        .bind(size)
        .bind(LIVE)
        .bind(now_ms)
        .bind(key.sha256.to_vec())
        .bind(key.generation),
    )?;
    // Touching the row locks it against a removal that has not committed yet.
    let live = conn.execute(
        sql("UPDATE blobs SET size_bytes = ? WHERE sha256 = ? AND generation = ? AND state = ?")
            .bind(size)
            .bind(key.sha256.to_vec())
            .bind(key.generation)
            .bind(LIVE),
    )?;
    Ok(live == 1)
}

/// Marks bytes for removal if no record uses them any more; answers whether it did.
pub(crate) fn mark_deleting(tx: &mut Tx<'_>, key: BlobKey) -> Result<bool, DbError> {
    // Locked by a statement of its own first: the one that looks for users must see what an upload that
    // held the lock has committed meanwhile.
    tx.conn().execute(
        sql("UPDATE blobs SET state = state WHERE sha256 = ? AND generation = ?")
            .bind(key.sha256.to_vec())
            .bind(key.generation),
    )?;
    let marked = tx.conn().execute(
        sql("UPDATE blobs SET state = ? WHERE sha256 = ? AND generation = ? AND state = ? AND NOT EXISTS \
             (SELECT 1 FROM files f WHERE f.sha256 = blobs.sha256 \
              AND f.generation = blobs.generation AND f.hard_deleted = 0)")
        .bind(DELETING)
        .bind(key.sha256.to_vec())
        .bind(key.generation)
        .bind(LIVE),
    )?;
    Ok(marked == 1)
}

/// Notes that bytes are gone. Their generation is never used again: an upload that found it live, and so
/// wrote nothing, must not revive it.
pub(crate) fn removed(tx: &mut Tx<'_>, key: BlobKey) -> Result<(), DbError> {
    tx.conn().execute(
        sql("UPDATE blobs SET state = ? WHERE sha256 = ? AND generation = ? AND state = ?")
            .bind(REMOVED)
            .bind(key.sha256.to_vec())
            .bind(key.generation)
            .bind(DELETING),
    )?;
    tx.conn().execute(
        sql("DELETE FROM blobs WHERE sha256 = ? AND generation < ? AND state = ?")
            .bind(key.sha256.to_vec())
            .bind(key.generation)
            .bind(REMOVED),
    )?;
    Ok(())
}

/// Most removals ended in one go.
const REMOVALS_MAX: i64 = 1000;

#[derive(diesel::QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Binary)]
    sha256: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    generation: i64,
}

/// Bytes marked for removal.
pub(crate) fn deleting(conn: &mut Conn) -> Result<Vec<BlobKey>, DbError> {
    let rows: Vec<KeyRow> = conn.rows(
        sql(
            "SELECT sha256, generation FROM blobs WHERE state = ? ORDER BY created_at_ms \
             LIMIT ?",
        )
        .bind(DELETING)
        .bind(REMOVALS_MAX),
    )?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(BlobKey {
                sha256: row.sha256.try_into().ok()?,
                generation: row.generation,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use db::{Database, Lane, TxError, Writer, WriterSettings};
    use testkit::TempDb;

    use super::*;

    /// Runs a write as the service does.
    async fn write<T: Send + 'static>(
        writer: &Writer,
        mut job: impl FnMut(&mut Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> T {
        let job = move |tx: &mut Tx<'_>| job(tx).map_err(TxError::<Infallible>::Db);
        writer.with_tx(Lane::Interactive, 0, 0, job).await.unwrap()
    }

    #[tokio::test]
    async fn a_removed_generation_is_never_used_again() {
        for temp in TempDb::both() {
            let database = Database::open(temp.settings(), crate::start::MIGRATIONS).unwrap();
            let writer = Writer::start(&database, WriterSettings::default()).unwrap();
            let sha256 = [7; 32];
            let live = || {
                database
                    .reads()
                    .run(move |conn| live_generation(conn, &sha256))
            };
            for generation in 1..=3 {
                assert_eq!(live().await.unwrap(), generation);
                let key = BlobKey { sha256, generation };
                assert!(write(&writer, move |tx| mark_used(tx, key, 9, 1)).await);
                assert_eq!(live().await.unwrap(), generation);
                assert!(write(&writer, move |tx| mark_deleting(tx, key)).await);
                assert_eq!(database.reads().run(deleting).await.unwrap(), [key]);
                // An upload that has found it live comes to write its record: before the bytes are gone,
                // and after.
                assert!(!write(&writer, move |tx| mark_used(tx, key, 9, 1)).await);
                write(&writer, move |tx| removed(tx, key)).await;
                for generation in 1..=generation {
                    let old = BlobKey { sha256, generation };
                    assert!(!write(&writer, move |tx| mark_used(tx, old, 9, 1)).await);
                }
                assert!(database.reads().run(deleting).await.unwrap().is_empty());
                assert!(!write(&writer, move |tx| mark_deleting(tx, key)).await);
            }
            writer.stop();
        }
    }
}
