//! The engine as its owner sees it: start, publish, configure, stop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use db::{
    Clock, Database, DatabaseClock, DbError, Lane, LockError, NodeLock, TxError, WriteError, Writer,
};
use diesel::sql_types::{BigInt, Text};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;

use crate::address::{AddressPolicy, NetworkError};
use crate::clock_steps;
use crate::dispatcher::{self, Context, InFlightMax, Inbox};
use crate::endpoint::{Checked, SubscriptionSettings};
use crate::finish::{Finish, FinishBatch};
use crate::keys::RowKeys;
use crate::metrics::{Metrics, MetricsSnapshot};
use crate::node::{self, Node};
use crate::publish::{Inner, Publisher};
use crate::registry::{Registry, Tenant, check_all};
use crate::settings::DeliverySettings;
use crate::slots::Slots;
use crate::subscription::SubscriptionError;
use crate::subscriptions::Subscriptions;
use crate::transport::{HttpTransport, Transport};
use crate::vault::Vault;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Node(#[from] LockError),
    #[error(transparent)]
    Database(#[from] DbError),
    #[error("the delivery tables cannot be written: {0}")]
    Write(String),
    #[error("ingest.delivery.allow_networks: {0}")]
    Network(#[from] NetworkError),
    #[error("ingest.delivery.subscriptions.{name}.{cause}")]
    Subscription {
        name: String,
        cause: SubscriptionError,
    },
    #[error("ingest.delivery.retry_schedule: {0}")]
    Schedule(#[from] crate::schedule::ScheduleError),
    #[error("the HTTP client cannot be built: {0}")]
    Transport(#[from] reqwest::Error),
    #[error("the system gives no randomness")]
    Random,
    #[error("no thread for the dispatcher: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<WriteError<std::convert::Infallible>> for EngineError {
    fn from(error: WriteError<std::convert::Infallible>) -> Self {
        Self::Write(error.to_string())
    }
}

/// The running engine.
pub struct Engine {
    publisher: Publisher,
    subscriptions: Subscriptions,
    tenant: Tenant,
    stop: watch::Sender<Option<Duration>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Given back when the engine is gone.
    _lock: Arc<Mutex<NodeLock>>,
}

#[derive(diesel::QueryableByName)]
struct TenantRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(diesel::QueryableByName)]
struct HighestKey {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// What entering the database found.
struct Entered {
    number: i64,
    highest_key: i64,
    origin: String,
    tenant: Tenant,
}

/// Shortest lease: a third of it passes between heartbeats.
const LEASE_SECONDS_MIN: u32 = 3;

impl Engine {
    /// Takes the node's name, takes back what an earlier run of this node held, makes the stored
    /// subscriptions equal to `subscriptions`, and begins to deliver.
    ///
    /// # Errors
    /// [`EngineError`], with the settings at fault named.
    pub async fn start(
        database: &Database,
        writer: &Writer,
        vault: Vault,
        settings: &DeliverySettings,
        subscriptions: Vec<SubscriptionSettings>,
    ) -> Result<Self, EngineError> {
        let policy = AddressPolicy::new(&settings.allow_networks)?;
        let transport = Arc::new(HttpTransport::new(policy, settings)?);
        Self::start_with(database, writer, vault, settings, subscriptions, transport).await
    }

    /// The same with another transport.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub async fn start_with(
        database: &Database,
        writer: &Writer,
        vault: Vault,
        settings: &DeliverySettings,
        subscriptions: Vec<SubscriptionSettings>,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, EngineError> {
        crate::schedule::RetrySchedule::parse(&settings.retry_schedule)?;
        let policy = AddressPolicy::new(&settings.allow_networks)?;
        let wanted = check_all(subscriptions)
            .map_err(|(name, cause)| EngineError::Subscription { name, cause })?;
        let lock = Arc::new(Mutex::new(database.lock_node(&settings.node_name)?));
        let clock = Arc::new(DatabaseClock::default());
        let lease = Duration::from_secs(settings.lease_seconds.max(LEASE_SECONDS_MIN).into());
        let node = Node {
            id: random_id()?,
            name: settings.node_name.clone(),
            lease_ms: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX / 2),
        };
        let entered_at = Instant::now();
        let entered = enter(writer, &clock, &node).await?;
        let (inbox, commands) = Inbox::new();
        let inner = Inner {
            registry: Registry::new(vault, settings.clone()),
            keys: RowKeys::new(entered.number, entered.highest_key),
            slots: Slots::new(
                settings.queue_deliveries_per_endpoint_max,
                settings.queue_memory_bytes_max,
            ),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: SystemRandom::new(),
            node_id: node.id,
            origin: entered.origin,
            inbox,
            hands_over: AtomicBool::new(settings.enabled),
            metrics: Arc::new(Metrics::default()),
        };
        let publisher = Publisher::new(inner, writer);
        configure(writer, &publisher, &entered.tenant, Arc::new(wanted)).await?;
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3_600);
        let context = Context {
            publisher: publisher.clone(),
            database: database.clone(),
            clock,
            writer: writer.clone(),
            finish: writer.register(Finish(Arc::clone(&publisher.inner))),
            finish_batch: writer.register(FinishBatch(Finish(Arc::clone(&publisher.inner)))),
            transport,
            retry_jitter: settings.retry_jitter,
            retry_after_max: Duration::from_secs(settings.retry_after_seconds_max.into()),
            delivery_age_max: days(settings.delivery_age_days_max),
            retention: days(settings.retention_days),
            in_flight_max: InFlightMax {
                all: settings.attempts_in_flight_max.max(1),
                tenant: settings.attempts_in_flight_per_tenant_max.max(1),
            },
            enabled: settings.enabled,
            node,
            lock: Arc::clone(&lock),
            lease,
            entered_at,
            patient_until_ms: Arc::default(),
        };
        let (stop, stopped) = watch::channel(None);
        let thread = dispatcher::spawn(Arc::new(context), commands, stopped)?;
        Ok(Self {
            subscriptions: Subscriptions::new(&publisher, writer, policy),
            publisher,
            tenant: entered.tenant,
            stop,
            thread: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    /// Publishes in the caller's transactions.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Manages subscriptions.
    pub fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    /// Everything counted since the start, and how things stand now.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.publisher.inner.metrics.snapshot()
    }

    /// The one tenant of a single-tenant install.
    pub fn default_tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// This incarnation, as it stands in the `owner` of what it holds.
    pub fn node_id(&self) -> i64 {
        self.publisher.inner.node_id
    }

    /// The time that all nodes agree on.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.publisher.inner.clock)
    }

    /// Starts no more attempts, waits at most `grace` for those under way, gives back what is held.
    /// Blocks; stop the writer afterwards.
    pub fn stop(&self, grace: Duration) {
        // What is published from now on waits in the table.
        let hands_over = &self.publisher.inner.hands_over;
        hands_over.store(false, Ordering::Release);
        self.stop.send_replace(Some(grace));
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the dispatcher panicked");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}

/// A positive random number, the identity of an incarnation.
fn random_id() -> Result<i64, EngineError> {
    let mut bytes = [0; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| EngineError::Random)?;
    Ok((u64::from_be_bytes(bytes) >> 1).cast_signed().max(1))
}

fn random_hex() -> Result<String, EngineError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_unspecified| EngineError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

async fn enter(
    writer: &Writer,
    clock: &Arc<DatabaseClock>,
    node: &Node,
) -> Result<Entered, EngineError> {
    let fresh_origin = random_hex()?;
    let (clock, node) = (Arc::clone(clock), node.clone());
    let job = move |tx: &mut db::Tx<'_>| {
        let conn = tx.conn();
        clock.learn(conn)?;
        clock_steps::note(conn, clock.now_ms())?;
        let number = node.enter(conn, clock.now_ms())?;
        let highest: HighestKey = conn.one(db::sql(
            "SELECT coalesce(max(id), 0) AS id FROM (SELECT max(id) AS id FROM events \
             UNION ALL SELECT max(id) AS id FROM deliveries) newest",
        ))?;
        let origin = node::meta(conn, "origin", &fresh_origin)?;
        let tenant: TenantRow =
            conn.one(db::sql("SELECT id, name FROM tenants ORDER BY id LIMIT 1"))?;
        Ok::<_, TxError<std::convert::Infallible>>(Entered {
            number,
            highest_key: highest.id,
            origin,
            tenant: Tenant {
                id: tenant.id,
                name: tenant.name.into(),
            },
        })
    };
    Ok(writer.with_tx(Lane::Interactive, 0, 0, job).await?)
}

async fn configure(
    writer: &Writer,
    publisher: &Publisher,
    tenant: &Tenant,
    wanted: Arc<Vec<(SubscriptionSettings, Checked)>>,
) -> Result<(), EngineError> {
    let (publisher, tenant_id) = (publisher.clone(), tenant.id);
    let job = move |tx: &mut db::Tx<'_>| {
        let inner = &publisher.inner;
        let now_ms = inner.clock.now_ms();
        let registry = &inner.registry;
        registry.configure(tx.conn(), tenant_id, &wanted, now_ms)?;
        registry.current(tx.conn(), now_ms)?;
        Ok::<_, TxError<std::convert::Infallible>>(())
    };
    Ok(writer.with_tx(Lane::Interactive, 0, 0, job).await?)
}
