//! `/console/sources`: who may send, made and taken away, with what they sign with. A secret is shown on the one page
//! after it was made.

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Time, Visit, said};
use contract::Profile;
use serde::Deserialize;
use serde_json::{Value, json};
use service::{Form, Problem};

use super::forms::{Refusal, body, tag_of, texts};
use super::project::Tagged;
use super::records::{Listed, time_if_any};
use super::trouble::framed;
use crate::api::fields::IfMatch;
use crate::api::sources as api;
use crate::receiver::State;

pub(super) const AT: &str = "/console/sources";
/// Senders whose own form is understood.
const FOREIGN: [&str; 2] = ["github", "stripe"];

#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) name: String,
    endpoint: String,
    configured: bool,
    /// Those of the settings show none.
    pub(super) options: Option<Options>,
    pub(super) profile: String,
    keys: Vec<Key>,
    secret: Option<String>,
}

/// How it sends, beside its profile.
#[derive(Debug, Deserialize)]
pub(super) struct Options {
    pub(super) tolerance_seconds: u32,
    pub(super) allow_unsigned: bool,
    pub(super) body_only_signature: bool,
    pub(super) legacy_sorted_signature: bool,
    pub(super) unsigned_ids: bool,
    pub(super) allow_networks: Vec<String>,
    /// 0: the receiver's own limit.
    pub(super) body_bytes_max: usize,
    pub(super) unknown_project: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    /// Those of the settings have none.
    id: Option<i64>,
    kind: String,
    hint: String,
    #[serde(deserialize_with = "time_if_any")]
    not_before: Option<Time>,
    #[serde(deserialize_with = "time_if_any")]
    not_after: Option<Time>,
    holds: bool,
}

impl Source {
    /// Keys that hold now.
    fn holding(&self) -> usize {
        self.keys.iter().filter(|key| key.holds).count()
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "sources.html")]
pub(super) struct SourcesPage {
    frame: Frame,
    lines: Vec<Source>,
}

/// `GET /console/sources`; names and keys are for those who may change them.
pub(super) async fn list(state: Data<State>, visit: Visit) -> Result<SourcesPage, Problem> {
    let lines = match visit.may().manage {
        true => {
            let answer = api::list(state.clone(), visit.caller.clone()).await?;
            said::<Listed<Source>>(answer).await?.items
        }
        false => Vec::new(),
    };
    Ok(SourcesPage {
        frame: framed(&state, &visit, "Sources", AT).await?,
        lines,
    })
}

/// A source as its form holds it; a field that is not sent is not an empty one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceForm {
    name: String,
    profile: String,
    unknown_project: String,
    /// Apart by commas or blanks.
    allow_networks: String,
    secret: String,
    public_key: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "source_new.html")]
pub(super) struct NewPage {
    frame: Frame,
    profiles: Vec<&'static str>,
    form: SourceForm,
    refusal: Option<Refusal>,
}

/// `GET /console/sources/new`.
pub(super) async fn form(state: Data<State>, visit: Visit) -> Result<NewPage, Problem> {
    new_page(&state, &visit, SourceForm::default(), None).await
}

async fn new_page(
    state: &Data<State>,
    visit: &Visit,
    form: SourceForm,
    refusal: Option<Refusal>,
) -> Result<NewPage, Problem> {
    Ok(NewPage {
        frame: framed(state, visit, "New source", AT).await?,
        profiles: profiles(),
        form,
        refusal,
    })
}

/// Every form that requests may have.
pub(super) fn profiles() -> Vec<&'static str> {
    let own = Profile::ALL.iter().map(|profile| profile.name());
    own.chain(FOREIGN).collect()
}

/// Networks as they are typed.
pub(super) fn networks(text: &str) -> Vec<&str> {
    let texts = text.split([',', ' ', '\n', '\r', '\t']);
    texts.filter(|text| !text.is_empty()).collect()
}

