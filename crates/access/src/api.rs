//! `/api/v1/keys`: keys made, listed and revoked by an administrator of the tenant. Shows a key's text in the answer that
//! made it and never again.

use actix_web::web::{Data, Path, ServiceConfig, delete, post, resource};
use actix_web::{HttpResponse, http::header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use service::{Json, Problem, get};

use crate::caller::Caller;
use crate::failure::{of_read, of_write};
use crate::gate::allow;
use crate::keys::{KEY_NAME, KeyError, Keys, NewKey, key_name};
use crate::scope::{Scope, Scopes};
use crate::store::KeyRecord;

/// Adds the routes; the application data must hold `Data<Keys>` and `Data<Gate>`.
pub fn routes(routes: &mut ServiceConfig) {
    routes
        .service(
            resource("/api/v1/keys")
                .route(allow(Scope::Admin, get().to(list)))
                .route(allow(Scope::Admin, post().to(create))),
        )
        .service(resource("/api/v1/keys/{id}").route(allow(Scope::Admin, delete().to(revoke))));
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateKey {
    name: String,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
}

/// A key as the API shows it.
#[derive(Debug, Serialize)]
struct KeyAnswer {
    id: i64,
    tenant: String,
    name: String,
    scopes: Vec<Scope>,
    /// The whole key, only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    hint: String,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl From<KeyRecord> for KeyAnswer {
    fn from(record: KeyRecord) -> Self {
        let at = |ms| Timestamp::from_millisecond(ms).ok();
        Self {
            id: record.id,
            scopes: record.scopes().iter().collect(),
            tenant: record.tenant,
            name: record.name,
            key: None,
            hint: record.hint,
            created_at: at(record.created_at_ms),
            expires_at: record.expires_at_ms.and_then(at),
        }
    }
}

#[derive(Debug, Serialize)]
struct KeyList {
    total: usize,
    items: Vec<KeyAnswer>,
}

async fn list(keys: Data<Keys>, caller: Caller) -> Result<HttpResponse, Problem> {
    let records = keys.list(caller.tenant_id).await?;
    let items: Vec<KeyAnswer> = records.into_iter().map(KeyAnswer::from).collect();
    let total = items.len();
    Ok(HttpResponse::Ok().json(KeyList { total, items }))
}

async fn create(
    keys: Data<Keys>,
    caller: Caller,
    Json(body): Json<CreateKey>,
) -> Result<HttpResponse, Problem> {
    let new = body.check()?;
    let created = keys.create(caller.tenant_id, new).await?;
    let records = keys.list(caller.tenant_id).await?;
    let record = records.into_iter().find(|record| record.id == created.id);
    let record = record.ok_or_else(|| Problem::not_found(format!("key {}", created.id)))?;
    let answer = KeyAnswer {
        key: Some(created.text.expose().to_owned()),
        ..KeyAnswer::from(record)
    };
    Ok(HttpResponse::Created()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(answer))
}

async fn revoke(keys: Data<Keys>, caller: Caller, id: Path<i64>) -> Result<HttpResponse, Problem> {
    match keys.revoke(caller.tenant_id, *id).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Problem::not_found(format!("key {id}"))),
    }
}

impl CreateKey {
    fn check(self) -> Result<NewKey, Problem> {
        let unfit = || Problem::invalid_field("name", KEY_NAME);
        let name = key_name(&self.name).ok_or_else(unfit)?;
        let scopes: Scopes = self.scopes.into_iter().collect();
        if scopes.is_empty() {
            let message = "needs at least one of upload, read, publish, manage, admin";
            return Err(Problem::invalid_field("scopes", message));
        }
        Ok(NewKey {
            name: name.to_owned(),
            scopes,
            expires_at_ms: self.expires_at.map(Timestamp::as_millisecond),
        })
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Database(cause) => of_read(cause),
            KeyError::Write(cause) => of_write(cause),
            KeyError::Randomness => Self::internal("the system gives no randomness"),
        }
    }
}
