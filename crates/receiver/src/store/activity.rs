//! What happened to design files, projects and clients. Must never depend on the order of arrival: what was before
//! an event is found when read.

use contract::FileEventKind;
use db::{Conn, DbError, Value};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use super::{Cursor, Filter, Kind, List, Order, Page, Part, Placed, Slice, rows};
use crate::order::BEFORE_ALL;
use crate::receive::{FileEvent, Incoming};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivityKind {
    Event(FileEventKind),
    ProjectCreated,
    ProjectChanged,
    ProjectDeleted,
    FileLinked,
    FileUnlinked,
    ClientCreated,
    ClientChanged,
    ClientDeleted,
}

/// Every kind, its number in the database, which never changes its meaning, and its name.
const KINDS: [(ActivityKind, i16, &str); 13] = {
    use ActivityKind::{
        ClientChanged, ClientCreated, ClientDeleted, Event, FileLinked, FileUnlinked,
        ProjectChanged, ProjectCreated, ProjectDeleted,
    };
    use FileEventKind::{Deleted, Failed, Ingested, Processed, ReExtracted};
    [
        (Event(Ingested), 1, "FILE INGESTED"),
        (Event(Processed), 2, "FILE PROCESSED"),
        (Event(Failed), 3, "FILE FAILED"),
        (Event(ReExtracted), 4, "FILE RE_EXTRACTED"),
        (Event(Deleted), 5, "FILE DELETED"),
        (ProjectCreated, 11, "PROJECT CREATED"),
        (ProjectChanged, 12, "PROJECT CHANGED"),
        (ProjectDeleted, 13, "PROJECT DELETED"),
        (FileLinked, 21, "FILE LINKED"),
        (FileUnlinked, 22, "FILE UNLINKED"),
        (ClientCreated, 31, "CLIENT CREATED"),
        (ClientChanged, 32, "CLIENT CHANGED"),
        (ClientDeleted, 33, "CLIENT DELETED"),
    ]
};

impl ActivityKind {
    fn number(self) -> i16 {
        let found = KINDS.into_iter().find(|(kind, ..)| *kind == self);
        found.map_or(0, |(_, number, _)| number)
    }

    fn of(number: i16) -> Self {
        let found = KINDS.into_iter().find(|(_, one, _)| *one == number);
        found.map_or(Self::ProjectChanged, |(kind, ..)| kind)
    }

    /// As people read it.
    pub(crate) fn name(self) -> &'static str {
        let found = KINDS.into_iter().find(|(kind, ..)| *kind == self);
        found.map_or("", |(.., name)| name)
    }

    /// The kind of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let found = KINDS
            .into_iter()
            .find(|(.., one)| one.eq_ignore_ascii_case(name));
        found.map(|(kind, ..)| kind)
    }

    /// All names.
    pub(crate) fn names() -> String {
        KINDS.map(|(.., name)| name).join(", ")
    }
}

/// An applied event.
pub(crate) struct AppliedEvent<'e> {
    pub inbox_id: i64,
    pub design_file_id: i64,
    pub incoming: &'e Incoming,
    pub event: &'e FileEvent,
    pub stale: bool,
}

/// Something that was done here.
#[derive(Debug, Clone)]
pub(crate) struct Deed<'d> {
    pub tenant_id: i64,
    pub kind: ActivityKind,
    pub actor: &'d str,
    pub design_file_id: Option<i64>,
    pub project_id: Option<i64>,
    pub project_code: Option<&'d str>,
    /// The client that it was done to.
    pub client_code: Option<&'d str>,
    /// What is so from now on, as JSON.
    pub facts: &'d str,
    pub now_ms: i64,
}

const BEFORE: &str = "INSERT INTO activity_log (inbox_id, tenant_id, source_id, event_key, design_file_id, \
    project_id, kind, event_order, sequence, timestamp_ms, received_at_ms, project_code, client_code, actor, stale, facts) \
    VALUES";
/// An event that comes again after its inbox row was removed is here already.
const AFTER: &str = "ON CONFLICT DO NOTHING";

/// Records applied events, each once for ever.
pub(crate) fn insert(conn: &mut Conn, events: &[AppliedEvent<'_>]) -> Result<(), DbError> {
    rows::execute(conn, BEFORE, events.iter().map(event_row).collect(), AFTER)
}

/// Records what was done here.
pub(crate) fn record(conn: &mut Conn, deed: &Deed<'_>) -> Result<(), DbError> {
    rows::execute(conn, BEFORE, vec![deed_row(deed)], AFTER)
}

fn event_row<'e>(applied: &AppliedEvent<'e>) -> [Value<'e>; 16] {
    let (incoming, event) = (applied.incoming, applied.event);
    [
        applied.inbox_id.into(),
        incoming.source.tenant_id.into(),
        incoming.source.id.into(),
        incoming.key.as_str().into(),
        applied.design_file_id.into(),
        None::<i64>.into(),
        ActivityKind::Event(event.kind).number().into(),
        event.order.as_bytes().into(),
        event.sequence.into(),
        event.timestamp_ms.into(),
        incoming.received_at_ms.into(),
        event.facts.project_code.as_deref().into(),
        None::<&str>.into(),
        None::<&str>.into(),
        applied.stale.into(),
        event.facts.shown().into(),
    ]
}

