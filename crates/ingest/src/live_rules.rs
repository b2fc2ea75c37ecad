//! How names and texts are read, as the settings say at the moment. Whoever holds the rules of a moment keeps them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use extract::facts::Rules;

/// The rules in force. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct LiveRules(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: RwLock<Arc<Rules>>,
    version: AtomicU64,
}

impl LiveRules {
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self(Arc::new(Inner {
            rules: RwLock::new(rules),
            version: AtomicU64::new(1),
        }))
    }

    /// Those in force now.
    pub(crate) fn now(&self) -> Arc<Rules> {
        let rules = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&rules)
    }

    /// Other ones from now on.
    pub(crate) fn put(&self, rules: Rules) {
        let mut held = self.0.rules.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::new(rules);
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// Another number whenever they have changed.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }
}
