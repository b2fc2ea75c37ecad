//! Subscriptions and their secrets as rows. Every statement that an owner's request reaches names the tenant.

use std::collections::BTreeMap;

use contract::{JsonObject, Profile, SigningKey};
use db::{Conn, DbError, Value, sql};
use diesel::sql_types::{BigInt, Binary, Nullable, SmallInt, Text};
use uuid::Uuid;

use crate::batching::Batching;
use crate::endpoint::{LiveKey, parse_key, to_rate_limit};
use crate::subscription::{
    Ordering, Retry, Signing, Subscription, SubscriptionFields, SubscriptionState,
};
use crate::vault::Vault;

pub(crate) const ACTIVE: i16 = 1;
pub(crate) const PAUSED: i16 = 2;
pub(crate) const DELETED: i16 = 4;
const KIND_HMAC: i64 = 1;
const KIND_ED25519: i64 = 2;

pub(crate) const COLUMNS: &str = "id, uuid, tenant_id, version, config_name, description, url, \
    event_types, filter, profile, signing, state, disabled_reason, timeout_ms, retry_enabled, \
    retry_schedule, retries_max, retry_client_errors, in_flight_max, rate_limit, ordering, \
    batch_events_max, batch_wait_ms, headers, metadata, created_at_ms, updated_at_ms";

/// A row of [`COLUMNS`].
#[derive(diesel::QueryableByName)]
pub(crate) struct Row {
    #[diesel(sql_type = BigInt)]
    pub(crate) id: i64,
    #[diesel(sql_type = Text)]
    pub(crate) uuid: String,
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    config_name: Option<String>,
    #[diesel(sql_type = Text)]
    description: String,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = Text)]
    event_types: String,
    #[diesel(sql_type = Nullable<Text>)]
    filter: Option<String>,
    #[diesel(sql_type = SmallInt)]
    profile: i16,
    #[diesel(sql_type = SmallInt)]
    signing: i16,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<Text>)]
    disabled_reason: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    timeout_ms: Option<i64>,
    #[diesel(sql_type = SmallInt)]
    retry_enabled: i16,
    #[diesel(sql_type = Nullable<Text>)]
    retry_schedule: Option<String>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    retries_max: Option<i16>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    retry_client_errors: Option<i16>,
    #[diesel(sql_type = Nullable<BigInt>)]
    in_flight_max: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    rate_limit: Option<i64>,
    #[diesel(sql_type = SmallInt)]
    ordering: i16,
    #[diesel(sql_type = Nullable<BigInt>)]
    batch_events_max: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    batch_wait_ms: Option<i64>,
    #[diesel(sql_type = Nullable<Binary>)]
    headers: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Text>)]
    metadata: Option<String>,
    #[diesel(sql_type = BigInt)]
    created_at_ms: i64,
    #[diesel(sql_type = BigInt)]
    updated_at_ms: i64,
}

fn batching(events: Option<i64>, wait_ms: Option<i64>) -> Option<Batching> {
    Some(Batching {
        max_events: events?.try_into().ok()?,
        max_wait_ms: wait_ms?.try_into().ok()?,
    })
}

fn damaged(uuid: &str, cause: impl std::fmt::Display) -> DbError {
    DbError::defect(format!("subscription {uuid}: {cause}"))
}