fn deed_row<'d>(deed: &Deed<'d>) -> [Value<'d>; 16] {
    [
        None::<i64>.into(),
        deed.tenant_id.into(),
        None::<i64>.into(),
        None::<&str>.into(),
        deed.design_file_id.into(),
        deed.project_id.into(),
        deed.kind.number().into(),
        BEFORE_ALL.into(),
        None::<i64>.into(),
        deed.now_ms.into(),
        deed.now_ms.into(),
        deed.project_code.into(),
        deed.client_code.into(),
        deed.actor.into(),
        false.into(),
        deed.facts.into(),
    ]
}

/// What happened, beside what was so before it.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Activity {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = SmallInt)]
    pub kind: i16,
    /// The sender's name; `None` when people did it.
    #[diesel(sql_type = Nullable<Text>)]
    pub source: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub actor: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    pub event_key: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub design_file_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub ingest_id: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub project_id: Option<i64>,
    #[diesel(sql_type = Binary)]
    pub event_order: Vec<u8>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub sequence: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub timestamp_ms: i64,
    #[diesel(sql_type = BigInt)]
    pub received_at_ms: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub project_code: Option<String>,
    /// JSON.
    #[diesel(sql_type = Text)]
    pub facts: String,
    /// JSON.
    #[diesel(sql_type = Nullable<Text>)]
    pub facts_before: Option<String>,
}

impl Activity {
    pub(crate) fn kind(&self) -> ActivityKind {
        ActivityKind::of(self.kind)
    }
}

impl Placed for Activity {
    fn cursor(&self) -> Cursor {
        Cursor::new([
            Part::Int(self.timestamp_ms),
            Part::Bytes(self.event_order.clone()),
            Part::Int(self.id),
        ])
    }
}

/// What a list of activity may be narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActivityQuery {
    pub project_code: Option<String>,
    /// What was done to this client itself.
    pub client_code: Option<String>,
    pub design_file_id: Option<i64>,
    pub kind: Option<ActivityKind>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
}

/// Latest first, by the senders' clocks.
pub(crate) const ORDER: Order = Order {
    columns: &[
        ("a.timestamp_ms", Kind::Int),
        ("a.event_order", Kind::Bytes),
        ("a.id", Kind::Int),
    ],
    descending: true,
};

const LIST: List<'static> = List {
    columns: "a.id, a.kind, s.name AS source, a.actor, a.event_key, a.design_file_id, f.ingest_id, a.project_id, \
        a.event_order, a.sequence, a.timestamp_ms, a.received_at_ms, a.project_code, a.facts, \
        b.facts AS facts_before",
    from: "FROM activity_log a",
    joins: "LEFT JOIN sources s ON s.id = a.source_id LEFT JOIN design_files f ON f.id = a.design_file_id \
        LEFT JOIN activity_log b ON b.id = CASE \
            WHEN a.kind < 10 THEN (SELECT e.id FROM activity_log e \
                WHERE e.design_file_id = a.design_file_id AND e.event_order < a.event_order AND e.kind < 10 \
                ORDER BY e.event_order DESC LIMIT 1) \
            WHEN a.kind < 20 THEN (SELECT e.id FROM activity_log e \
                WHERE e.tenant_id = a.tenant_id AND e.project_id = a.project_id AND e.id < a.id AND e.kind > 10 \
                ORDER BY e.id DESC LIMIT 1) \
            WHEN a.kind > 30 THEN (SELECT e.id FROM activity_log e \
                WHERE e.tenant_id = a.tenant_id AND e.client_code = a.client_code AND e.id < a.id AND e.kind > 30 \
                ORDER BY e.id DESC LIMIT 1) \
            ELSE (SELECT e.id FROM activity_log e WHERE e.tenant_id = a.tenant_id AND e.project_id IS NULL \
                AND e.design_file_id = a.design_file_id AND e.id < a.id AND e.kind > 10 \
                ORDER BY e.id DESC LIMIT 1) END",
    order: ORDER,
};

pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    query: ActivityQuery,
    slice: Slice,
) -> Result<Page<Activity>, DbError> {
    whose(tenant, query.design_file_id)
        .and_with("a.project_code = ?", query.project_code)
        .and_with("a.client_code = ?", query.client_code)
        .and_with("a.kind = ?", query.kind.map(ActivityKind::number))
        .and_with("a.timestamp_ms >= ?", query.since_ms)
        .and_with("a.timestamp_ms < ?", query.until_ms)
        .page(conn, &LIST, slice)
}

/// The tenant's activity, or that of one of its files: what events and what people did to it stand in two indexes, and the
/// plus keeps SQLite from the index of everything.
fn whose(tenant: i64, design_file_id: Option<i64>) -> Filter {
    let Some(id) = design_file_id else {
        return Filter::tenant("a.tenant_id", tenant);
    };
    Filter::tenant("+a.tenant_id", tenant).and_all(
        "(a.kind < 10 AND a.design_file_id = ? \
         OR a.kind > 10 AND a.tenant_id = ? AND a.project_id IS NULL AND a.design_file_id = ?)",
        [id.into(), tenant.into(), id.into()],
    )
}
