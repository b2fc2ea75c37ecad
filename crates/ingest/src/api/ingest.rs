//! `POST /ingest`: files in, one result each, in order. `GET /ingest/{id}`: the record, flat.

use std::sync::Arc;
use std::time::Duration;

use access::{Caller, of_read};
use actix_multipart::Multipart;
use actix_web::http::StatusCode;
use actix_web::http::header::ETAG;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, HttpResponseBuilder};
use extract::facts::{CallerFacts, FactError};
use extract::{Kind, Mode, sniff};
use serde::Deserialize;
use serde_json::Value;
use service::{Problem, Query};

use super::answer;
use super::files::find;
use super::multipart::{self, Part, Upload};
use crate::archive;
use crate::intake::{Arrived, admit, take_in, unstorable};
use crate::service_state::ServiceState;
use crate::storage::blocking;
use crate::store::{self, FileRow, State};

/// Longest wait a caller may ask for, in seconds.
const WAIT_SECONDS_MAX: u64 = 300;
/// Another node may end the extraction: its commit does not wake us.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// Seconds to wait for the extraction; 0 answers at once.
    wait: Option<u64>,
}

impl UploadQuery {
    fn wait(&self, state: &ServiceState) -> Result<Duration, Problem> {
        match self.wait {
            Some(seconds) if seconds > WAIT_SECONDS_MAX => {
                let message = format!("seconds from 0 to {WAIT_SECONDS_MAX}");
                Err(Problem::invalid_field("wait", message))
            }
            seconds => Ok(Duration::from_secs(
                seconds.unwrap_or(state.uploads.wait_seconds),
            )),
        }
    }
}

/// One file of the answer.
enum Outcome {
    Taken {
        id: i64,
        duplicate: bool,
        warnings: Vec<String>,
    },
    Refused {
        status: StatusCode,
        body: Value,
    },
}

impl Outcome {
    /// Tells what was passed over in an archive with the first of its files that was taken in.
    fn warn(mut self, more: &mut Vec<String>) -> Self {
        if let Self::Taken { warnings, .. } = &mut self {
            warnings.append(more);
        }
        self
    }

    /// A file that could not be recorded now: with files before it that were, it is one bad result among
    /// them; without, the whole request has failed and may be sent again.
    fn of(name: &str, problem: Problem, before: &[Self]) -> Result<Self, Problem> {
        if !before
            .iter()
            .any(|outcome| matches!(outcome, Self::Taken { .. }))
        {
            return Err(problem);
        }
        let code = problem.code();
        Ok(Self::Refused {
            status: code.status(),
            body: answer::refused(name, code.as_str(), problem.detail()),
        })
    }
}

/// The files of an archive in its place, with what was passed over in it; any other file is itself.
async fn unpacked(
    state: &Arc<ServiceState>,
    part: Part,
    mode: Mode,
) -> Result<(Vec<Part>, Mode, Vec<String>), Problem> {
    let wanted = matches!(mode, Mode::Auto | Mode::As(Kind::Archive));
    let arrived = match part.arrived {
        Ok(arrived) if wanted && is_archive(&arrived) => arrived,
        arrived => {
            let Part { name, .. } = part;
            return Ok((vec![Part { name, arrived }], mode, Vec::new()));
        }
    };
    let shared = Arc::clone(state);
    let unpacked = blocking(move || archive::unpack(&shared.storage, &shared.limits, arrived));
    Ok(match unpacked.await.map_err(unstorable)? {
        Ok(contents) => {
            let parts = contents.members.into_iter().map(|member| Part {
                name: member.name,
                arrived: member.arrived,
            });
            (parts.collect(), Mode::Auto, contents.warnings)
        }
        Err(refusal) => {
            let Part { name, .. } = part;
            let arrived = Err(refusal);
            (vec![Part { name, arrived }], mode, Vec::new())
        }
    })
}

fn is_archive(arrived: &Arrived) -> bool {
    sniff(&arrived.staged.head, &arrived.clean_name).kind == Some(Kind::Archive)
}

pub(crate) async fn upload(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    Query(query): Query<UploadQuery>,
    body: Multipart,
) -> Result<HttpResponse, Problem> {
    let wait = query.wait(&state)?;
    let (status, results) = received(&state, caller.tenant_id, body, wait).await?;
    Ok(HttpResponseBuilder::new(status).json(results))
}

/// Takes in what a form holds and waits for what is read in it, at most for `wait`; a result for each file, and the status
/// of them all.
pub(crate) async fn received(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    body: Multipart,
    wait: Duration,
) -> Result<(StatusCode, Vec<Value>), Problem> {
    let upload = multipart::read(state, body).await?;
    let (mode, given) = understood(state, &upload)?;
    let mut outcomes = Vec::with_capacity(upload.files.len());
    for part in upload.files {
        let (parts, mode, mut warnings) = unpacked(state, part, mode).await?;
        for part in parts {
            let outcome = one(state, tenant_id, part, mode, &given).await;
            let outcome = outcome.or_else(|(name, problem)| Outcome::of(&name, problem, &outcomes));
            outcomes.push(outcome?.warn(&mut warnings));
        }
    }
    let deadline = tokio::time::Instant::now() + wait;
    let mut status = refusal_of_all(&outcomes).unwrap_or(StatusCode::OK);
    let mut results = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let (result, done) = settle(state, tenant_id, outcome, deadline).await?;
        if !done {
            status = StatusCode::ACCEPTED;
        }
        results.push(result);
    }
    Ok((status, results))
}

