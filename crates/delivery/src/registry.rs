//! The subscriptions, stored and cached: every publish asks the database whether the cache is still true.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use contract::{Profile, TypePattern};
use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Binary, SmallInt, Text};

use crate::endpoint::{
    Checked, Endpoint, SubscriptionError, SubscriptionSettings, header_map, parse_url, signer,
};
use crate::schedule::RetrySchedule;
use crate::vault::Vault;

const ACTIVE: i16 = 1;
const PAUSED: i16 = 2;
const DELETED: i16 = 4;
const KIND_HMAC: i64 = 1;

/// All endpoints that may still be sent to, as of one version.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    version: i64,
    endpoints: HashMap<i64, Arc<Endpoint>>,
    by_tenant: HashMap<i64, Vec<Arc<Endpoint>>>,
}

impl Snapshot {
    pub(crate) fn endpoint(&self, id: i64) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    pub(crate) fn of_tenant(&self, tenant_id: i64) -> &[Arc<Endpoint>] {
        self.by_tenant.get(&tenant_id).map_or(&[], Vec::as_slice)
    }
}

/// The cache.
pub(crate) struct Registry {
    vault: Vault,
    current: RwLock<Arc<Snapshot>>,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    uuid: String,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Text)]
    event_types: String,
    #[diesel(sql_type = SmallInt)]
    profile: i16,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = BigInt)]
    timeout_ms: i64,
    #[diesel(sql_type = Text)]
    retry_waits_ms: String,
    #[diesel(sql_type = SmallInt)]
    retry_client_errors: i16,
    #[diesel(sql_type = BigInt)]
    in_flight_max: i64,
    #[diesel(sql_type = Text)]
    headers: String,
}

#[derive(diesel::QueryableByName)]
struct Sealed {
    #[diesel(sql_type = Binary)]
    sealed: Vec<u8>,
}

#[derive(diesel::QueryableByName)]
struct Configured {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    config_name: String,
}

impl Registry {
    pub(crate) fn new(vault: Vault) -> Self {
        Self {
            vault,
            current: RwLock::default(),
        }
    }

