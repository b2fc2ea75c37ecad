//! `/api/v1/sources`: who may send. A secret is shown once, in the answer that made it.

use std::collections::HashMap;

use access::Caller;
use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use contract::{Secret, format_ms, parse_ms};
use db::{Conn, TxError, TxResult};
use serde::{Deserialize, Serialize};
use service::{Json, Problem};

use super::fields::{IfMatch, tagged};
use super::{Refused, read, write};
use crate::facts::InvalidFact;
use crate::receiver::State;
use crate::source::{KEYS_MAX, Key, KeyKind, SourceOptions, Unusable, random};
use crate::sources::{refresh, sealed};
use crate::store::sources::{self, KeyRow, NewKey, SourceRow};

/// Longest name, bytes.
const NAME_BYTES_MAX: usize = 64;
/// In the console it stands where the name of a source does.
const PAGE_OF_NEW_ONES: &str = "new";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    name: String,
    #[serde(default)]
    options: SourceOptions,
    /// A secret of the sender's; one is made when neither it nor a public key is given.
    secret: Option<String>,
    public_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceChange {
    options: SourceOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddKey {
    /// Neither: a secret is made.
    secret: Option<String>,
    public_key: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
}

#[derive(Serialize)]
struct SourceAnswer {
    name: String,
    /// Where it sends to.
    endpoint: String,
    /// Whether it stands in the settings, where alone it can be changed.
    configured: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<SourceOptions>,
    profile: &'static str,
    keys: Vec<KeyAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// The secret that was just made, this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct KeyAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    kind: &'static str,
    hint: String,
    not_before: Option<String>,
    not_after: Option<String>,
    /// Whether it may be used now.
    holds: bool,
}

#[derive(Serialize)]
struct SourceList {
    items: Vec<SourceAnswer>,
    total: usize,
}

fn unusable(unusable: Unusable) -> Problem {
    let field = match unusable.field {
        "secrets" => "secret",
        "public_keys" => "public_key",
        field @ ("not_after" | "not_before") => field,
        field => return Problem::invalid_field(format!("options.{field}"), unusable.reason),
    };
    Problem::invalid_field(field, unusable.reason)
}

fn missing() -> Refused {
    Refused::Missing("a source of this name".to_owned())
}

/// Whether a source may be called so; of other names there is none, and no database need be asked.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits)
}

fn check_name(name: &str) -> Result<(), Problem> {
    if name == PAGE_OF_NEW_ONES {
        let message = "is taken: the page for new ones is called so";
        return Err(Problem::invalid_field("name", message));
    }
    let message = format!("use 1 to {NAME_BYTES_MAX} letters, digits, hyphens and underscores");
    is_name(name)
        .then_some(())
        .ok_or_else(|| Problem::invalid_field("name", message))
}

/// The key that is given or made, and its text if it was made here.
fn key_of(
    secret: Option<String>,
    public_key: Option<String>,
    (not_before_ms, not_after_ms): (Option<i64>, Option<i64>),
) -> Result<(Key, Option<String>), Problem> {
    let (kind, text, made) = match (secret, public_key) {
        (Some(_), Some(_)) => {
            let message = "give a secret or a public key; the other can be added";
            return Err(Problem::invalid_field("public_key", message));
        }
        (Some(secret), None) => (KeyKind::Secret, secret, None),
        (None, Some(public)) => (KeyKind::PublicKey, public, None),
        (None, None) => {
            let mut fresh = [0; 32];
            random(&mut fresh).map_err(Problem::internal)?;
            let secret = Secret::generate(fresh).expose().to_owned();
            (KeyKind::Secret, secret.clone(), Some(secret))
        }
    };
    let key = Key::parse(kind, &text, not_before_ms, not_after_ms).map_err(unusable)?;
    Ok((key, made))
}

