//! What the databases are going to do for what every page asks, as tests see it. Never part of the service.

use db::{Backend, Conn, Database, DbError, Lane, TxError, Value, Writer, WriterSettings, sql};
use diesel::QueryableByName;
use diesel::sql_types::Text;
use std::convert::Infallible;
use testkit::TempDb;

use super::counts::{COUNTS, KNOWN_CODES, TROUBLES};
use super::list::tests::filled;

#[derive(QueryableByName)]
struct SqlitePlan {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresPlan {
    #[diesel(sql_type = Text)]
    #[diesel(column_name = "QUERY PLAN")]
    line: String,
}

/// What the database is going to do.
pub(crate) fn plan(conn: &mut Conn, (text, values): (String, Vec<Value<'_>>)) -> String {
    let lines: Vec<String> = match conn.backend() {
        Backend::Sqlite => {
            let asked = sql(format!("EXPLAIN QUERY PLAN {text}")).bind_all(values);
            let rows: Vec<SqlitePlan> = conn.rows(asked).unwrap();
            rows.into_iter().map(|row| row.detail).collect()
        }
        Backend::Postgres => {
            let asked = sql(format!("EXPLAIN {text}")).bind_all(values);
            let rows: Vec<PostgresPlan> = conn.rows(asked).unwrap();
            rows.into_iter().map(|row| row.line).collect()
        }
    };
    lines.join("\n")
}

#[tokio::test]
async fn what_every_page_counts_is_read_off_indexes() {
    for temp in TempDb::both() {
        let (database, writer) = filled(&temp).await;
        let read = move |conn: &mut Conn| {
            for (text, values) in [
                (TROUBLES, vec![1, 19_000, 1, 19_000]),
                (COUNTS, vec![1, 1, 1, 19_000]),
                (KNOWN_CODES, vec![1]),
            ] {
                let values = values.into_iter().map(Value::from).collect();
                let plan = plan(conn, (text.to_owned(), values));
                let scans = ["SCAN files", "Seq Scan"];
                assert!(scans.iter().all(|scan| !plan.contains(scan)), "{plan}");
                if conn.backend() == Backend::Sqlite {
                    let reads = plan.matches("SEARCH files").count();
                    let own = plan.matches("SEARCH files USING COVERING INDEX").count();
                    assert_eq!(own, reads, "{plan}");
                }
            }
            Ok::<_, DbError>(())
        };
        database.reads().run(read).await.unwrap();
        writer.stop();
    }
}

/// The events of one file among those of many, as the engine asks for them.
const OF_SUBJECT: &str = "SELECT e.id FROM events e JOIN tenants t ON t.id = e.tenant_id WHERE e.tenant_id = ? \
     AND e.subject = ? AND e.id < ? ORDER BY e.id DESC LIMIT ? OFFSET ?";

#[tokio::test]
async fn the_events_of_a_file_are_found_by_their_subject() {
    for temp in TempDb::both() {
        let database = Database::open(temp.settings(), crate::start::MIGRATIONS).unwrap();
        let writer = Writer::start(&database, WriterSettings::default()).unwrap();
        let (ulid, analyze) = match database.url() {
            db::DatabaseUrl::Sqlite(_) => ("randomblob(16)", "SELECT 1"),
            db::DatabaseUrl::Postgres(_) => {
                ("decode(md5(CAST(i AS TEXT)), 'hex')", "ANALYZE events")
            }
        };
        let text = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
             INSERT INTO events (id, ulid, tenant_id, event_type, subject, sequence, timestamp_ms, data, \
             render_version) SELECT i, {ulid}, 1, 'file.processed', 'file/' || (i / 4), 1 + i % 4, i, {ulid}, 1 FROM n"
        );
        for text in [text, analyze.to_owned()] {
            let done = writer.with_tx(Lane::Bulk, 1, 0, move |tx| {
                tx.conn().execute(sql(text.clone()))?;
                Ok::<_, TxError<Infallible>>(())
            });
            done.await.unwrap();
        }
        let read = |conn: &mut Conn| {
            let values = vec![
                1_i64.into(),
                Value::from("file/7"),
                i64::MAX.into(),
                20_i64.into(),
                0_i64.into(),
            ];
            let plan = plan(conn, (OF_SUBJECT.to_owned(), values));
            assert!(plan.contains("events_by_subject"), "{plan}");
            Ok::<_, DbError>(())
        };
        database.reads().run(read).await.unwrap();
        writer.stop();
    }
}