    /// What is cached, without asking.
    pub(crate) fn cached(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is true in this transaction; reads the subscriptions again only when their version moved.
    pub(crate) fn current(&self, conn: &mut Conn, now_ms: i64) -> Result<Arc<Snapshot>, DbError> {
        let version: Version = conn.one(sql(
            "SELECT version FROM subscriptions_version WHERE id = 1",
        ))?;
        let cached = self.cached();
        if cached.version == version.version {
            return Ok(cached);
        }
        let fresh = Arc::new(self.load(conn, version.version, now_ms)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // A slow reader must not put back what a faster one has found outdated.
        if fresh.version > current.version {
            *current = Arc::clone(&fresh);
        }
        Ok(fresh)
    }

    fn load(&self, conn: &mut Conn, version: i64, now_ms: i64) -> Result<Snapshot, DbError> {
        let rows: Vec<Row> = conn.rows(
            sql(
                "SELECT id, uuid, tenant_id, url, event_types, profile, state, timeout_ms, \
                 retry_waits_ms, retry_client_errors, in_flight_max, headers \
                 FROM subscriptions WHERE state IN (?, ?) ORDER BY id",
            )
            .bind(ACTIVE)
            .bind(PAUSED),
        )?;
        let mut snapshot = Snapshot {
            version,
            ..Snapshot::default()
        };
        for row in rows {
            let sealed: Vec<Sealed> = conn.rows(
                sql("SELECT sealed FROM secrets WHERE subscription_id = ? \
                     AND (expires_at_ms IS NULL OR expires_at_ms > ?) ORDER BY id DESC")
                .bind(row.id)
                .bind(now_ms),
            )?;
            let uuid = row.uuid.clone();
            match self.endpoint(row, &sealed) {
                Ok(endpoint) => {
                    let endpoint = Arc::new(endpoint);
                    let tenant = snapshot.by_tenant.entry(endpoint.tenant_id).or_default();
                    tenant.push(Arc::clone(&endpoint));
                    snapshot.endpoints.insert(endpoint.id, endpoint);
                }
                // Its deliveries would be lost in silence if it were left out.
                Err(cause) => {
                    return Err(DbError::defect(format!("subscription {uuid}: {cause}")));
                }
            }
        }
        Ok(snapshot)
    }

    fn endpoint(&self, row: Row, sealed: &[Sealed]) -> Result<Endpoint, String> {
        let text = |cause: &dyn std::fmt::Display| cause.to_string();
        let secrets: Vec<String> = sealed
            .iter()
            .map(|secret| self.vault.open(row.id, &secret.sealed))
            .collect::<Result<_, _>>()
            .map_err(|e| text(&e))?;
        let patterns: Vec<String> = serde_json::from_str(&row.event_types).map_err(|e| text(&e))?;
        let waits: Vec<u64> = serde_json::from_str(&row.retry_waits_ms).map_err(|e| text(&e))?;
        let headers: BTreeMap<String, String> =
            serde_json::from_str(&row.headers).map_err(|e| text(&e))?;
        Ok(Endpoint {
            id: row.id,
            uuid: row.uuid,
            tenant_id: row.tenant_id,
            url: parse_url(&row.url).map_err(|e| text(&e))?,
            patterns: patterns
                .iter()
                .map(|pattern| TypePattern::parse(pattern))
                .collect::<Result<_, _>>()
                .map_err(|e| text(&e))?,
            profile: Profile::from_db(row.profile).map_err(|e| text(&e))?,
            is_active: row.state == ACTIVE,
            timeout: Duration::from_millis(row.timeout_ms.unsigned_abs()),
            schedule: RetrySchedule::explicit(
                waits.into_iter().map(Duration::from_millis).collect(),
            )
            .map_err(|e| text(&e))?,
            retry_client_errors: row.retry_client_errors == 1,
            in_flight_max: usize::try_from(row.in_flight_max).unwrap_or(1),
            headers: header_map(&headers).map_err(|e| text(&e))?,
            signer: signer(&secrets).map_err(|e| text(&e))?,
        })
    }

    /// Makes the stored subscriptions of a tenant that come from the configuration equal to it: new ones
    /// are added, changed ones changed, missing ones deleted.
    pub(crate) fn configure(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        wanted: &[(SubscriptionSettings, Checked)],
        in_flight_max: usize,
        now_ms: i64,
    ) -> Result<(), DbError> {
        let stored: Vec<Configured> = conn.rows(
            sql("SELECT id, config_name FROM subscriptions \
                 WHERE tenant_id = ? AND config_name IS NOT NULL AND state <> ?")
            .bind(tenant_id)
            .bind(DELETED),
        )?;
        let mut stored: HashMap<String, i64> = stored
            .into_iter()
            .map(|row| (row.config_name, row.id))
            .collect();
        for (settings, checked) in wanted {
            let known = stored.remove(&settings.name);
            let values = Values::of(settings, checked, in_flight_max)?;
            let id = values.store(conn, tenant_id, known, now_ms)?;
            self.replace_secrets(conn, id, &settings.secrets, now_ms)?;
        }
        for id in stored.into_values() {
            retire(conn, id, now_ms)?;
        }
        bury(conn, now_ms)?;
        conn.execute(sql(
            "UPDATE subscriptions_version SET version = version + 1 WHERE id = 1",
        ))?;
        Ok(())
    }

    fn replace_secrets(
        &self,
        conn: &mut Conn,
        id: i64,
        secrets: &[String],
        now_ms: i64,
    ) -> Result<(), DbError> {
        conn.execute(sql("DELETE FROM secrets WHERE subscription_id = ?").bind(id))?;
        // The newest gets the highest id: that is the order in which they are read.
        for secret in secrets.iter().rev() {
            let sealed = self
                .vault
                .seal(id, secret)
                .map_err(|e| DbError::defect(e.to_string()))?;
            conn.execute(
                sql(
                    "INSERT INTO secrets (id, subscription_id, kind, sealed, created_at_ms) \
                     VALUES ((SELECT coalesce(max(id), 0) + 1 FROM secrets), ?, ?, ?, ?)",
                )
                .bind(id)
                .bind(KIND_HMAC)
                .bind(sealed)
                .bind(now_ms),
            )?;
        }
        Ok(())
    }
}

/// Deletes a subscription; what is under way to it comes too late to count.
fn retire(conn: &mut Conn, id: i64, now_ms: i64) -> Result<(), DbError> {
    conn.execute(
        sql("UPDATE subscriptions SET state = ?, updated_at_ms = ? WHERE id = ?")
            .bind(DELETED)
            .bind(now_ms)
            .bind(id),
    )?;
    conn.execute(
        sql("UPDATE deliveries SET owner = NULL WHERE subscription_id = ? AND owner IS NOT NULL")
            .bind(id),
    )?;
    Ok(())
}

/// What is owed to an endpoint that is gone can never be delivered: it is dead. Run again and again, because
/// another node may have published while the subscription was being deleted.
pub(crate) fn bury(conn: &mut Conn, now_ms: i64) -> Result<(), DbError> {
    let dead = conn.execute(
        sql("UPDATE deliveries SET state = 3, finished_at_ms = ? WHERE state = 1 \
             AND owner IS NULL AND subscription_id IN (SELECT id FROM subscriptions WHERE state = ?)")
        .bind(now_ms)
        .bind(DELETED),
    )?;
    if dead > 0 {
        tracing::warn!(dead, "deliveries are dead: their subscription was deleted");
    }
    Ok(())
}

/// A subscription's columns.
struct Values<'a> {
    settings: &'a SubscriptionSettings,
    checked: &'a Checked,
    event_types: String,
    waits: String,
    headers: String,
    in_flight_max: i64,
}

impl<'a> Values<'a> {
    fn of(
        settings: &'a SubscriptionSettings,
        checked: &'a Checked,
        in_flight_max: usize,
    ) -> Result<Self, DbError> {
        let json = |e: serde_json::Error| DbError::defect(e.to_string());
        let waits: Vec<u64> = checked
            .schedule
            .waits()
            .iter()
            .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
            .collect();
        Ok(Self {
            settings,
            checked,
            event_types: serde_json::to_string(&checked.patterns).map_err(json)?,
            waits: serde_json::to_string(&waits).map_err(json)?,
            headers: serde_json::to_string(&checked.headers).map_err(json)?,
            in_flight_max: i64::try_from(in_flight_max.max(1)).unwrap_or(i64::MAX),
        })
    }

