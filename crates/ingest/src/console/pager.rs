//! Which part of a long list is shown, and the links to the parts beside it.

use console::{Asked, Count};

/// Items on one page.
pub(super) const PAGE_ITEMS: i64 = PAGE_ITEMS_U32 as i64;
const PAGE_ITEMS_U32: u32 = 50;
/// How far files are counted.
pub(super) const COUNT_MAX: i64 = 10_000;
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
    /// Beyond it there are more.
    pub(super) is_more: bool,
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
            is_more: false,
            total: Count(total),
            before: (offset > 0).then(|| link((offset - PAGE_ITEMS).max(0))),
            after: (last < total && last < OFFSET_MAX).then(|| link(last)),
        }
    }

    /// The same where only [`COUNT_MAX`] are counted and `shown` are on this page.
    pub(super) fn of_many<T>(asked: &Asked<T>, offset: i64, shown: usize, total: i64) -> Self {
        let is_more = total > COUNT_MAX;
        let shown = i64::try_from(shown).unwrap_or(PAGE_ITEMS);
        // A full page may have another one behind it.
        let here = offset.saturating_add(shown + i64::from(shown == PAGE_ITEMS));
        let known = if is_more { total.max(here) } else { total };
        Self {
            is_more,
            total: Count(if is_more { COUNT_MAX } else { total }),
            ..Self::of(asked, offset, known)
        }
    }
}