/// `GET /api/v1/sources`: by name, those of the settings too.
pub(crate) async fn list(state: Data<State>, caller: Caller) -> Result<HttpResponse, Problem> {
    let tenant = caller.tenant_id;
    let rows = read(&state, move |conn| {
        let rows = sources::all(conn)?.into_iter();
        let rows: Vec<SourceRow> = rows.filter(|row| row.tenant_id == tenant).collect();
        Ok((rows, sources::keys(conn)?))
    });
    let (rows, keys) = rows.await?;
    let mut of_source: HashMap<i64, Vec<KeyRow>> = HashMap::new();
    for key in keys {
        of_source.entry(key.source_id).or_default().push(key);
    }
    let now_ms = state.clock.now_ms();
    let stored = rows.into_iter().map(|row| {
        let keys = of_source.remove(&row.id).unwrap_or_default();
        stored_answer(&row, &keys, now_ms)
    });
    let mut items = stored.collect::<Result<Vec<_>, Problem>>()?;
    items.extend(configured(&state, tenant, now_ms));
    items.sort_by(|one, two| one.name.cmp(&two.name));
    let total = items.len();
    Ok(HttpResponse::Ok().json(SourceList { items, total }))
}

/// Those of the settings.
fn configured(state: &State, tenant: i64, now_ms: i64) -> Vec<SourceAnswer> {
    let all = state.sources.all().into_iter();
    let own = all.filter(|source| {
        source.tenant_id == tenant && state.source_book.configured.has(&source.name)
    });
    let answer = |source: std::sync::Arc<crate::source::Source>| {
        let key = |key: &Key| KeyAnswer {
            id: None,
            kind: key.kind.name(),
            hint: hint(key.text.expose()),
            not_before: key.not_before_ms.map(format_ms),
            not_after: key.not_after_ms.map(format_ms),
            holds: key.holds(now_ms),
        };
        SourceAnswer {
            endpoint: endpoint(&source.name),
            name: source.name.clone(),
            configured: true,
            options: None,
            profile: source.format.name(),
            keys: source.keys.iter().map(key).collect(),
            created_at: None,
            secret: None,
        }
    };
    own.map(answer).collect()
}

fn stored_answer(row: &SourceRow, keys: &[KeyRow], now_ms: i64) -> Result<SourceAnswer, Problem> {
    let options: SourceOptions = serde_json::from_str(&row.options).map_err(Problem::internal)?;
    let key = |key: &KeyRow| KeyAnswer {
        id: Some(key.id),
        kind: KeyKind::from_db(key.kind).name(),
        hint: key.hint.clone(),
        not_before: key.not_before_ms.map(format_ms),
        not_after: key.not_after_ms.map(format_ms),
        holds: key.not_before_ms.is_none_or(|from| from <= now_ms)
            && key.not_after_ms.is_none_or(|to| now_ms < to),
    };
    Ok(SourceAnswer {
        name: row.name.clone(),
        endpoint: endpoint(&row.name),
        configured: false,
        profile: options.format().map_err(unusable)?.name(),
        options: Some(options),
        keys: keys.iter().map(key).collect(),
        created_at: Some(format_ms(row.created_at_ms)),
        secret: None,
    })
}

fn endpoint(name: &str) -> String {
    format!("/webhooks/{name}/event")
}

/// The last four characters; nothing of what is hardly longer.
pub(crate) fn hint(text: &str) -> String {
    match text.chars().count() {
        0..12 => "***".to_owned(),
        count => text.chars().skip(count - 4).collect(),
    }
}

/// One of the settings is changed there alone, whoever asks.
fn refuse_configured(state: &State, tenant: i64, name: &str) -> Result<(), Problem> {
    if !is_name(name) {
        return Err(missing().into());
    }
    let source = state.sources.find(name);
    let is_ours = source.is_some_and(|source| source.tenant_id == tenant);
    match is_ours && state.source_book.configured.has(name) {
        true => Err(Problem::conflict(format!(
            "source {name} stands in the settings ([sources.{name}]): change it there"
        ))),
        false => Ok(()),
    }
}

/// A source as the database has it, with its keys.
fn existing(
    conn: &mut Conn,
    tenant: i64,
    name: &str,
) -> TxResult<(SourceRow, Vec<KeyRow>), Refused> {
    let row = sources::find(conn, tenant, name)?.ok_or_else(|| TxError::Refused(missing()))?;
    let keys = sources::keys(conn)?.into_iter();
    let keys = keys.filter(|key| key.source_id == row.id).collect();
    Ok((row, keys))
}

