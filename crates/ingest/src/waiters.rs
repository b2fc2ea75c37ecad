//! Requests that wait for a file to be done with, woken by the commit that ends its extraction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Who waits for which file. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Waiters {
    files: Arc<Mutex<HashMap<i64, Arc<Notify>>>>,
}

/// Wakes once the file is done with; register before looking at its row.
pub(crate) struct Waiter {
    waiters: Waiters,
    file_id: i64,
    notify: Arc<Notify>,
}

impl Waiters {
    pub(crate) fn register(&self, file_id: i64) -> Waiter {
        let notify = Arc::clone(self.files().entry(file_id).or_default());
        Waiter {
            waiters: self.clone(),
            file_id,
            notify,
        }
    }

    pub(crate) fn wake(&self, file_id: i64) {
        if let Some(notify) = self.files().get(&file_id) {
            notify.notify_waiters();
        }
    }

    fn files(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Arc<Notify>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    pub(crate) fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut files = self.waiters.files();
        // The map's own and this one: nobody else waits.
        if Arc::strong_count(&self.notify) == 2 {
            files.remove(&self.file_id);
        }
    }
}