    fn store(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        known: Option<i64>,
        now_ms: i64,
    ) -> Result<i64, DbError> {
        let timeout_ms = i64::try_from(self.checked.timeout.as_millis()).unwrap_or(i64::MAX);
        let state = if self.settings.is_active {
            ACTIVE
        } else {
            PAUSED
        };
        let statement = match known {
            Some(_) => sql(
                "UPDATE subscriptions SET url = ?, event_types = ?, profile = ?, \
                 state = ?, timeout_ms = ?, retry_waits_ms = ?, retry_client_errors = ?, \
                 in_flight_max = ?, headers = ?, updated_at_ms = ? WHERE id = ? RETURNING id",
            ),
            None => sql(
                "INSERT INTO subscriptions (url, event_types, profile, state, timeout_ms, \
                 retry_waits_ms, retry_client_errors, in_flight_max, headers, updated_at_ms, id, \
                 uuid, tenant_id, config_name, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
                 (SELECT coalesce(max(id), 0) + 1 FROM subscriptions), ?, ?, ?, ?) RETURNING id",
            ),
        };
        let statement = statement
            .bind(self.checked.url.as_str())
            .bind(&self.event_types)
            .bind(self.checked.profile.to_db())
            .bind(state)
            .bind(timeout_ms)
            .bind(&self.waits)
            .bind(self.checked.retry_client_errors)
            .bind(self.in_flight_max)
            .bind(&self.headers)
            .bind(now_ms);
        let statement = match known {
            Some(id) => statement.bind(id),
            None => statement
                .bind(uuid::Uuid::new_v4().to_string())
                .bind(tenant_id)
                .bind(&self.settings.name)
                .bind(now_ms),
        };
        #[derive(diesel::QueryableByName)]
        struct Id {
            #[diesel(sql_type = BigInt)]
            id: i64,
        }
        Ok(conn.one::<Id>(statement)?.id)
    }
}

/// Checks what the configuration says before anything is stored.
pub(crate) fn check_all(
    subscriptions: Vec<SubscriptionSettings>,
    defaults: &crate::settings::DeliverySettings,
) -> Result<Vec<(SubscriptionSettings, Checked)>, (String, SubscriptionError)> {
    subscriptions
        .into_iter()
        .map(|settings| match settings.check(defaults) {
            Ok(checked) => Ok((settings, checked)),
            Err(error) => Err((settings.name, error)),
        })
        .collect()
}
