//! What a job sees of the transaction it runs in.

use crate::conn::Conn;
use crate::error::DbError;

/// The result of a closure handed to the writer.
pub type TxResult<T, E> = Result<T, TxError<E>>;

/// How a closure ends other than well.
#[derive(Debug)]
pub enum TxError<E> {
    /// By its own rules: its savepoint is undone, the rest of the batch goes on.
    Refused(E),
    /// The database failed it: the batch is aborted. Never swallow a [`DbError`].
    Db(DbError),
}

impl<E> From<DbError> for TxError<E> {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

type Effect = Box<dyn FnOnce() + Send>;

/// A running transaction.
pub struct Tx<'c> {
    conn: &'c mut Conn,
    is_crowded: bool,
    effects: Vec<Effect>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: &'c mut Conn, is_crowded: bool) -> Self {
        Self {
            conn,
            is_crowded,
            effects: Vec::new(),
        }
    }

    /// The connection. BEGIN, COMMIT and savepoints are the writer's alone.
    pub fn conn(&mut self) -> &mut Conn {
        self.conn
    }

    /// Whether some tenants write much beside quieter ones: bulk work should then write a little only.
    pub fn is_crowded(&self) -> bool {
        self.is_crowded
    }

    /// Runs `effect` once the commit has succeeded, on the writer's thread: keep it short.
    pub fn after_commit(&mut self, effect: impl FnOnce() + Send + 'static) {
        self.effects.push(Box::new(effect));
    }

    pub(crate) fn effects_len(&self) -> usize {
        self.effects.len()
    }

    pub(crate) fn forget_effects_after(&mut self, len: usize) {
        self.effects.truncate(len);
    }

    pub(crate) fn into_effects(self) -> Vec<Effect> {
        self.effects
    }
}
