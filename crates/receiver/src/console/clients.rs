//! `/console/clients`: whom the shop works for: listed, made, changed, deleted.

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Asked, Count, Frame, Pager, Time, Visit, said};
use serde::Deserialize;
use serde_json::json;
use service::{Form, Problem};

use super::deeds::{Deed, latest};
use super::forms::{Refusal, body, tag_of, texts};
use super::project::Tagged;
use super::records::{Listed, page_query, time};
use super::trouble::framed;
use crate::api::clients as api;
use crate::api::fields::IfMatch;
use crate::api::page::Wanted;
use crate::receiver::State;

pub(super) const AT: &str = "/console/clients";
const DEEDS_SHOWN: i64 = 25;

#[derive(Debug, Deserialize)]
pub(super) struct Client {
    code: String,
    name: String,
    email: Option<String>,
    phone: Option<String>,
    notes: Option<String>,
    projects: i64,
    #[serde(deserialize_with = "time")]
    created_at: Time,
}

impl Client {
    fn count(&self) -> Count {
        Count(self.projects)
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "clients.html")]
pub(super) struct ClientsPage {
    frame: Frame,
    asked: Asked,
    lines: Vec<Client>,
    pager: Pager,
    csv: String,
}

/// `GET /console/clients`.
pub(super) async fn list(
    state: Data<State>,
    visit: Visit,
    asked: Asked,
) -> Result<ClientsPage, Problem> {
    let (caller, query) = (visit.caller.clone(), page_query(&asked)?);
    let listed = api::list(state.clone(), caller, Wanted::Json, query);
    let listed: Listed<Client> = said(listed.await?).await?;
    Ok(ClientsPage {
        frame: framed(&state, &visit, "Clients", AT).await?,
        pager: Pager::of(&asked, asked.offset(), listed.total),
        lines: listed.items,
        csv: asked.at("/console/clients.csv"),
        asked,
    })
}

/// A client as its form holds it; a field that is not sent is not an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientForm {
    /// Where it is made.
    #[serde(default)]
    code: String,
    name: String,
    email: String,
    phone: String,
    notes: String,
    /// The revision that it was filled from.
    tag: String,
}

impl ClientForm {
    fn fields(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut fields = texts([
            ("email", &self.email),
            ("phone", &self.phone),
            ("notes", &self.notes),
        ]);
        // An empty name is refused in words, which null would not be.
        fields.insert("name".to_owned(), self.name.trim().into());
        fields
    }
}

/// One client, there already or to be made.
#[derive(Template, WebTemplate)]
#[template(path = "client.html")]
pub(super) struct ClientPage {
    frame: Frame,
    client: Option<Client>,
    deeds: Vec<Deed>,
    form: ClientForm,
    refusal: Option<Refusal>,
}

/// `GET /console/clients/new`.
pub(super) async fn form(state: Data<State>, visit: Visit) -> Result<ClientPage, Problem> {
    new_page(&state, &visit, ClientForm::default(), None).await
}

async fn new_page(
    state: &Data<State>,
    visit: &Visit,
    form: ClientForm,
    refusal: Option<Refusal>,
) -> Result<ClientPage, Problem> {
    Ok(ClientPage {
        frame: framed(state, visit, "New client", AT).await?,
        client: None,
        deeds: Vec::new(),
        form,
        refusal,
    })
}

type Page = Either<Answer, (ClientPage, StatusCode)>;

/// `POST /console/clients/new`: the form comes back with the refusal when there is one.
pub(super) async fn create(
    state: Data<State>,
    visit: Visit,
    Form(form): Form<ClientForm>,
) -> Result<Page, Problem> {
    let mut fields = form.fields();
    fields.insert("code".to_owned(), form.code.trim().into());
    let caller = visit.caller.clone();
    match api::create(state.clone(), caller, body(fields)?).await {
        Ok(made) => {
            let made: Client = said(made).await?;
            let text = format!("Client {} is made", made.code);
            Ok(Either::Left(visit.done(AT, text)?))
        }
        Err(problem) => {
            let refusal = Refusal::of(problem)?;
            let status = refusal.code.status();
            let page = new_page(&state, &visit, form, Some(refusal)).await?;
            Ok(Either::Right((page, status)))
        }
    }
}

/// `GET /console/clients/{code}`.
pub(super) async fn show(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
) -> Result<ClientPage, Problem> {
    page(&state, &visit, &code, (None, None)).await
}

/// The client's page, with what was typed and refused.
async fn page(
    state: &Data<State>,
    visit: &Visit,
    code: &str,
    (typed, refusal): (Option<ClientForm>, Option<Refusal>),
) -> Result<ClientPage, Problem> {
    let (caller, code) = (visit.caller.clone(), Path::from(code.to_owned()));
    let answer = api::get(state.clone(), caller, code).await?;
    let tag = tag_of(&answer);
    let client: Client = said(answer).await?;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let form = typed.unwrap_or_else(|| ClientForm {
        name: client.name.clone(),
        email: text(&client.email),
        phone: text(&client.phone),
        notes: text(&client.notes),
        ..ClientForm::default()
    });
    let title = format!("{} {}", client.code, client.name);
    let of_client = json!({ "client_code": client.code });
    Ok(ClientPage {
        frame: framed(state, visit, title, AT).await?,
        client: Some(client),
        deeds: latest(state, visit, of_client, DEEDS_SHOWN).await?.items,
        form: ClientForm { tag, ..form },
        refusal,
    })
}

async fn refused(
    state: &Data<State>,
    visit: &Visit,
    code: &str,
    typed: Option<ClientForm>,
    problem: Problem,
) -> Result<Page, Problem> {
    let refusal = Refusal::of(problem)?;
    let status = refusal.code.status();
    let page = page(state, visit, code, (typed, Some(refusal))).await?;
    Ok(Either::Right((page, status)))
}

/// `POST /console/clients/{code}`.
pub(super) async fn change(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
    Form(form): Form<ClientForm>,
) -> Result<Page, Problem> {
    let (caller, condition) = (visit.caller.clone(), IfMatch::only(&form.tag));
    let at = Path::from(code.clone());
    let body = body(form.fields())?;
    match api::change_one(state.clone(), caller, at, condition, body).await {
        Ok(_changed) => {
            let page = format!("{AT}/{code}");
            Ok(Either::Left(visit.done(&page, "The client is saved")?))
        }
        Err(problem) => refused(&state, &visit, &code, Some(form), problem).await,
    }
}

/// `POST /console/clients/{code}/delete`: says why not when it is refused.
pub(super) async fn delete(
    state: Data<State>,
    visit: Visit,
    code: Path<String>,
    Form(form): Form<Tagged>,
) -> Result<Page, Problem> {
    let (caller, condition) = (visit.caller.clone(), IfMatch::only(&form.tag));
    let at = Path::from(code.clone());
    match api::delete(state.clone(), caller, at, condition).await {
        Ok(_deleted) => {
            let text = format!("Client {code} is deleted");
            Ok(Either::Left(visit.done(AT, text)?))
        }
        Err(problem) => refused(&state, &visit, &code, None, problem).await,
    }
}
