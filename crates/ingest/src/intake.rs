//! One uploaded file becomes a record: told apart from what is there already, named, stored and announced,
//! in one transaction. Nothing is recorded of what is refused.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use access::{of_read, of_write};
use contract::FileEventKind;
use db::{Conn, DbError, Lane, Tx, TxError, TxResult, WriteError};
use extract::facts::{CallerFacts, Facts, Hints, settle};
use extract::{Kind, Mode, sniff};
use ring::digest::{Context, SHA256};
use service::{Code, Problem};

use crate::events::Extra;
use crate::extraction::Seat;
use crate::names::Names;
use crate::service_state::ServiceState;
use crate::settings::KindLimits;
use crate::storage::{BlobKey, Staged};
use crate::store::{self, FileRow, NewFile};

/// How often an upload takes a new generation because the old bytes are being removed.
const GENERATIONS_MAX: usize = 5;

/// A file as it arrived.
pub(crate) struct Arrived {
    /// The name it was sent under, made harmless.
    pub(crate) clean_name: String,
    pub(crate) staged: Staged,
    /// None when it was sent by itself.
    pub(crate) archive: Option<Provenance>,
}

/// Where a file came from that was not sent by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// The archive's name.
    pub(crate) name: String,
    /// The file's place in there, with `/` between folders.
    pub(crate) path: String,
}

/// Why a file was not taken in; the other files of the request are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileRefusal {
    #[error("the file is empty")]
    Empty,
    #[error("a {kind} file may have at most {max} bytes ({setting})")]
    TooLarge {
        kind: &'static str,
        max: u64,
        setting: &'static str,
    },
    #[error(
        "the content is no DXF, LightBurn, PDF, spreadsheet, image, text, Word or ZIP file, whatever its name says"
    )]
    NoKind,
    #[error(
        "the content is {found}, but mode asks for {asked}: send it with mode=AUTO or mode={found}"
    )]
    WrongMode { asked: Kind, found: Kind },
    #[error("the archive cannot be read to its end: pack it again")]
    BrokenArchive,
    #[error("there is no file in the archive")]
    EmptyArchive,
    #[error("the archive holds more than {max} files and folders (ingest.limits.zip_entries_max)")]
    TooManyEntries { max: usize },
    #[error(
        "the files of the archive fill more than {max} bytes together (ingest.limits.zip_inflated_bytes_max)"
    )]
    TooMuchInside { max: u64 },
    #[error(
        "unpacked it grows to more than {max} times its size (ingest.limits.zip_ratio_max): send it by itself"
    )]
    PackedTooWell { max: u64 },
    #[error(
        "archives in archives are opened {max} deep (ingest.limits.zip_depth_max): send it by itself"
    )]
    TooDeep { max: u32 },
    #[error("it is encrypted: send it without a password")]
    Encrypted,
    #[error("it is packed in a way that is not read here: pack it with Deflate, as usual")]
    UnknownPacking,
    #[error("it is damaged in the archive: pack it again")]
    BrokenMember,
}

impl FileRefusal {
    pub(crate) const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. }
            | Self::TooManyEntries { .. }
            | Self::TooMuchInside { .. }
            | Self::PackedTooWell { .. } => Code::FileTooLarge,
            Self::NoKind
            | Self::WrongMode { .. }
            | Self::TooDeep { .. }
            | Self::Encrypted
            | Self::UnknownPacking => Code::UnsupportedKind,
            Self::Empty | Self::BrokenArchive | Self::EmptyArchive | Self::BrokenMember => {
                Code::InvalidField
            }
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
    limits.hold(kind, staged.size)?;
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
    tenant_id: i64,
    clean_name: String,
    archive: Option<Provenance>,
    caller: String,
    identity: [u8; 32],
    facts: Facts,
    admitted: Admitted,
    mode: &'static str,
    key: BlobKey,
    size: i64,
}

