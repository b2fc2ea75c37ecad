//! Design files: three groups of columns, each from the latest event that speaks for it. Every write says
//! its place and the database compares, so arrival order and concurrency cannot matter.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use contract::FileEventKind;
use db::{Conn, DbError, Value, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};

use super::{Cursor, Filter, Id, Kind, List, Order, Page, Part, Placed, Slice, rows};
use crate::facts::Facts;
use crate::order::{BEFORE_ALL, EventOrder};
use crate::receive::{FileEvent, FileIdentity};

const IDENTITY: [&str; 4] = ["tenant_id", "source_id", "origin", "ingest_id"];
/// The group that `facts_order` decides.
const FACTS: [&str; 27] = [
    "facts_order",
    "facts_at_ms",
    "status",
    "original_filename",
    "stored_filename",
    "base_name",
    "file_path",
    "file_type",
    "file_size",
    "mime_type",
    "sha256",
    "confidence_score",
    "client_code",
    "project_code",
    "job_number",
    "part_name",
    "material",
    "thickness_mm",
    "quantity",
    "version",
    "created_at_ms",
    "processed_at_ms",
    "preview_url",
    "download_url",
    "duplicate_of",
    "extraction",
    "error",
];
/// The group that `ingested_order` decides.
const INGESTED: [&str; 1] = ["ingested_order"];
/// The group that `deleted_order` decides.
const DELETED: [&str; 3] = ["deleted_order", "deleted_at_ms", "hard_delete"];
const COLUMNS: usize = IDENTITY.len() + FACTS.len() + INGESTED.len() + DELETED.len();

static BEFORE: LazyLock<String> = LazyLock::new(|| {
    let columns = [&IDENTITY[..], &FACTS, &INGESTED, &DELETED]
        .concat()
        .join(", ");
    format!("INSERT INTO design_files ({columns}) VALUES")
});

static AFTER: LazyLock<String> = LazyLock::new(|| {
    let groups = [&FACTS[..], &INGESTED, &DELETED];
    let updates: Vec<String> = groups.into_iter().flat_map(latest).collect();
    format!(
        "ON CONFLICT (source_id, origin, ingest_id) DO UPDATE SET {} \
         RETURNING id, source_id, origin, ingest_id, facts_order, ingested_order, deleted_order",
        updates.join(", ")
    )
});

/// Each column of a group from the row whose order, the group's first column, is higher.
fn latest(group: &'static [&'static str]) -> impl Iterator<Item = String> {
    let order = group.first().copied().unwrap_or_default();
    group.iter().map(move |column| {
        format!(
            "{column} = CASE WHEN excluded.{order} > design_files.{order} \
             THEN excluded.{column} ELSE design_files.{column} END"
        )
    })
}

/// What a batch says about one file.
struct Latest<'e> {
    tenant_id: i64,
    facts: &'e FileEvent,
    ingested: Option<&'e FileEvent>,
    deleted: Option<&'e FileEvent>,
}

impl<'e> Latest<'e> {
    fn of(tenant_id: i64, event: &'e FileEvent) -> Self {
        let of_kind = |kind| (event.kind == kind).then_some(event);
        Self {
            tenant_id,
            facts: event,
            ingested: of_kind(FileEventKind::Ingested),
            deleted: of_kind(FileEventKind::Deleted),
        }
    }

    fn merge(&mut self, other: Self) {
        let facts_order = |event: &FileEvent| event.order.of_facts(event.kind);
        if facts_order(other.facts) > facts_order(self.facts) {
            self.facts = other.facts;
        }
        let later = |one: Option<&'e FileEvent>, two: Option<&'e FileEvent>| {
            one.into_iter()
                .chain(two)
                .max_by(|a, b| a.order.cmp(&b.order))
        };
        self.ingested = later(self.ingested, other.ingested);
        self.deleted = later(self.deleted, other.deleted);
    }

