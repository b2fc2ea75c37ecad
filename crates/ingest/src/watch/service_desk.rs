//! Watched files into this very service: the way of an upload, with its limits and its promises.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use db::{DbError, Lane, Tx, TxError};
use extract::facts::{CallerFacts, clean_name};
use extract::{Kind, Mode, SNIFF_BYTES, sniff};

use super::desk::{Desk, End, Entry, Handed, Later, Ready};
use super::ledger::{self, Owner};
use super::open::is_still;
use crate::archive;
use crate::intake::{Arrived, FileRefusal, admit, take_in};
use crate::service_state::ServiceState;
use crate::storage::blocking;
use crate::store::{self, FileRow, State};

/// Refusals of files in one archive that are told one by one.
const REFUSALS_MAX: usize = 50;

/// The desk of one folder.
pub(super) struct ServiceDesk {
    pub(super) state: Arc<ServiceState>,
    pub(super) tenant_id: i64,
    pub(super) owner: Owner,
}

/// A file's bytes as they were staged.
enum Staged {
    Arrived(Arrived),
    Refused(FileRefusal),
    Changed,
}

impl Desk for ServiceDesk {
    async fn hand_in(&self, ready: Ready) -> Handed {
        let place = &ready.place;
        let more = place.override_metadata();
        let more = more.map(|more| serde_json::Value::Object(more).to_string());
        let caller = CallerFacts::parse(
            place.client_code.as_deref(),
            place.project_code.as_deref(),
            more.as_deref(),
            &self.state.rules.now(),
        );
        let caller = match caller {
            Ok(caller) => caller,
            Err(cause) => return Handed::Refused(cause.to_string()),
        };
        let state = Arc::clone(&self.state);
        let staged = match blocking(move || stage(&state, ready)).await {
            Ok(staged) => staged,
            Err(cause) => return Handed::NotNow(cause.to_string()),
        };
        let arrived = match staged {
            Staged::Arrived(arrived) => arrived,
            Staged::Refused(refusal) => return Handed::Refused(refusal.to_string()),
            Staged::Changed => return Handed::NotNow("it changed while it was read".to_owned()),
        };
        let parts = match self.parts(arrived).await {
            Ok(parts) => parts,
            Err(handed) => return handed,
        };
        self.take_parts(parts, &caller).await
    }

    async fn ended(&self, ids: &[i64]) -> Result<End, Later> {
        let (tenant_id, ids) = (self.tenant_id, ids.to_vec());
        let read = move |conn: &mut db::Conn| {
            let row = |id: &i64| store::get(conn, tenant_id, *id);
            ids.iter().map(row).collect::<Result<Vec<_>, DbError>>()
        };
        let rows = self.state.database.reads().run(read).await;
        let rows = rows.map_err(|error| error.to_string())?;
        let rows: Vec<FileRow> = rows.into_iter().flatten().collect();
        if rows.iter().any(|row| row.state() == State::Processing) {
            return Ok(End::NotYet);
        }
        let failed = rows.iter().filter(|row| row.state() == State::Failed);
        let reasons: Vec<String> = failed.map(sentence).collect();
        Ok(match reasons.is_empty() {
            true => End::Done,
            false => End::Failed(reasons.join("\n")),
        })
    }

    async fn recall(&self) -> Result<Vec<Entry>, Later> {
        let owner = self.owner.clone();
        let read = move |conn: &mut db::Conn| ledger::entries(conn, &owner);
        let entries = self.state.database.reads().run(read).await;
        entries.map_err(|error| error.to_string())
    }

    async fn remember(&self, entry: &Entry) -> Result<(), Later> {
        let (owner, entry, now_ms) = (self.owner.clone(), entry.clone(), self.state.clock.now_ms());
        self.write(move |tx| ledger::put(tx, &owner, &entry, now_ms))
            .await
    }

    async fn forget(&self, paths: Vec<PathBuf>) -> Result<(), Later> {
        let owner = self.owner.clone();
        self.write(move |tx| ledger::remove(tx, &owner, &paths))
            .await
    }
}

