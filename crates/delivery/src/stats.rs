//! How deliveries do, from the counters kept with them: never by counting millions of rows.

use std::collections::BTreeMap;

use db::{Conn, DbError, sql};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, SmallInt, Text};

use crate::counts::HOUR_MS;
use crate::deliveries::outcome_name;

/// Attempts that succeeded and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub total: i64,
    pub successful: i64,
    pub failed: i64,
}

/// Attempts of some hours, the one under way included; whole hours are counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeliveryStats {
    pub period_hours: u32,
    pub attempts: Tally,
    /// 0 to 1; `None` without attempts.
    pub success_rate: Option<f64>,
    pub avg_duration_ms: Option<f64>,
    /// Attempts that deliveries took which ended in this time.
    pub avg_attempts: Option<f64>,
    pub by_event_type: BTreeMap<String, Tally>,
    /// By HTTP status, or by the outcome's name where there was none, as in `timeout`.
    pub by_status_code: BTreeMap<String, i64>,
}

/// How well deliveries do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthStatus {
    /// At least 95 % of the last hour's attempts succeeded.
    Healthy,
    /// At least 80 %.
    Degraded,
    Unhealthy,
    /// There were none.
    Unknown,
}

/// Health with what it is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryHealth {
    pub status: HealthStatus,
    pub last_hour: DeliveryStats,
    pub last_24_hours: DeliveryStats,
    pub recent_failures: Vec<Failure>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub at_ms: i64,
    pub event_type: String,
    /// The event's data, from which its subject's own id may be read.
    pub subject: String,
    pub delivery_id: contract::DeliveryId,
    pub attempts: i64,
    pub duration_ms: i64,
    pub status_code: Option<i32>,
    pub outcome: &'static str,
    pub error: Option<String>,
}

/// What has become of an endpoint's deliveries, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, QueryableByName)]
pub struct EndpointTotals {
    #[diesel(sql_type = BigInt)]
    pub delivered: i64,
    #[diesel(sql_type = BigInt)]
    pub dead: i64,
    /// Attempts that succeeded.
    #[diesel(sql_type = BigInt)]
    pub succeeded: i64,
    #[diesel(sql_type = BigInt)]
    pub failed: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last_success_at_ms: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    pub last_failure_at_ms: Option<i64>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    event_type: String,
    #[diesel(sql_type = SmallInt)]
    status: i16,
    #[diesel(sql_type = BigInt)]
    attempts: i64,
    #[diesel(sql_type = BigInt)]
    duration_ms: i64,
    #[diesel(sql_type = BigInt)]
    ended: i64,
    #[diesel(sql_type = BigInt)]
    ended_attempts: i64,
}

impl DeliveryStats {
    /// The tenant's attempts of the last `hours` (1 to 2,160), of one subscription (its row key) or all.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(
        conn: &mut Conn,
        tenant_id: i64,
        subscription: Option<i64>,
        hours: u32,
        now_ms: i64,
    ) -> Result<Self, DbError> {
        let hours = hours.clamp(1, 90 * 24);
        let since_ms = now_ms - i64::from(hours) * HOUR_MS;
        let rows: Vec<Row> = conn.rows(
            sql(
                "SELECT event_type, status, CAST(sum(attempts) AS BIGINT) AS attempts, \
                 CAST(sum(duration_ms) AS BIGINT) AS duration_ms, \
                 CAST(sum(delivered + dead) AS BIGINT) AS ended, \
                 CAST(sum(ended_attempts) AS BIGINT) AS ended_attempts FROM delivery_hours \
                 WHERE tenant_id = ? AND hour_ms > ? AND (subscription_id = ? OR ? = 0) \
                 GROUP BY event_type, status",
            )
            .bind(tenant_id)
            .bind(since_ms - HOUR_MS)
            .bind(subscription.unwrap_or(0))
            .bind(subscription.unwrap_or(0)),
        )?;
        Ok(Self::of(hours, rows))
    }

    fn of(period_hours: u32, rows: Vec<Row>) -> Self {
        let mut stats = Self {
            period_hours,
            ..Self::default()
        };
        let (mut duration_ms, mut ended, mut ended_attempts) = (0, 0, 0);
        for row in rows {
            let of_type = stats.by_event_type.entry(row.event_type).or_default();
            for tally in [&mut stats.attempts, of_type] {
                tally.total += row.attempts;
                if (200..300).contains(&row.status) {
                    tally.successful += row.attempts;
                } else {
                    tally.failed += row.attempts;
                }
            }
            let name = match row.status {
                status @ 0.. => status.to_string(),
                outcome => outcome_name(-outcome).to_owned(),
            };
            *stats.by_status_code.entry(name).or_default() += row.attempts;
            duration_ms += row.duration_ms;
            ended += row.ended;
            ended_attempts += row.ended_attempts;
        }
        stats.success_rate = ratio(stats.attempts.successful, stats.attempts.total);
        stats.avg_duration_ms = ratio(duration_ms, stats.attempts.total);
        stats.avg_attempts = ratio(ended_attempts, ended);
        stats
    }
}

