//! How sending goes, at a glance: attempts by the hour, which endpoints are in trouble. Reads what
//! others keep up to date; it must never count rows without a bound.

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use crate::counts::HOUR_MS;
use crate::subscription::SubscriptionState;

/// Attempts within one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourTally {
    /// When the hour began, ms since 1970.
    pub hour_ms: i64,
    pub attempts: i64,
    pub failed: i64,
}

#[derive(QueryableByName)]
struct HourRow {
    #[diesel(sql_type = BigInt)]
    hour_ms: i64,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    failed: i64,
}

impl HourTally {
    /// One tally for each of the last `hours` (1 to 168), oldest first, the one under way included; of one subscription
    /// (its row key) or all of the tenant's.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(
        conn: &mut Conn,
        tenant_id: i64,
        subscription: Option<i64>,
        hours: u32,
        now_ms: i64,
    ) -> Result<Vec<Self>, DbError> {
        let hours = i64::from(hours.clamp(1, 7 * 24));
        let this_hour_ms = now_ms - now_ms.rem_euclid(HOUR_MS);
        let first_ms = this_hour_ms - (hours - 1) * HOUR_MS;
        let rows: Vec<HourRow> = conn.rows(
            sql("SELECT hour_ms, CAST(sum(attempts) AS BIGINT) AS attempts, \
                 CAST(sum(CASE WHEN status BETWEEN 200 AND 299 THEN 0 ELSE attempts END) AS BIGINT) AS failed \
                 FROM delivery_hours WHERE tenant_id = ? AND hour_ms >= ? AND (subscription_id = ? OR ? = 0) \
                 GROUP BY hour_ms")
            .bind(tenant_id)
            .bind(first_ms)
            .bind(subscription.unwrap_or(0))
            .bind(subscription.unwrap_or(0)),
        )?;
        let tally = |at: i64| {
            let hour_ms = first_ms + at * HOUR_MS;
            let row = rows.iter().find(|row| row.hour_ms == hour_ms);
            Self {
                hour_ms,
                attempts: row.map_or(0, |row| row.attempts),
                failed: row.map_or(0, |row| row.failed),
            }
        };
        Ok((0..hours).map(tally).collect())
    }
}

/// An endpoint that fails or was disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointTrouble {
    /// The subscription's public id.
    pub subscription_id: String,
    pub url: String,
    pub state: SubscriptionState,
    /// Why it was disabled.
    pub reason: Option<String>,
    /// Since when every attempt has failed.
    pub failing_since_ms: Option<i64>,
    /// Until when nothing is sent to it.
    pub open_until_ms: Option<i64>,
    /// When the subscription was last changed: for a disabled one, when that was.
    pub updated_at_ms: i64,
}

/// Most endpoints in trouble that are listed.
const TROUBLES_MAX: i64 = 100;
const DISABLED: i16 = 3;

#[derive(QueryableByName)]
struct TroubleRow {
    #[diesel(sql_type = Text)]
    uuid: String,
    #[diesel(sql_type = Text)]
    url: String,
    #[diesel(sql_type = SmallInt)]
    state: i16,
    #[diesel(sql_type = Nullable<Text>)]
    disabled_reason: Option<String>,
    #[diesel(sql_type = Nullable<BigInt>)]
    failing_since_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    open_until_ms: Option<i64>,
    #[diesel(sql_type = BigInt)]
    updated_at_ms: i64,
}

impl EndpointTrouble {
    /// The tenant's endpoints in trouble, those that have been so for longest first; at most 100.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64) -> Result<Vec<Self>, DbError> {
        let rows: Vec<TroubleRow> = conn.rows(
            sql("SELECT s.uuid, s.url, s.state, s.disabled_reason, h.failing_since_ms, h.open_until_ms, \
                 s.updated_at_ms FROM subscriptions s LEFT JOIN endpoint_health h ON h.subscription_id = s.id \
                 WHERE s.tenant_id = ? AND (s.state = ? OR (s.state = 1 AND h.subscription_id IS NOT NULL)) \
                 ORDER BY coalesce(h.failing_since_ms, s.updated_at_ms) LIMIT ?")
            .bind(tenant_id)
            .bind(DISABLED)
            .bind(TROUBLES_MAX),
        )?;
        let trouble = |row: TroubleRow| Self {
            subscription_id: row.uuid,
            url: row.url,
            state: match row.state {
                DISABLED => SubscriptionState::Disabled,
                _ => SubscriptionState::Active,
            },
            reason: row.disabled_reason,
            failing_since_ms: row.failing_since_ms,
            open_until_ms: row.open_until_ms,
            updated_at_ms: row.updated_at_ms,
        };
        Ok(rows.into_iter().map(trouble).collect())
    }
}
