//! `/clients`: whom the shop works for.

use access::Caller;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use contract::{ClientCode, format_ms};
use db::{Conn, TxError, TxResult};
use serde::{Deserialize, Serialize};
use service::{Json, Problem, Query};

use super::fields::{Change, IfMatch, change, set_text};
use super::page::{Paging, Wanted, listed, words};
use super::records::{self, AsCode, By, Record, What};
use super::{NAME_BYTES_MAX, Refused, actor, read, write};
use crate::facts::{InvalidFact, NOTES_BYTES_MAX, text};
use crate::receiver::State;
use crate::store::activity::ActivityKind;
use crate::store::clients::ClientFields;
use crate::store::{self, clients};

const COLUMNS: &[&str] = &[
    "code",
    "name",
    "email",
    "phone",
    "notes",
    "projects",
    "created_at",
    "changed_at",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    code: String,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    notes: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientChange {
    #[serde(default, deserialize_with = "change")]
    name: Change<String>,
    #[serde(default, deserialize_with = "change")]
    email: Change<String>,
    #[serde(default, deserialize_with = "change")]
    phone: Change<String>,
    #[serde(default, deserialize_with = "change")]
    notes: Change<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientsQuery {
    q: Option<String>,
    limit: Option<i64>,
    #[serde(alias = "skip")]
    offset: Option<i64>,
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Client {
    id: i64,
    code: String,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    notes: Option<String>,
    projects: i64,
    created_at: String,
    changed_at: String,
}

impl Client {
    fn of(client: clients::Client) -> Self {
        let fields = client.fields;
        Self {
            id: client.id,
            code: client.code,
            name: fields.name,
            email: fields.email,
            phone: fields.phone,
            notes: fields.notes,
            projects: client.projects,
            created_at: format_ms(client.created_at_ms),
            changed_at: format_ms(client.changed_at_ms),
        }
    }
}

impl ClientChange {
    fn onto(self, fields: &mut ClientFields) -> Result<(), InvalidFact> {
        if let Some(name) = self.name {
            fields.name = needed_name(name)?;
        }
        set_text("email", self.email, NAME_BYTES_MAX, &mut fields.email)?;
        set_text("phone", self.phone, NAME_BYTES_MAX, &mut fields.phone)?;
        set_text("notes", self.notes, NOTES_BYTES_MAX, &mut fields.notes)
    }
}

fn needed_name(name: Option<String>) -> Result<String, InvalidFact> {
    text("name", name, NAME_BYTES_MAX)?.ok_or_else(|| InvalidFact {
        field: "name".to_owned(),
        message: "must not be empty".to_owned(),
    })
}

impl AsCode for ClientCode {
    fn of(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn text(&self) -> &str {
        self.as_str()
    }
}

impl Record for clients::Client {
    const NOUN: &'static str = "client";
    type Code = ClientCode;
    type Change = ClientChange;
    type Shown = Client;

    fn id(&self) -> i64 {
        self.id
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn fields(&self) -> &ClientFields {
        &self.fields
    }

    fn shown(self) -> Client {
        Client::of(self)
    }

    fn change(change: ClientChange, fields: &mut ClientFields) -> Result<(), InvalidFact> {
        change.onto(fields)
    }

    fn tell(&self, conn: &mut Conn, what: What, by: By<'_>) -> TxResult<(), Refused> {
        let kind = match what {
            What::Created => ActivityKind::ClientCreated,
            What::Changed => ActivityKind::ClientChanged,
            What::Deleted => ActivityKind::ClientDeleted,
        };
        let by = (by.tenant, by.actor, by.now_ms);
        Ok(clients::tell(conn, (&self.code, &self.fields), kind, by)?)
    }

    fn keeps(&self) -> Option<String> {
        match self.projects {
            0 => None,
            1 => Some(format!("client {} has a project", self.code)),
            many => Some(format!("client {} has {many} projects", self.code)),
        }
    }
}

/// `POST /clients`: 201, or 409 when the code is taken.
pub(crate) async fn create(
    state: Data<State>,
    caller: Caller,
    Json(new): Json<NewClient>,
) -> Result<HttpResponse, Problem> {
    let code = ClientCode::parse(&new.code)
        .map_err(|error| Problem::invalid_field("code", error.to_string()))?;
    let mut fields = ClientFields {
        name: needed_name(Some(new.name))?,
        email: None,
        phone: None,
        notes: None,
    };
    let change = ClientChange {
        name: None,
        email: Some(new.email),
        phone: Some(new.phone),
        notes: Some(new.notes),
    };
    change.onto(&mut fields)?;
    let (tenant, now_ms, actor) = (caller.tenant_id, state.clock.now_ms(), actor(&caller));
    let made = write(&state, tenant, move |tx| {
        if !clients::insert(tx.conn(), tenant, &code, &fields, now_ms)? {
            let taken = format!("there is a client {code} already");
            return Err(TxError::Refused(Refused::Conflict(taken)));
        }
        let made: clients::Client = records::existing(tx.conn(), tenant, &code)?;
        let by = By {
            tenant,
            actor: &actor,
            now_ms,
        };
        made.tell(tx.conn(), What::Created, by)?;
        Ok(made)
    });
    Ok(records::answer(HttpResponse::Created(), made.await?))
}

/// `GET /clients`: by code.
pub(crate) async fn list(
    state: Data<State>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<ClientsQuery>,
) -> Result<HttpResponse, Problem> {
    let paging = Paging {
        limit: query.limit,
        offset: query.offset,
        cursor: query.cursor,
    };
    let slice = paging.slice(wanted, &clients::ORDER)?;
    let words = words("q", query.q)?;
    let page = read(&state, move |conn| {
        store::clients::list(conn, caller.tenant_id, words.as_deref(), slice)
    });
    Ok(listed(
        wanted,
        page.await?,
        Client::of,
        ("clients", COLUMNS),
    ))
}

/// `GET /clients/{code}`.
pub(crate) async fn get(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
) -> Result<HttpResponse, Problem> {
    records::get::<clients::Client>(&state, &caller, &code).await
}

/// `PATCH /clients/{code}`: what is absent stays.
pub(crate) async fn change_one(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
    Json(change): Json<ClientChange>,
) -> Result<HttpResponse, Problem> {
    records::change::<clients::Client>(&state, &caller, &code, (condition, change)).await
}

/// `DELETE /clients/{code}`: 409 while it has projects.
pub(crate) async fn delete(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
    condition: IfMatch,
) -> Result<HttpResponse, Problem> {
    records::delete::<clients::Client>(&state, &caller, &code, condition).await
}