async fn answer(
    state: &State,
    (row, keys): (SourceRow, Vec<KeyRow>),
    (mut builder, secret): (actix_web::HttpResponseBuilder, Option<String>),
) -> Result<HttpResponse, Problem> {
    refresh(state).await.map_err(access::of_read)?;
    let answer = stored_answer(&row, &keys, state.clock.now_ms())?;
    builder.insert_header((CACHE_CONTROL, "no-store"));
    Ok(tagged(
        builder,
        row.revision,
        SourceAnswer { secret, ..answer },
    ))
}

/// Judges options as they would hold with this many keys.
fn check(state: &State, options: &SourceOptions, keys: usize) -> Result<(), Problem> {
    let limits = state.source_book.limits;
    options
        .check(keys, limits.body_bytes_max)
        .map_err(unusable)?;
    if options.allow_unsigned && !limits.loopback {
        let message = "unsigned requests are accepted on loopback only (receiver.listen)";
        return Err(Problem::invalid_field("options.allow_unsigned", message));
    }
    Ok(())
}

/// `POST /api/v1/sources`: 201 with the secret if it was made here, 409 when the name is taken.
pub(crate) async fn create(
    state: Data<State>,
    caller: Caller,
    Json(new): Json<NewSource>,
) -> Result<HttpResponse, Problem> {
    check_name(&new.name)?;
    check(&state, &new.options, 1)?;
    let (key, secret) = key_of(new.secret, new.public_key, (None, None))?;
    let options = serde_json::to_string(&new.options).map_err(Problem::internal)?;
    let (tenant, now_ms, name) = (caller.tenant_id, state.clock.now_ms(), new.name);
    let taken = state.source_book.configured.has(&name);
    let book = std::sync::Arc::clone(&state.source_book);
    let made = write(&state, tenant, move |tx| {
        let conn = tx.conn();
        let conflict = || TxError::Refused(Refused::Conflict(format!("the name {name} is taken")));
        let id = sources::ensure(conn, tenant, &name, now_ms)?.ok_or_else(conflict)?;
        if taken || sources::find(conn, tenant, &name)?.is_some() {
            return Err(conflict());
        }
        let stored = seal(&book.vault, id, &key)?;
        sources::set(conn, id, &options)?;
        sources::add_key(conn, id, &stored, now_ms)?;
        existing(conn, tenant, &name)
    });
    answer(&state, made.await?, (HttpResponse::Created(), secret)).await
}

fn seal(vault: &crate::source::Vault, source_id: i64, key: &Key) -> TxResult<NewKey, Refused> {
    Ok(NewKey {
        kind: key.kind.to_db(),
        sealed: sealed(vault, source_id, key.text.expose())?,
        hint: hint(key.text.expose()),
        not_before_ms: key.not_before_ms,
        not_after_ms: key.not_after_ms,
    })
}

/// `GET /api/v1/sources/{name}`.
pub(crate) async fn get(
    state: Data<State>,
    caller: Caller,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let (tenant, named, now_ms) = (caller.tenant_id, name.clone(), state.clock.now_ms());
    let all = configured(&state, tenant, now_ms).into_iter();
    if let Some(found) = all.into_iter().find(|source| source.name == *name) {
        return Ok(HttpResponse::Ok().json(found));
    }
    if !is_name(&name) {
        return Err(missing().into());
    }
    let found = read(&state, move |conn| {
        let row = sources::find(conn, tenant, &named)?;
        Ok((row, sources::keys(conn)?))
    });
    let (row, keys) = found.await?;
    let row = row.ok_or_else(missing)?;
    let keys: Vec<KeyRow> = keys
        .into_iter()
        .filter(|key| key.source_id == row.id)
        .collect();
    let answer = stored_answer(&row, &keys, now_ms)?;
    Ok(tagged(HttpResponse::Ok(), row.revision, answer))
}

