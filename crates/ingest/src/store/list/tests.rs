//! How both databases answer lists of many files: by which index, and that none is sorted or read through.

use std::convert::Infallible;

use db::{Database, Lane, Sql, Tx, TxError, Writer, WriterSettings};
use testkit::TempDb;

use super::*;
use crate::store::plans::plan;

const FILES: i64 = 20_000;

fn run(statement: Sql<'static>) -> impl FnMut(&mut Tx<'_>) -> Result<(), TxError<Infallible>> {
    move |tx| {
        tx.conn().execute(statement.clone())?;
        Ok(())
    }
}

/// A database with many files.
pub(crate) async fn filled(temp: &TempDb) -> (Database, Writer) {
    let database = Database::open(temp.settings(), crate::start::MIGRATIONS).unwrap();
    let writer = Writer::start(&database, WriterSettings::default()).unwrap();
    fill(&database, &writer).await;
    (database, writer)
}

/// Files of one tenant: a tenth to check, some failed, some deleted, of 50 clients and 1,000 projects.
async fn fill(database: &Database, writer: &Writer) {
    let (hash, analyze) = match database.url() {
        db::DatabaseUrl::Sqlite(_) => ("randomblob(32)", "SELECT 1"),
        db::DatabaseUrl::Postgres(_) => ("sha256(CAST(CAST(i AS TEXT) AS BYTEA))", "ANALYZE files"),
    };
    let text = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {FILES}) \
         INSERT INTO files (tenant_id, clean_name, stored_name, kind, mime_type, mode, size_bytes, sha256, \
         generation, identity, state, state_before_delete, caller_facts, client_code, project_code, material, \
         thickness_mm, needs_review, base_name, version, search, task, created_at_ms, updated_at_ms, \
         processed_at_ms) \
         SELECT 1, 'Plate ' || i || '.dxf', 's', 'dxf', 'm', 'AUTO', i, {hash}, 1, {hash}, \
         CASE WHEN i % 97 = 0 THEN 4 WHEN i % 50 = 0 THEN 3 ELSE 2 END, \
         CASE WHEN i % 97 = 0 THEN 2 END, '{{}}', 'CL' || (i % 50), 'JB' || (i % 1000), \
         CASE i % 5 WHEN 0 THEN 'Corten' ELSE 'Mild Steel' END, 1.0 + i % 7, \
         CASE WHEN i % 10 = 1 THEN '[]' END, 'b' || i, 1, 'plate ' || i || '.dxf', 1, i, i, i FROM n"
    );
    for text in [text, analyze.to_owned()] {
        let done = writer.with_tx(Lane::Bulk, 1, 0, run(sql(text)));
        done.await.unwrap();
    }
}

fn state(state: State) -> Filter {
    Filter {
        state: Some(state),
        ..Filter::default()
    }
}

fn order(order: Order) -> Filter {
    Filter {
        order,
        ..Filter::default()
    }
}

/// Lists of the console, and what finds their files on SQLite.
fn lists() -> Vec<(Filter, &'static str)> {
    let text = |text: &str| Some(text.to_owned());
    let to_check = Filter {
        needs_review: Some(true),
        ..state(State::Completed)
    };
    let client = Filter {
        client_code: text("CL7"),
        ..Filter::default()
    };
    let project = Filter {
        project_code: text("JB7"),
        ..Filter::default()
    };
    let facts = Filter {
        material: text("Corten"),
        thickness_mm: Some(3.0),
        ..Filter::default()
    };
    let nothing = Filter {
        text: text("nothing like it"),
        ..Filter::default()
    };
    vec![
        (Filter::default(), "files_listed"),
        (order(Order::Oldest), "files_listed"),
        (order(Order::Name), "files_by_name"),
        (order(Order::Project), "files_by_project"),
        (order(Order::Largest), "files_by_size"),
        (state(State::Failed), "files_by_state"),
        (state(State::Completed), "files_by_state"),
        (to_check, "files_to_check"),
        (client, "files_by_client"),
        (project, "files_by_project"),
        (facts, "files_listed"),
        (nothing, "files_listed"),
    ]
}

#[tokio::test]
async fn lists_of_many_files_are_found_by_indexes_and_not_sorted() {
    for temp in TempDb::both() {
        let (database, writer) = filled(&temp).await;
        let page = Page {
            limit: 50,
            offset: 0,
            count_max: 10_000,
        };
        let read = move |conn: &mut Conn| {
            let backend = conn.backend();
            for (filter, index) in lists() {
                let shown = plan(conn, page_of(backend, 1, &filter, page));
                let counted = plan(conn, count_of(backend, 1, &filter, page));
                match backend {
                    Backend::Sqlite => {
                        assert!(shown.contains(index), "{filter:?}: {shown}");
                        assert!(!shown.contains("TEMP B-TREE"), "{filter:?}: {shown}");
                        assert!(counted.contains("COVERING"), "{filter:?}: {counted}");
                    }
                    // It knows how much there is of what, may find another index better, and counts a large part of
                    // all files without one.
                    Backend::Postgres => {
                        assert!(shown.contains("Index"), "{filter:?}: {shown}");
                        assert!(!shown.contains("Seq Scan"), "{filter:?}: {shown}");
                    }
                }
            }
            Ok::<_, DbError>(())
        };
        database.reads().run(read).await.unwrap();
        writer.stop();
    }
}

#[tokio::test]
async fn a_list_is_counted_as_far_as_asked() {
    for temp in TempDb::both() {
        let (database, writer) = filled(&temp).await;
        let alive = FILES - FILES / 97;
        let last = FILES / 97 % 50;
        for (filter, limit, offset, count_max, shown, total) in [
            (Filter::default(), 50, 0, 10_000, 50, 10_001),
            (Filter::default(), 50, 0, i64::MAX - 1, 50, alive),
            (Filter::default(), 50, alive, 10_000, 0, 10_001),
            (state(State::Deleted), 50, 200, 10_000, last, FILES / 97),
        ] {
            let page = Page {
                limit,
                offset,
                count_max,
            };
            let read = move |conn: &mut Conn| list(conn, 1, &filter, page);
            let (rows, counted) = database.reads().run(read).await.unwrap();
            assert_eq!((rows.len() as i64, counted), (shown, total), "{page:?}");
        }
        writer.stop();
    }
}
