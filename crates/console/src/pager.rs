//! Which part of a long list is shown, and the links to the parts beside it: for `_pager.html`.

use crate::asked::Asked;
use crate::write::Count;

/// Items on one page.
pub const PAGE_ITEMS: i64 = PAGE_ITEMS_U32 as i64;
/// The same for those who count so.
pub const PAGE_ITEMS_U32: u32 = 50;
/// How far items of long lists are counted.
pub const COUNT_MAX: i64 = 10_000;
/// Offsets beyond this are not asked for: filters find what lies there.
const OFFSET_MAX: i64 = 100_000;

/// The foot of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pager {
    pub first: Count,
    pub last: Count,
    /// Beyond it there are more.
    pub is_more: bool,
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
            first: Count(offset.saturating_add(1).min(total)),
            last: Count(last),
            is_more: false,
            total: Count(total),
            before: (offset > 0).then(|| link((offset - PAGE_ITEMS).max(0))),
            after: (last < total && last < OFFSET_MAX).then(|| link(last)),
        }
    }

    /// The same where only [`COUNT_MAX`] are counted and `shown` are on this page.
    pub fn of_many<T>(asked: &Asked<T>, offset: i64, shown: usize, total: i64) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::dev::Payload;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, HttpRequest};

    fn asked(request: &HttpRequest) -> Asked {
        let asked = Asked::from_request(request, &mut Payload::None);
        asked.into_inner().unwrap()
    }

    #[test]
    fn a_part_ends_where_the_list_does_whatever_was_asked() {
        let asked = asked(&TestRequest::with_uri("/x?q=a").to_http_request());
        for (offset, total, first, last, before, after) in [
            (0, 0, 0, 0, None, None),
            (0, 50, 1, 50, None, None),
            (0, 51, 1, 50, None, Some("/x?q=a&offset=50")),
            (50, 51, 51, 51, Some("/x?q=a"), None),
            (7, 3, 3, 3, Some("/x?q=a"), None),
            (
                i64::MAX,
                3,
                3,
                3,
                Some("/x?q=a&offset=9223372036854775757"),
                None,
            ),
        ] {
            let pager = Pager::of(&asked, offset, total);
            assert_eq!((pager.first, pager.last), (Count(first), Count(last)));
            assert_eq!(pager.before.as_deref(), before);
            assert_eq!(pager.after.as_deref(), after);
        }
        for offset in [0, i64::MAX] {
            let many = Pager::of_many(&asked, offset, 50, COUNT_MAX + 1);
            assert!(many.is_more && many.total == Count(COUNT_MAX));
        }
    }
}
