//! Subscriptions as managed data: what the owner of a tenant may do with them. Another tenant's subscription is
//! not found, whatever is asked of it.

use std::sync::Arc;
use std::time::Duration;

use contract::{PublicKey, SigningKey};
use db::{Conn, DbError, Lane, Tx, TxError, TxResult, WriteError, Writer, sql};
use diesel::sql_types::BigInt;
use uuid::Uuid;

use crate::address::AddressPolicy;
use crate::page::{Page, Paged};
use crate::publish::{Inner, Publisher};
use crate::registry::{Tenant, bury, release, retire};
use crate::subscription::{Subscription, SubscriptionError, SubscriptionFields, SubscriptionState};
use crate::subscription_keys::{Revealed, ShownKey};
use crate::subscription_rows::{self as rows, ACTIVE, COLUMNS, DELETED, PAUSED, Row};

/// Longest overlap of an old secret.
pub const OVERLAP_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Overlap unless said otherwise.
pub const OVERLAP_DEFAULT: Duration = Duration::from_secs(24 * 3_600);

/// Why a change was refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionRefusal {
    #[error("there is no such subscription")]
    NotFound,
    #[error("subscription {0} has the same url and events")]
    Duplicate(Uuid),
    #[error("it has changed meanwhile: it is at version {0}")]
    Stale(i64),
    #[error("it comes from the configuration as `{0}`, where it must be changed")]
    Configured(String),
    #[error(transparent)]
    Invalid(#[from] SubscriptionError),
    #[error("the system gives no randomness")]
    Random,
}

/// Manages subscriptions. Clones share everything.
#[derive(Clone)]
pub struct Subscriptions {
    inner: Arc<Inner>,
    writer: Writer,
    policy: AddressPolicy,
}

type Refusable<T> = Result<T, WriteError<SubscriptionRefusal>>;

impl Subscriptions {
    pub(crate) fn new(publisher: &Publisher, writer: &Writer, policy: AddressPolicy) -> Self {
        Self {
            inner: Arc::clone(&publisher.inner),
            writer: writer.clone(),
            policy,
        }
    }

    /// Creates a subscription. Without `secret` the keys are made; a given `whsk_…` is a private key.
    ///
    /// # Errors
    /// [`SubscriptionRefusal::Invalid`], [`SubscriptionRefusal::Duplicate`] on the same url and events.
    pub async fn create(
        &self,
        tenant: &Tenant,
        mut fields: SubscriptionFields,
        secret: Option<&str>,
    ) -> Refusable<Revealed> {
        let refused = |error: SubscriptionError| WriteError::Refused(error.into());
        fields.check().map_err(refused)?;
        fields.check_reachable(&self.policy).map_err(refused)?;
        let keys = self
            .inner
            .new_keys(fields.signing, secret)
            .map_err(WriteError::Refused)?;
        let (inner, tenant_id, shown) = (Arc::clone(&self.inner), tenant.id, keys.clone());
        let subscription = self.in_tx(tenant_id, move |tx| {
            let (conn, now_ms) = (tx.conn(), inner.clock.now_ms());
            rows::raise_version(conn)?;
            refuse_duplicate(conn, tenant_id, &fields, None)?;
            let key = rows::insert(conn, tenant_id, None, now_ms)?;
            let vault = &inner.registry.vault;
            rows::store(conn, vault, key, &fields, now_ms)?;
            let state = if fields.is_active { ACTIVE } else { PAUSED };
            rows::set_state(conn, key, state, None, now_ms)?;
            keys.store(conn, &inner, key, now_ms)?;
            read(conn, &inner, tenant_id, key)
        });
        Ok(shown.reveal(subscription.await?))
    }