/// Stores the bytes and records the file.
pub(crate) async fn take_in(
    state: &Arc<ServiceState>,
    tenant_id: i64,
    arrived: Arrived,
    admitted: Admitted,
    mode: &'static str,
    caller: &CallerFacts,
) -> Result<TakenIn, Problem> {
    let Arrived {
        clean_name,
        staged,
        archive,
    } = arrived;
    let full_name = archive
        .as_ref()
        .map_or(&clean_name, |archive| &archive.path);
    let rules = state.rules.now();
    let facts = settle(caller, full_name, &Hints::default(), &rules).facts;
    let caller = caller.canonical();
    let identity = identity(&staged.sha256, full_name, &caller);
    // What would take the same version is written in turn: so is, for its name, what would be the same.
    let names = Names::of(&facts, &clean_name, admitted.kind, &rules);
    let mut order = DefaultHasher::new();
    (names.project_code(), names.base_name()).hash(&mut order);
    let order = order.finish();
    for _ in 0..GENERATIONS_MAX {
        let key = keep(state, &staged).await?;
        let mut intake = Intake {
            state: Arc::clone(state),
            tenant_id,
            clean_name: clean_name.clone(),
            archive: archive.clone(),
            caller: caller.clone(),
            identity,
            facts: facts.clone(),
            admitted,
            mode,
            key,
            size: i64::try_from(staged.size).unwrap_or(i64::MAX),
        };
        let writer = &state.writer;
        let recorded = writer.with_tx(Lane::Interactive, tenant_id, order, move |tx| {
            intake.record(tx)
        });
        match recorded.await {
            Ok((row, repeat)) => {
                let warnings = warnings(admitted);
                return Ok(TakenIn {
                    row,
                    repeat,
                    warnings,
                });
            }
            // Kept after the removal, they would stay for ever.
            Err(WriteError::Refused(BeingRemoved)) => {
                state.storage.remove(key).await.map_err(unstorable)?;
            }
            Err(error) => return Err(of_write(error)),
        }
    }
    Err(BeingRemoved.into())
}

fn warnings(admitted: Admitted) -> Vec<String> {
    let disagrees = admitted.extension_disagrees.then(|| {
        format!(
            "the name's extension belongs to another kind; the content is {}",
            admitted.kind
        )
    });
    disagrees.into_iter().collect()
}

/// Two uploads are the same only if bytes, name and caller's facts are. Client and project follow from
/// these; what is read in the file later does not count, nor does what is corrected. The name of a file out of an
/// archive has its folders, which may say whose it is; the archive's own name does not count, so that one packed again
/// repeats what it holds.
fn identity(sha256: &[u8; 32], name: &str, caller: &str) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(sha256);
    hash.update(name.as_bytes());
    // In no cleaned name: where it ends is clear.
    hash.update(&[0]);
    hash.update(caller.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

/// The bytes are on disk under the generation that is live now.
async fn keep(state: &ServiceState, staged: &Staged) -> Result<BlobKey, Problem> {
    let sha256 = staged.sha256;
    let read = move |conn: &mut Conn| store::live_generation(conn, &sha256);
    let generation = state.database.reads().run(read).await.map_err(of_read)?;
    let key = BlobKey { sha256, generation };
    state.storage.keep(staged, key).await.map_err(unstorable)?;
    Ok(key)
}

pub(crate) fn unstorable(cause: std::io::Error) -> Problem {
    Problem::unavailable("the file cannot be stored now", cause)
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
        let tenant_id = self.tenant_id;
        if let Some(row) = store::same(tx.conn(), tenant_id, &self.identity)? {
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

    fn insert(&self, tx: &mut Tx<'_>, owned: bool, now_ms: i64) -> Result<FileRow, DbError> {
        let state = &*self.state;
        let (facts, kind, sha256) = (&self.facts, self.admitted.kind, &self.key.sha256);
        let rules = state.rules.now();
        let names = Names::of(facts, &self.clean_name, kind, &rules);
        let tenant_id = self.tenant_id;
        let version = store::free_version(
            tx.conn(),
            tenant_id,
            names.project_code(),
            names.base_name(),
            names.stated_version(),
            0,
        )?;
        let new = NewFile {
            tenant_id,
            identity: &self.identity,
            sha256,
            generation: self.key.generation,
            size_bytes: self.size,
            clean_name: &self.clean_name,
            caller_facts: &self.caller,
            kind: kind.name(),
            mime_type: self.admitted.mime,
            mode: self.mode,
            archive: self
                .archive
                .as_ref()
                .map(|archive| (archive.name.as_str(), archive.path.as_str())),
            duplicate_of: store::first_with(tx.conn(), tenant_id, sha256)?,
            known: &names.known(version),
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
        None => queue.overflow(),
    });
}
