//! `/console/sources/{name}/edit`: how a source sends, changed as a whole. Must never show a key, nor take one.

use actix_web::Either;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use askama_web::WebTemplate;
use console::{Answer, Frame, Visit, said};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service::{Code, Form, Problem};

use super::forms::{Refusal, body, tag_of};
use super::sources::{AT, Source, networks, profiles};
use super::trouble::framed;
use crate::api::fields::IfMatch;
use crate::api::sources as api;
use crate::receiver::State;

/// The options as their form holds them. A box that is not ticked is not sent; every other field is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptionsForm {
    profile: String,
    unknown_project: String,
    /// Apart by commas or blanks.
    allow_networks: String,
    tolerance_seconds: String,
    /// Empty: the receiver's own limit.
    body_bytes_max: String,
    allow_unsigned: Option<String>,
    body_only_signature: Option<String>,
    legacy_sorted_signature: Option<String>,
    unsigned_ids: Option<String>,
    /// The revision that it was filled from.
    tag: String,
}

/// A box to tick.
struct Choice {
    name: &'static str,
    words: &'static str,
    hint: &'static str,
    is_ticked: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "source_edit.html")]
pub(super) struct EditPage {
    frame: Frame,
    name: String,
    profiles: Vec<&'static str>,
    form: OptionsForm,
    choices: [Choice; 4],
    refusal: Option<Refusal>,
}

impl OptionsForm {
    fn of(source: Source, tag: String) -> Result<Self, Problem> {
        let configured = || {
            let name = &source.name;
            Problem::conflict(format!(
                "source {name} stands in the settings ([sources.{name}]): change it there"
            ))
        };
        let options = source.options.ok_or_else(configured)?;
        let ticked = |is_ticked: bool| is_ticked.then(|| "1".to_owned());
        let limit = Some(options.body_bytes_max).filter(|bytes| *bytes > 0);
        Ok(Self {
            profile: source.profile,
            unknown_project: options.unknown_project,
            allow_networks: options.allow_networks.join(", "),
            tolerance_seconds: options.tolerance_seconds.to_string(),
            body_bytes_max: limit.map_or_else(String::new, |bytes| bytes.to_string()),
            allow_unsigned: ticked(options.allow_unsigned),
            body_only_signature: ticked(options.body_only_signature),
            legacy_sorted_signature: ticked(options.legacy_sorted_signature),
            unsigned_ids: ticked(options.unsigned_ids),
            tag,
        })
    }

    /// # Errors
    /// 422 naming the field.
    fn fields(&self) -> Result<Map<String, Value>, Problem> {
        let limit = match self.body_bytes_max.trim() {
            "" => 0,
            text => whole("body_bytes_max", text)?,
        };
        let options = json!({
            "profile": self.profile,
            "unknown_project": self.unknown_project,
            "allow_networks": networks(&self.allow_networks),
            "tolerance_seconds": whole("tolerance_seconds", self.tolerance_seconds.trim())?,
            "body_bytes_max": limit,
            "allow_unsigned": self.allow_unsigned.is_some(),
            "body_only_signature": self.body_only_signature.is_some(),
            "legacy_sorted_signature": self.legacy_sorted_signature.is_some(),
            "unsigned_ids": self.unsigned_ids.is_some(),
        });
        Ok(Map::from_iter([("options".to_owned(), options)]))
    }

    fn choices(&self) -> [Choice; 4] {
        let choice = |name, words, hint, ticked: &Option<String>| Choice {
            name,
            words,
            hint,
            is_ticked: ticked.is_some(),
        };
        [
            choice(
                "allow_unsigned",
                "Accept requests without a signature",
                "Only while the receiver listens on loopback.",
                &self.allow_unsigned,
            ),
            choice(
                "body_only_signature",
                "Accept a signature over the body alone",
                "It does not protect against repeats.",
                &self.body_only_signature,
            ),
            choice(
                "legacy_sorted_signature",
                "Accept a signature over the body with sorted keys",
                "As some old senders sign.",
                &self.legacy_sorted_signature,
            ),
            choice(
                "unsigned_ids",
                "Tell equal bodies apart by an id that is not signed",
                "For github, whose X-GitHub-Delivery anybody who has caught a request could change.",
                &self.unsigned_ids,
            ),
        ]
    }
}

fn whole(field: &str, text: &str) -> Result<u32, Problem> {
    let number = text.parse();
    number.map_err(|_no_number| Problem::invalid_field(field, "give a whole number, such as 300"))
}

/// `GET /console/sources/{name}/edit`.
pub(super) async fn form(
    state: Data<State>,
    visit: Visit,
    name: Path<String>,
) -> Result<EditPage, Problem> {
    let form = stored(&state, &visit, &name).await?;
    page(&state, &visit, &name, (form, None)).await
}

/// What its form holds as long as nobody has typed.
async fn stored(state: &Data<State>, visit: &Visit, name: &str) -> Result<OptionsForm, Problem> {
    let name = Path::from(name.to_owned());
    let answer = api::get(state.clone(), visit.caller.clone(), name).await?;
    let tag = tag_of(&answer);
    OptionsForm::of(said(answer).await?, tag)
}

async fn page(
    state: &Data<State>,
    visit: &Visit,
    name: &str,
    (form, refusal): (OptionsForm, Option<Refusal>),
) -> Result<EditPage, Problem> {
    Ok(EditPage {
        frame: framed(state, visit, format!("Change {name}"), AT).await?,
        name: name.to_owned(),
        profiles: profiles(),
        choices: form.choices(),
        form,
        refusal,
    })
}

/// `POST /console/sources/{name}/edit`: only while it is as the form showed it; the form comes back with the
/// refusal when there is one.
pub(super) async fn change(
    state: Data<State>,
    visit: Visit,
    name: Path<String>,
    Form(form): Form<OptionsForm>,
) -> Result<Either<Answer, (EditPage, StatusCode)>, Problem> {
    match try_change(&state, &visit, &name, &form).await {
        Ok(()) => {
            let page = format!("{AT}/{name}");
            Ok(Either::Left(visit.done(&page, "The source is saved")?))
        }
        Err(problem) => {
            let mut refusal = Refusal::of(problem)?;
            let status = refusal.code.status();
            let now = stored(&state, &visit, &name).await?;
            if refusal.code == Code::PreconditionFailed {
                refusal.text =
                    "Somebody else has changed this source meanwhile: look at what it is now, \
                                then save again if yours shall hold."
                        .to_owned();
            }
            let form = OptionsForm {
                tag: now.tag,
                ..form
            };
            let page = page(&state, &visit, &name, (form, Some(refusal))).await?;
            Ok(Either::Right((page, status)))
        }
    }
}

async fn try_change(
    state: &Data<State>,
    visit: &Visit,
    name: &str,
    form: &OptionsForm,
) -> Result<(), Problem> {
    let (caller, name) = (visit.caller.clone(), Path::from(name.to_owned()));
    let (condition, body) = (IfMatch::only(&form.tag), body(form.fields()?)?);
    api::change(state.clone(), caller, name, condition, body).await?;
    Ok(())
}
