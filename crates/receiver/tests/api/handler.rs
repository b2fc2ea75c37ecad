//! Another program's handler: what it writes is committed with the event, once, or not at all.

use std::sync::Arc;

use contract::{Event, EventType, FileEventKind};
use db::{Database, EmbeddedMigrations, Migrations, embed_migrations};
use futures_util::future::join_all;
use receiver::{Apply, Conn, DbError, NewEvent, sql};
use serde_json::json;
use testkit::TempDb;

use crate::harness::{TestReceiver, event, snapshot};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/receiver/postgres");

/// Keeps the ids of what it is given; one of them it cannot bear.
struct Ledger;

impl Apply for Ledger {
    fn takes(&self, event_type: &str) -> bool {
        ["invoice.paid", "file.processed"].contains(&event_type)
    }

    fn apply(&self, conn: &mut Conn, events: &[NewEvent<'_>]) -> Result<(), DbError> {
        conn.execute(sql(
            "CREATE TABLE IF NOT EXISTS ledger (id TEXT NOT NULL, cents BIGINT)",
        ))?;
        for event in events {
            let insert = sql("INSERT INTO ledger (id, cents) VALUES (?, ?)");
            conn.execute(insert.bind(event.id).bind(1_i64))?;
            if event.data.contains("unbearable") {
                conn.execute(sql("SELECT nothing FROM nowhere"))?;
            }
        }
        Ok(())
    }
}

fn paid(sequence: i64) -> Event {
    Event {
        event_type: EventType::parse("invoice.paid").unwrap(),
        ..event(FileEventKind::Processed, sequence, &snapshot(77))
    }
}

fn written(temp: &TempDb) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        id: String,
    }
    let migrations = Migrations {
        sqlite: SQLITE,
        postgres: POSTGRES,
    };
    let database = Database::open(temp.settings(), migrations).unwrap();
    let mut conn = database.connect().unwrap();
    let rows: Vec<Row> = conn.rows(sql("SELECT id FROM ledger ORDER BY id")).unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_handler_sees_every_event_of_its_types_once() {
    for temp in TempDb::both() {
        // Before the handler is there, its events are recorded and not applied.
        let shop = TestReceiver::start(&temp).await;
        assert_eq!(shop.send("shop", &paid(1)).await.0, 200);
        shop.stop().await;
        let shop = TestReceiver::start_handled(&temp, &[], Some(Arc::new(Ledger))).await;
        let waiting = shop.items("/inbox?state=unknown").await;
        let reapply = format!("/inbox/{}/reapply", waiting[0]["id"]);
        let (status, told) = shop.post(&reapply, &json!({})).await;
        assert_eq!(
            (status, &told["message"]),
            (200, &json!("applied")),
            "{told}"
        );

        let (events, file) = (paid(2), event(FileEventKind::Processed, 3, &snapshot(5)));
        let sent = (0..20).map(|n| shop.send("shop", if n % 2 == 0 { &events } else { &file }));
        assert!(
            join_all(sent)
                .await
                .iter()
                .all(|(status, _)| *status == 200)
        );
        assert_eq!(shop.items("/design-files").await.len(), 1);
        let mut expected = [&paid(1), &events, &file].map(|event| event.id.to_string());
        expected.sort();
        assert_eq!(written(&temp), expected);

        // What it fails to write is answered as such, spoils nobody else's event, and leaves nothing.
        let mut facts = snapshot(6);
        facts.part_name = Some("unbearable".to_owned());
        let bad = event(FileEventKind::Processed, 4, &facts);
        let good = paid(5);
        let both = join_all([shop.send("shop", &bad), shop.send("shop", &good)]).await;
        assert_eq!((both[0].0, both[1].0), (500, 200), "{both:?}");
        assert_eq!(shop.items("/design-files").await.len(), 1);
        assert_eq!(written(&temp).len(), 4);
        shop.stop().await;
    }
}
