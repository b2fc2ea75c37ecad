//! Ends of attempts, written many at a time: the attempt, the delivery's next state, what is counted, who may go
//! next and who must be told; all or none.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use contract::{Event, is_operational};
use db::{Backend, Conn, DbError, Lane, SetJob, Tx, Value, sql};
use diesel::sql_types::BigInt;

use crate::counts::{self, End, Sample};
use crate::endpoint::Endpoint;
use crate::operational::{self, News};
use crate::publish::Inner;
use crate::subscriptions::disable;
use crate::transport::Outcome;

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Delivered,
    Retry { due_at_ms: i64 },
    Dead,
}

impl Next {
    pub(crate) fn due_at_ms(self) -> Option<i64> {
        match self {
            Self::Retry { due_at_ms } => Some(due_at_ms),
            Self::Delivered | Self::Dead => None,
        }
    }
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
    /// `None` where the event could not be read.
    pub(crate) about: Option<About>,
}

/// What was sent to whom.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) event: Arc<Event>,
    pub(crate) order_key: Option<i64>,
}

/// Writes ends of attempts.
pub(crate) struct Finish(pub(crate) Arc<Inner>);

/// Writes ends of batches, of each those of all members or none.
pub(crate) struct FinishBatch(pub(crate) Finish);

/// Gone (RFC 9110 section 15.5.11): the endpoint wants nothing ever again.
const GONE: u16 = 410;

impl Ended {
    fn state(&self) -> i64 {
        match self.next {
            Next::Retry { .. } => 1,
            Next::Delivered => 2,
            Next::Dead => 3,
        }
    }

    fn end(&self) -> Option<End> {
        match self.next {
            Next::Retry { .. } => None,
            Next::Delivered => Some(End::Delivered),
            Next::Dead => Some(End::Dead),
        }
    }

    fn ended_at_ms(&self) -> i64 {
        self.started_at_ms + self.duration_ms
    }

    fn finished_at_ms(&self) -> Option<i64> {
        self.end().map(|_| self.ended_at_ms())
    }

    fn response(&self) -> Option<&[u8]> {
        (!self.outcome.body.is_empty()).then_some(self.outcome.body.as_ref())
    }

    fn kind(&self) -> i64 {
        self.outcome.kind as i64
    }

    /// `changed`: whether the delivery was still this attempt's.
    fn sample(&self, changed: bool) -> Option<Sample<'_>> {
        let About {
            endpoint, event, ..
        } = self.about.as_ref()?;
        Some(Sample {
            tenant_id: endpoint.tenant_id,
            subscription_id: endpoint.id,
            event_type: event.event_type.as_str(),
            status: self.outcome.status.map_or(-self.kind(), i64::from),
            succeeded: self.next == Next::Delivered,
            at_ms: self.ended_at_ms(),
            duration_ms: self.duration_ms,
            attempts: self.attempts,
            end: self.end().filter(|_| changed),
        })
    }
}

impl SetJob for Finish {
    type Item = Ended;
    type Output = ();
    const RANK: u8 = 40;
    const LANE: Lane = Lane::Outcomes;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Ended]) -> Result<Vec<()>, DbError> {
        items.sort_by_key(|ended| (ended.delivery_id, ended.claim));
        let changed = write(tx.conn(), items)?;
        let changed = |ended: &Ended| changed.contains(&ended.delivery_id);
        let samples: Vec<_> = items
            .iter()
            .filter_map(|ended| ended.sample(changed(ended)))
            .collect();
        counts::add(tx.conn(), &samples)?;
        let over: Vec<_> = items
            .iter()
            .filter(|ended| ended.end().is_some() && changed(ended))
            .filter_map(|ended| Some((ended, ended.about.as_ref()?)))
            .collect();
        self.go_on(tx, &over)?;
        self.tell(tx, &over)?;
        Ok(vec![(); items.len()])
    }
}

impl SetJob for FinishBatch {
    type Item = Vec<Ended>;
    type Output = ();
    const RANK: u8 = 41;
    const LANE: Lane = Lane::Outcomes;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Vec<Ended>]) -> Result<Vec<()>, DbError> {
        let write = |members: &mut Vec<Ended>| self.0.run(tx, members).map(drop);
        items.iter_mut().map(write).collect()
    }
}

impl Finish {
    /// Whatever waited behind these may go now.
    fn go_on(&self, tx: &mut Tx<'_>, over: &[(&Ended, &About)]) -> Result<(), DbError> {
        let subjects: BTreeMap<_, _> = over
            .iter()
            .filter_map(|(_, about)| {
                let key = about.order_key?;
                let subject = about.event.subject.as_str();
                Some(((about.endpoint.tenant_id, subject, about.endpoint.id), key))
            })
            .collect();
        for ((tenant_id, subject, endpoint_id), order_key) in subjects {
            let now_ms = self.0.clock.now_ms();
            if release_next(
                tx.conn(),
                tenant_id,
                subject,
                endpoint_id,
                order_key,
                now_ms,
            )? {
                self.0.wake(tx, endpoint_id, now_ms);
            }
        }
        Ok(())
    }

