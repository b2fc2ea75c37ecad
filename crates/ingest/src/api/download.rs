//! `GET /files.zip?project_code=`: the files of a job in one archive, packed while it is sent. Nothing of it is ever whole
//! in memory or on disk.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use access::{Caller, of_read};
use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Bytes, Data};
use db::Conn;
use serde::Deserialize;
use service::{Problem, Query};
use tokio::sync::mpsc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::files::attachment;
use crate::service_state::ServiceState;
use crate::store::{self, FileRow, Filter, Page};

/// Files in one archive.
const FILES_MAX: i64 = 10_000;
/// Pieces that wait for a slow client.
const PIECES_WAITING_MAX: usize = 4;
const PIECE_BYTES: usize = 256 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZipQuery {
    project_code: String,
}

/// One file of the archive: its name there and where its bytes are.
struct Packed {
    name: String,
    path: PathBuf,
}

pub(crate) async fn zip(
    state: Data<Arc<ServiceState>>,
    caller: Caller,
    Query(query): Query<ZipQuery>,
) -> Result<HttpResponse, Problem> {
    let project_code = query.project_code.trim().to_owned();
    if project_code.is_empty() || project_code.contains('\0') {
        let message = "the code of the project, as in JB-2025-10-CL0001-001";
        return Err(Problem::invalid_field("project_code", message));
    }
    let filter = Filter {
        project_code: Some(project_code.clone()),
        ..Filter::default()
    };
    let page = Page::counted(FILES_MAX, 0);
    let tenant_id = caller.tenant_id;
    let read = move |conn: &mut Conn| store::list(conn, tenant_id, &filter, page);
    let (rows, total) = state.database.reads().run(read).await.map_err(of_read)?;
    if total == 0 {
        return Err(Problem::not_found(format!(
            "a file of project {project_code}"
        )));
    }
    if total > FILES_MAX {
        let message = format!("a project of {total} files; an archive holds {FILES_MAX}");
        return Err(Problem::invalid_field("project_code", message));
    }
    let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    let files = packed(&state, rows);
    // It ends when the files do or nobody listens any more.
    drop(tokio::task::spawn_blocking(move || {
        if let Err(cause) = pack(&files, &sender) {
            // The client must not take half an archive for a whole one.
            drop(sender.blocking_send(Err(cause)));
        }
    }));
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok(HttpResponse::Ok()
        .insert_header(("content-type", "application/zip"))
        .insert_header((
            CONTENT_DISPOSITION,
            attachment(&format!("{project_code}.zip")),
        ))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .streaming(pieces))
}

/// Stored names are unique but for those that differ only in letter case, which some systems hold to be one.
fn packed(state: &ServiceState, rows: Vec<FileRow>) -> Vec<Packed> {
    let mut taken = HashSet::new();
    let file = |row: FileRow| {
        let path = state.storage.path(row.blob_key()?);
        let name = match taken.insert(row.stored_name.to_lowercase()) {
            true => row.stored_name,
            false => format!("{}-{}", row.id, row.stored_name),
        };
        Some(Packed { name, path })
    };
    rows.into_iter().rev().filter_map(file).collect()
}

type Pieces = mpsc::Sender<io::Result<Bytes>>;

fn pack(files: &[Packed], sender: &Pieces) -> io::Result<()> {
    let sending = Sending {
        sender,
        piece: Vec::with_capacity(PIECE_BYTES),
    };
    let mut archive = ZipWriter::new_stream(sending);
    for file in files {
        // One that has been deleted for good meanwhile is left out.
        let mut bytes = match File::open(&file.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let large = bytes.metadata()?.len() > zip::ZIP64_BYTES_THR;
        let options = SimpleFileOptions::default().large_file(large);
        archive.start_file(&file.name, options)?;
        io::copy(&mut bytes, &mut archive)?;
    }
    archive.finish()?.into_inner().flush()
}

/// What is written goes to the client in pieces.
struct Sending<'a> {
    sender: &'a Pieces,
    piece: Vec<u8>,
}

impl Write for Sending<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_nobody_listens| io::ErrorKind::BrokenPipe.into())
    }
}