/// `GET /ingest/{id}`.
pub(crate) async fn record(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    id: Path<i64>,
) -> Result<HttpResponse, Problem> {
    let row = find(&state, caller.tenant_id, *id).await?;
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, row.tag()))
        .json(answer::Record::from(&row)))
}

fn understood(state: &ServiceState, upload: &Upload) -> Result<(Mode, CallerFacts), Problem> {
    let mode = read_mode(upload.mode.as_deref())?;
    let caller = CallerFacts::parse(
        upload.client_code.as_deref(),
        upload.project_code.as_deref(),
        upload.override_metadata.as_deref(),
        &state.rules.now(),
    );
    let caller = caller.map_err(|cause| refused_fact(&cause, "override_metadata"))?;
    Ok((mode, caller))
}

/// Names the fact at fault, or the field that holds all of them.
pub(crate) fn refused_fact(cause: &FactError, all: &str) -> Problem {
    let field = match cause {
        FactError::NotAnObject { .. } | FactError::UnknownFact { .. } => all,
        FactError::Invalid { name, .. }
        | FactError::Code { name, .. }
        | FactError::Contradiction { name, .. } => name,
    };
    Problem::invalid_field(field, cause.to_string())
}

/// A mode as callers write it; none means AUTO.
pub(super) fn read_mode(text: Option<&str>) -> Result<Mode, Problem> {
    match text.map(str::trim) {
        None | Some("") => Ok(Mode::Auto),
        Some(text) => Mode::parse(text).ok_or_else(|| {
            Problem::invalid_field(
                "mode",
                "accepted are AUTO, dxf, lbrn2, pdf, excel, image, svg, text, word, zip",
            )
        }),
    }
}

pub(super) const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Auto => "AUTO",
        Mode::As(kind) => kind.name(),
    }
}

async fn one(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    part: Part,
    mode: Mode,
    given: &CallerFacts,
) -> Result<Outcome, (String, Problem)> {
    let admitted = part.arrived.and_then(|arrived| {
        let admitted = admit(&arrived, mode, &state.limits)?;
        Ok((arrived, admitted))
    });
    match admitted {
        Ok((arrived, admitted)) => {
            let taken = take_in(state, tenant_id, arrived, admitted, mode_name(mode), given).await;
            taken
                .map(|taken| Outcome::Taken {
                    id: taken.row.id,
                    duplicate: taken.repeat,
                    warnings: taken.warnings,
                })
                .map_err(|problem| (part.name, problem))
        }
        Err(refusal) => {
            let code = refusal.code();
            Ok(Outcome::Refused {
                status: code.status(),
                body: answer::refused(&part.name, code.as_str(), &refusal.to_string()),
            })
        }
    }
}

/// The first refusal's status, when nothing was taken in.
fn refusal_of_all(outcomes: &[Outcome]) -> Option<StatusCode> {
    let mut first = None;
    for outcome in outcomes {
        match outcome {
            Outcome::Taken { .. } => return None,
            Outcome::Refused { status, .. } => first = first.or(Some(*status)),
        }
    }
    first
}

/// The result to answer, and whether there is nothing more to wait for.
async fn settle(
    state: &ServiceState,
    tenant_id: i64,
    outcome: Outcome,
    deadline: tokio::time::Instant,
) -> Result<(Value, bool), Problem> {
    match outcome {
        Outcome::Refused { body, .. } => Ok((body, true)),
        Outcome::Taken {
            id,
            duplicate,
            warnings,
        } => {
            let row = until_done(state, tenant_id, id, deadline).await?;
            let extraction = super::files::extraction(state, &row).await?;
            let done = row.state() != State::Processing;
            let result = answer::taken(&row, extraction.as_ref(), duplicate, &warnings);
            Ok((result, done))
        }
    }
}

/// The row once its extraction has ended, or as it is at the deadline or when the service stops.
async fn until_done(
    state: &ServiceState,
    tenant_id: i64,
    id: i64,
    deadline: tokio::time::Instant,
) -> Result<FileRow, Problem> {
    let waiter = state.waiters.register(id);
    loop {
        let woken = waiter.woken();
        let read = move |conn: &mut db::Conn| store::get(conn, tenant_id, id);
        let row = state.database.reads().run(read).await.map_err(of_read)?;
        let row = row.ok_or_else(|| Problem::not_found(format!("file {id}")))?;
        let now = tokio::time::Instant::now();
        let stopping = state.stopping.is_triggered();
        if row.state() != State::Processing || now >= deadline || stopping {
            return Ok(row);
        }
        let until = deadline.min(now + LOOK_AGAIN);
        // Whatever ends the wait, the row tells.
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(until) => {}
            () = state.stopping.triggered() => {}
        }
    }
}
