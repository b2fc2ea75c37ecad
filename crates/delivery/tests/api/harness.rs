//! An engine on a database of its own, and what its tables say.

use std::time::{Duration, Instant};

use contract::{EventType, JsonObject};
use db::{
    Backend, Clock, Conn, Database, DbError, EmbeddedMigrations, Lane, Migrations, SystemClock,
    TxError, WriteError, Writer, WriterSettings, embed_migrations, sql,
};
use delivery::{
    DeliverySettings, Engine, EngineError, EventFilter, NewEvent, Page, Published, Publisher,
    Revealed, SubscriptionFields, SubscriptionSettings, Tenant, Vault,
};
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use testkit::{RecordedRequest, TempDb};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/ingest/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/ingest/postgres");

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Far longer than anything takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(25);

pub(crate) const PENDING: i64 = 1;
pub(crate) const DELIVERED: i64 = 2;
pub(crate) const DEAD: i64 = 3;

pub(crate) struct Harness {
    pub(crate) settings: DeliverySettings,
    pub(crate) database: Database,
    pub(crate) writer: Writer,
    engine: Option<Engine>,
    pub(crate) temp: TempDb,
}

#[derive(Debug, Clone, diesel::QueryableByName)]
pub(crate) struct DeliveryRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) state: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) attempts: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) claim: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) due_at_ms: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) owner: Option<i64>,
}

#[derive(Debug, Clone, diesel::QueryableByName)]
pub(crate) struct AttemptRow {
    #[diesel(sql_type = BigInt)]
    pub(crate) outcome: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub(crate) status_code: Option<i64>,
    #[diesel(sql_type = Nullable<Text>)]
    pub(crate) error: Option<String>,
    #[diesel(sql_type = Nullable<Binary>)]
    pub(crate) response: Option<Vec<u8>>,
    #[diesel(sql_type = BigInt)]
    pub(crate) duration_ms: i64,
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Settings for tests: loopback allowed, retries at once.
pub(crate) fn settings() -> DeliverySettings {
    DeliverySettings {
        enabled: true,
        allow_networks: vec!["127.0.0.0/8".into(), "::1".into()],
        attempt_timeout_seconds: 10,
        response_bytes_read_max: 65_536,
        response_bytes_kept_max: 16_384,
        attempts_in_flight_max: 4096,
        attempts_in_flight_per_tenant_max: 2_048,
        attempts_in_flight_per_endpoint_max: 16,
        queue_deliveries_per_endpoint_max: 1_000,
        queue_memory_bytes_max: 64 << 20,
        retry_schedule: "0, 0, 0".into(),
        retry_jitter: 0.0,
        retry_after_seconds_max: 86_400,
        delivery_age_days_max: 14,
        retention_days: 90,
        event_bytes_max: 262_144,
        batch_events_max: 1_000,
        batch_bytes_max: 524_288,
        replay_event_ids_max: 1_000,
        lease_seconds: 30,
        node_name: "here".into(),
    }
}

/// A subscription to everything.
pub(crate) fn subscription(name: &str, url: &str) -> SubscriptionSettings {
    SubscriptionSettings {
        name: name.into(),
        url: url.into(),
        events: vec!["*".into()],
        profile: "standard".into(),
        secrets: vec![SECRET.into()],
        timeout_seconds: 0,
        retry_schedule: String::new(),
        is_active: true,
        batch: None,
        headers: Default::default(),
    }
}

pub(crate) fn vault() -> Vault {
    Vault::new(&[7; 32]).expect("32 bytes")
}

impl Harness {
    /// An empty database, nothing started.
    pub(crate) fn idle(backend: Backend, settings: DeliverySettings) -> Self {
        let temp = TempDb::new(backend);
        let migrations = Migrations {
            sqlite: SQLITE,
            postgres: POSTGRES,
        };
        let database = Database::open(temp.settings(), migrations).expect("the database opens");
        let writer =
            Writer::start(&database, WriterSettings::default()).expect("the writer starts");
        Self {
            settings,
            database,
            writer,
            engine: None,
            temp,
        }
    }

    pub(crate) async fn start(backend: Backend, subscriptions: Vec<SubscriptionSettings>) -> Self {
        let mut harness = Self::idle(backend, settings());
        harness.restart(subscriptions).await;
        harness
    }

    /// Starts the engine, after stopping the one before.
    pub(crate) async fn restart(&mut self, subscriptions: Vec<SubscriptionSettings>) {
        self.stop();
        self.engine = Some(
            self.try_start(subscriptions)
                .await
                .expect("the engine starts"),
        );
    }

    pub(crate) async fn try_start(
        &self,
        subscriptions: Vec<SubscriptionSettings>,
    ) -> Result<Engine, EngineError> {
        let (database, writer) = (&self.database, &self.writer);
        Engine::start(database, writer, vault(), &self.settings, subscriptions).await
    }