    fn row(&self) -> [Value<'e>; COLUMNS] {
        let order = |event: Option<&'e FileEvent>| -> Value<'e> {
            event
                .map_or(BEFORE_ALL, |event| event.order.as_bytes())
                .into()
        };
        let (file, facts) = (&self.facts.file, &self.facts.facts);
        [
            self.tenant_id.into(),
            file.source_id.into(),
            file.origin.as_str().into(),
            file.ingest_id.into(),
            self.facts.order.of_facts(self.facts.kind).into(),
            facts.facts_at_ms.into(),
            facts.status.into(),
            facts.original_filename.as_deref().into(),
            facts.stored_filename.as_deref().into(),
            facts.base_name.as_deref().into(),
            facts.file_path.as_deref().into(),
            facts.file_type.as_deref().into(),
            facts.file_size.into(),
            facts.mime_type.as_deref().into(),
            facts.sha256.as_deref().into(),
            facts.confidence_score.into(),
            facts.client_code.as_deref().into(),
            facts.project_code.as_deref().into(),
            facts.job_number.into(),
            facts.part_name.as_deref().into(),
            facts.material.as_deref().into(),
            facts.thickness_mm.into(),
            facts.quantity.into(),
            facts.version.into(),
            facts.created_at_ms.into(),
            facts.processed_at_ms.into(),
            facts.preview_url.as_deref().into(),
            facts.download_url.as_deref().into(),
            facts.duplicate_of.into(),
            facts.extraction.as_deref().into(),
            facts.error.as_deref().into(),
            order(self.ingested),
            order(self.deleted),
            self.deleted.map(|event| event.timestamp_ms).into(),
            self.deleted.and_then(|event| event.hard_delete).into(),
        ]
    }
}

/// Where a file stands after a batch.
pub(crate) struct AppliedFile {
    pub id: i64,
    facts_order: Vec<u8>,
    ingested_order: Vec<u8>,
    deleted_order: Vec<u8>,
}

impl AppliedFile {
    /// Whether nothing of the event is there to see.
    pub(crate) fn outdates(&self, event: &FileEvent) -> bool {
        let order = EventOrder::as_bytes(&event.order);
        self.facts_order != event.order.of_facts(event.kind)
            && self.ingested_order != order
            && self.deleted_order != order
    }
}

#[derive(QueryableByName)]
struct AppliedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    source_id: i64,
    #[diesel(sql_type = Text)]
    origin: String,
    #[diesel(sql_type = BigInt)]
    ingest_id: i64,
    #[diesel(sql_type = Binary)]
    facts_order: Vec<u8>,
    #[diesel(sql_type = Binary)]
    ingested_order: Vec<u8>,
    #[diesel(sql_type = Binary)]
    deleted_order: Vec<u8>,
}

/// Applies events, each with its tenant; rows are written in the order of their identity.
pub(crate) fn apply<'e>(
    conn: &mut Conn,
    events: impl Iterator<Item = (i64, &'e FileEvent)>,
) -> Result<HashMap<FileIdentity, AppliedFile>, DbError> {
    let mut files: BTreeMap<&FileIdentity, Latest<'e>> = BTreeMap::new();
    for (tenant_id, event) in events {
        let latest = Latest::of(tenant_id, event);
        match files.entry(&event.file) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(latest);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().merge(latest)
            }
        }
    }
    let values = files.values().map(Latest::row).collect();
    let rows: Vec<AppliedRow> = rows::load(conn, &BEFORE, values, &AFTER)?;
    Ok(rows.into_iter().map(applied).collect())
}

fn applied(row: AppliedRow) -> (FileIdentity, AppliedFile) {
    let identity = FileIdentity {
        source_id: row.source_id,
        origin: row.origin,
        ingest_id: row.ingest_id,
    };
    let file = AppliedFile {
        id: row.id,
        facts_order: row.facts_order,
        ingested_order: row.ingested_order,
        deleted_order: row.deleted_order,
    };
    (identity, file)
}