impl ServiceDesk {
    async fn write(
        &self,
        mut write: impl FnMut(&mut Tx<'_>) -> Result<(), DbError> + Send + 'static,
    ) -> Result<(), Later> {
        let job = move |tx: &mut Tx<'_>| write(tx).map_err(TxError::<std::convert::Infallible>::Db);
        let written = self
            .state
            .writer
            .with_tx(Lane::Bulk, self.tenant_id, 0, job);
        written.await.map_err(|error| error.to_string())
    }

    /// The files of an archive in its place; any other file is itself.
    async fn parts(
        &self,
        arrived: Arrived,
    ) -> Result<Vec<(String, Result<Arrived, FileRefusal>)>, Handed> {
        let kind = sniff(&arrived.staged.head, &arrived.clean_name).kind;
        if kind != Some(Kind::Archive) {
            return Ok(vec![(arrived.clean_name.clone(), Ok(arrived))]);
        }
        let state = Arc::clone(&self.state);
        let unpacked = blocking(move || archive::unpack(&state.storage, &state.limits, arrived));
        match unpacked.await {
            Ok(Ok(contents)) => {
                let members = contents.members.into_iter();
                Ok(members
                    .map(|member| (member.name, member.arrived))
                    .collect())
            }
            Ok(Err(refusal)) => Err(Handed::Refused(refusal.to_string())),
            Err(cause) => Err(Handed::NotNow(cause.to_string())),
        }
    }

    /// Any that cannot be recorded now puts all of them off: those recorded are known when they come again.
    async fn take_parts(
        &self,
        parts: Vec<(String, Result<Arrived, FileRefusal>)>,
        caller: &CallerFacts,
    ) -> Handed {
        let alone = parts.len() == 1;
        let (mut ids, mut refused) = (Vec::new(), Vec::new());
        for (name, arrived) in parts {
            let admitted = arrived.and_then(|arrived| {
                let admitted = admit(&arrived, Mode::Auto, &self.state.limits)?;
                Ok((arrived, admitted))
            });
            match admitted {
                Ok((arrived, admitted)) => {
                    let taken = take_in(
                        &self.state,
                        self.tenant_id,
                        arrived,
                        admitted,
                        "AUTO",
                        caller,
                    );
                    match taken.await {
                        Ok(taken) => ids.push(taken.row.id),
                        Err(problem) => return Handed::NotNow(problem.detail().to_owned()),
                    }
                }
                Err(refusal) if alone => return Handed::Refused(refusal.to_string()),
                Err(refusal) if refused.len() < REFUSALS_MAX => {
                    refused.push(format!("{name}: {refusal}"))
                }
                Err(_) => {}
            }
        }
        match ids.is_empty() {
            true => Handed::Refused(refused.join("\n")),
            false => Handed::Taken { ids, refused },
        }
    }
}

fn sentence(row: &FileRow) -> String {
    let why = row
        .error_message
        .as_deref()
        .unwrap_or("it could not be read");
    format!("{}: {why}", row.full_name())
}

/// Copies the file to the staging area while it is hashed. Blocks.
fn stage(state: &ServiceState, mut ready: Ready) -> io::Result<Staged> {
    let clean_name = clean_name(&ready.shown);
    let mut staging = state.storage.stage_blocking()?;
    let mut chunk = vec![0; SNIFF_BYTES];
    let mut judged = false;
    loop {
        let read = ready.file.read(&mut chunk)?;
        staging.write(chunk.get(..read).unwrap_or_default())?;
        let whole = read == 0;
        if !judged && (whole || staging.head().len() >= SNIFF_BYTES) {
            judged = true;
            if let Err(refusal) = judge(state, staging.head(), &clean_name, ready.stamp.size) {
                return Ok(Staged::Refused(refusal));
            }
        }
        if staging.size() > ready.stamp.size {
            return Ok(Staged::Changed);
        }
        if whole {
            break;
        }
    }
    // A network drive may end a file early that it has not got all of.
    if staging.size() != ready.stamp.size || !is_still(&ready.path, ready.stamp) {
        return Ok(Staged::Changed);
    }
    Ok(Staged::Arrived(Arrived {
        clean_name,
        staged: staging.finish()?,
        archive: None,
    }))
}

/// What fits no kind, or is too large for its own, is not copied to its end.
fn judge(state: &ServiceState, head: &[u8], name: &str, size: u64) -> Result<(), FileRefusal> {
    if size == 0 {
        return Err(FileRefusal::Empty);
    }
    let kind = sniff(head, name).kind.ok_or(FileRefusal::NoKind)?;
    state.limits.hold(kind, size)
}
