//! One uploaded file becomes a record: told apart from what is there already, named, stored and announced,
//! in one transaction. Nothing is recorded of what is refused.

use std::sync::Arc;

use contract::FileEventKind;
use db::{Conn, DbError, Lane, Tx, TxError, TxResult, WriteError};
use extract::facts::{CallerFacts, Facts, Hints, settle};
use extract::{Kind, Mode, sniff};

use crate::error::{of_read, of_write};
use crate::events::Extra;
use crate::extraction::Seat;
use crate::names::Names;
use crate::service_state::ServiceState;
use crate::settings::KindLimits;
use crate::storage::{BlobKey, Staged};
use crate::store::{self, FileRow, NewFile, Sameness};
use service::{Code, Problem};

/// How often an upload takes a new generation because the old bytes are being removed.
const GENERATIONS_MAX: usize = 5;

/// A file as it arrived.
pub(crate) struct Arrived {
    pub(crate) original_name: String,
    pub(crate) clean_name: String,
    pub(crate) staged: Staged,
}

/// Why a file was not taken in; the other files of the request are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileRefusal {
    #[error("the file is empty")]
    Empty,
    #[error("a {kind} may have at most {max} bytes ({setting})")]
    TooLarge {
        kind: String,
        max: u64,
        setting: &'static str,
    },
    #[error(
        "the content is no DXF, LightBurn, PDF, spreadsheet, image, text, Word or ZIP file, whatever its name says"
    )]
    NoKind,
    #[error("the content is {found}, but mode asks for {asked}: send it with mode=AUTO or mode={found}")]
    WrongMode { asked: Kind, found: Kind },
    #[error("a request may hold at most {max} files (ingest.files_per_request_max)")]
    TooMany { max: usize },
}

impl FileRefusal {
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => Code::FileTooLarge,
            Self::NoKind | Self::WrongMode { .. } => Code::UnsupportedKind,
            Self::Empty => Code::InvalidField,
        }
    }
}

/// What the content is, if it may come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Admitted {
    kind: Kind,
    mime: &'static str,
    extension_disagrees: bool,
}

pub(crate) fn admit(
    arrived: &Arrived,
    mode: Mode,
    limits: &KindLimits,
) -> Result<Admitted, FileRefusal> {
    let staged = &arrived.staged;
    if staged.size == 0 {
        return Err(FileRefusal::Empty);
    }
    let sniffed = sniff(&staged.head, &arrived.clean_name);
    let kind = sniffed.kind.ok_or(FileRefusal::NoKind)?;
    if let Mode::As(asked) = mode
        && asked != kind
    {
        return Err(FileRefusal::WrongMode { asked, found: kind });
    }
    let (setting, max) = limits.of(kind);
    if staged.size > max {
        let kind = format!("{kind} file");
        return Err(FileRefusal::TooLarge { kind, max, setting });
    }
    Ok(Admitted {
        kind,
        mime: sniffed.mime,
        extension_disagrees: sniffed.extension_disagrees,
    })
}

/// What became of an admitted file.
pub(crate) struct TakenIn {
    pub(crate) row: FileRow,
    /// True when the very same upload was recorded before.
    pub(crate) repeat: bool,
    pub(crate) warnings: Vec<String>,
}

/// Everything a transaction needs, which may run several times.
struct Intake {
    state: Arc<ServiceState>,
    original_name: String,
    clean_name: String,
    caller: String,
    facts: Facts,
    admitted: Admitted,
    mode: String,
    key: BlobKey,
    size: i64,
}

/// Stores the bytes and records the file.
pub(crate) async fn take_in(
    state: &Arc<ServiceState>,
    arrived: Arrived,
    admitted: Admitted,
    mode: &str,
    caller: &CallerFacts,
) -> Result<TakenIn, Problem> {
    let Arrived {
        original_name,
        clean_name,
        staged,
    } = arrived;
    let facts = settle(caller, &clean_name, &Hints::default(), &state.rules).facts;
    let mut warnings = Vec::new();
    if admitted.extension_disagrees {
        warnings.push(format!(
            "the name's extension belongs to another kind; the content is {}",
            admitted.kind
        ));
    }
    for _ in 0..GENERATIONS_MAX {
        let key = keep(state, &staged).await?;
        let mut intake = Intake {
            state: Arc::clone(state),
            original_name: original_name.clone(),
            clean_name: clean_name.clone(),
            caller: caller.canonical(),
            facts: facts.clone(),
            admitted,
            mode: mode.to_owned(),
            key,
            size: i64::try_from(staged.size).unwrap_or(i64::MAX),
        };
        let order = u64::from_be_bytes(first_eight(&key.sha256));
        let (writer, tenant) = (&state.writer, state.tenant().id);
        let recorded = writer.with_tx(Lane::Interactive, tenant, order, move |tx| intake.record(tx));
        match recorded.await {
            Ok((row, repeat)) => {
                return Ok(TakenIn {
                    row,
                    repeat,
                    warnings,
                });
            }
            Err(WriteError::Refused(BeingRemoved)) => {}
            Err(error) => return Err(of_write(error)),
        }
    }
    Err(BeingRemoved.into())
}