/// The ids of files that are there.
pub(crate) fn ids<'f>(
    conn: &mut Conn,
    files: impl Iterator<Item = &'f FileIdentity>,
) -> Result<HashMap<FileIdentity, i64>, DbError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = BigInt)]
        source_id: i64,
        #[diesel(sql_type = Text)]
        origin: String,
        #[diesel(sql_type = BigInt)]
        ingest_id: i64,
    }
    let row = |file: &'f FileIdentity| -> [Value<'f>; 3] {
        [
            file.source_id.into(),
            file.origin.as_str().into(),
            file.ingest_id.into(),
        ]
    };
    let before = "SELECT id, source_id, origin, ingest_id FROM design_files \
        WHERE (source_id, origin, ingest_id) IN (VALUES";
    let found: Vec<Found> = rows::load(conn, before, files.map(row).collect(), ")")?;
    let entry = |row: Found| {
        let identity = FileIdentity {
            source_id: row.source_id,
            origin: row.origin,
            ingest_id: row.ingest_id,
        };
        (identity, row.id)
    };
    Ok(found.into_iter().map(entry).collect())
}

/// A design file as a reader sees it.
#[derive(Debug, QueryableByName)]
pub(crate) struct DesignFile {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = Text)]
    pub source: String,
    #[diesel(sql_type = Text)]
    pub origin: String,
    #[diesel(sql_type = BigInt)]
    pub ingest_id: i64,
    #[diesel(embed)]
    pub facts: Facts,
    /// 0 or 1.
    #[diesel(sql_type = SmallInt)]
    pub is_deleted: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub deleted_at_ms: Option<i64>,
    /// 0 or 1.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub hard_delete: Option<i16>,
    #[diesel(sql_type = BigInt)]
    pub source_id: i64,
    /// The project code given by hand.
    #[diesel(sql_type = Nullable<Text>)]
    pub linked_project_code: Option<String>,
    /// The project code that holds.
    #[diesel(sql_type = Nullable<Text>)]
    pub filed_under: Option<String>,
    /// The project that has it.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub project_id: Option<i64>,
}

impl Placed for DesignFile {
    fn cursor(&self) -> Cursor {
        Cursor::new([
            Part::Int(self.facts.created_at_ms),
            Part::Int(self.ingest_id),
            Part::Text(self.origin.clone()),
            Part::Int(self.source_id),
        ])
    }
}

/// What a list of design files may be narrowed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct DesignFileQuery {
    pub client_code: Option<String>,
    pub project_code: Option<String>,
    pub stored_filename: Option<String>,
    pub material: Option<String>,
    pub thickness_mm: Option<f64>,
    pub file_type: Option<String>,
    pub source: Option<String>,
    pub status: Option<i16>,
    /// `None`: deleted ones too.
    pub deleted: Option<bool>,
    /// Only those that are under no project.
    pub unmatched: bool,
    pub words: Option<String>,
}

/// The latest upload first. Nothing here depends on the order of arrival, so files that compete for one
/// stored name keep this order, and the first of them holds it.
pub(crate) const ORDER: Order = Order {
    columns: &[
        ("f.created_at_ms", Kind::Int),
        ("f.ingest_id", Kind::Int),
        ("f.origin", Kind::Text),
        ("f.source_id", Kind::Int),
    ],
    descending: true,
};

/// Everything but the place among other events.
static COLUMNS_READ: LazyLock<String> = LazyLock::new(|| {
    let facts = FACTS
        .into_iter()
        .skip(1)
        .map(|column| format!("f.{column}"));
    format!(
        "f.id, s.name AS source, f.origin, f.ingest_id, f.source_id, {}, \
         CAST(CASE WHEN f.deleted_order > f.ingested_order THEN 1 ELSE 0 END AS SMALLINT) AS is_deleted, \
         f.deleted_at_ms, f.hard_delete, f.linked_project_code, f.filed_under, p.id AS project_id",
        facts.collect::<Vec<_>>().join(", ")
    )
});

