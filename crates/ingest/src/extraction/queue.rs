//! Files that wait for a worker, in memory and bounded; what finds no seat waits in the table.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::store::FileRow;

/// A place in the queue, reserved before the row is written as owned.
pub(crate) struct Seat {
    _permit: OwnedSemaphorePermit,
}

/// A file owned by this process, to be extracted.
pub(crate) struct Job {
    pub(crate) row: FileRow,
    queue: Queue,
    _seat: Seat,
}

impl Drop for Job {
    fn drop(&mut self) {
        self.queue.held().remove(&key(&self.row));
        if self.queue.overflowed.load(Ordering::Acquire) {
            self.queue.look();
        }
    }
}

/// Where jobs are put. Clones share it.
#[derive(Clone)]
pub(crate) struct Queue {
    seats: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Job>,
    look: Arc<Notify>,
    /// Whether files wait in the table for want of a seat.
    overflowed: Arc<AtomicBool>,
    /// Ids and claims.
    held: Arc<Mutex<HashSet<(i64, i64)>>>,
}

/// Where workers take them from.
pub(crate) type Jobs = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>>;

impl Queue {
    pub(crate) fn new(files_max: usize) -> (Self, Jobs) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            seats: Arc::new(Semaphore::new(files_max.clamp(1, Semaphore::MAX_PERMITS))),
            sender,
            look: Arc::default(),
            overflowed: Arc::default(),
            held: Arc::default(),
        };
        (queue, Arc::new(tokio::sync::Mutex::new(receiver)))
    }

    /// A place, if there is one.
    pub(crate) fn seat(&self) -> Option<Seat> {
        let permit = Arc::clone(&self.seats).try_acquire_owned();
        permit.ok().map(|permit| Seat { _permit: permit })
    }

    /// All free places, at most `max`.
    pub(crate) fn seats(&self, max: usize) -> Vec<Seat> {
        std::iter::from_fn(|| self.seat()).take(max).collect()
    }

    /// Hands a file over whose row this process owns.
    pub(crate) fn put(&self, seat: Seat, row: FileRow) {
        self.held().insert(key(&row));
        let job = Job {
            row,
            queue: self.clone(),
            _seat: seat,
        };
        // Workers that have stopped take nothing more: the table keeps it.
        drop(self.sender.send(job));
    }

    /// Says that files wait in the table; they are looked for now, and whenever a seat becomes free until
    /// [`Queue::caught_up`].
    pub(crate) fn overflow(&self) {
        self.overflowed.store(true, Ordering::Release);
        self.look();
    }

    /// Says that nothing waits in the table any more, as far as is known.
    pub(crate) fn caught_up(&self) {
        self.overflowed.store(false, Ordering::Release);
    }

    fn look(&self) {
        self.look.notify_one();
    }

    pub(crate) async fn looked_for(&self) {
        self.look.notified().await;
    }

    pub(crate) fn holds(&self, claimed: &(i64, i64)) -> bool {
        self.held().contains(claimed)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashSet<(i64, i64)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(row: &FileRow) -> (i64, i64) {
    (row.id, row.claim)
}
