//! Requests that come twice: by an `Idempotency-Key`, for 24 hours, or by the event id their publisher gave.
//! The first one's event is the answer to both.

use std::collections::HashMap;

use contract::EventId;
use db::{Conn, DbError, sql};
use diesel::sql_types::{BigInt, Binary};
use ring::digest::{Context, SHA256};

use crate::fan_out::Prepared;
use crate::publish::{PublishRefusal, PublishRequest, Published};

/// How long a key is remembered.
pub(crate) const KEPT_MS: i64 = 24 * 3_600_000;

/// What makes a request the same as another.
pub(crate) struct Idempotency {
    key: Option<String>,
    has_own_id: bool,
    /// Of everything the publisher decided, its clock excepted.
    hash: [u8; 32],
}

/// What to do with a request.
pub(crate) enum Decision {
    Publish,
    Known(Published),
    /// As with the one at this place of the same batch.
    SameAs(usize),
    Refuse(PublishRefusal),
}

impl Idempotency {
    /// `None` for a request that cannot be told from another.
    pub(crate) fn of(request: &PublishRequest) -> Option<Self> {
        if request.idempotency_key.is_none() && request.id.is_none() {
            return None;
        }
        let event = &request.event;
        let mut context = Context::new(&SHA256);
        let metadata = event.metadata.as_ref().map_or("", |m| m.as_str());
        for text in [
            event.event_type.as_str(),
            event.subject.as_deref().unwrap_or_default(),
            metadata,
            event.data.as_str(),
        ] {
            context.update(&text.len().to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Some(Self {
            key: request.idempotency_key.clone(),
            has_own_id: request.id.is_some(),
            hash,
        })
    }
}

#[derive(diesel::QueryableByName)]
struct Kept {
    #[diesel(sql_type = Binary)]
    request_hash: Vec<u8>,
    #[diesel(sql_type = Binary)]
    event_ulid: Vec<u8>,
}

#[derive(diesel::QueryableByName)]
struct Stored {
    #[diesel(sql_type = BigInt)]
    tenant_id: i64,
    #[diesel(sql_type = BigInt)]
    sequence: i64,
    #[diesel(sql_type = BigInt)]
    deliveries: i64,
    #[diesel(sql_type = Binary)]
    data: Vec<u8>,
}

/// Decides about each request, in order. What does not `fit` is refused. A key that is new is taken, unless its request
/// is refused; one that another transaction is taking is waited for.
pub(crate) fn decide(
    conn: &mut Conn,
    items: &[(&Prepared, Option<&Idempotency>)],
    fit: impl Fn(usize) -> Result<(), PublishRefusal>,
    now_ms: i64,
) -> Result<Vec<Decision>, DbError> {
    let mut decisions: Vec<Decision> = (0..items.len())
        .map(|n| fit(n).map_or_else(Decision::Refuse, |()| Decision::Publish))
        .collect();
    let mut asking: Vec<usize> = (0..items.len())
        .filter(|n| items.get(*n).is_some_and(|item| item.1.is_some()))
        .collect();
    // In one order everywhere, because taking a key locks it; the sort keeps equal ones as they came.
    asking.sort_by_key(|n| {
        items
            .get(*n)
            .map(|(prepared, i)| (prepared.tenant_id(), i.map(|i| &i.key)))
    });
    let mut seen: HashMap<(i64, &str), (usize, [u8; 32])> = HashMap::new();
    let mut ids: HashMap<EventId, (usize, [u8; 32])> = HashMap::new();
    for n in asking {
        let (Some((prepared, Some(asked))), Some(place)) = (items.get(n), decisions.get_mut(n))
        else {
            continue;
        };
        if matches!(place, Decision::Refuse(_)) {
            continue;
        }
        // First, because whoever is refused for its id must not take the key.
        let by_id = match ids.get(&prepared.id) {
            _ if !asked.has_own_id => Decision::Publish,
            Some((first, hash)) if *hash == asked.hash => Decision::SameAs(*first),
            Some(_) => Decision::Refuse(PublishRefusal::IdTaken),
            None => by_id(conn, prepared)?,
        };
        let decision = match (&by_id, &asked.key) {
            (Decision::Refuse(_), _) | (_, None) => by_id,
            (_, Some(key)) => match seen.get(&(prepared.tenant_id(), key.as_str())) {
                Some((first, hash)) if *hash == asked.hash => Decision::SameAs(*first),
                Some(_) => Decision::Refuse(PublishRefusal::KeyTaken),
                None => match take_key(conn, prepared, key, &asked.hash, now_ms)? {
                    Decision::Publish => {
                        // Only who has taken the key speaks for it; the others' requests may differ from the first one's.
                        let speaker = match &by_id {
                            Decision::SameAs(first) => *first,
                            _ => n,
                        };
                        seen.insert((prepared.tenant_id(), key), (speaker, asked.hash));
                        by_id
                    }
                    known => known,
                },
            },
        };
        if asked.has_own_id && matches!(decision, Decision::Publish) {
            ids.insert(prepared.id, (n, asked.hash));
        }
        *place = decision;
    }
    Ok(decisions)
}

fn take_key(
    conn: &mut Conn,
    prepared: &Prepared,
    key: &str,
    hash: &[u8; 32],
    now_ms: i64,
) -> Result<Decision, DbError> {
    let taken = conn.execute(
        sql("INSERT INTO idempotency_keys (tenant_id, idempotency_key, request_hash, event_ulid, \
             created_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant_id, idempotency_key) DO UPDATE SET \
             request_hash = excluded.request_hash, event_ulid = excluded.event_ulid, \
             created_at_ms = excluded.created_at_ms WHERE idempotency_keys.created_at_ms < ?")
        .bind(prepared.tenant_id())
        .bind(key)
        .bind(hash.as_slice())
        .bind(prepared.id.to_bytes().to_vec())
        .bind(now_ms)
        .bind(now_ms - KEPT_MS),
    )?;
    if taken > 0 {
        return Ok(Decision::Publish);
    }
    let kept: Kept = conn.one(
        sql("SELECT request_hash, event_ulid FROM idempotency_keys \
             WHERE tenant_id = ? AND idempotency_key = ?")
        .bind(prepared.tenant_id())
        .bind(key),
    )?;
    if kept.request_hash != hash {
        return Ok(Decision::Refuse(PublishRefusal::KeyTaken));
    }
    let ulid = <[u8; 16]>::try_from(kept.event_ulid)
        .map_err(|_length| DbError::defect("an event's id is not 16 bytes"))?;
    let id = EventId::from_bytes(ulid);
    Ok(stored(conn, id)?.map_or(Decision::Publish, |found| Decision::Known(found.answer(id))))
}

fn by_id(conn: &mut Conn, prepared: &Prepared) -> Result<Decision, DbError> {
    let found = stored(conn, prepared.id)?;
    Ok(match found {
        None => Decision::Publish,
        Some(found) if found.is(prepared) => Decision::Known(found.answer(prepared.id)),
        Some(_) => Decision::Refuse(PublishRefusal::IdTaken),
    })
}

fn stored(conn: &mut Conn, id: EventId) -> Result<Option<Stored>, DbError> {
    conn.row(
        sql("SELECT e.tenant_id, e.sequence, e.data, (SELECT count(DISTINCT d.subscription_id) \
             FROM deliveries d WHERE d.event_id = e.id) AS deliveries FROM events e WHERE e.ulid = ?")
        .bind(id.to_bytes().to_vec()),
    )
}

impl Stored {
    fn is(&self, prepared: &Prepared) -> bool {
        self.tenant_id == prepared.tenant_id() && self.data == prepared.new.data.as_str().as_bytes()
    }

    fn answer(&self, id: EventId) -> Published {
        Published {
            id,
            sequence: self.sequence,
            deliveries: usize::try_from(self.deliveries).unwrap_or_default(),
        }
    }
}
