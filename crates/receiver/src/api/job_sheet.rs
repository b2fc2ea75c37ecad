//! `/projects/{code}/job-sheet.pdf`: what a shop prints of a project. Pictures are asked of the sender that is named in the
//! settings, never of an address that came with an event, and only where its file is the very same.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use access::Caller;
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Data, Path, block};
use contract::format_ms;
use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use paper::{JobSheet, Line, PARTS_MAX};
use service::{Code, Problem};

use super::{parts, projects};
use crate::parts::{LineWithoutDrawing, Part, PartsList};
use crate::projects::status_name;
use crate::receiver::State;
use crate::source::Source;
use crate::store::design_files::DesignFile;
use crate::store::projects::Project;

/// The longer side of a picture: sharp at the size it is printed in.
const PICTURE_PX: u32 = 320;
/// Asked for at once, and time for all of them: what has not come by then is left out.
const PICTURES_AT_ONCE: usize = 8;
const PICTURES_TIME_MAX: Duration = Duration::from_secs(10);
/// Lines below the table.
const NOTES_MAX: usize = 200;

/// `GET /projects/{code}/job-sheet.pdf`.
pub(crate) async fn pdf(
    state: Data<State>,
    caller: Caller,
    code: Path<String>,
) -> Result<HttpResponse, Problem> {
    let project = projects::find(&state, &caller, &code).await?;
    let (files, parts) = parts::of_project(&state, caller.tenant_id, &project.code).await?;
    if parts.items.len() > PARTS_MAX {
        let detail = format!(
            "{} parts are more than a job sheet lists ({PARTS_MAX})",
            parts.total
        );
        return Err(Problem::new(Code::InvalidField, detail));
    }
    let mut pictures = pictures(&state, &caller, &files, &parts).await;
    let name = format!("inline; filename=\"{}.pdf\"", project.code);
    let sheet = JobSheet {
        name: project.fields.name.clone().unwrap_or_default(),
        client: client(&project),
        status: status_name(project.fields.status).to_owned(),
        due: project.fields.due_date.clone(),
        made_at: minute(state.clock.now_ms()),
        notes: notes(&parts),
        parts: parts
            .items
            .into_iter()
            .map(|part| line(part, &mut pictures))
            .collect(),
        code: project.code,
    };
    let pdf = block(move || paper::job_sheet(&sheet)).await;
    let pdf = pdf.map_err(|stopped| Problem::internal(stopped.to_string()))?;
    let pdf = pdf.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/pdf"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(pdf))
}

/// To the minute: nobody files a sheet by its milliseconds.
fn minute(at_ms: i64) -> String {
    match Timestamp::from_millisecond(at_ms) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_beyond_the_calendar) => format_ms(at_ms),
    }
}

fn client(project: &Project) -> String {
    let known = [&project.client_code, &project.client_name];
    let known: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
    known.join(" ")
}

fn line(part: Part, pictures: &mut HashMap<i64, Vec<u8>>) -> Line {
    Line {
        part: part.part_name.unwrap_or_default(),
        file: part.filename,
        material: part.material,
        thickness_mm: part.thickness_mm,
        quantity: part.quantity,
        size_mm: part.width_mm.zip(part.height_mm),
        cut_length_mm: part.cut_length_mm,
        preview: pictures.remove(&part.design_file_id),
    }
}

/// What a person has to see to before cutting.
fn notes(parts: &PartsList) -> Vec<String> {
    let differing = parts.items.iter().filter_map(|part| {
        let (name, listed) = (part.part_name.as_deref()?, part.quantity_on_list?);
        let differs = part.quantity != Some(listed);
        differs.then(|| format!("{name}: the cutting list asks for {listed}."))
    });
    let unlisted = parts
        .items
        .iter()
        .filter(|part| part.state == "not_on_list");
    let unlisted = unlisted.filter_map(|part| {
        let name = part.part_name.as_deref()?;
        Some(format!("{name}: on no cutting list."))
    });
    let missing = parts.lines_without_drawing.iter().map(missing);
    let mut notes: Vec<String> = differing.chain(unlisted).chain(missing).collect();
    if notes.len() > NOTES_MAX {
        let more = notes.len() - NOTES_MAX;
        notes.truncate(NOTES_MAX);
        notes.push(format!("And {more} more."));
    }
    if parts.truncated {
        notes.push("Not everything is listed: the project has too many files or lines.".to_owned());
    }
    notes
}

fn missing(line: &LineWithoutDrawing) -> String {
    let facts = [
        line.part_name.clone(),
        line.material.clone(),
        line.thickness_mm.map(|mm| format!("{mm} mm")),
        line.quantity.map(|quantity| format!("{quantity} pieces")),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let list = line.filename.as_deref().unwrap_or("the cutting list");
    format!("No drawing: {} (from {list}).", facts.join(", "))
}

/// Pictures by design file.
async fn pictures(
    state: &State,
    caller: &Caller,
    files: &[DesignFile],
    parts: &PartsList,
) -> HashMap<i64, Vec<u8>> {
    let by_id: HashMap<i64, &DesignFile> = files.iter().map(|file| (file.id, file)).collect();
    let wanted = parts.items.iter().filter_map(|part| {
        let file = *by_id.get(&part.design_file_id)?;
        let source = state.sources.find(&file.source)?;
        let ours = source.tenant_id == caller.tenant_id && source.id == file.source_id;
        ours.then_some((file, source))
    });
    let asked = wanted.map(|(file, source)| async move {
        let picture = picture(file, &source, PICTURE_PX).await;
        picture.map(|png| (file.id, png))
    });
    let asked: Vec<_> = asked.collect();
    let mut coming = stream::iter(asked).buffer_unordered(PICTURES_AT_ONCE);
    let mut pictures = HashMap::new();
    let all = async {
        while let Some(picture) = coming.next().await {
            pictures.extend(picture);
        }
    };
    if tokio::time::timeout(PICTURES_TIME_MAX, all).await.is_err() {
        tracing::warn!("pictures for a job sheet did not come in time");
    }
    pictures
}

/// A PNG, its longer side at most so many pixels. `None` when the sender cannot be asked, or has another file under this
/// number.
pub(crate) async fn picture(
    file: &DesignFile,
    source: &Arc<Source>,
    size_px: u32,
) -> Option<Vec<u8>> {
    let client = &source.sender.as_ref()?.client;
    let record = client.record(file.ingest_id).await.ok()?;
    if record.sha256.is_none() || record.sha256 != file.facts.sha256 {
        return None;
    }
    client.preview_png(file.ingest_id, size_px).await.ok()
}