impl Row {
    /// The subscription, its headers opened.
    pub(crate) fn open(self, vault: &Vault) -> Result<Subscription, DbError> {
        let headers: BTreeMap<String, String> = match &self.headers {
            Some(sealed) => {
                let text = vault
                    .open(self.id, sealed)
                    .map_err(|e| damaged(&self.uuid, e))?;
                serde_json::from_str(&text).map_err(|e| damaged(&self.uuid, e))?
            }
            None => BTreeMap::new(),
        };
        let events = serde_json::from_str(&self.event_types).map_err(|e| damaged(&self.uuid, e))?;
        let fields = SubscriptionFields {
            events,
            headers,
            profile: Profile::from_db(self.profile).map_err(|e| damaged(&self.uuid, e))?,
            url: self.url,
            filter: self.filter,
            description: self.description,
            signing: match self.signing {
                2 => Signing::Ed25519,
                3 => Signing::Both,
                _ => Signing::Hmac,
            },
            is_active: self.state == ACTIVE,
            timeout_seconds: self
                .timeout_ms
                .and_then(|ms| u32::try_from(ms / 1_000).ok()),
            retry: Retry {
                enabled: self.retry_enabled == 1,
                schedule: self.retry_schedule,
                max_retries: self.retries_max.and_then(|n| u32::try_from(n).ok()),
                client_errors: self.retry_client_errors.map(|n| n == 1),
            },
            max_in_flight: self.in_flight_max.and_then(|n| u32::try_from(n).ok()),
            rate_limit_per_second: self
                .rate_limit
                .and_then(|n| u32::try_from(n).ok())
                .map(|n| f64::from(n) / 1_000.0),
            ordering: match self.ordering {
                2 => Ordering::Subject,
                _ => Ordering::None,
            },
            batch: batching(self.batch_events_max, self.batch_wait_ms),
            metadata: self.metadata.map(JsonObject::from_stored),
        };
        Ok(Subscription {
            id: Uuid::parse_str(&self.uuid).map_err(|e| damaged(&self.uuid, e))?,
            version: self.version,
            fields,
            state: match self.state {
                ACTIVE => SubscriptionState::Active,
                PAUSED => SubscriptionState::Paused,
                _ => SubscriptionState::Disabled,
            },
            disabled_reason: self.disabled_reason,
            config_name: self.config_name,
            created_at_ms: self.created_at_ms,
            updated_at_ms: self.updated_at_ms,
            key: self.id,
            tenant_id: self.tenant_id,
        })
    }
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Raises the version that caches are compared with. The first statement of every change: it also makes
/// changes wait for each other.
pub(crate) fn raise_version(conn: &mut Conn) -> Result<(), DbError> {
    conn.execute(sql(
        "UPDATE subscriptions_version SET version = version + 1 WHERE id = 1",
    ))?;
    Ok(())
}

/// A new row; answers its key.
pub(crate) fn insert(
    conn: &mut Conn,
    tenant_id: i64,
    config_name: Option<&str>,
    now_ms: i64,
) -> Result<i64, DbError> {
    let row: Id = conn.one(
        sql("INSERT INTO subscriptions (id, uuid, tenant_id, version, config_name, description, url, \
             event_types, profile, signing, state, retry_enabled, ordering, created_at_ms, updated_at_ms) \
             VALUES ((SELECT coalesce(max(id), 0) + 1 FROM subscriptions), ?, ?, 1, ?, '', '', '[]', 1, 1, \
             2, 1, 1, ?, ?) RETURNING id")
        .bind(Uuid::new_v4().to_string())
        .bind(tenant_id)
        .bind(config_name)
        .bind(now_ms)
        .bind(now_ms),
    )?;
    Ok(row.id)
}

/// Writes all fields of a row and raises its version.
pub(crate) fn store(
    conn: &mut Conn,
    vault: &Vault,
    key: i64,
    fields: &SubscriptionFields,
    now_ms: i64,
) -> Result<(), DbError> {
    let json = |e: serde_json::Error| DbError::defect(e.to_string());
    let headers = if fields.headers.is_empty() {
        None
    } else {
        let text = serde_json::to_string(&fields.headers).map_err(json)?;
        Some(
            vault
                .seal(key, &text)
                .map_err(|e| DbError::defect(e.to_string()))?,
        )
    };
    let values: Vec<Value<'_>> = vec![
        (&fields.description).into(),
        (&fields.url).into(),
        serde_json::to_string(&fields.events).map_err(json)?.into(),
        fields.filter.as_deref().into(),
        fields.profile.to_db().into(),
        (fields.signing as i64 + 1).into(),
        fields.timeout_seconds.map(|s| i64::from(s) * 1_000).into(),
        fields.retry.enabled.into(),
        fields.retry.schedule.as_deref().into(),
        fields.retry.max_retries.into(),
        fields.retry.client_errors.into(),
        fields.max_in_flight.into(),
        fields.rate_limit_per_second.map(to_rate_limit).into(),
        (fields.ordering as i64 + 1).into(),
        fields.batch.map(|batch| batch.max_events).into(),
        fields.batch.map(|batch| batch.max_wait_ms).into(),
        headers.into(),
        fields.metadata.as_ref().map(JsonObject::as_str).into(),
        now_ms.into(),
        key.into(),
    ];
    conn.execute(
        sql("UPDATE subscriptions SET description = ?, url = ?, event_types = ?, filter = ?, profile = ?, \
             signing = ?, timeout_ms = ?, retry_enabled = ?, retry_schedule = ?, retries_max = ?, \
             retry_client_errors = ?, in_flight_max = ?, rate_limit = ?, ordering = ?, \
             batch_events_max = ?, batch_wait_ms = ?, headers = ?, metadata = ?, updated_at_ms = ?, version = version + 1 WHERE id = ?")
        .bind_all(values),
    )?;
    Ok(())
}