impl SourceForm {
    fn body(&self) -> serde_json::Map<String, Value> {
        let mut options = texts([
            ("profile", &self.profile),
            ("unknown_project", &self.unknown_project),
        ]);
        options.retain(|_, value| !value.is_null());
        options.insert(
            "allow_networks".to_owned(),
            json!(networks(&self.allow_networks)),
        );
        let mut fields = texts([("secret", &self.secret), ("public_key", &self.public_key)]);
        fields.insert("name".to_owned(), json!(self.name.trim()));
        fields.insert("options".to_owned(), Value::Object(options));
        fields
    }
}

/// `POST /console/sources/new`: the form comes back with the refusal when there is one.
pub(super) async fn create(
    state: Data<State>,
    visit: Visit,
    Form(form): Form<SourceForm>,
) -> Result<Either<Answer, (NewPage, StatusCode)>, Problem> {
    let caller = visit.caller.clone();
    match api::create(state.clone(), caller, body(form.body())?).await {
        Ok(made) => {
            let made: Source = said(made).await?;
            let page = format!("{AT}/{}", made.name);
            Ok(Either::Left(told(
                &visit,
                &page,
                "The source is made",
                made.secret,
            )?))
        }
        Err(problem) => {
            let refusal = Refusal::of(problem)?;
            let status = refusal.code.status();
            // A secret is not sent back.
            let form = SourceForm {
                secret: String::new(),
                ..form
            };
            let page = new_page(&state, &visit, form, Some(refusal)).await?;
            Ok(Either::Right((page, status)))
        }
    }
}

/// Goes on to the source's page, with the secret that was just made.
fn told(visit: &Visit, page: &str, text: &str, secret: Option<String>) -> Result<Answer, Problem> {
    match secret {
        Some(secret) => visit.revealed(
            page,
            format!("{text}. Its secret is shown this once"),
            secret,
        ),
        None => visit.done(page, text),
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "source.html")]
pub(super) struct SourcePage {
    frame: Frame,
    source: Source,
    tag: String,
}

/// `GET /console/sources/{name}`.
pub(super) async fn show(
    state: Data<State>,
    visit: Visit,
    name: Path<String>,
) -> Result<SourcePage, Problem> {
    let answer = api::get(state.clone(), visit.caller.clone(), name).await?;
    let tag = tag_of(&answer);
    let source: Source = said(answer).await?;
    Ok(SourcePage {
        frame: framed(&state, &visit, source.name.as_str(), AT).await?,
        source,
        tag,
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyForm {
    secret: String,
    public_key: String,
    not_before: String,
    not_after: String,
}

/// `POST /console/sources/{name}/keys`.
pub(super) async fn add_key(
    state: Data<State>,
    visit: Visit,
    name: Path<String>,
    Form(form): Form<KeyForm>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{name}");
    let fields = texts([
        ("secret", &form.secret),
        ("public_key", &form.public_key),
        ("not_before", &form.not_before),
        ("not_after", &form.not_after),
    ]);
    let added = api::add_key(state, visit.caller.clone(), name, body(fields)?);
    let source: Source = said(added.await?).await?;
    told(
        &visit,
        &page,
        "The key is added beside the others",
        source.secret,
    )
}

/// `POST /console/sources/{name}/keys/{id}/delete`.
pub(super) async fn remove_key(
    state: Data<State>,
    visit: Visit,
    path: Path<(String, i64)>,
) -> Result<Answer, Problem> {
    let page = format!("{AT}/{}", path.0);
    api::remove_key(state, visit.caller.clone(), path).await?;
    visit.done(
        &page,
        "The key is taken away: nothing signed with it is accepted",
    )
}

/// `POST /console/sources/{name}/delete`.
pub(super) async fn delete(
    state: Data<State>,
    visit: Visit,
    name: Path<String>,
    Form(form): Form<Tagged>,
) -> Result<Answer, Problem> {
    let text = format!("{name} may send no more; what it sent stays");
    let condition = IfMatch::only(&form.tag);
    api::delete(state, visit.caller.clone(), name, condition).await?;
    visit.done(AT, text)
}
