//! A row like an event's, about 990 bytes, and how it is written. Stands for the hot tables, whose own
//! crates know them.

use db::{Backend, Conn, DbError, Lane, SetJob, Tx, Value, sql};

/// With the other columns, about 990 bytes.
const DATA_BYTES: usize = 890;
const EVENT_TYPE: &str = "file.processed";
const TENANT: i64 = 1;

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    id: i64,
    ulid: [u8; 16],
    subject: String,
    data: Vec<u8>,
}

impl Event {
    /// Ids rise, as those of real events do.
    pub(crate) fn new(id: i64) -> Self {
        let mut data = format!("{{\"ingest_id\":{id},\"text\":\"");
        let room = DATA_BYTES.saturating_sub(data.len() + 2);
        data.extend(std::iter::repeat_n('x', room));
        data.push_str("\"}");
        Self {
            id,
            ulid: u128::from(id.unsigned_abs()).to_be_bytes(),
            subject: format!("file/{id}"),
            data: data.into_bytes(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.subject.len() + EVENT_TYPE.len() + 48
    }

    /// Writes this row alone.
    pub(crate) fn insert(&self, conn: &mut Conn) -> Result<(), DbError> {
        let statement = sql(
            "INSERT INTO events (id, ulid, tenant_id, event_type, subject, sequence, timestamp_ms, data) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(self.id)
        .bind(self.ulid.as_slice())
        .bind(TENANT)
        .bind(EVENT_TYPE)
        .bind(&self.subject)
        .bind(self.id)
        .bind(self.id)
        .bind(&self.data);
        conn.execute(statement).map(|_one| ())
    }
}

/// Writes rows as a set.
pub(crate) struct Events;

impl SetJob for Events {
    type Item = Event;
    type Output = ();
    const RANK: u8 = 40;
    const LANE: Lane = Lane::Interactive;

    fn run(&self, tx: &mut Tx<'_>, items: &mut [Event]) -> Result<Vec<()>, DbError> {
        match tx.conn().backend() {
            Backend::Sqlite => items.iter().try_for_each(|event| event.insert(tx.conn()))?,
            Backend::Postgres => insert_all(tx.conn(), items)?,
        }
        Ok(vec![(); items.len()])
    }
}

/// One statement for all rows; PostgreSQL only.
fn insert_all(conn: &mut Conn, events: &[Event]) -> Result<(), DbError> {
    let ids = || Value::Ints(events.iter().map(|e| Some(e.id)).collect());
    let statement = sql(
        "INSERT INTO events (id, ulid, tenant_id, event_type, subject, sequence, timestamp_ms, data) \
         SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind_all([
        ids(),
        Value::Blobs(events.iter().map(|e| Some(e.ulid.as_slice())).collect()),
        Value::Ints(vec![Some(TENANT); events.len()]),
        Value::Texts(vec![Some(EVENT_TYPE); events.len()]),
        Value::Texts(events.iter().map(|e| Some(e.subject.as_str())).collect()),
        ids(),
        ids(),
        Value::Blobs(events.iter().map(|e| Some(e.data.as_slice())).collect()),
    ]);
    conn.execute(statement).map(|_all| ())
}