    fn tell(&self, tx: &mut Tx<'_>, over: &[(&Ended, &About)]) -> Result<(), DbError> {
        let mut news: Vec<(&Endpoint, News<'_>)> = Vec::new();
        let mut gone: HashSet<i64> = HashSet::new();
        for (ended, about) in over.iter().filter(|(ended, _)| ended.next == Next::Dead) {
            let is_news = !is_operational(&about.event.event_type);
            let endpoint = &*about.endpoint;
            if ended.outcome.status == Some(GONE) && gone.insert(endpoint.id) {
                const REASON: &str = "it answered 410 Gone";
                let disabled = disable(tx.conn(), endpoint.id, REASON, self.0.clock.now_ms())?;
                if disabled && is_news {
                    news.push((endpoint, News::Disabled { reason: REASON }));
                }
            }
            if is_news {
                let dead = News::Dead {
                    delivery_id: ended.delivery_id,
                    event: &about.event,
                    attempts: ended.attempts,
                    outcome: &ended.outcome,
                };
                news.push((endpoint, dead));
            }
        }
        operational::tell(&self.0, tx, &news)
    }
}

/// Makes the next delivery of a subject due, after an earlier one has ended; false when there is none. Whoever
/// publishes to the subject waits meanwhile, or has seen this end.
pub(crate) fn release_next(
    conn: &mut Conn,
    tenant_id: i64,
    subject: &str,
    endpoint_id: i64,
    order_key: i64,
    now_ms: i64,
) -> Result<bool, DbError> {
    if conn.backend() == Backend::Postgres {
        conn.execute(
            sql(
                "UPDATE subject_sequences SET last_sequence = last_sequence \
                 WHERE tenant_id = ? AND subject = ?",
            )
            .bind(tenant_id)
            .bind(subject),
        )?;
    }
    let released = conn.execute(
        sql("UPDATE deliveries SET due_at_ms = ? WHERE due_at_ms = ? AND id = (SELECT id FROM deliveries \
             WHERE subscription_id = ? AND order_key = ? AND state = 1 ORDER BY order_sequence LIMIT 1)")
        .bind(now_ms)
        .bind(crate::fan_out::BEHIND_MS)
        .bind(endpoint_id)
        .bind(order_key),
    )?;
    Ok(released > 0)
}

/// Answers which deliveries changed. A claim that is no longer the delivery's changes nothing there; its attempt
/// is recorded all the same.
pub(crate) fn write(conn: &mut Conn, items: &[Ended]) -> Result<HashSet<i64>, DbError> {
    match conn.backend() {
        _ if items.is_empty() => Ok(HashSet::new()),
        Backend::Sqlite => one_by_one(conn, items),
        Backend::Postgres => as_sets(conn, items),
    }
}

fn one_by_one(conn: &mut Conn, items: &[Ended]) -> Result<HashSet<i64>, DbError> {
    let mut changed = HashSet::with_capacity(items.len());
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
        let rows = conn.execute(
            sql(
                "UPDATE deliveries SET state = ?, due_at_ms = coalesce(?, due_at_ms), \
                 attempts = ?, owner = NULL, finished_at_ms = ? \
                 WHERE id = ? AND claim = ? AND state = 1",
            )
            .bind(ended.state())
            .bind(ended.next.due_at_ms())
            .bind(ended.attempts)
            .bind(ended.finished_at_ms())
            .bind(ended.delivery_id)
            .bind(ended.claim),
        )?;
        if rows > 0 {
            changed.insert(ended.delivery_id);
        }
    }
    Ok(changed)
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

fn as_sets(conn: &mut Conn, items: &[Ended]) -> Result<HashSet<i64>, DbError> {
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
    let changed: Vec<Id> = conn.rows(
        sql(
            "UPDATE deliveries d SET state = e.state, due_at_ms = coalesce(e.due, d.due_at_ms), \
             attempts = e.attempts, owner = NULL, finished_at_ms = e.finished \
             FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], \
             ?::bigint[]) AS e (id, claim, state, due, attempts, finished) \
             WHERE d.id = e.id AND d.claim = e.claim AND d.state = 1 RETURNING d.id",
        )
        .bind(ids())
        .bind(claims())
        .bind(ints(&|e| Some(e.state())))
        .bind(ints(&|e| e.next.due_at_ms()))
        .bind(ints(&|e| Some(e.attempts)))
        .bind(ints(&Ended::finished_at_ms)),
    )?;
    Ok(changed.into_iter().map(|row| row.id).collect())
}
