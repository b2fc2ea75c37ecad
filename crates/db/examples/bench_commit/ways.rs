//! The ways to make a write durable that are compared.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use db::{Backend, Conn, Database, Lane, Submission, TxError, Writer, WriterSettings};

use crate::Outcome;
use crate::event::{Event, Events};
use crate::lap::{Figures, Lap};

const BLOCK_BYTES: usize = 4096;
const TENANT: i64 = 1;
/// A writer that answers later than this after the lap's end is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// How events are written.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    OneByOne,
    Closures,
    Set,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OneByOne => "one transaction per write",
            Self::Closures => "group commit, closures",
            Self::Set => "group commit, set",
        }
    }

    /// Writes to an empty `database` for `length`.
    pub(crate) fn measure(
        self,
        database: &Database,
        submitters: usize,
        length: Duration,
    ) -> Outcome<Figures> {
        let ids = Ids::default();
        if let Self::OneByOne = self {
            return one_by_one(database, submitters, length, &ids);
        }
        let writer = Writer::start(database, WriterSettings::default())?;
        let figures = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?
            .block_on(async {
                let lap = async {
                    match self {
                        Self::Set => sets(&writer, submitters, length, &ids).await,
                        _ => closures(&writer, submitters, length, &ids).await,
                    }
                };
                tokio::time::timeout(length + PATIENCE, lap).await?
            });
        writer.stop();
        figures
    }
}

/// Each submitter appends to a file of its own and waits for the disk.
pub(crate) fn fsync(folder: &Path, submitters: usize, lap: Lap) -> Outcome<Figures> {
    lap.threads(submitters, |number| {
        let mut file = File::create(folder.join(format!("fsync-{number}")))?;
        Ok(move || {
            file.write_all(&[7; BLOCK_BYTES])?;
            Ok(file.sync_data()?)
        })
    })
}

/// PostgreSQL: a connection for each submitter. SQLite: they take turns on one.
fn one_by_one(
    database: &Database,
    submitters: usize,
    length: Duration,
    ids: &Ids,
) -> Outcome<Figures> {
    if database.backend() == Backend::Sqlite {
        let conn = Mutex::new(database.connect()?);
        let lock = || conn.lock().unwrap_or_else(PoisonError::into_inner);
        return Lap::start(length)
            .threads(submitters, |_| Ok(|| Ok(ids.event().insert(&mut lock())?)));
    }
    // Opened before the lap starts, as a pool would have done.
    let conns = (0..submitters)
        .map(|_| database.connect().map(|conn| Mutex::new(Some(conn))))
        .collect::<Result<Vec<_>, _>>()?;
    let take = |number: usize| -> Option<Conn> {
        let mut slot = conns
            .get(number)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        slot.take()
    };
    Lap::start(length).threads(submitters, |number| {
        let mut conn = take(number).ok_or("one connection for each submitter")?;
        Ok(move || Ok(ids.event().insert(&mut conn)?))
    })
}

async fn closures(
    writer: &Writer,
    submitters: usize,
    length: Duration,
    ids: &Ids,
) -> Outcome<Figures> {
    let write = async |number| {
        let event = ids.event();
        let job = move |tx: &mut db::Tx<'_>| -> Result<(), TxError<Infallible>> {
            Ok(event.insert(tx.conn())?)
        };
        let key = u64::try_from(number)?;
        Ok(writer.with_tx(Lane::Interactive, TENANT, key, job).await?)
    };
    Lap::start(length).tasks(submitters, write).await
}

async fn sets(writer: &Writer, submitters: usize, length: Duration, ids: &Ids) -> Outcome<Figures> {
    let events = writer.register(Events);
    let write = async |number| {
        let item = ids.event();
        let submission = Submission {
            tenant: TENANT,
            key: u64::try_from(number)?,
            bytes: item.bytes(),
            item,
        };
        Ok(events.submit(submission).await?)
    };
    Lap::start(length).tasks(submitters, write).await
}

/// Ids that rise over all submitters.
#[derive(Default)]
struct Ids(AtomicI64);

impl Ids {
    fn event(&self) -> Event {
        Event::new(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