    /// Stops the engine with a grace; dropped afterwards.
    pub(crate) fn stop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.stop(Duration::from_secs(5));
        }
    }

    /// Stops the engine without waiting for what is under way.
    pub(crate) fn stop_at_once(&mut self) {
        self.engine = None;
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine runs")
    }

    pub(crate) fn tenant(&self) -> Tenant {
        self.engine().default_tenant().clone()
    }

    /// A managed subscription to `note.*` that `change` has changed.
    pub(crate) async fn subscribe(
        &self,
        url: &str,
        change: impl FnOnce(&mut SubscriptionFields),
    ) -> Revealed {
        let mut fields = SubscriptionFields {
            url: url.into(),
            events: vec!["note.*".into()],
            ..SubscriptionFields::default()
        };
        change(&mut fields);
        let (subscriptions, tenant) = (self.engine().subscriptions(), self.tenant());
        let created = subscriptions.create(&tenant, fields, None);
        created.await.expect("the subscription is created")
    }

    /// A short read.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&mut Conn) -> Result<T, DbError>) -> T {
        self.database
            .reads()
            .run_blocking(read)
            .expect("it can be read")
    }

    /// How many events of this type have been published.
    pub(crate) fn published(&self, event_type: &str) -> usize {
        let filter = EventFilter {
            event_type: Some(event_type.into()),
            ..EventFilter::default()
        };
        let publisher = self.engine().publisher();
        let list = self.read(|conn| filter.list(conn, publisher, 1, Page::first(1_000)));
        list.items.len()
    }

    pub(crate) fn event(&self, event_type: &str, data: &str) -> NewEvent {
        NewEvent {
            tenant: Tenant {
                id: 1,
                name: "default".into(),
            },
            event_type: EventType::parse(event_type).expect("an event type"),
            subject: None,
            timestamp_ms: SystemClock.now_ms(),
            data: JsonObject::parse(data).expect("an object"),
            metadata: None,
        }
    }

    pub(crate) async fn publish(&self, event_type: &str, data: &str) -> Published {
        let event = self.event(event_type, data);
        publish(self.engine().publisher(), &self.writer, event).await
    }

    /// Publishes `count` events `note.made` with `n` from 0, many at once.
    pub(crate) async fn publish_many(&self, count: usize) -> Vec<Published> {
        let mut published = Vec::with_capacity(count);
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(500) {
            let each = some.iter().map(|n| {
                let event = self.event("note.made", &format!(r#"{{"n":{n}}}"#));
                publish(self.engine().publisher(), &self.writer, event)
            });
            published.extend(futures_util::future::join_all(each).await);
        }
        published
    }

    /// All deliveries, in the order in which they were made.
    pub(crate) fn deliveries(&self) -> Vec<DeliveryRow> {
        let all = "SELECT id, CAST(state AS BIGINT) AS state, attempts, claim, due_at_ms, owner \
                   FROM deliveries ORDER BY id";
        let read = self
            .database
            .reads()
            .run_blocking(|conn| conn.rows(sql(all)));
        read.expect("deliveries can be read")
    }

    pub(crate) fn attempts(&self, delivery_id: i64) -> Vec<AttemptRow> {
        let read = self.database.reads().run_blocking(|conn| {
            conn.rows(
                sql("SELECT CAST(outcome AS BIGINT) AS outcome, \
                     CAST(status_code AS BIGINT) AS status_code, error, response, duration_ms \
                     FROM attempts WHERE delivery_id = ? ORDER BY claim")
                .bind(delivery_id),
            )
        });
        read.expect("attempts can be read")
    }

    /// How many deliveries there are in this state.
    pub(crate) fn count(&self, state: i64) -> usize {
        let read = self.database.reads().run_blocking(|conn| {
            conn.one::<Count>(
                sql("SELECT count(*) AS count FROM deliveries WHERE state = ?").bind(state),
            )
        });
        usize::try_from(read.expect("deliveries can be counted").count).unwrap()
    }

    /// Waits until so many deliveries are in this state.
    pub(crate) async fn until(&self, state: i64, count: usize) {
        let wanted = || self.count(state) == count;
        if !poll(wanted).await {
            panic!(
                "{count} deliveries never reached state {state}: {:?}",
                self.deliveries()
            );
        }
    }

    /// Waits for the one delivery to reach a state; answers it with its attempts.
    pub(crate) async fn only(&self, state: i64) -> (DeliveryRow, Vec<AttemptRow>) {
        self.until(state, 1).await;
        let row = self.deliveries().remove(0);
        let attempts = self.attempts(row.id);
        (row, attempts)
    }

    /// Runs a statement as if another process had.
    pub(crate) fn execute(&self, text: String) -> usize {
        let mut conn = self.database.connect().expect("a connection");
        conn.execute(sql(text)).expect("the statement runs")
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.engine = None;
        self.writer.stop();
    }
}

pub(crate) async fn publish(publisher: &Publisher, writer: &Writer, event: NewEvent) -> Published {
    let publisher = publisher.clone();
    let written: Result<_, WriteError<std::convert::Infallible>> = writer
        .with_tx(Lane::Interactive, 1, 0, move |tx| {
            Ok::<_, TxError<_>>(publisher.publish(tx, event.clone())?)
        })
        .await;
    written.expect("published")
}

/// Asks until it is so; false when it never is.
pub(crate) async fn poll(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Checks the request with an implementation of Standard Webhooks that is not ours.
pub(crate) fn verify(request: &RecordedRequest, secret: &str) {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in &request.headers {
        let name = reqwest::header::HeaderName::try_from(name).unwrap();
        headers.append(name, value.parse().unwrap());
    }
    standardwebhooks::Webhook::new(secret)
        .unwrap()
        .verify(&request.body, &headers)
        .expect("the signature is right");
}

/// The `n` of each request's data, in order of arrival.
pub(crate) fn numbers(requests: &[RecordedRequest]) -> Vec<u64> {
    let number = |request: &RecordedRequest| {
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        body["data"]["n"].as_u64().unwrap()
    };
    requests.iter().map(number).collect()
}

/// A transport that must never be asked.
pub(crate) struct Untouched;

impl delivery::Transport for Untouched {
    fn send(
        &self,
        request: delivery::Request,
    ) -> futures_util::future::BoxFuture<'_, delivery::Reply> {
        unreachable!("nothing may be sent, but this was: {}", request.url)
    }
}
