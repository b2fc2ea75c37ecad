//! Reading an upload: every file part is staged while it is hashed, and nothing is ever whole in memory.

use std::time::Duration;

use actix_multipart::{Field, Multipart, MultipartError};
use extract::facts::clean_name;
use extract::{Kind, SNIFF_BYTES, sniff};
use futures_util::{Stream, TryStreamExt};
use service::{Code, Problem};

use crate::intake::{Arrived, FileRefusal, unstorable};
use crate::service_state::ServiceState;
use crate::settings::KindLimits;
use crate::storage::Staging;

/// A request read to its end.
#[derive(Default)]
pub(crate) struct Upload {
    pub(crate) files: Vec<Part>,
    pub(crate) client_code: Option<String>,
    pub(crate) project_code: Option<String>,
    pub(crate) mode: Option<String>,
    pub(crate) override_metadata: Option<String>,
}

/// One file of it.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) arrived: Result<Arrived, FileRefusal>,
}

/// Counts what a request may hold.
struct Budget {
    bytes_left: u64,
    bytes_max: u64,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        let left = self.bytes_left.checked_sub(bytes as u64);
        self.bytes_left = left.ok_or_else(|| {
            Problem::new(
                Code::BodyTooLarge,
                format!(
                    "a request may hold at most {} bytes (ingest.request_body_bytes_max): send the files \
                     in several requests",
                    self.bytes_max
                ),
            )
        })?;
        Ok(())
    }
}

/// Reads the request, file after file, within its bounds of size and time.
pub(crate) async fn read(state: &ServiceState, mut body: Multipart) -> Result<Upload, Problem> {
    let whole = Duration::from_secs(state.uploads.upload_seconds_max);
    let bytes_max = state.uploads.request_body_bytes_max;
    let budget = Budget {
        bytes_left: bytes_max,
        bytes_max,
    };
    tokio::time::timeout(whole, read_parts(state, &mut body, budget))
        .await
        .unwrap_or_else(|_elapsed| Err(too_slow("ingest.upload_seconds_max", whole)))
}

async fn read_parts(
    state: &ServiceState,
    body: &mut Multipart,
    mut budget: Budget,
) -> Result<Upload, Problem> {
    let files_max = state.uploads.files_per_request_max;
    let mut upload = Upload::default();
    while let Some(field) = next(state, body).await? {
        let name = field.name().unwrap_or_default().to_owned();
        let place = match name.as_str() {
            "files" | "file" if upload.files.len() == files_max => return Err(too_many(files_max)),
            "files" | "file" => {
                upload.files.push(file(state, field, &mut budget).await?);
                continue;
            }
            "client_code" => &mut upload.client_code,
            "project_code" => &mut upload.project_code,
            "mode" => &mut upload.mode,
            "override_metadata" => &mut upload.override_metadata,
            other => return Err(unknown_field(other)),
        };
        let text = text(state, field, &name, &mut budget).await?;
        if place.replace(text).is_some() {
            return Err(Problem::invalid_field(name, "send this field once"));
        }
    }
    if upload.files.is_empty() {
        return Err(Problem::invalid_field(
            "files",
            "send at least one file in the multipart field `files`",
        ));
    }
    Ok(upload)
}

/// The next piece of a body, which may not pause for too long.
async fn next<T>(
    state: &ServiceState,
    pieces: &mut (impl Stream<Item = Result<T, MultipartError>> + Unpin),
) -> Result<Option<T>, Problem> {
    let pause = Duration::from_secs(state.uploads.upload_pause_seconds_max);
    match tokio::time::timeout(pause, pieces.try_next()).await {
        Ok(piece) => piece.map_err(malformed),
        Err(_elapsed) => Err(too_slow("ingest.upload_pause_seconds_max", pause)),
    }
}

async fn file(
    state: &ServiceState,
    mut field: Field,
    budget: &mut Budget,
) -> Result<Part, Problem> {
    let name = clean_name(&file_name(&field));
    let mut staging = state.storage.stage().await.map_err(unstorable)?;
    let (mut kind, mut refusal) = (None, None);
    while let Some(chunk) = next(state, &mut field).await? {
        budget.take(chunk.len())?;
        // A refused file is read to its end, so that the ones after it can be.
        if refusal.is_none() {
            staging.write(&chunk).await.map_err(unstorable)?;
            refusal = hold(&mut kind, &staging, &name, &state.limits).err();
        }
    }
    let arrived = match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Arrived {
            clean_name: name.clone(),
            staged: staging.finish().await.map_err(unstorable)?,
            archive: None,
        }),
    };
    Ok(Part { name, arrived })
}

/// Holds an arriving file to its kind's bound, as soon as enough is there to tell its kind.
fn hold(
    kind: &mut Option<Kind>,
    staging: &Staging,
    name: &str,
    limits: &KindLimits,
) -> Result<(), FileRefusal> {
    if kind.is_none() && staging.head().len() >= SNIFF_BYTES {
        *kind = Some(
            sniff(staging.head(), name)
                .kind
                .ok_or(FileRefusal::NoKind)?,
        );
    }
    kind.map_or(Ok(()), |kind| limits.hold(kind, staging.size()))
}

/// The name as sent; the encoded form (RFC 6266, section 4.3) tells more than the plain one.
fn file_name(field: &Field) -> String {
    let Some(disposition) = field.content_disposition() else {
        return String::new();
    };
    match disposition.get_filename_ext() {
        Some(encoded) => String::from_utf8_lossy(&encoded.value).into_owned(),
        None => disposition.get_filename().unwrap_or_default().to_owned(),
    }
}

async fn text(
    state: &ServiceState,
    mut field: Field,
    name: &str,
    budget: &mut Budget,
) -> Result<String, Problem> {
    let max = state.uploads.form_field_bytes_max;
    let mut bytes = Vec::new();
    while let Some(chunk) = next(state, &mut field).await? {
        budget.take(chunk.len())?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > max {
            let message = format!("at most {max} bytes (ingest.form_field_bytes_max)");
            return Err(Problem::invalid_field(name, message));
        }
    }
    String::from_utf8(bytes).map_err(|_not_text| Problem::invalid_field(name, "not UTF-8 text"))
}

fn too_many(max: usize) -> Problem {
    let message = format!(
        "a request may hold at most {max} files (ingest.files_per_request_max): send the files in several"
    );
    Problem::invalid_field("files", message)
}

fn unknown_field(name: &str) -> Problem {
    let name: String = name.chars().take(FIELD_NAME_CHARS_SHOWN).collect();
    Problem::invalid_field(
        name,
        "no such field; accepted are files, client_code, project_code, mode, override_metadata",
    )
}

/// So much of an unknown field's name is repeated to who sent it.
const FIELD_NAME_CHARS_SHOWN: usize = 64;

pub(super) fn too_slow(setting: &str, time: Duration) -> Problem {
    let seconds = time.as_secs();
    Problem::new(
        Code::RequestTimeout,
        format!("the body did not arrive in time: {seconds} s ({setting})"),
    )
}

fn malformed(cause: MultipartError) -> Problem {
    match cause {
        MultipartError::ContentTypeMissing
        | MultipartError::ContentTypeParse
        | MultipartError::ContentTypeIncompatible => Problem::new(
            Code::UnsupportedMediaType,
            "send multipart/form-data with the field `files`",
        ),
        other => Problem::new(
            Code::BadRequest,
            format!("the multipart body cannot be read to its end: {other}"),
        ),
    }
}
