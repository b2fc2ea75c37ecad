//! What is cached of subscriptions and event types: every publish asks the database whether it is still true.
//! Never serves what another version has replaced to a transaction that has seen the replacement.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Text};

use crate::counts;
use crate::endpoint::{Checked, Endpoint, SubscriptionSettings};
use crate::event_types::{self, TypeRules};
use crate::settings::DeliverySettings;
use crate::subscription_rows::{self as rows, ACTIVE, COLUMNS, DELETED, PAUSED, Row};
use crate::vault::Vault;

/// Whose events they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: i64,
    pub name: Arc<str>,
}

/// All endpoints that may still be sent to, and all rules for event types, as of one version.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) version: i64,
    endpoints: HashMap<i64, Arc<Endpoint>>,
    by_tenant: HashMap<i64, Vec<Arc<Endpoint>>>,
    tenants: HashMap<i64, Tenant>,
    pub(crate) types: TypeRules,
}

impl Snapshot {
    pub(crate) fn endpoint(&self, id: i64) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// In the order of their ids.
    pub(crate) fn of_tenant(&self, tenant_id: i64) -> &[Arc<Endpoint>] {
        self.by_tenant.get(&tenant_id).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn tenant(&self, tenant_id: i64) -> Option<&Tenant> {
        self.tenants.get(&tenant_id)
    }
}

/// The cache.
pub(crate) struct Registry {
    pub(crate) vault: Vault,
    pub(crate) defaults: DeliverySettings,
    current: RwLock<Arc<Snapshot>>,
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    version: i64,
}

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
}

impl Registry {
    pub(crate) fn new(vault: Vault, defaults: DeliverySettings) -> Self {
        Self {
            vault,
            defaults,
            current: RwLock::default(),
        }
    }

    /// What is cached, without asking.
    pub(crate) fn cached(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is true in this transaction; reads it again only when the version moved.
    pub(crate) fn current(&self, conn: &mut Conn, now_ms: i64) -> Result<Arc<Snapshot>, DbError> {
        let version: Version = conn.one(sql(
            "SELECT version FROM subscriptions_version WHERE id = 1",
        ))?;
        let cached = self.cached();
        if cached.version == version.version {
            return Ok(cached);
        }
        let fresh = Arc::new(self.load(conn, version.version, &cached, now_ms)?);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // A slow reader must not put back what a faster one has found outdated.
        if fresh.version > current.version {
            *current = Arc::clone(&fresh);
        }
        Ok(fresh)
    }

    /// What has not changed since `known` is taken from there.
    fn load(
        &self,
        conn: &mut Conn,
        version: i64,
        known: &Snapshot,
        now_ms: i64,
    ) -> Result<Snapshot, DbError> {
        let mut snapshot = Snapshot {
            version,
            types: event_types::load(conn, &known.types)?,
            ..Snapshot::default()
        };
        let tenants: Vec<Named> = conn.rows(sql("SELECT id, name FROM tenants"))?;
        for Named { id, name } in tenants {
            let name = name.into();
            snapshot.tenants.insert(id, Tenant { id, name });
        }
        let stored: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT {COLUMNS} FROM subscriptions WHERE state IN (?, ?) ORDER BY id"
            ))
            .bind(ACTIVE)
            .bind(PAUSED),
        )?;
        for row in stored {
            let endpoint = match known.endpoint(row.id) {
                Some(same) if same.version == row.version => Arc::clone(same),
                _ => Arc::new(self.endpoint(conn, row, now_ms)?),
            };
            let tenant = snapshot.by_tenant.entry(endpoint.tenant_id).or_default();
            tenant.push(Arc::clone(&endpoint));
            snapshot.endpoints.insert(endpoint.id, endpoint);
        }
        Ok(snapshot)
    }

    /// One that cannot be read is an error: left out, its deliveries would be lost in silence.
    fn endpoint(&self, conn: &mut Conn, row: Row, now_ms: i64) -> Result<Endpoint, DbError> {
        let uuid = row.uuid.clone();
        let keys = rows::live_keys(conn, &self.vault, row.id, now_ms)?;
        Endpoint::of(row.open(&self.vault)?, keys, &self.defaults)
            .map_err(|cause| DbError::defect(format!("subscription {uuid}: {cause}")))
    }

    /// Makes the stored subscriptions of a tenant that come from the configuration equal to it: new ones
    /// are added, changed ones changed, missing ones deleted.
    pub(crate) fn configure(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        wanted: &[(SubscriptionSettings, Checked)],
        now_ms: i64,
    ) -> Result<(), DbError> {
        rows::raise_version(conn)?;
        let stored: Vec<Named> = conn.rows(
            sql("SELECT id, config_name AS name FROM subscriptions \
                 WHERE tenant_id = ? AND config_name IS NOT NULL AND state <> ?")
            .bind(tenant_id)
            .bind(DELETED),
        )?;
        let mut stored: HashMap<String, i64> =
            stored.into_iter().map(|row| (row.name, row.id)).collect();
        for (settings, checked) in wanted {
            let key = match stored.remove(&settings.name) {
                Some(key) => key,
                None => rows::insert(conn, tenant_id, Some(&settings.name), now_ms)?,
            };
            rows::store(conn, &self.vault, key, &checked.fields, now_ms)?;
            let state = if settings.is_active { ACTIVE } else { PAUSED };
            rows::set_state(conn, key, state, None, now_ms)?;
            conn.execute(sql("DELETE FROM secrets WHERE subscription_id = ?").bind(key))?;
            for secret in checked.keys.iter().rev() {
                rows::add_key(conn, &self.vault, key, secret, now_ms)?;
            }
        }
        for key in stored.into_values() {
            retire(conn, key, now_ms)?;
        }
        bury(conn, now_ms)
    }
}