    /// Changes what `change` changes of the fields: PATCH and PUT alike. With `version` only if the stored one
    /// is that. `is_active` pauses and resumes; it does not enable what is disabled.
    ///
    /// # Errors
    /// [`SubscriptionRefusal`].
    pub async fn update(
        &self,
        tenant: &Tenant,
        id: Uuid,
        version: Option<i64>,
        change: impl Fn(&mut SubscriptionFields) + Send + 'static,
    ) -> Refusable<Subscription> {
        let (inner, tenant_id, policy) = (Arc::clone(&self.inner), tenant.id, self.policy.clone());
        self.in_tx(tenant_id, move |tx| {
            let now_ms = inner.clock.now_ms();
            let stored = lock_own(tx.conn(), &inner, tenant_id, id)?;
            if version.is_some_and(|version| version != stored.version) {
                return Err(refuse(SubscriptionRefusal::Stale(stored.version)));
            }
            let mut fields = stored.fields.clone();
            change(&mut fields);
            fields.check().map_err(|e| refuse(e.into()))?;
            if fields.url != stored.fields.url {
                fields
                    .check_reachable(&policy)
                    .map_err(|e| refuse(e.into()))?;
            }
            let conn = tx.conn();
            refuse_duplicate(conn, tenant_id, &fields, Some(stored.key))?;
            inner.fit_keys(conn, &stored, fields.signing, now_ms)?;
            rows::store(conn, &inner.registry.vault, stored.key, &fields, now_ms)?;
            match (stored.state, fields.is_active) {
                (SubscriptionState::Active, false) => {
                    rows::set_state(conn, stored.key, PAUSED, None, now_ms)?;
                }
                (SubscriptionState::Paused, true) => {
                    rows::set_state(conn, stored.key, ACTIVE, None, now_ms)?;
                    inner.wake(tx, stored.key, now_ms);
                }
                _ => {}
            }
            read(tx.conn(), &inner, tenant_id, stored.key)
        })
        .await
    }

    /// Makes it active, whether it was paused or disabled; what is pending goes on at once.
    ///
    /// # Errors
    /// [`SubscriptionRefusal`].
    pub async fn enable(&self, tenant: &Tenant, id: Uuid) -> Refusable<Subscription> {
        let (inner, tenant_id) = (Arc::clone(&self.inner), tenant.id);
        self.in_tx(tenant_id, move |tx| {
            let now_ms = inner.clock.now_ms();
            let stored = lock_own(tx.conn(), &inner, tenant_id, id)?;
            rows::set_state(tx.conn(), stored.key, ACTIVE, None, now_ms)?;
            tx.conn().execute(
                sql("DELETE FROM endpoint_health WHERE subscription_id = ?").bind(stored.key),
            )?;
            inner.enabled(tx, stored.key);
            read(tx.conn(), &inner, tenant_id, stored.key)
        })
        .await
    }

    /// Pauses it: deliveries are owed and wait.
    ///
    /// # Errors
    /// [`SubscriptionRefusal`].
    pub async fn pause(&self, tenant: &Tenant, id: Uuid) -> Refusable<Subscription> {
        self.update(tenant, id, None, |fields| fields.is_active = false)
            .await
    }

    /// Deletes it with its secrets; what is pending is dead.
    ///
    /// # Errors
    /// [`SubscriptionRefusal::NotFound`], [`SubscriptionRefusal::Configured`].
    pub async fn delete(&self, tenant: &Tenant, id: Uuid) -> Refusable<()> {
        let (inner, tenant_id) = (Arc::clone(&self.inner), tenant.id);
        self.in_tx(tenant_id, move |tx| {
            let now_ms = inner.clock.now_ms();
            let stored = lock_own(tx.conn(), &inner, tenant_id, id)?;
            retire(tx.conn(), stored.key, now_ms)?;
            Ok(bury(tx.conn(), now_ms)?)
        })
        .await
    }

    /// New keys, which sign from now on beside the old ones until `overlap` is over.
    ///
    /// # Errors
    /// [`SubscriptionRefusal`]; [`SubscriptionError::Overlap`] above [`OVERLAP_MAX`].
    pub async fn rotate(
        &self,
        tenant: &Tenant,
        id: Uuid,
        secret: Option<&str>,
        overlap: Duration,
    ) -> Refusable<Revealed> {
        if overlap > OVERLAP_MAX {
            return Err(WriteError::Refused(SubscriptionError::Overlap.into()));
        }
        let given = secret.map(str::to_owned);
        let (this, tenant_id) = (self.clone(), tenant.id);
        let (subscription, keys) = self
            .in_tx(tenant_id, move |tx| {
                let inner = &this.inner;
                let (conn, now_ms) = (tx.conn(), inner.clock.now_ms());
                let stored = lock_own(conn, inner, tenant_id, id)?;
                let keys = inner
                    .new_keys(stored.fields.signing, given.as_deref())
                    .map_err(refuse)?;
                let until = now_ms + i64::try_from(overlap.as_millis()).unwrap_or_default();
                rows::expire_keys(conn, stored.key, until, now_ms)?;
                keys.store(conn, inner, stored.key, now_ms)?;
                let vault = &inner.registry.vault;
                rows::store(conn, vault, stored.key, &stored.fields, now_ms)?;
                Ok((read(conn, inner, tenant_id, stored.key)?, keys))
            })
            .await?;
        Ok(keys.reveal(subscription))
    }

