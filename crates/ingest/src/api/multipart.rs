//! Reading an upload: every file part is staged while it is hashed, and nothing is ever whole in memory.

use actix_multipart::{Field, Multipart, MultipartError};
use extract::facts::clean_name;
use extract::{SNIFF_BYTES, sniff};
use futures_util::{StreamExt, TryStreamExt};
use service::{Code, Problem};

use crate::intake::{Arrived, FileRefusal};
use crate::service_state::ServiceState;
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

pub(crate) async fn read(state: &ServiceState, mut body: Multipart) -> Result<Upload, Problem> {
    let bytes_max = state.uploads.request_body_bytes_max;
    let mut budget = Budget {
        bytes_left: bytes_max,
        bytes_max,
    };
    let mut upload = Upload::default();
    while let Some(field) = body.try_next().await.map_err(malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "files" | "file" => {
                let part = file(state, field, &mut budget, upload.files.len()).await?;
                upload.files.push(part);
            }
            "client_code" => upload.client_code = Some(text(state, field, &mut budget).await?),
            "project_code" => upload.project_code = Some(text(state, field, &mut budget).await?),
            "mode" => upload.mode = Some(text(state, field, &mut budget).await?),
            "override_metadata" => {
                upload.override_metadata = Some(text(state, field, &mut budget).await?);
            }
            other => {
                return Err(Problem::invalid_field(
                    other,
                    "no such field; accepted are files, client_code, project_code, mode, override_metadata",
                ));
            }
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

async fn file(
    state: &ServiceState,
    mut field: Field,
    budget: &mut Budget,
    files_before: usize,
) -> Result<Part, Problem> {
    let original_name = field
        .content_disposition()
        .and_then(|disposition| disposition.get_filename())
        .unwrap_or_default()
        .to_owned();
    let name = clean_name(&original_name);
    let max = state.uploads.files_per_request_max;
    let mut refusal = (files_before >= max).then_some(FileRefusal::TooMany { max });
    let mut staging = state.storage.stage().await.map_err(unstorable)?;
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(malformed)?;
        budget.take(chunk.len())?;
        // A refused file is read to its end, so that the ones after it can be.
        if refusal.is_none() {
            staging.write(&chunk).await.map_err(unstorable)?;
            refusal = too_large(state, &staging, &name);
        }
    }
    let arrived = match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(Arrived {
            original_name: original_name.chars().take(ORIGINAL_NAME_CHARS_MAX).collect(),
            clean_name: name.clone(),
            staged: staging.finish().await.map_err(unstorable)?,
        }),
    };
    Ok(Part { name, arrived })
}

/// Longest original name that is kept beside the cleaned one.
const ORIGINAL_NAME_CHARS_MAX: usize = 1024;

/// As soon as enough is there to tell its kind, a file is held to that kind's bound.
fn too_large(state: &ServiceState, staging: &Staging, name: &str) -> Option<FileRefusal> {
    let head = staging.head();
    let (kind, (setting, max)) = match sniff(head, name).kind {
        Some(kind) if head.len() >= SNIFF_BYTES => (format!("{kind} file"), state.limits.of(kind)),
        _ => ("file".to_owned(), ("ingest.limits", state.limits.largest())),
    };
    (staging.size() > max).then_some(FileRefusal::TooLarge { kind, max, setting })
}

async fn text(
    state: &ServiceState,
    mut field: Field,
    budget: &mut Budget,
) -> Result<String, Problem> {
    let name = field.name().unwrap_or_default().to_owned();
    let max = state.uploads.form_field_bytes_max;
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(malformed)?;
        budget.take(chunk.len())?;
        bytes.extend_from_slice(&chunk);
        if bytes.len() > max {
            let message = format!("at most {max} bytes (ingest.form_field_bytes_max)");
            return Err(Problem::invalid_field(name, message));
        }
    }
    String::from_utf8(bytes).map_err(|_not_text| Problem::invalid_field(name, "not UTF-8 text"))
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

fn unstorable(cause: std::io::Error) -> Problem {
    Problem::unavailable("the file cannot be stored now", cause)
}