/// The bytes are on disk under the generation that is live now.
async fn keep(state: &ServiceState, staged: &Staged) -> Result<BlobKey, Problem> {
    let sha256 = staged.sha256;
    let read = move |conn: &mut Conn| store::live_generation(conn, &sha256);
    let generation = state.database.reads().run(read).await.map_err(of_read)?;
    let key = BlobKey { sha256, generation };
    state.storage.keep(staged, key).await.map_err(|cause| {
        Problem::unavailable("the file cannot be stored now", cause)
    })?;
    Ok(key)
}

/// The bytes met their removal: they need another generation.
#[derive(Debug)]
struct BeingRemoved;

impl From<BeingRemoved> for Problem {
    fn from(_refusal: BeingRemoved) -> Self {
        Self::unavailable(
            "the same bytes are being removed at this moment",
            "no generation of the blob stayed live",
        )
    }
}

impl Intake {
    fn record(&mut self, tx: &mut Tx<'_>) -> TxResult<(FileRow, bool), BeingRemoved> {
        let state = Arc::clone(&self.state);
        let now_ms = state.clock.now_ms();
        if !store::mark_used(tx, self.key, self.size, now_ms)? {
            return Err(TxError::Refused(BeingRemoved));
        }
        if let Some(row) = store::same(tx.conn(), &self.sameness())? {
            return Ok((row, true));
        }
        let seat = state.queue.seat();
        let row = self.insert(tx, seat.is_some(), now_ms)?;
        let extra = Extra::default();
        state
            .events
            .publish(tx, FileEventKind::Ingested, &row, extra)?;
        hand_over(tx, &state, seat, &row);
        Ok((row, false))
    }

    fn sameness(&self) -> Sameness<'_> {
        Sameness {
            tenant_id: self.state.tenant().id,
            client_code: self.facts.client_code.as_ref().map(|f| f.value.as_str()),
            project_code: self.facts.project_code.as_ref().map(|f| f.value.as_str()),
            sha256: &self.key.sha256,
            clean_name: &self.clean_name,
            caller_facts: &self.caller,
        }
    }

    fn insert(&self, tx: &mut Tx<'_>, owned: bool, now_ms: i64) -> Result<FileRow, DbError> {
        let state = &*self.state;
        let names = Names::of(
            &self.facts,
            &self.clean_name,
            self.admitted.kind,
            &state.rules,
        );
        let key = self.sameness();
        let version = store::free_version(
            tx.conn(),
            key.tenant_id,
            key.project_code,
            names.base_name(),
            names.stated_version(),
            0,
        )?;
        let duplicate_of = store::first_with(tx.conn(), key.tenant_id, &self.key.sha256)?;
        let facts = &self.facts;
        let new = NewFile {
            key,
            original_name: &self.original_name,
            stored_name: &names.stored(version),
            kind: self.admitted.kind.name(),
            mime_type: self.admitted.mime,
            mode: &self.mode,
            size_bytes: self.size,
            generation: self.key.generation,
            duplicate_of,
            part_name: facts.part_name.as_ref().map(|f| f.value.as_str()),
            material: facts.material.as_ref().map(|f| f.value.as_str()),
            thickness_mm: facts.thickness_mm.as_ref().map(|f| f.value),
            quantity: facts.quantity.as_ref().map(|f| f.value.into()),
            base_name: names.base_name(),
            version,
            owner: owned.then_some(state.node_id),
            now_ms,
        };
        store::insert(tx, &new)
    }
}

/// After the commit the file goes to the workers, or they are told that one waits.
pub(crate) fn hand_over(
    tx: &mut Tx<'_>,
    state: &Arc<ServiceState>,
    seat: Option<Seat>,
    row: &FileRow,
) {
    let (queue, row) = (state.queue.clone(), row.clone());
    tx.after_commit(move || match seat {
        Some(seat) => queue.put(seat, row),
        None => queue.look(),
    });
}

fn first_eight(hash: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(hash.split_at(8).0);
    first
}
