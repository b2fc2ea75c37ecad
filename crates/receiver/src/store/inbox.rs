//! Every verified event, once: what makes a repeat a repeat.

use std::collections::{BTreeMap, HashMap};

use db::{Conn, DbError, Value, sql};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use super::{Cursor, Filter, Kind, List, Order, Page, Part, Placed, Slice, rows};
use crate::receive::{EventKey, Incoming};

/// An event as it arrived, perhaps several times in one batch.
pub(crate) struct Arrival<'i> {
    pub incoming: &'i Incoming,
    pub outcome: Outcome,
    /// From 1.
    pub copies: i64,
}

/// What is to become of it, should it be new.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Applied,
    UnknownType,
    Failed {
        code: &'static str,
        field: String,
        message: String,
    },
}

/// The number in the database of an event that was applied.
pub(crate) const APPLIED: i16 = 1;
/// Of one whose type nobody takes.
pub(crate) const UNKNOWN_TYPE: i16 = 2;

impl Outcome {
    /// The number in the database; it never changes its meaning.
    fn state(&self) -> i16 {
        match self {
            Self::Applied => APPLIED,
            Self::UnknownType => UNKNOWN_TYPE,
            Self::Failed { .. } => 3,
        }
    }
}

/// Its row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recorded {
    pub id: i64,
    /// Whether it is to be applied now: it is new, or had failed before.
    pub is_new: bool,
}

const BEFORE: &str = "INSERT INTO inbox (tenant_id, source_id, event_key, profile, event_type, \
    timestamp_ms, state, error_code, error, verified, headers, body, received_at_ms, last_seen_at_ms, \
    duplicates) VALUES";
/// A failed row is written anew, and only such a row; so an event is a repeat exactly when the row then
/// counts more duplicates than this batch brought.
const AFTER: &str = "ON CONFLICT (source_id, event_key) DO UPDATE SET \
    duplicates = CASE WHEN inbox.state = 3 THEN excluded.duplicates \
                 ELSE inbox.duplicates + excluded.duplicates + 1 END, \
    last_seen_at_ms = excluded.last_seen_at_ms, \
    profile = CASE WHEN inbox.state = 3 THEN excluded.profile ELSE inbox.profile END, \
    event_type = CASE WHEN inbox.state = 3 THEN excluded.event_type ELSE inbox.event_type END, \
    timestamp_ms = CASE WHEN inbox.state = 3 THEN excluded.timestamp_ms ELSE inbox.timestamp_ms END, \
    error_code = CASE WHEN inbox.state = 3 THEN excluded.error_code END, \
    error = CASE WHEN inbox.state = 3 THEN excluded.error END, \
    verified = CASE WHEN inbox.state = 3 THEN excluded.verified ELSE inbox.verified END, \
    headers = CASE WHEN inbox.state = 3 THEN excluded.headers ELSE inbox.headers END, \
    body = CASE WHEN inbox.state = 3 THEN excluded.body ELSE inbox.body END, \
    state = CASE WHEN inbox.state = 3 THEN excluded.state ELSE inbox.state END \
    RETURNING id, source_id, event_key, duplicates";

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    source_id: i64,
    #[diesel(sql_type = Text)]
    event_key: String,
    #[diesel(sql_type = BigInt)]
    duplicates: i64,
}

/// Records `arrivals`.
pub(crate) fn record<'i>(
    conn: &mut Conn,
    arrivals: &BTreeMap<EventKey<'i>, Arrival<'i>>,
) -> Result<BTreeMap<EventKey<'i>, Recorded>, DbError> {
    let values = arrivals.values().map(row).collect();
    let rows: Vec<Row> = rows::load(conn, BEFORE, values, AFTER)?;
    let by_key: HashMap<(i64, &str), &Row> = rows
        .iter()
        .map(|row| ((row.source_id, row.event_key.as_str()), row))
        .collect();
    let recorded = |(key, arrival): (&EventKey<'i>, &Arrival<'i>)| {
        let row = by_key.get(key)?;
        let is_new = row.duplicates < arrival.copies;
        Some((*key, Recorded { id: row.id, is_new }))
    };
    Ok(arrivals.iter().filter_map(recorded).collect())
}

