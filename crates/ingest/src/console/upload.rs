//! `/console/upload`: files sent from a browser, many at once. Takes them in exactly as `POST /ingest` does.

use std::sync::Arc;
use std::time::Duration;

use access::of_read;
use actix_multipart::Multipart;
use actix_web::web::Data;
use askama::Template;
use askama_web::WebTemplate;
use console::{Frame, Visit};
use db::{Conn, DbError};
use extract::Kind;
use extract::facts::Review;
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::Value;
use service::{Code, Problem};

use super::file_line::FileLine;
use super::trouble::framed;
use crate::api::ingest::received;
use crate::service_state::ServiceState;
use crate::store;

pub(super) const AT: &str = "/console/upload";
/// A page does not keep a person waiting as long as a program would wait.
const WAIT_MAX: Duration = Duration::from_secs(20);
const TOKEN_BYTES_MAX: usize = 256;

type State = Data<Arc<ServiceState>>;

#[derive(Template, WebTemplate)]
#[template(path = "upload.html")]
pub(super) struct UploadPage {
    frame: Frame,
    clients: Vec<String>,
    projects: Vec<String>,
    kinds: Vec<&'static str>,
    files_max: usize,
    results: Vec<Uploaded>,
}

/// What became of one file.
#[derive(Debug, Deserialize)]
struct Uploaded {
    success: bool,
    ingest_id: Option<i64>,
    filename: Option<String>,
    detected_type: Option<String>,
    status: Option<String>,
    confidence_score: Option<f64>,
    duplicate_of: Option<i64>,
    #[serde(default)]
    metadata: Facts,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    error: Value,
    /// Why a person should look; from the record.
    #[serde(skip)]
    reviews: Vec<Review>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    client_code: Option<String>,
    project_code: Option<String>,
    part_name: Option<String>,
    material: Option<String>,
    thickness_mm: Option<f64>,
    quantity: Option<i64>,
}

impl Uploaded {
    /// Why it was refused, in a sentence.
    fn refusal(&self) -> &str {
        let message = self.error.get("message").unwrap_or(&self.error);
        message.as_str().unwrap_or("it could not be taken in")
    }

    fn standing(&self) -> (&'static str, &'static str) {
        match self.status.as_deref() {
            _ if !self.success => ("refused", "bad"),
            Some("processing") => ("being read", "info"),
            Some("failed") => ("failed", "bad"),
            _ if !self.reviews.is_empty() => ("to check", "warn"),
            _ => ("ready", "good"),
        }
    }
}

/// `GET /console/upload`.
pub(super) async fn show(state: State, visit: Visit) -> Result<UploadPage, Problem> {
    page(&state, &visit, Vec::new()).await
}

/// `POST /console/upload`: the form's token first, then what `POST /ingest` takes.
pub(super) async fn take(
    state: State,
    visit: Visit,
    mut body: Multipart,
) -> Result<UploadPage, Problem> {
    visit.check(&token(&mut body).await?)?;
    let wait = Duration::from_secs(state.uploads.wait_seconds).min(WAIT_MAX);
    let (_, results) = received(&state, visit.caller.tenant_id, body, wait).await?;
    let results = results.into_iter().map(serde_json::from_value);
    let results: Result<Vec<Uploaded>, _> = results.collect();
    let mut results = results.map_err(Problem::internal)?;
    let (tenant_id, ids) = (
        visit.caller.tenant_id,
        results.iter().map(|one| one.ingest_id),
    );
    let ids: Vec<i64> = ids.flatten().collect();
    let read = move |conn: &mut Conn| {
        let rows = ids.iter().map(|id| store::get(conn, tenant_id, *id));
        rows.collect::<Result<Vec<_>, DbError>>()
    };
    let rows = state.database.reads().run(read).await.map_err(of_read)?;
    for line in rows.iter().flatten().map(FileLine::from) {
        let same = |one: &&mut Uploaded| one.ingest_id == Some(line.id);
        for one in results.iter_mut().filter(same) {
            one.reviews.clone_from(&line.reviews);
        }
    }
    page(&state, &visit, results).await
}

async fn token(body: &mut Multipart) -> Result<String, Problem> {
    let unreadable = |cause: actix_multipart::MultipartError| {
        Problem::new(
            Code::BadRequest,
            format!("the form cannot be read: {cause}"),
        )
    };
    let mut text = Vec::new();
    let first = body.try_next().await.map_err(unreadable)?;
    let Some(mut field) = first.filter(|field| field.name() == Some("csrf")) else {
        return Ok(String::new());
    };
    while let Some(piece) = field.try_next().await.map_err(unreadable)? {
        text.extend_from_slice(&piece);
        if text.len() > TOKEN_BYTES_MAX {
            return Ok(String::new());
        }
    }
    Ok(String::from_utf8(text).unwrap_or_default())
}

async fn page(state: &State, visit: &Visit, results: Vec<Uploaded>) -> Result<UploadPage, Problem> {
    let tenant_id = visit.caller.tenant_id;
    let read = move |conn: &mut Conn| store::known_codes(conn, tenant_id);
    let (clients, projects) = state.database.reads().run(read).await.map_err(of_read)?;
    Ok(UploadPage {
        frame: framed(state, visit, "Upload", AT).await?,
        clients,
        projects,
        kinds: Kind::ALL.iter().map(|kind| kind.name()).collect(),
        files_max: state.uploads.files_per_request_max,
        results,
    })
}
