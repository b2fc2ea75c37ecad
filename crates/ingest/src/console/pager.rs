//! Which part of a long list is shown, and the links to the parts beside it.

use console::{Asked, Count};

/// Items on one page.
pub(super) const PAGE_ITEMS: i64 = PAGE_ITEMS_U32 as i64;
const PAGE_ITEMS_U32: u32 = 50;
/// Offsets beyond this are not asked for: filters find what lies there.
const OFFSET_MAX: i64 = 100_000;

/// The part of one of the engine's lists.
pub(super) const fn page_at(offset: u32) -> delivery::Page {
    delivery::Page {
        limit: PAGE_ITEMS_U32,
        offset,
        after: None,
    }
}

/// The foot of a list.
pub(super) struct Pager {
    pub(super) first: Count,
    pub(super) last: Count,
    pub(super) total: Count,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl Pager {
    pub(super) fn of<T>(asked: &Asked<T>, offset: i64, total: i64) -> Self {
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