/// `None` where there is nothing to divide by. Exact to 2^53, which counters do not reach.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl DeliveryHealth {
    /// Judges the tenant's deliveries.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64, now_ms: i64) -> Result<Self, DbError> {
        let last_hour = DeliveryStats::read(conn, tenant_id, None, 1, now_ms)?;
        let status = match last_hour.success_rate {
            None => HealthStatus::Unknown,
            Some(rate) if rate >= 0.95 => HealthStatus::Healthy,
            Some(rate) if rate >= 0.80 => HealthStatus::Degraded,
            Some(_) => HealthStatus::Unhealthy,
        };
        Ok(Self {
            status,
            last_hour,
            last_24_hours: DeliveryStats::read(conn, tenant_id, None, 24, now_ms)?,
            recent_failures: Failure::recent(conn, tenant_id, 5)?,
        })
    }
}

impl Failure {
    /// The tenant's deliveries whose last attempt failed, newest first, among its 10,000 newest; at most 100.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn recent(conn: &mut Conn, tenant_id: i64, limit: u32) -> Result<Vec<Self>, DbError> {
        #[derive(QueryableByName)]
        struct Failed {
            #[diesel(sql_type = BigInt)]
            id: i64,
            #[diesel(sql_type = BigInt)]
            started_at_ms: i64,
            #[diesel(sql_type = BigInt)]
            duration_ms: i64,
            #[diesel(sql_type = SmallInt)]
            outcome: i16,
            #[diesel(sql_type = Nullable<SmallInt>)]
            status_code: Option<i16>,
            #[diesel(sql_type = Nullable<Text>)]
            error: Option<String>,
            #[diesel(sql_type = BigInt)]
            attempts: i64,
            #[diesel(sql_type = Text)]
            event_type: String,
            #[diesel(sql_type = Text)]
            subject: String,
        }
        let rows: Vec<Failed> = conn.rows(
            sql("SELECT d.id, a.started_at_ms, a.duration_ms, a.outcome, a.status_code, a.error, \
                 d.attempts, e.event_type, e.subject FROM (SELECT id, event_id, attempts, claim, state \
                 FROM deliveries WHERE tenant_id = ? ORDER BY id DESC LIMIT 10000) d \
                 JOIN attempts a ON a.delivery_id = d.id AND a.claim = d.claim \
                 JOIN events e ON e.id = d.event_id WHERE d.state <> 2 AND a.outcome <> 1 \
                 ORDER BY d.id DESC LIMIT ?")
            .bind(tenant_id)
            .bind(i64::from(limit.clamp(1, 100))),
        )?;
        let failure = |row: Failed| Self {
            at_ms: row.started_at_ms + row.duration_ms,
            event_type: row.event_type,
            subject: row.subject,
            delivery_id: contract::DeliveryId(row.id),
            attempts: row.attempts,
            duration_ms: row.duration_ms,
            status_code: row.status_code.map(i32::from),
            outcome: outcome_name(row.outcome),
            error: row.error,
        };
        Ok(rows.into_iter().map(failure).collect())
    }
}

impl EndpointTotals {
    /// Of one subscription, by its row key.
    ///
    /// # Errors
    /// [`DbError`].
    pub fn read(conn: &mut Conn, tenant_id: i64, subscription: i64) -> Result<Self, DbError> {
        conn.one(
            sql(
                "SELECT CAST(coalesce(sum(delivered), 0) AS BIGINT) AS delivered, \
                 CAST(coalesce(sum(dead), 0) AS BIGINT) AS dead, \
                 CAST(coalesce(sum(succeeded), 0) AS BIGINT) AS succeeded, \
                 CAST(coalesce(sum(failed), 0) AS BIGINT) AS failed, \
                 max(last_success_at_ms) AS last_success_at_ms, \
                 max(last_failure_at_ms) AS last_failure_at_ms FROM delivery_totals \
                 WHERE tenant_id = ? AND subscription_id = ?",
            )
            .bind(tenant_id)
            .bind(subscription),
        )
    }
}
