//! What clients and projects have in common: found by their code, changed and deleted by whoever has seen
//! what they are now. Must never know which fields there are.

use access::Caller;
use actix_web::{HttpResponse, HttpResponseBuilder};
use db::{Conn, TxError, TxResult};
use serde::Serialize;
use service::Problem;

use super::fields::{IfMatch, tagged};
use super::{Refused, actor, read, write};
use crate::facts::InvalidFact;
use crate::receiver::State;
use crate::store::records::{self, Seen};

/// A record as callers see and change it.
pub(super) trait Record: records::Record<Fields: Clone + PartialEq> + Sized + Send {
    /// What it is called.
    const NOUN: &'static str;
    type Code: AsCode;
    /// A body that changes it.
    type Change: Clone + Send + 'static;
    type Shown: Serialize;

    fn id(&self) -> i64;
    fn revision(&self) -> i64;
    fn fields(&self) -> &Self::Fields;
    fn shown(self) -> Self::Shown;

    /// What is absent stays.
    fn change(change: Self::Change, fields: &mut Self::Fields) -> Result<(), InvalidFact>;

    /// Why it cannot be deleted, if it cannot.
    fn keeps(&self) -> Option<String> {
        None
    }

    /// Tells activity what has become of it.
    fn tell(&self, conn: &mut Conn, what: What, by: By<'_>) -> TxResult<(), Refused>;
}

/// A code as callers write it.
pub(super) trait AsCode: Clone + Send + Sized + 'static {
    /// `None` when it is no code.
    fn of(text: &str) -> Option<Self>;
    fn text(&self) -> &str;
}

/// What was done to a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum What {
    Created,
    Changed,
    Deleted,
}

/// Who did it, for whom and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct By<'a> {
    pub tenant: i64,
    pub actor: &'a str,
    pub now_ms: i64,
}

fn missing<R: Record>() -> Refused {
    Refused::Missing(format!("this {}", R::NOUN))
}

fn code<R: Record>(text: &str) -> Result<R::Code, Problem> {
    R::Code::of(text).ok_or_else(|| missing::<R>().into())
}

/// A record within a transaction.
pub(super) fn existing<R: Record>(
    conn: &mut Conn,
    tenant: i64,
    code: &R::Code,
) -> TxResult<R, Refused> {
    let found = records::find(conn, tenant, code.text())?;
    found.ok_or_else(|| TxError::Refused(missing::<R>()))
}

/// The caller's record.
pub(super) async fn find<R: Record>(
    state: &State,
    caller: &Caller,
    text: &str,
) -> Result<R, Problem> {
    let (code, tenant) = (code::<R>(text)?, caller.tenant_id);
    let found = read(state, move |conn| records::find(conn, tenant, code.text()));
    Ok(found.await?.ok_or_else(missing::<R>)?)
}

/// An answer that says which revision it shows.
pub(super) fn answer<R: Record>(builder: HttpResponseBuilder, record: R) -> HttpResponse {
    tagged(builder, record.revision(), record.shown())
}

pub(super) async fn get<R: Record>(
    state: &State,
    caller: &Caller,
    text: &str,
) -> Result<HttpResponse, Problem> {
    let found = find::<R>(state, caller, text).await?;
    Ok(answer(HttpResponse::Ok(), found))
}

/// A change that changes nothing leaves its revision.
pub(super) async fn change<R: Record>(
    state: &State,
    caller: &Caller,
    text: &str,
    (condition, change): (IfMatch, R::Change),
) -> Result<HttpResponse, Problem> {
    let code = code::<R>(text)?;
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(caller));
    let changed = write(state, tenant, move |tx| {
        let record: R = seen(tx.conn(), tenant, &code, &condition)?;
        let mut fields = record.fields().clone();
        let applied = R::change(change.clone(), &mut fields);
        applied.map_err(|invalid| TxError::Refused(Refused::Invalid(invalid)))?;
        if fields == *record.fields() {
            return Ok(record);
        }
        let seen = as_seen(&record, tenant);
        unless_changed(records::update::<R>(tx.conn(), seen, &fields, now_ms)?)?;
        let record: R = existing(tx.conn(), tenant, &code)?;
        let by = By {
            tenant,
            actor: &actor,
            now_ms,
        };
        record.tell(tx.conn(), What::Changed, by)?;
        Ok(record)
    });
    Ok(answer(HttpResponse::Ok(), changed.await?))
}

pub(super) async fn delete<R: Record>(
    state: &State,
    caller: &Caller,
    text: &str,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    let code = code::<R>(text)?;
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(caller));
    let deleted = write(state, tenant, move |tx| {
        let record: R = seen(tx.conn(), tenant, &code, &condition)?;
        if let Some(why) = record.keeps() {
            return Err(TxError::Refused(Refused::Conflict(why)));
        }
        let seen = as_seen(&record, tenant);
        unless_changed(records::delete::<R>(tx.conn(), seen)?)?;
        let by = By {
            tenant,
            actor: &actor,
            now_ms,
        };
        record.tell(tx.conn(), What::Deleted, by)
    });
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A record as it is now, if that is what the caller has seen.
fn seen<R: Record>(
    conn: &mut Conn,
    tenant: i64,
    code: &R::Code,
    condition: &IfMatch,
) -> TxResult<R, Refused> {
    let record: R = existing(conn, tenant, code)?;
    condition
        .check(record.revision())
        .map_err(TxError::Refused)?;
    Ok(record)
}

fn as_seen<R: Record>(record: &R, tenant: i64) -> Seen {
    Seen {
        tenant,
        id: record.id(),
        revision: record.revision(),
    }
}

/// The outcome of a change that holds only for the revision it was made from.
fn unless_changed(done: bool) -> TxResult<(), Refused> {
    match done {
        true => Ok(()),
        false => Err(TxError::Refused(Refused::Changed)),
    }
}