/// `with_projects`: whether a filter asks for the project; then counting costs more.
fn columns(with_projects: bool) -> List<'static> {
    const PROJECTS: &str = "FROM design_files f \
        LEFT JOIN projects p ON p.tenant_id = f.tenant_id AND p.code = f.filed_under";
    const SOURCES: &str = "JOIN sources s ON s.id = f.source_id";
    const BOTH: &str = "JOIN sources s ON s.id = f.source_id \
        LEFT JOIN projects p ON p.tenant_id = f.tenant_id AND p.code = f.filed_under";
    let (from, joins) = match with_projects {
        true => (PROJECTS, SOURCES),
        false => ("FROM design_files f", BOTH),
    };
    List {
        columns: &COLUMNS_READ,
        from,
        joins,
        order: ORDER,
    }
}

pub(crate) fn list(
    conn: &mut Conn,
    tenant: i64,
    query: DesignFileQuery,
    slice: Slice,
) -> Result<Page<DesignFile>, DbError> {
    let names = ["f.original_filename", "f.stored_filename", "f.part_name"];
    let mut filter = Filter::tenant("f.tenant_id", tenant)
        .and_with("f.client_code = ?", query.client_code)
        .and_with("f.filed_under = ?", query.project_code)
        .and_with("f.stored_filename = ?", query.stored_filename)
        .and_with("lower(f.material) = lower(?)", query.material)
        .and_with("abs(f.thickness_mm - ?) < 0.0005", query.thickness_mm)
        .and_with("f.file_type = ?", query.file_type)
        .and_with(
            "f.source_id = (SELECT id FROM sources WHERE name = ?)",
            query.source,
        )
        .and_with("f.status = ?", query.status)
        .and_contains(&names, query.words.as_deref());
    filter = match query.deleted {
        Some(true) => filter.and("f.deleted_order > f.ingested_order"),
        Some(false) => filter.and("f.deleted_order <= f.ingested_order"),
        None => filter,
    };
    if query.unmatched {
        filter = filter.and("p.id IS NULL");
    }
    filter.page(conn, &columns(query.unmatched), slice)
}

pub(crate) fn find(conn: &mut Conn, tenant: i64, id: i64) -> Result<Option<DesignFile>, DbError> {
    Filter::tenant("f.tenant_id", tenant)
        .and_with("f.id = ?", Some(id))
        .first(conn, &columns(false))
}

/// Files of the same project, kind and base name, `file` included.
pub(crate) fn versions(
    conn: &mut Conn,
    tenant: i64,
    file: &DesignFile,
    versions_max: i64,
) -> Result<Vec<DesignFile>, DbError> {
    let facts = &file.facts;
    let Some((project_code, base_name)) = file.filed_under.clone().zip(facts.base_name.clone())
    else {
        return Ok(Vec::new());
    };
    let filter = Filter::tenant("f.tenant_id", tenant)
        .and_with("f.filed_under = ?", Some(project_code))
        .and_with("f.base_name = ?", Some(base_name))
        .and_with(
            "coalesce(f.file_type, '') = ?",
            Some(facts.file_type.clone().unwrap_or_default()),
        );
    let page = filter.page(conn, &columns(false), Slice::first(versions_max))?;
    Ok(page.items)
}

/// Files a design file under a project by hand, whatever its sender says; `None` lets the sender say.
pub(crate) fn link(
    conn: &mut Conn,
    tenant: i64,
    id: i64,
    project_code: Option<&str>,
    now_ms: i64,
) -> Result<bool, DbError> {
    let update = sql(
        "UPDATE design_files SET linked_project_code = ?, linked_at_ms = ? \
         WHERE tenant_id = ? AND id = ? RETURNING id",
    );
    let update = update
        .bind(project_code)
        .bind(project_code.map(|_| now_ms))
        .bind(tenant)
        .bind(id);
    Ok(conn.row::<Id>(update)?.is_some())
}
