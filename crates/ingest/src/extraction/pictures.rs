//! Previews on demand: what is not kept is made by the workers, between files. Nothing here reads a file itself.

use std::sync::Arc;

use extract::{Kind, Ocr};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::pool::task;
use super::protocol::{PictureTask, ReadTask, Wanted};
use super::reader::{ReadError, Reader};
use crate::service_state::ServiceState;
use crate::store::FileRow;

/// Where pictures are asked for. Clones share it.
#[derive(Clone)]
pub(crate) struct Pictures(mpsc::Sender<Demand>);

/// Where workers take what was asked for.
pub(crate) type Demands = Arc<Mutex<mpsc::Receiver<Demand>>>;

/// Why there is no picture.
#[derive(Debug)]
pub(crate) enum NoPicture {
    /// Too many others wait, or the service stops.
    Busy,
    /// The file has none, for this reason.
    None(String),
    /// It was made but could not be kept.
    Unstorable(std::io::Error),
}

/// One picture that somebody waits for.
pub(crate) struct Demand {
    row: FileRow,
    wanted: Wanted,
    answer: oneshot::Sender<Result<(), NoPicture>>,
}

impl Pictures {
    pub(crate) fn new(waiting_max: usize) -> (Self, Demands) {
        let (sender, receiver) = mpsc::channel(waiting_max.max(1));
        (Self(sender), Arc::new(Mutex::new(receiver)))
    }

    /// Has a picture made and kept among the previews.
    ///
    /// # Errors
    /// [`NoPicture`].
    pub(crate) async fn make(&self, row: FileRow, wanted: Wanted) -> Result<(), NoPicture> {
        let (answer, answered) = oneshot::channel();
        let demand = Demand {
            row,
            wanted,
            answer,
        };
        self.0.try_send(demand).map_err(|_full| NoPicture::Busy)?;
        answered.await.unwrap_or(Err(NoPicture::Busy))
    }
}

/// Makes what was asked for, unless nobody waits any more.
pub(super) async fn meet(state: &ServiceState, reader: &mut Reader, demand: Demand) {
    if demand.answer.is_closed() {
        return;
    }
    let made = make(state, reader, &demand.row, demand.wanted).await;
    // Who has gone meanwhile finds it kept the next time.
    drop(demand.answer.send(made));
}

async fn make(
    state: &ServiceState,
    reader: &mut Reader,
    row: &FileRow,
    wanted: Wanted,
) -> Result<(), NoPicture> {
    let damaged = || NoPicture::None("the stored row cannot be understood".to_owned());
    let key = row.blob_key().ok_or_else(damaged)?;
    let previews = state.storage.previews();
    if previews.original(key).await.is_none() {
        let task = ReadTask {
            // Words change nothing about the picture.
            ocr: Some(Ocr::absent()),
            ..task(state, row, true).map_err(|_damaged| damaged())?
        };
        let kind = Kind::parse(&row.kind);
        let outcome = reader.read(row.tenant_id, kind, task).await;
        let preview = outcome.map_err(no_picture)?.preview;
        let preview =
            preview.ok_or_else(|| NoPicture::None("nothing in it can be shown".to_owned()))?;
        let kept = state.storage.keep_preview(key, &preview).await;
        kept.map_err(NoPicture::Unstorable)?;
    }
    let (path, form) = previews.original(key).await.ok_or_else(damaged)?;
    if previews.find(key, wanted).await.is_some() {
        return Ok(());
    }
    let task = PictureTask { path, form, wanted };
    let made = reader.picture(row.tenant_id, task).await;
    let made = made.map_err(no_picture)?;
    let kept = previews.put(key, wanted, &made.bytes).await;
    kept.map_err(NoPicture::Unstorable)
}

fn no_picture(error: ReadError) -> NoPicture {
    match error {
        ReadError::File { message, .. } => NoPicture::None(message),
        ReadError::NoWorker(cause) => {
            tracing::error!(%cause, "no extraction worker can be started");
            NoPicture::Busy
        }
    }
}