/// Changes where a subscription stands, and raises its version.
pub(crate) fn set_state(
    conn: &mut Conn,
    key: i64,
    state: i16,
    reason: Option<&str>,
    now_ms: i64,
) -> Result<(), DbError> {
    conn.execute(
        sql(
            "UPDATE subscriptions SET state = ?, disabled_reason = ?, updated_at_ms = ?, \
             version = version + 1 WHERE id = ?",
        )
        .bind(state)
        .bind(reason)
        .bind(now_ms)
        .bind(key),
    )?;
    Ok(())
}

/// Adds a key; the one added last is the newest.
pub(crate) fn add_key(
    conn: &mut Conn,
    vault: &Vault,
    subscription: i64,
    key: &SigningKey,
    now_ms: i64,
) -> Result<(), DbError> {
    let (kind, text) = match key {
        SigningKey::Hmac(secret) => (KIND_HMAC, secret.expose().to_owned()),
        SigningKey::Ed25519(pair) => (KIND_ED25519, pair.expose()),
    };
    let sealed = vault
        .seal(subscription, &text)
        .map_err(|e| DbError::defect(e.to_string()))?;
    conn.execute(
        sql(
            "INSERT INTO secrets (id, subscription_id, kind, sealed, created_at_ms) \
             VALUES ((SELECT coalesce(max(id), 0) + 1 FROM secrets), ?, ?, ?, ?)",
        )
        .bind(subscription)
        .bind(kind)
        .bind(sealed)
        .bind(now_ms),
    )?;
    Ok(())
}

/// Lets all keys of a subscription expire then at the latest, and drops those that have.
pub(crate) fn expire_keys(
    conn: &mut Conn,
    subscription: i64,
    at_ms: i64,
    now_ms: i64,
) -> Result<(), DbError> {
    conn.execute(
        sql(
            "UPDATE secrets SET expires_at_ms = ? WHERE subscription_id = ? \
             AND (expires_at_ms IS NULL OR expires_at_ms > ?)",
        )
        .bind(at_ms)
        .bind(subscription)
        .bind(at_ms),
    )?;
    conn.execute(
        sql("DELETE FROM secrets WHERE subscription_id = ? AND expires_at_ms <= ?")
            .bind(subscription)
            .bind(now_ms),
    )?;
    Ok(())
}

/// The keys that are live at that time, newest first.
pub(crate) fn live_keys(
    conn: &mut Conn,
    vault: &Vault,
    subscription: i64,
    now_ms: i64,
) -> Result<Vec<LiveKey>, DbError> {
    #[derive(diesel::QueryableByName)]
    struct Sealed {
        #[diesel(sql_type = Binary)]
        sealed: Vec<u8>,
        #[diesel(sql_type = Nullable<BigInt>)]
        expires_at_ms: Option<i64>,
    }
    let rows: Vec<Sealed> = conn.rows(
        sql(
            "SELECT sealed, expires_at_ms FROM secrets WHERE subscription_id = ? \
             AND (expires_at_ms IS NULL OR expires_at_ms > ?) ORDER BY id DESC",
        )
        .bind(subscription)
        .bind(now_ms),
    )?;
    let open = |row: Sealed| {
        let text = vault
            .open(subscription, &row.sealed)
            .map_err(|e| e.to_string())?;
        Ok(LiveKey {
            key: parse_key(&text).map_err(|e| e.to_string())?,
            expires_at_ms: row.expires_at_ms,
        })
    };
    let keys: Result<_, String> = rows.into_iter().map(open).collect();
    keys.map_err(|cause| {
        DbError::defect(format!(
            "the secrets of subscription {subscription}: {cause}"
        ))
    })
}
