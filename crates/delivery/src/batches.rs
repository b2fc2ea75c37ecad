//! Batches in the table: which deliveries go in one request is written down before it is sent, and whoever takes one
//! of them for a later attempt takes all. Must never put a delivery into a batch that somebody else holds.

use std::collections::HashSet;

use contract::BatchId;
use db::{Backend, Conn, DbError, Value, sql};
use diesel::QueryableByName;
use diesel::sql_types::BigInt;

/// Of `deliveries d`: what is in no batch, and of each batch the first that is still pending. Who has locked that one
/// has the batch, so that no two nodes take parts of it.
pub(crate) const ALONE_OR_FIRST: &str = "(d.batch_id IS NULL OR NOT EXISTS (SELECT 1 FROM deliveries m \
     WHERE m.batch_id = d.batch_id AND m.state = 1 AND m.id < d.id))";

/// A member of a batch, with the bytes of its event's data.
#[derive(QueryableByName)]
pub(crate) struct Member {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) data_bytes: i64,
}

/// Who goes along with the first of a batch: all that are still pending and nobody's, whenever they are due.
pub(crate) fn others(conn: &mut Conn, batch_id: &[u8], first: i64) -> Result<Vec<Member>, DbError> {
    let lock = match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE OF d",
    };
    conn.rows(
        sql(format!(
            "SELECT d.id, CAST(coalesce(length(e.data), 0) AS BIGINT) AS data_bytes \
             FROM deliveries d LEFT JOIN events e ON e.id = d.event_id \
             WHERE d.batch_id = ? AND d.state = 1 AND d.owner IS NULL AND d.id > ? ORDER BY d.id{lock}"
        ))
        .bind(batch_id)
        .bind(first),
    )
}

/// Makes deliveries, named with their claims, members of a batch; answers which have become so. Those that `owner` no
/// longer holds under that claim have not.
pub(crate) fn join(
    conn: &mut Conn,
    owner: i64,
    id: BatchId,
    held: &[(i64, i64)],
) -> Result<HashSet<i64>, DbError> {
    let id = id.to_bytes();
    match conn.backend() {
        Backend::Sqlite => {
            let mut joined = HashSet::with_capacity(held.len());
            for (delivery_id, claim) in held {
                let changed = conn.execute(
                    sql("UPDATE deliveries SET batch_id = ? \
                         WHERE id = ? AND claim = ? AND owner = ? AND state = 1")
                    .bind(id.as_slice())
                    .bind(*delivery_id)
                    .bind(*claim)
                    .bind(owner),
                )?;
                if changed > 0 {
                    joined.insert(*delivery_id);
                }
            }
            Ok(joined)
        }
        Backend::Postgres => {
            let ints = |get: fn(&(i64, i64)) -> i64| {
                Value::Ints(held.iter().map(|one| Some(get(one))).collect())
            };
            let joined: Vec<Joined> = conn.rows(
                sql("UPDATE deliveries d SET batch_id = ? \
                     FROM unnest(?::bigint[], ?::bigint[]) AS h (id, claim) \
                     WHERE d.id = h.id AND d.claim = h.claim AND d.owner = ? AND d.state = 1 RETURNING d.id")
                .bind(id.as_slice())
                .bind(ints(|(id, _)| *id))
                .bind(ints(|(_, claim)| *claim))
                .bind(owner),
            )?;
            Ok(joined.into_iter().map(|row| row.id).collect())
        }
    }
}

#[derive(QueryableByName)]
struct Joined {
    #[diesel(sql_type = BigInt)]
    id: i64,
}