    /// One subscription of the tenant's.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn get(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        id: Uuid,
    ) -> Result<Option<Subscription>, DbError> {
        find(conn, &self.inner, tenant_id, id)
    }

    /// The tenant's subscriptions, oldest first. `active`: only those that are, or are not, active.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn list(
        &self,
        conn: &mut Conn,
        tenant_id: i64,
        active: Option<bool>,
        page: Page,
    ) -> Result<Paged<Subscription>, DbError> {
        let (lowest, highest) = match active {
            Some(true) => (ACTIVE, ACTIVE),
            Some(false) => (PAUSED, DELETED - 1),
            None => (ACTIVE, DELETED - 1),
        };
        let of = "FROM subscriptions WHERE tenant_id = ? AND state BETWEEN ? AND ?";
        let total = crate::page::total(
            conn,
            sql(format!("SELECT count(*) AS count {of}"))
                .bind(tenant_id)
                .bind(lowest)
                .bind(highest),
        )?;
        let found: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT {COLUMNS} {of} AND id > ? ORDER BY id LIMIT ? OFFSET ?"
            ))
            .bind(tenant_id)
            .bind(lowest)
            .bind(highest)
            .bind(page.after.unwrap_or(0))
            .bind(page.limit_and_one())
            .bind(page.offset()),
        )?;
        let vault = &self.inner.registry.vault;
        let found: Result<Vec<_>, _> = found.into_iter().map(|row| row.open(vault)).collect();
        Ok(Paged::of(found?, total, page, |subscription| {
            subscription.key
        }))
    }

    /// The live keys of a subscription, newest first, as they may be shown.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn shown_keys(
        &self,
        conn: &mut Conn,
        subscription: &Subscription,
    ) -> Result<Vec<ShownKey>, DbError> {
        let (vault, now_ms) = (&self.inner.registry.vault, self.inner.clock.now_ms());
        let live = rows::live_keys(conn, vault, subscription.key, now_ms)?;
        let show = |live: crate::endpoint::LiveKey| match live.key {
            SigningKey::Hmac(secret) => ShownKey::Secret {
                masked: secret.masked(),
                expires_at_ms: live.expires_at_ms,
            },
            SigningKey::Ed25519(pair) => ShownKey::Public {
                key: pair.public_key(),
                expires_at_ms: live.expires_at_ms,
            },
        };
        Ok(live.into_iter().map(show).collect())
    }

    /// The public keys of every endpoint that signs with ed25519, with the subscription's id: for a JWKS.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn public_keys(
        &self,
        conn: &mut Conn,
        tenant: &str,
    ) -> Result<Vec<(Uuid, PublicKey)>, DbError> {
        let found: Vec<Row> = conn.rows(
            sql(format!(
                "SELECT {COLUMNS} FROM subscriptions WHERE signing > 1 AND state <> ? \
                 AND tenant_id = (SELECT id FROM tenants WHERE name = ?) ORDER BY id"
            ))
            .bind(DELETED)
            .bind(tenant),
        )?;
        let mut keys = Vec::new();
        for row in found {
            let subscription = row.open(&self.inner.registry.vault)?;
            for key in self.shown_keys(conn, &subscription)? {
                if let ShownKey::Public { key, .. } = key {
                    keys.push((subscription.id, key));
                }
            }
        }
        Ok(keys)
    }

    /// When it answers, this process goes by what was changed; others find out within seconds.
    async fn in_tx<T: Send + 'static>(
        &self,
        tenant_id: i64,
        job: impl FnMut(&mut Tx<'_>) -> TxResult<T, SubscriptionRefusal> + Send + 'static,
    ) -> Refusable<T> {
        // One key: changes of subscriptions wait for each other anyway.
        let (lane, key) = (Lane::Interactive, 0);
        let changed = self.writer.with_tx(lane, tenant_id, key, job).await?;
        let inner = Arc::clone(&self.inner);
        let look = move |tx: &mut Tx<'_>| {
            let now_ms = inner.clock.now_ms();
            inner.registry.current(tx.conn(), now_ms)?;
            Ok::<(), TxError<std::convert::Infallible>>(())
        };
        // The change stands; a look that fails comes again with the next sweep.
        drop(self.writer.with_tx(lane, tenant_id, key, look).await);
        Ok(changed)
    }
}

