//! Ends of attempts, written many at a time: one attempt row and the delivery's next state, both or none.

use db::{Backend, Conn, DbError, Lane, SetJob, Tx, Value, sql};

use crate::transport::Outcome;

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Delivered,
    Retry { due_at_ms: i64 },
    Dead,
}

/// One attempt that has ended.
pub(crate) struct Ended {
    pub(crate) delivery_id: i64,
    pub(crate) claim: i64,
    /// Attempts made, this one included: a number, so that writing it twice changes nothing.
    pub(crate) attempts: i64,
    pub(crate) started_at_ms: i64,
    pub(crate) duration_ms: i64,
    pub(crate) outcome: Outcome,
    pub(crate) next: Next,
}

/// Writes ends of attempts.
pub(crate) struct Finish;

impl Ended {
    fn state(&self) -> i64 {
        match self.next {
            Next::Retry { .. } => 1,
            Next::Delivered => 2,
            Next::Dead => 3,
        }
    }

    fn due_at_ms(&self) -> Option<i64> {
        match self.next {
            Next::Retry { due_at_ms } => Some(due_at_ms),
            Next::Delivered | Next::Dead => None,
        }
    }

    fn finished_at_ms(&self) -> Option<i64> {
        match self.next {
            Next::Retry { .. } => None,
            Next::Delivered | Next::Dead => Some(self.started_at_ms + self.duration_ms),
        }
    }

    fn response(&self) -> Option<&[u8]> {
        (!self.outcome.body.is_empty()).then_some(self.outcome.body.as_slice())
    }

    fn kind(&self) -> i64 {
        self.outcome.kind as i64
    }
}

impl SetJob for Finish {
    type Item = Ended;
    type Output = ();
    const RANK: u8 = 40;
    const LANE: Lane = Lane::Outcomes;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Ended]) -> Result<Vec<()>, DbError> {
        items.sort_by_key(|ended| (ended.delivery_id, ended.claim));
        write(tx.conn(), items)?;
        Ok(vec![(); items.len()])
    }
}

/// A claim that is no longer the delivery's changes nothing there; its attempt is recorded all the same.
pub(crate) fn write(conn: &mut Conn, items: &[Ended]) -> Result<(), DbError> {
    match conn.backend() {
        _ if items.is_empty() => Ok(()),
        Backend::Sqlite => one_by_one(conn, items),
        Backend::Postgres => as_sets(conn, items),
    }
}

fn one_by_one(conn: &mut Conn, items: &[Ended]) -> Result<(), DbError> {
    for ended in items {
        conn.execute(
            sql(
                "INSERT INTO attempts (delivery_id, claim, started_at_ms, duration_ms, outcome, \
                 status_code, error, response) VALUES (?, ?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (delivery_id, claim) DO NOTHING",
            )
            .bind(ended.delivery_id)
            .bind(ended.claim)
            .bind(ended.started_at_ms)
            .bind(ended.duration_ms)
            .bind(ended.kind())
            .bind(ended.outcome.status.map(i32::from))
            .bind(ended.outcome.message.as_deref())
            .bind(ended.response()),
        )?;
        conn.execute(
            sql(
                "UPDATE deliveries SET state = ?, due_at_ms = coalesce(?, due_at_ms), \
                 attempts = ?, owner = NULL, finished_at_ms = ? \
                 WHERE id = ? AND claim = ? AND state = 1",
            )
            .bind(ended.state())
            .bind(ended.due_at_ms())
            .bind(ended.attempts)
            .bind(ended.finished_at_ms())
            .bind(ended.delivery_id)
            .bind(ended.claim),
        )?;
    }
    Ok(())
}

fn as_sets(conn: &mut Conn, items: &[Ended]) -> Result<(), DbError> {
    let ints = |get: &dyn Fn(&Ended) -> Option<i64>| Value::Ints(items.iter().map(get).collect());
    let ids = || ints(&|e| Some(e.delivery_id));
    let claims = || ints(&|e| Some(e.claim));
    conn.execute(
        sql(
            "INSERT INTO attempts (delivery_id, claim, started_at_ms, duration_ms, outcome, \
             status_code, error, response) SELECT * FROM unnest(?::bigint[], ?::bigint[], \
             ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::text[], ?::bytea[]) \
             ON CONFLICT (delivery_id, claim) DO NOTHING",
        )
        .bind(ids())
        .bind(claims())
        .bind(ints(&|e| Some(e.started_at_ms)))
        .bind(ints(&|e| Some(e.duration_ms)))
        .bind(ints(&|e| Some(e.kind())))
        .bind(ints(&|e| e.outcome.status.map(i64::from)))
        .bind(Value::Texts(
            items.iter().map(|e| e.outcome.message.as_deref()).collect(),
        ))
        .bind(Value::Blobs(items.iter().map(Ended::response).collect())),
    )?;
    conn.execute(
        sql(
            "UPDATE deliveries d SET state = e.state, due_at_ms = coalesce(e.due, d.due_at_ms), \
             attempts = e.attempts, owner = NULL, finished_at_ms = e.finished \
             FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], \
             ?::bigint[]) AS e (id, claim, state, due, attempts, finished) \
             WHERE d.id = e.id AND d.claim = e.claim AND d.state = 1",
        )
        .bind(ids())
        .bind(claims())
        .bind(ints(&|e| Some(e.state())))
        .bind(ints(&Ended::due_at_ms))
        .bind(ints(&|e| Some(e.attempts)))
        .bind(ints(&Ended::finished_at_ms)),
    )?;
    Ok(())
}
