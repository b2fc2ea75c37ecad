//! Which part of one of the engine's lists a page shows.

use console::PAGE_ITEMS_U32;

/// The part of one of the engine's lists.
pub(super) const fn page_at(offset: u32) -> delivery::Page {
    delivery::Page {
        limit: PAGE_ITEMS_U32,
        offset,
        after: None,
    }
}