fn row<'a>(arrival: &'a Arrival<'_>) -> [Value<'a>; 15] {
    let incoming = arrival.incoming;
    let (error_code, error) = match &arrival.outcome {
        Outcome::Failed {
            code,
            field,
            message,
        } => (Some(*code), Some(format!("{field}: {message}"))),
        Outcome::Applied | Outcome::UnknownType => (None, None),
    };
    [
        incoming.source.tenant_id.into(),
        incoming.source.id.into(),
        incoming.key.as_str().into(),
        incoming.source.format.to_db().into(),
        incoming.event_type.as_str().into(),
        incoming.timestamp_ms.into(),
        arrival.outcome.state().into(),
        error_code.into(),
        error.into(),
        incoming.verified.to_db().into(),
        incoming.headers.as_str().into(),
        incoming.body.as_slice().into(),
        incoming.received_at_ms.into(),
        incoming.received_at_ms.into(),
        (arrival.copies - 1).into(),
    ]
}

/// What a reader sees of an event; `stale` and `unmatched` are found when read.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct InboxEvent {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub source: String,
    #[diesel(sql_type = Text)]
    pub event_key: String,
    #[diesel(sql_type = SmallInt)]
    pub profile: i16,
    #[diesel(sql_type = SmallInt)]
    pub verified: i16,
    #[diesel(sql_type = Text)]
    pub event_type: String,
    #[diesel(sql_type = BigInt)]
    pub timestamp_ms: i64,
    #[diesel(sql_type = SmallInt)]
    pub state: i16,
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub stale: Option<i16>,
    /// The event's project code, if no project has it.
    #[diesel(sql_type = Nullable<Text>)]
    pub unmatched: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub design_file_id: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error_code: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub received_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub last_seen_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub duplicates: i64,
}

impl Placed for InboxEvent {
    fn cursor(&self) -> Cursor {
        Cursor::new([Part::Int(self.id)])
    }
}

impl InboxEvent {
    pub(crate) fn state(&self) -> InboxState {
        match (self.state, self.stale, &self.unmatched) {
            (2, ..) => InboxState::Unknown,
            (3, ..) => InboxState::Failed,
            (_, Some(1), _) => InboxState::Stale,
            (_, _, Some(_)) => InboxState::Unmatched,
            _ => InboxState::Applied,
        }
    }
}

/// What became of an event, as far as it can be known when read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InboxState {
    Applied,
    Stale,
    Unmatched,
    Unknown,
    Failed,
}

impl InboxState {
    fn condition(self) -> &'static str {
        match self {
            Self::Applied => {
                "i.state = 1 AND coalesce(a.stale, 0) = 0 AND (a.project_code IS NULL OR p.id IS NOT NULL)"
            }
            Self::Stale => "i.state = 1 AND a.stale = 1",
            Self::Unmatched => {
                "i.state = 1 AND a.stale = 0 AND a.project_code IS NOT NULL AND p.id IS NULL"
            }
            // SQLite finds the index of what was not applied only when it is told so.
            Self::Unknown => "i.state <> 1 AND i.state = 2",
            Self::Failed => "i.state <> 1 AND i.state = 3",
        }
    }
}

/// What a list of the inbox may be narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct InboxQuery {
    pub state: Option<InboxState>,
    pub source: Option<String>,
    pub event_type: Option<String>,
    pub event_key: Option<String>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// Latest first.
pub(crate) const ORDER: Order = Order {
    columns: &[("i.id", Kind::Int)],
    descending: true,
};

/// What becomes of an event is found beside its activity and project.
const BECAME: &str = "LEFT JOIN activity_log a ON a.inbox_id = i.id \
    LEFT JOIN projects p ON p.tenant_id = a.tenant_id AND p.code = a.project_code";

/// `from` and `joins`: the former holds [`BECAME`] where a filter asks for it, and then counting costs more.
fn of_inbox<'t>(from: &'t str, joins: &'t str) -> List<'t> {
    List {
        columns: "i.id, s.name AS source, i.event_key, i.profile, i.verified, i.event_type, i.timestamp_ms, i.state, \
            a.stale, CASE WHEN p.id IS NULL THEN a.project_code END AS unmatched, a.design_file_id, \
            i.error_code, i.error, i.received_at_ms, i.last_seen_at_ms, i.duplicates",
        from,
        joins,
        order: ORDER,
    }
}