/// Checks what the configuration says before anything is stored.
pub(crate) fn check_all(
    subscriptions: Vec<SubscriptionSettings>,
) -> Result<Vec<(SubscriptionSettings, Checked)>, (String, crate::subscription::SubscriptionError)>
{
    subscriptions
        .into_iter()
        .map(|settings| match settings.check() {
            Ok(checked) => Ok((settings, checked)),
            Err(error) => Err((settings.name, error)),
        })
        .collect()
}

/// Deletes a subscription. What is under way to it ends as it ends; what only waits in memory is given back, and
/// buried then, by whoever holds it.
pub(crate) fn retire(conn: &mut Conn, id: i64, now_ms: i64) -> Result<(), DbError> {
    rows::set_state(conn, id, DELETED, None, now_ms)?;
    conn.execute(sql("DELETE FROM secrets WHERE subscription_id = ?").bind(id))?;
    conn.execute(sql("DELETE FROM endpoint_health WHERE subscription_id = ?").bind(id))?;
    Ok(())
}

/// Takes an endpoint's deliveries from whoever holds them.
pub(crate) fn release(conn: &mut Conn, id: i64) -> Result<(), DbError> {
    conn.execute(
        sql("UPDATE deliveries SET owner = NULL WHERE subscription_id = ? AND owner IS NOT NULL")
            .bind(id),
    )?;
    Ok(())
}

/// What is owed to an endpoint that is gone can never be delivered: it is dead. Run again and again, because
/// another node may have published while the subscription was being deleted.
pub(crate) fn bury(conn: &mut Conn, now_ms: i64) -> Result<(), DbError> {
    #[derive(diesel::QueryableByName)]
    struct Owed {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = BigInt)]
        tenant_id: i64,
    }
    let owed: Vec<Owed> = conn.rows(
        sql(
            "SELECT s.id, s.tenant_id FROM subscriptions s WHERE s.state = ? AND EXISTS (SELECT 1 \
             FROM deliveries d WHERE d.subscription_id = s.id AND d.state = 1 AND d.owner IS NULL)",
        )
        .bind(DELETED),
    )?;
    for Owed { id, tenant_id } in owed {
        let dead = conn.execute(
            sql(
                "UPDATE deliveries SET state = 3, finished_at_ms = ? WHERE state = 1 \
                 AND owner IS NULL AND subscription_id = ?",
            )
            .bind(now_ms)
            .bind(id),
        )?;
        counts::add_dead(conn, tenant_id, id, i64::try_from(dead).unwrap_or(i64::MAX))?;
        tracing::warn!(dead, "deliveries are dead: their subscription was deleted");
    }
    Ok(())
}