/// `PUT /api/v1/sources/{name}`: all options anew.
pub(crate) async fn change(
    state: Data<State>,
    caller: Caller,
    name: Path<String>,
    condition: IfMatch,
    Json(change): Json<SourceChange>,
) -> Result<HttpResponse, Problem> {
    refuse_configured(&state, caller.tenant_id, &name)?;
    check(&state, &change.options, 1)?;
    let options = serde_json::to_string(&change.options).map_err(Problem::internal)?;
    let (tenant, name, unsigned) = (
        caller.tenant_id,
        name.into_inner(),
        change.options.allow_unsigned,
    );
    let changed = write(&state, tenant, move |tx| {
        let conn = tx.conn();
        let (row, keys) = existing(conn, tenant, &name)?;
        condition.check(row.revision).map_err(TxError::Refused)?;
        refuse_keyless(keys.len(), unsigned)?;
        sources::set(conn, row.id, &options)?;
        existing(conn, tenant, &name)
    });
    answer(&state, changed.await?, (HttpResponse::Ok(), None)).await
}

fn refuse_keyless(keys: usize, allow_unsigned: bool) -> TxResult<(), Refused> {
    if keys > 0 || allow_unsigned {
        return Ok(());
    }
    Err(TxError::Refused(Refused::Conflict(
        "without a key, and without allow_unsigned, nothing it sends could be accepted".to_owned(),
    )))
}

/// `DELETE /api/v1/sources/{name}`: its keys go at once, its events and files stay.
pub(crate) async fn delete(
    state: Data<State>,
    caller: Caller,
    name: Path<String>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    refuse_configured(&state, caller.tenant_id, &name)?;
    let (tenant, name) = (caller.tenant_id, name.into_inner());
    let deleted = write(&state, tenant, move |tx| {
        let (row, _) = existing(tx.conn(), tenant, &name)?;
        condition.check(row.revision).map_err(TxError::Refused)?;
        Ok(sources::remove(tx.conn(), row.id)?)
    });
    deleted.await?;
    refresh(&state).await.map_err(access::of_read)?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/sources/{name}/keys`: one more key, beside the others.
pub(crate) async fn add_key(
    state: Data<State>,
    caller: Caller,
    name: Path<String>,
    Json(new): Json<AddKey>,
) -> Result<HttpResponse, Problem> {
    refuse_configured(&state, caller.tenant_id, &name)?;
    let time = |field: &str, text: Option<String>| {
        let parsed = text.map(|text| parse_ms(&text)).transpose();
        parsed.map_err(|error| Problem::invalid_field(field, error.to_string()))
    };
    let window = (
        time("not_before", new.not_before)?,
        time("not_after", new.not_after)?,
    );
    let (key, secret) = key_of(new.secret, new.public_key, window)?;
    let (tenant, now_ms, name) = (caller.tenant_id, state.clock.now_ms(), name.into_inner());
    let book = std::sync::Arc::clone(&state.source_book);
    let added = write(&state, tenant, move |tx| {
        let conn = tx.conn();
        let (row, keys) = existing(conn, tenant, &name)?;
        if keys.len() >= KEYS_MAX {
            return Err(TxError::Refused(Refused::Invalid(InvalidFact {
                field: "keys".to_owned(),
                message: format!("a source may have {KEYS_MAX}; take one away"),
            })));
        }
        let stored = seal(&book.vault, row.id, &key)?;
        sources::add_key(conn, row.id, &stored, now_ms)?;
        sources::set(conn, row.id, &row.options)?;
        existing(conn, tenant, &name)
    });
    answer(&state, added.await?, (HttpResponse::Created(), secret)).await
}

/// `DELETE /api/v1/sources/{name}/keys/{id}`: holds at once on this node.
pub(crate) async fn remove_key(
    state: Data<State>,
    caller: Caller,
    path: Path<(String, i64)>,
) -> Result<HttpResponse, Problem> {
    refuse_configured(&state, caller.tenant_id, &path.0)?;
    let (tenant, (name, id)) = (caller.tenant_id, path.into_inner());
    let removed = write(&state, tenant, move |tx| {
        let conn = tx.conn();
        let (row, keys) = existing(conn, tenant, &name)?;
        if !sources::remove_key(conn, row.id, id)? {
            return Err(TxError::Refused(Refused::Missing(format!("key {id}"))));
        }
        let options: SourceOptions = serde_json::from_str(&row.options).unwrap_or_default();
        refuse_keyless(keys.len() - 1, options.allow_unsigned)?;
        Ok(sources::set(conn, row.id, &row.options)?)
    });
    removed.await?;
    refresh(&state).await.map_err(access::of_read)?;
    Ok(HttpResponse::NoContent().finish())
}
