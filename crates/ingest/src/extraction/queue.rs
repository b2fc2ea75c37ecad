//! Files that wait for a worker, in memory and bounded; what finds no seat waits in the table.

use std::collections::HashSet;
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
        self.queue.held().remove(&self.row.id);
    }
}

/// Where jobs are put. Clones share it.
#[derive(Clone)]
pub(crate) struct Queue {
    seats: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Job>,
    look: Arc<Notify>,
    held: Arc<Mutex<HashSet<i64>>>,
}

/// Where workers take them from.
pub(crate) type Jobs = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>>;

impl Queue {
    pub(crate) fn new(files_max: usize) -> (Self, Jobs) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            seats: Arc::new(Semaphore::new(files_max.clamp(1, Semaphore::MAX_PERMITS))),
            sender,
            look: Arc::new(Notify::new()),
            held: Arc::default(),
        };
        (queue, Arc::new(tokio::sync::Mutex::new(receiver)))
    }

    /// A place, if there is one.
    pub(crate) fn seat(&self) -> Option<Seat> {
        Arc::clone(&self.seats).try_acquire_owned().ok().map(|permit| Seat { _permit: permit })
    }

    pub(crate) fn seats_free(&self) -> usize {
        self.seats.available_permits()
    }

    /// Hands a file over whose row this process owns.
    pub(crate) fn put(&self, seat: Seat, row: FileRow) {
        self.held().insert(row.id);
        let job = Job {
            row,
            queue: self.clone(),
            _seat: seat,
        };
        // Workers that have stopped take nothing more: the table keeps it.
        drop(self.sender.send(job));
    }

    /// Says that a file waits in the table.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    pub(crate) async fn looked_for(&self) {
        self.look.notified().await;
    }

    pub(crate) fn holds(&self, file_id: i64) -> bool {
        self.held().contains(&file_id)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
