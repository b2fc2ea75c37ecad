//! PostgreSQL keeps the plan of a statement it has seen: it must be right for the table as it will be.

use db::{Conn, sql};
use diesel::sql_types::Text;
use testkit::TempDb;

use crate::open;

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    plan: String,
}

fn plan(conn: &mut Conn) -> String {
    let lines: Vec<Line> = conn
        .rows(sql(
            "EXPLAIN UPDATE notes SET body = new.body \
             FROM unnest(ARRAY[1]::bigint[], ARRAY['x']) AS new (id, body) WHERE notes.id = new.id",
        ))
        .expect("the statement can be planned");
    lines.into_iter().map(|line| line.plan + "\n").collect()
}

#[test]
fn what_is_written_is_found_by_its_key_in_an_empty_table_too() {
    let temp = TempDb::postgres();
    let plan = plan(&mut open(&temp).connect().unwrap());
    assert!(plan.contains("Index Scan using notes_pkey"), "{plan}");
}
