//! Which part of a long list is shown, and the links to the parts beside it: for `_pager.html`.

use crate::asked::Asked;
use crate::write::Count;

/// Items on one page.
pub const PAGE_ITEMS: i64 = 50;
/// Offsets beyond this are not asked for: filters find what lies there.
const OFFSET_MAX: i64 = 100_000;

/// The foot of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pager {
    pub first: Count,
    pub last: Count,
    pub total: Count,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Pager {
    /// Of a list with `total` items, of which the page shows those behind the first `offset`.
    pub fn of<T>(asked: &Asked<T>, offset: i64, total: i64) -> Self {
        let last = offset.saturating_add(PAGE_ITEMS).min(total);
        let link = |offset: i64| match offset {
            0 => asked.with("offset", ""),
            offset => asked.with("offset", &offset.to_string()),
        };
        Self {
            first: Count((offset + 1).min(total)),
            last: Count(last),
            total: Count(total),
            before: (offset > 0).then(|| link((offset - PAGE_ITEMS).max(0))),
            after: (last < total && last < OFFSET_MAX).then(|| link(last)),
        }
    }
}
