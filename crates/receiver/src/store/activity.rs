//! What happened to design files. Must never depend on the order of arrival: what was before an event is
//! found when read.

use contract::FileEventKind;
use db::{Conn, DbError, Value};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use super::{Filter, List, Page, Slice, rows};
use crate::receive::FileEvent;

/// A new row.
pub(crate) struct NewActivity<'e> {
    pub inbox_id: i64,
    pub tenant_id: i64,
    pub design_file_id: i64,
    pub event: &'e FileEvent,
    pub stale: bool,
}

/// The number in the database; it never changes its meaning.
fn kind_number(kind: FileEventKind) -> i16 {
    match kind {
        FileEventKind::Ingested => 1,
        FileEventKind::Processed => 2,
        FileEventKind::Failed => 3,
        FileEventKind::ReExtracted => 4,
        FileEventKind::Deleted => 5,
    }
}

pub(crate) fn kind(number: i16) -> FileEventKind {
    FileEventKind::ALL
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
        .unwrap_or(FileEventKind::Deleted)
}

pub(crate) fn insert(conn: &mut Conn, activities: &[NewActivity<'_>]) -> Result<(), DbError> {
    let before = "INSERT INTO activity_log (inbox_id, tenant_id, design_file_id, kind, event_order, \
        sequence, timestamp_ms, project_code, stale) VALUES";
    rows::execute(conn, before, activities.iter().map(row).collect(), "")
}

fn row<'e>(activity: &NewActivity<'e>) -> [Value<'e>; 9] {
    let event = activity.event;
    [
        activity.inbox_id.into(),
        activity.tenant_id.into(),
        activity.design_file_id.into(),
        kind_number(event.kind).into(),
        event.order.as_bytes().into(),
        event.sequence.into(),
        event.timestamp_ms.into(),
        event.facts.project_code.as_deref().into(),
        activity.stale.into(),
    ]
}

/// The design file that an event was about.
#[derive(diesel::QueryableByName)]
pub(crate) struct About {
    #[diesel(sql_type = BigInt)]
    pub inbox_id: i64,
    #[diesel(sql_type = BigInt)]
    pub design_file_id: i64,
}

pub(crate) fn about(
    conn: &mut Conn,
    inbox_ids: impl Iterator<Item = i64>,
) -> Result<Vec<About>, DbError> {
    let before = "SELECT inbox_id, design_file_id FROM activity_log WHERE inbox_id IN (VALUES";
    rows::load(conn, before, inbox_ids.map(|id| [id.into()]).collect(), ")")
}

/// An event of a design file beside the one before it, both as they were received.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Activity {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub source: String,
    #[diesel(sql_type = Text)]
    pub event_key: String,
    #[diesel(sql_type = BigInt)]
    pub design_file_id: i64,
    #[diesel(sql_type = BigInt)]
    pub ingest_id: i64,
    #[diesel(sql_type = SmallInt)]
    pub kind: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub sequence: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub timestamp_ms: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub project_code: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub received_at_ms: i64,
    #[diesel(sql_type = SmallInt)]
    pub profile: i16,
    #[diesel(sql_type = Binary)]
    pub body: Vec<u8>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub previous_profile: Option<i16>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub previous_body: Option<Vec<u8>>,
}

/// What a list of activity may be narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActivityQuery {
    pub project_code: Option<String>,
    pub design_file_id: Option<i64>,
}

/// Latest first, by the senders' clocks.
pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    query: ActivityQuery,
    slice: Slice,
) -> Result<Page<Activity>, DbError> {
    let list = List {
        columns: "a.inbox_id AS id, s.name AS source, i.event_key, a.design_file_id, f.ingest_id, a.kind, \
            a.sequence, a.timestamp_ms, a.project_code, i.received_at_ms, i.profile, i.body, \
            b.profile AS previous_profile, b.body AS previous_body",
        from: "FROM activity_log a",
        joins: "JOIN inbox i ON i.id = a.inbox_id JOIN sources s ON s.id = i.source_id \
            JOIN design_files f ON f.id = a.design_file_id \
            LEFT JOIN inbox b ON b.id = (SELECT e.inbox_id FROM activity_log e \
                WHERE e.design_file_id = a.design_file_id AND e.event_order < a.event_order \
                ORDER BY e.event_order DESC LIMIT 1)",
        order: "ORDER BY a.timestamp_ms DESC, a.event_order DESC",
    };
    let filter = Filter::tenant("a.tenant_id", tenant)
        .and_with("a.project_code = ?", query.project_code)
        .and_with("a.design_file_id = ?", query.design_file_id);
    filter.page(conn, &list, slice)
}
