//! How another program takes part: events of the types it takes come to it in the very transaction that
//! records them, verified and each once. Must never see an event twice, nor one that is not committed.

use db::{Conn, DbError};

/// Something that brings events about in tables of its own.
///
/// It is called on the writer's thread with the events of a batch that are new, sorted by source and event
/// id. Whatever it writes through `conn` is committed with them or not at all; a batch that fails is run
/// again, perhaps one by one. It must not wait for anything else.
pub trait Apply: Send + Sync + 'static {
    /// Whether it takes events of this type. `file.*` events become design files whether it does or not.
    fn takes(&self, event_type: &str) -> bool;

    /// # Errors
    /// What the database says; never swallow a [`DbError`], for the transaction cannot go on after one.
    fn apply(&self, conn: &mut Conn, events: &[NewEvent<'_>]) -> Result<(), DbError>;
}

/// A verified event that was never seen before.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'e> {
    /// The sender's name here.
    pub source: &'e str,
    /// Whose it is.
    pub tenant_id: i64,
    /// What tells it from all others of its source.
    pub id: &'e str,
    /// What happened.
    pub event_type: &'e str,
    /// When, by the sender's clock, Unix ms.
    pub timestamp_ms: i64,
    /// The facts, a JSON object.
    pub data: &'e str,
    /// The bytes that were signed.
    pub body: &'e [u8],
}

/// Takes nothing.
pub(crate) struct Nothing;

impl Apply for Nothing {
    fn takes(&self, _event_type: &str) -> bool {
        false
    }

    fn apply(&self, _conn: &mut Conn, _events: &[NewEvent<'_>]) -> Result<(), DbError> {
        Ok(())
    }
}
