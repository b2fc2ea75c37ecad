//! Files at work: taken, begun, given back, ended. Every change but the taking names the claim under which
//! it is made; a row that has been deleted or claimed anew meanwhile stays as it is.

use db::{Backend, Conn, DbError, Tx, sql};
use diesel::sql_types::BigInt;

use super::file_row::{COLUMNS, FileRow, State, Task};
use super::files::Known;

/// Takes files that nobody is extracting, oldest first, for `owner`.
pub(crate) fn claim_waiting(
    conn: &mut Conn,
    owner: i64,
    limit: usize,
) -> Result<Vec<FileRow>, DbError> {
    let skip = match conn.backend() {
        Backend::Sqlite => "",
        Backend::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let mut rows: Vec<FileRow> = conn.rows(
        sql(format!(
            "UPDATE files SET owner = ?, claim = claim + 1 WHERE id IN \
             (SELECT id FROM files WHERE state = 1 AND owner IS NULL ORDER BY id LIMIT ?{skip}) \
             RETURNING {COLUMNS}"
        ))
        .bind(owner)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX)),
    )?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

#[derive(diesel::QueryableByName)]
struct Tries {
    #[diesel(sql_type = BigInt)]
    tries: i64,
}

/// Counts a try before it begins; answers how many there are now.
pub(crate) fn begin(tx: &mut Tx<'_>, id: i64, claim: i64) -> Result<Option<i64>, DbError> {
    let row: Option<Tries> = tx.conn().row(
        sql(
            "UPDATE files SET tries = tries + 1 WHERE id = ? AND claim = ? AND state = 1 \
             AND owner IS NOT NULL RETURNING tries",
        )
        .bind(id)
        .bind(claim),
    )?;
    Ok(row.map(|row| row.tries))
}

/// Takes a try back that was given up without the file's fault.
pub(crate) fn give_back(tx: &mut Tx<'_>, id: i64, claim: i64) -> Result<(), DbError> {
    tx.conn().execute(
        sql("UPDATE files SET owner = NULL, tries = tries - 1 \
             WHERE id = ? AND claim = ? AND state = 1 AND tries > 0")
        .bind(id)
        .bind(claim),
    )?;
    Ok(())
}

/// What extraction found.
#[derive(Debug, Clone)]
pub(crate) struct Completion {
    pub(crate) known: Known,
    pub(crate) confidence_score: f64,
    pub(crate) needs_review: Option<String>,
}

/// Ends the extraction well.
pub(crate) fn complete(
    tx: &mut Tx<'_>,
    id: i64,
    claim: i64,
    done: &Completion,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    let known = &done.known;
    let statement = sql(format!(
            "UPDATE files SET state = ?, stored_name = ?, client_code = ?, project_code = ?, \
             part_name = ?, material = ?, thickness_mm = ?, quantity = ?, base_name = ?, version = ?, \
             search = ?, confidence_score = ?, needs_review = ?, \
             owner = NULL, tries = 0, updated_at_ms = ?, processed_at_ms = ? \
             WHERE id = ? AND claim = ? AND state = 1 RETURNING {COLUMNS}"
        ))
        .bind(State::Completed.to_db())
        .bind(&known.stored_name);
    tx.conn().row(
        known
            .bind(statement)
            .bind(done.confidence_score)
            .bind(done.needs_review.as_deref())
            .bind(now_ms)
            .bind(now_ms)
            .bind(id)
            .bind(claim),
    )
}

/// Writes the corrections and the acceptance of `row` and what they made of it; where it stands stays.
pub(crate) fn correct(
    tx: &mut Tx<'_>,
    row: &FileRow,
    done: &Completion,
    now_ms: i64,
) -> Result<FileRow, DbError> {
    let known = &done.known;
    let statement = sql(format!(
        "UPDATE files SET stored_name = ?, client_code = ?, project_code = ?, \
         part_name = ?, material = ?, thickness_mm = ?, quantity = ?, base_name = ?, version = ?, \
         search = ?, confidence_score = ?, needs_review = ?, corrections = ?, accepted = ?, \
         claim = claim + 1, updated_at_ms = ? WHERE id = ? RETURNING {COLUMNS}"
    ))
    .bind(&known.stored_name);
    tx.conn().one(
        known
            .bind(statement)
            .bind(done.confidence_score)
            .bind(done.needs_review.as_deref())
            .bind(row.corrections.as_deref())
            .bind(row.accepted.as_deref())
            .bind(now_ms)
            .bind(row.id),
    )
}

/// Ends the extraction badly; what was known of the file before stays.
pub(crate) fn fail(
    tx: &mut Tx<'_>,
    id: i64,
    claim: i64,
    [code, message, stage]: [&str; 3],
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    tx.conn().row(
        sql(format!(
            "UPDATE files SET state = ?, error_code = ?, error_message = ?, error_stage = ?, \
             owner = NULL, tries = 0, updated_at_ms = ?, processed_at_ms = ? \
             WHERE id = ? AND claim = ? AND state = 1 RETURNING {COLUMNS}"
        ))
        .bind(State::Failed.to_db())
        .bind(code)
        .bind(message)
        .bind(stage)
        .bind(now_ms)
        .bind(now_ms)
        .bind(id)
        .bind(claim),
    )
}

/// Puts a file back to work; one that is at work already or deleted stays as it is.
pub(crate) fn restart(
    tx: &mut Tx<'_>,
    tenant_id: i64,
    id: i64,
    mode: Option<&str>,
    owner: Option<i64>,
    now_ms: i64,
) -> Result<Option<FileRow>, DbError> {
    tx.conn().row(
        sql(format!(
            "UPDATE files SET state = ?, task = ?, mode = coalesce(?, mode), owner = ?, \
             claim = claim + ?, tries = 0, error_code = NULL, error_message = NULL, \
             error_stage = NULL, updated_at_ms = ? \
             WHERE tenant_id = ? AND id = ? AND state IN (2, 3) RETURNING {COLUMNS}"
        ))
        .bind(State::Processing.to_db())
        .bind(Task::Again as i16)
        .bind(mode)
        .bind(owner)
        .bind(owner.is_some())
        .bind(now_ms)
        .bind(tenant_id)
        .bind(id),
    )
}

#[derive(diesel::QueryableByName)]
struct Held {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    claim: i64,
}

/// The files, with their claims, that the table says `owner` works on.
pub(crate) fn owned(conn: &mut Conn, owner: i64) -> Result<Vec<(i64, i64)>, DbError> {
    let rows: Vec<Held> =
        conn.rows(sql("SELECT id, claim FROM files WHERE owner = ?").bind(owner))?;
    Ok(rows.into_iter().map(|row| (row.id, row.claim)).collect())
}

/// Gives files back that `owner` has lost sight of.
pub(crate) fn release(conn: &mut Conn, owner: i64, lost: &[(i64, i64)]) -> Result<(), DbError> {
    for (id, claim) in lost {
        conn.execute(
            sql("UPDATE files SET owner = NULL WHERE id = ? AND claim = ? AND owner = ?")
                .bind(*id)
                .bind(*claim)
                .bind(owner),
        )?;
    }
    Ok(())
}