const SOURCES: &str = "JOIN sources s ON s.id = i.source_id";

pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    query: InboxQuery,
    slice: Slice,
) -> Result<Page<InboxEvent>, DbError> {
    let mut filter = Filter::tenant("i.tenant_id", tenant)
        .and_with(
            "i.source_id = (SELECT id FROM sources WHERE name = ?)",
            query.source,
        )
        .and_with("i.event_type = ?", query.event_type)
        .and_with("i.event_key = ?", query.event_key)
        .and_with("i.received_at_ms >= ?", query.since_ms)
        .and_with("i.received_at_ms < ?", query.until_ms);
    if let Some(state) = query.state {
        filter = filter.and(state.condition());
    }
    match query.state {
        None | Some(InboxState::Unknown | InboxState::Failed) => {
            let joins = format!("{SOURCES} {BECAME}");
            filter.page(conn, &of_inbox("FROM inbox i", &joins), slice)
        }
        Some(InboxState::Applied | InboxState::Stale | InboxState::Unmatched) => {
            let from = format!("FROM inbox i {BECAME}");
            filter.page(conn, &of_inbox(&from, SOURCES), slice)
        }
    }
}

/// An event with all that was kept of its request.
pub(crate) fn find(conn: &mut Conn, tenant: i64, id: i64) -> Result<Option<Whole>, DbError> {
    let filter = Filter::tenant("i.tenant_id", tenant).and_with("i.id = ?", Some(id));
    let joins = format!("{SOURCES} {BECAME}");
    let Some(event) = filter.first(conn, &of_inbox("FROM inbox i", &joins))? else {
        return Ok(None);
    };
    let request = sql("SELECT headers, body FROM inbox WHERE id = ?").bind(id);
    Ok(Some(Whole {
        event,
        request: conn.one(request)?,
    }))
}

/// An event and its request.
pub(crate) struct Whole {
    pub event: InboxEvent,
    pub request: Request,
}

#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Request {
    /// JSON, masked.
    #[diesel(sql_type = Text)]
    pub headers: String,
    #[diesel(sql_type = Binary)]
    pub body: Vec<u8>,
}

/// Makes an event that was recorded but not applied one that is applied when it comes again.
pub(crate) fn reopen(conn: &mut Conn, id: i64) -> Result<(), DbError> {
    let update = sql(
        "UPDATE inbox SET state = 3, error_code = 'reopened', error = 'it is about to be applied again' \
         WHERE id = ? AND state = 2",
    );
    conn.execute(update.bind(id)).map(drop)
}

/// Which of these keys a source has sent.
pub(crate) fn known(
    conn: &mut Conn,
    source_id: i64,
    keys: &[String],
) -> Result<Vec<String>, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Key {
        #[diesel(sql_type = Text)]
        event_key: String,
    }
    let keys = keys.iter().map(|key| [source_id.into(), key.into()]);
    let before = "SELECT event_key FROM inbox WHERE (source_id, event_key) IN (VALUES";
    let known: Vec<Key> = rows::load(conn, before, keys.collect(), ")")?;
    Ok(known.into_iter().map(|row| row.event_key).collect())
}

/// Removes the oldest events, at most `rows_max`, that arrived before a time; answers how many.
pub(crate) fn expire(conn: &mut Conn, before_ms: i64, rows_max: i64) -> Result<usize, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Oldest {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = BigInt)]
        last_seen_at_ms: i64,
    }
    let oldest = sql("SELECT id, last_seen_at_ms FROM inbox WHERE id > ? ORDER BY id LIMIT ?");
    let oldest: Vec<Oldest> = conn.rows(oldest.bind(i64::MIN).bind(rows_max))?;
    let expired = oldest.iter().filter(|row| row.last_seen_at_ms < before_ms);
    let ids: Vec<[Value<'_>; 1]> = expired.map(|row| [row.id.into()]).collect();
    let count = ids.len();
    rows::execute(conn, "DELETE FROM inbox WHERE id IN (VALUES", ids, ")")?;
    Ok(count)
}
