//! `/clients`: whom the shop works for.

use actix_web::HttpResponse;
use actix_web::web::Data;
use contract::{ClientCode, format_ms};
use db::{Lane, TxError};
use serde::{Deserialize, Serialize};
use service::{Json, Problem, Query};

use super::page::{listed, slice, words};
use super::{NAME_BYTES_MAX, not_written, read};
use crate::facts::text;
use crate::receiver::State;
use crate::store::{self, DEFAULT_TENANT};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    code: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientsQuery {
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
}

#[derive(Serialize)]
struct Client {
    id: i64,
    code: String,
    name: String,
    created_at: String,
}

impl Client {
    fn of(client: store::clients::Client) -> Self {
        Self {
            id: client.id,
            code: client.code,
            name: client.name,
            created_at: format_ms(client.created_at_ms),
        }
    }
}

/// `POST /clients`: 201, or 409 when the code is taken.
pub(crate) async fn create(
    state: Data<State>,
    Json(new): Json<NewClient>,
) -> Result<HttpResponse, Problem> {
    let code = ClientCode::parse(&new.code)
        .map_err(|error| Problem::invalid_field("code", error.to_string()))?;
    let name = text("name", Some(new.name), NAME_BYTES_MAX)?
        .ok_or_else(|| Problem::invalid_field("name", "must not be empty"))?;
    let now_ms = state.clock.now_ms();
    let taken = Problem::conflict(format!("there is a client {code} already"));
    let written = state
        .writer
        .with_tx(Lane::Interactive, DEFAULT_TENANT, 0, move |tx| {
            store::clients::insert(tx.conn(), DEFAULT_TENANT, &code, &name, now_ms)?
                .ok_or(TxError::Refused(()))
        });
    let client = written
        .await
        .map_err(|error| not_written(error, |()| taken))?;
    Ok(HttpResponse::Created().json(Client::of(client)))
}

/// `GET /clients`: by code.
pub(crate) async fn list(
    state: Data<State>,
    Query(query): Query<ClientsQuery>,
) -> Result<HttpResponse, Problem> {
    let slice = slice(query.limit, query.offset)?;
    let words = words("q", query.q)?;
    let page = read(&state, move |conn| {
        store::clients::list(conn, DEFAULT_TENANT, words.as_deref(), slice)
    });
    Ok(listed(page.await?, Client::of))
}