pub(crate) fn refuse(refusal: SubscriptionRefusal) -> TxError<SubscriptionRefusal> {
    TxError::Refused(refusal)
}

fn find(
    conn: &mut Conn,
    inner: &Inner,
    tenant_id: i64,
    id: Uuid,
) -> Result<Option<Subscription>, DbError> {
    let row: Option<Row> = conn.row(
        sql(format!(
            "SELECT {COLUMNS} FROM subscriptions WHERE uuid = ? AND tenant_id = ? AND state <> ?"
        ))
        .bind(id.to_string())
        .bind(tenant_id)
        .bind(DELETED),
    )?;
    row.map(|row| row.open(&inner.registry.vault)).transpose()
}

/// The subscription that is to be changed, with no other change under way.
fn lock_own(
    conn: &mut Conn,
    inner: &Inner,
    tenant_id: i64,
    id: Uuid,
) -> TxResult<Subscription, SubscriptionRefusal> {
    rows::raise_version(conn)?;
    let found = find(conn, inner, tenant_id, id)?;
    let found = found.ok_or_else(|| refuse(SubscriptionRefusal::NotFound))?;
    match found.config_name {
        Some(name) => Err(refuse(SubscriptionRefusal::Configured(name))),
        None => Ok(found),
    }
}

fn read(
    conn: &mut Conn,
    inner: &Inner,
    tenant_id: i64,
    key: i64,
) -> TxResult<Subscription, SubscriptionRefusal> {
    let row: Row = conn.one(
        sql(format!(
            "SELECT {COLUMNS} FROM subscriptions WHERE id = ? AND tenant_id = ?"
        ))
        .bind(key)
        .bind(tenant_id),
    )?;
    Ok(row.open(&inner.registry.vault)?)
}

fn refuse_duplicate(
    conn: &mut Conn,
    tenant_id: i64,
    fields: &SubscriptionFields,
    own: Option<i64>,
) -> TxResult<(), SubscriptionRefusal> {
    #[derive(diesel::QueryableByName)]
    struct Same {
        #[diesel(sql_type = BigInt)]
        id: i64,
        #[diesel(sql_type = diesel::sql_types::Text)]
        uuid: String,
    }
    let events =
        serde_json::to_string(&fields.events).map_err(|e| DbError::defect(e.to_string()))?;
    let same: Vec<Same> = conn.rows(
        sql("SELECT id, uuid FROM subscriptions WHERE tenant_id = ? AND url = ? AND event_types = ? \
             AND state <> ? LIMIT 2")
        .bind(tenant_id)
        .bind(&fields.url)
        .bind(events)
        .bind(DELETED),
    )?;
    match same.into_iter().find(|same| Some(same.id) != own) {
        Some(same) => {
            let id = Uuid::parse_str(&same.uuid).map_err(|e| DbError::defect(e.to_string()))?;
            Err(refuse(SubscriptionRefusal::Duplicate(id)))
        }
        None => Ok(()),
    }
}

/// Disables an endpoint in the engine's own name; false when it is no longer active.
pub(crate) fn disable(
    conn: &mut Conn,
    key: i64,
    reason: &str,
    now_ms: i64,
) -> Result<bool, DbError> {
    // First, as in every change: it is the lock.
    rows::raise_version(conn)?;
    let changed = conn.execute(
        sql(
            "UPDATE subscriptions SET state = 3, disabled_reason = ?, updated_at_ms = ?, \
             version = version + 1 WHERE id = ? AND state IN (1, 2)",
        )
        .bind(reason)
        .bind(now_ms)
        .bind(key),
    )?;
    if changed > 0 {
        release(conn, key)?;
    }
    Ok(changed > 0)
}
