//! What `/metrics` says, as text. It must never show a tenant what is another's: who asks decides before.

mod attempts;
mod standing;
mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use db::{ReadStats, WriterStats};
use delivery::MetricsSnapshot;
use service::Exposition;

pub(crate) use tables::{Sizes, TableSizes};

/// What the service as a whole does: not for every tenant to see.
pub(crate) struct Service {
    pub(crate) writer: WriterStats,
    pub(crate) reads: ReadStats,
    pub(crate) sizes: Sizes,
}

/// Everything there is to show; `names` are those of the tenants in it.
pub(crate) fn exposition(
    snapshot: &MetricsSnapshot,
    names: &HashMap<i64, Arc<str>>,
    service: Option<&Service>,
) -> String {
    let mut out = Exposition::default();
    attempts::write(&mut out, &snapshot.series, names);
    if let Some(service) = service {
        standing::write(&mut out, snapshot, service);
    }
    out.finish()
}
