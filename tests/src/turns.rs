//! Who may run beside whom: tests that measure time run alone, all others together. Must never be held by a
//! test that waits for another.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::const_new(());

/// The machine, shared with other tests, until the guard is dropped.
pub async fn beside_others() -> RwLockReadGuard<'static, ()> {
    MACHINE.read().await
}

/// The machine for this test alone, until the guard is dropped.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    MACHINE.write().await
}
