//! The rows that publishing writes: sequences, events, deliveries. Many at a time: with one statement for each
//! table on PostgreSQL, where every statement is a journey, and row by row on SQLite, where none is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use contract::Event;
use db::{Backend, Conn, DbError, Value, sql};
use diesel::sql_types::{BigInt, Text};

use crate::endpoint::Endpoint;

/// Version of the rules by which profiles render an event; stored with it.
const RENDER_VERSION: i64 = 1;

/// An event with its row key and its tenant's.
pub(crate) struct EventRow {
    pub(crate) key: i64,
    pub(crate) tenant_id: i64,
    pub(crate) event: Arc<Event>,
}

/// A delivery about to be owed.
pub(crate) struct DeliveryRow {
    pub(crate) id: i64,
    pub(crate) event_key: i64,
    pub(crate) tenant_id: i64,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) owner: Option<i64>,
    pub(crate) due_at_ms: i64,
    /// The subject's hash and the event's place in it, for endpoints that want order.
    pub(crate) order: Option<(i64, i64)>,
}

#[derive(diesel::QueryableByName)]
struct Last {
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = BigInt)]
    last_sequence: i64,
}

/// The next sequence of each (tenant, subject), in order; one that is named twice gets two.
pub(crate) fn next_sequences(
    conn: &mut Conn,
    subjects: &[(i64, &str)],
) -> Result<Vec<i64>, DbError> {
    // Sorted, which is the order in which the rows are locked.
    let mut counts: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for subject in subjects {
        *counts.entry(*subject).or_default() += 1;
    }
    let mut last = HashMap::with_capacity(counts.len());
    let raised = raise(conn, &counts)?;
    for row in &raised {
        let Some(((tenant_id, subject), count)) =
            counts.get_key_value(&(row.tenant_id, row.subject.as_str()))
        else {
            continue;
        };
        last.insert((*tenant_id, *subject), row.last_sequence - count);
    }
    subjects
        .iter()
        .map(|subject| {
            let sequence = last.get_mut(subject);
            let sequence = sequence.ok_or_else(|| DbError::defect("a sequence was not raised"))?;
            *sequence += 1;
            Ok(*sequence)
        })
        .collect()
}

fn raise(conn: &mut Conn, counts: &BTreeMap<(i64, &str), i64>) -> Result<Vec<Last>, DbError> {
    const CONFLICT: &str = "ON CONFLICT (tenant_id, subject) DO UPDATE SET last_sequence = \
        subject_sequences.last_sequence + excluded.last_sequence \
        RETURNING tenant_id, subject, last_sequence";
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    if conn.backend() == Backend::Sqlite {
        let one = |((tenant_id, subject), count): (&(i64, &str), &i64)| {
            conn.one(
                sql(format!(
                    "INSERT INTO subject_sequences (tenant_id, subject, last_sequence) \
                     VALUES (?, ?, ?) {CONFLICT}"
                ))
                .bind(*tenant_id)
                .bind(*subject)
                .bind(*count),
            )
        };
        return counts.iter().map(one).collect();
    }
    let subjects = counts.keys().map(|(_, subject)| Some(*subject)).collect();
    conn.rows(
        sql(format!(
            "INSERT INTO subject_sequences (tenant_id, subject, last_sequence) \
             SELECT * FROM unnest(?::bigint[], ?::text[], ?::bigint[]) {CONFLICT}"
        ))
        .bind(ints(counts.keys(), |(tenant_id, _)| Some(*tenant_id)))
        .bind(Value::Texts(subjects))
        .bind(ints(counts.values(), |count| Some(*count))),
    )
}

pub(crate) fn insert_events(conn: &mut Conn, rows: &[EventRow]) -> Result<(), DbError> {
    const INTO: &str = "INSERT INTO events (id, ulid, tenant_id, event_type, subject, sequence, \
        timestamp_ms, data, metadata, render_version)";
    if conn.backend() == Backend::Sqlite {
        for row in rows {
            let event = &row.event;
            conn.execute(
                sql(format!("{INTO} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"))
                    .bind(row.key)
                    .bind(event.id.to_bytes().to_vec())
                    .bind(row.tenant_id)
                    .bind(event.event_type.as_str())
                    .bind(&event.subject)
                    .bind(event.sequence)
                    .bind(event.timestamp_ms)
                    .bind(event.data.as_str().as_bytes())
                    .bind(metadata(event))
                    .bind(RENDER_VERSION),
            )?;
        }
        return Ok(());
    }
    let ulids: Vec<[u8; 16]> = rows.iter().map(|row| row.event.id.to_bytes()).collect();
    let events = || rows.iter().map(|row| &*row.event);
    conn.execute(
        sql(format!(
            "{INTO} SELECT * FROM unnest(?::bigint[], ?::bytea[], ?::bigint[], ?::text[], \
             ?::text[], ?::bigint[], ?::bigint[], ?::bytea[], ?::bytea[], ?::bigint[])"
        ))
        .bind(ints(rows, |row| Some(row.key)))
        .bind(Value::Blobs(
            ulids.iter().map(|ulid| Some(ulid.as_slice())).collect(),
        ))
        .bind(ints(rows, |row| Some(row.tenant_id)))
        .bind(Value::Texts(
            events().map(|e| Some(e.event_type.as_str())).collect(),
        ))
        .bind(Value::Texts(
            events().map(|e| Some(e.subject.as_str())).collect(),
        ))
        .bind(ints(rows, |row| Some(row.event.sequence)))
        .bind(ints(rows, |row| Some(row.event.timestamp_ms)))
        .bind(Value::Blobs(
            events().map(|e| Some(e.data.as_str().as_bytes())).collect(),
        ))
        .bind(Value::Blobs(events().map(metadata).collect()))
        .bind(ints(rows, |_| Some(RENDER_VERSION))),
    )?;
    Ok(())
}

fn metadata(event: &Event) -> Option<&[u8]> {
    event.metadata.as_ref().map(|m| m.as_str().as_bytes())
}

/// A delivery that is owned counts its first claim.
pub(crate) fn insert_deliveries(conn: &mut Conn, rows: &[DeliveryRow]) -> Result<(), DbError> {
    const INTO: &str = "INSERT INTO deliveries (id, event_id, subscription_id, tenant_id, profile, \
        due_at_ms, owner, claim, order_key, order_sequence, state)";
    if conn.backend() == Backend::Sqlite {
        for row in rows {
            conn.execute(
                sql(format!("{INTO} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"))
                    .bind(row.id)
                    .bind(row.event_key)
                    .bind(row.endpoint.id)
                    .bind(row.tenant_id)
                    .bind(row.endpoint.profile.to_db())
                    .bind(row.due_at_ms)
                    .bind(row.owner)
                    .bind(row.owner.is_some())
                    .bind(row.order.map(|(key, _)| key))
                    .bind(row.order.map(|(_, sequence)| sequence)),
            )?;
        }
        return Ok(());
    }
    if rows.is_empty() {
        return Ok(());
    }
    conn.execute(
        sql(format!(
            "{INTO} SELECT *, 1 FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], \
             ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])"
        ))
        .bind(ints(rows, |row| Some(row.id)))
        .bind(ints(rows, |row| Some(row.event_key)))
        .bind(ints(rows, |row| Some(row.endpoint.id)))
        .bind(ints(rows, |row| Some(row.tenant_id)))
        .bind(ints(rows, |row| Some(row.endpoint.profile.to_db().into())))
        .bind(ints(rows, |row| Some(row.due_at_ms)))
        .bind(ints(rows, |row| row.owner))
        .bind(ints(rows, |row| Some(row.owner.is_some().into())))
        .bind(ints(rows, |row| row.order.map(|(key, _)| key)))
        .bind(ints(rows, |row| row.order.map(|(_, sequence)| sequence))),
    )?;
    Ok(())
}

fn ints<'a, T: 'a>(
    rows: impl IntoIterator<Item = &'a T>,
    get: impl Fn(&T) -> Option<i64>,
) -> Value<'static> {
    Value::Ints(rows.into_iter().map(get).collect())
}
