//! What all nouns of the platform have in common: pages, ids, times, and refusals told to the client.

use access::{Caller, of_write};
use contract::{format_ms, parse_ms};
use db::{Conn, WriteError};
use delivery::{Page, Paged, Subscription, Tenant};
use serde::Serialize;
use service::Problem;
use uuid::Uuid;

use crate::service_state::ServiceState;

const LIMIT_USUAL: u32 = 100;

/// The query of a list: its own filters, and which part of it is wanted. Older clients write `skip` for `offset`.
/// (Flattening a common struct would read its numbers as texts.)
macro_rules! list_query {
    ($name:ident { $($(#[$meta:meta])* $field:ident: $kind:ty,)* }) => {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$meta])* $field: $kind,)*
            limit: Option<u32>,
            offset: Option<u32>,
            skip: Option<u32>,
            cursor: Option<i64>,
        }

        impl $name {
            fn page(&self) -> Result<delivery::Page, service::Problem> {
                let offset = self.offset.or(self.skip);
                $crate::api::webhooks::shared::page(self.limit, offset, self.cursor)
            }
        }
    };
}
pub(super) use list_query;

pub(super) fn page(
    limit: Option<u32>,
    offset: Option<u32>,
    after: Option<i64>,
) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(LIMIT_USUAL);
    if !(1..=Page::LIMIT_MAX).contains(&limit) {
        let message = format!("from 1 to {}", Page::LIMIT_MAX);
        return Err(Problem::invalid_field("limit", message));
    }
    Ok(Page {
        limit,
        offset: offset.unwrap_or(0),
        after,
    })
}

/// A list as it is answered.
#[derive(Debug, Serialize)]
pub(super) struct Listed<T> {
    items: Vec<T>,
    total: i64,
    /// A text: programs that read numbers as 64-bit floats would spoil it.
    next_cursor: Option<String>,
    limit: u32,
    skip: u32,
}

pub(super) fn listed<T, U>(page: Page, paged: Paged<T>, item: impl Fn(T) -> U) -> Listed<U> {
    Listed {
        items: paged.items.into_iter().map(item).collect(),
        total: paged.total,
        next_cursor: paged.next.map(|next| next.to_string()),
        limit: page.limit,
        skip: page.offset,
    }
}

/// The caller's tenant, as the engine knows it.
pub(super) fn tenant_of(caller: &Caller) -> Tenant {
    Tenant {
        id: caller.tenant_id,
        name: caller.tenant.clone(),
    }
}

/// The answer to a write that was refused, as `refusal` tells, or that failed.
pub(super) fn of_refusable<R>(error: WriteError<R>, refusal: impl FnOnce(R) -> Problem) -> Problem {
    let failed: WriteError<Problem> = match error {
        WriteError::Refused(refused) => return refusal(refused),
        WriteError::Busy => WriteError::Busy,
        WriteError::Unavailable(cause) => WriteError::Unavailable(cause),
        WriteError::OutcomeUnknown(cause) => WriteError::OutcomeUnknown(cause),
        WriteError::Failed(cause) => WriteError::Failed(cause),
    };
    of_write(failed)
}

/// A refusal whose sentence begins with the field at fault.
pub(super) fn fielded(sentence: &str) -> Problem {
    match sentence.split_once(": ") {
        Some((field, message)) => Problem::invalid_field(field, message),
        None => Problem::invalid_field("body", sentence),
    }
}

/// A subscription's id; a text that is none belongs to nobody.
pub(super) fn subscription_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_no_uuid| no_subscription(text))
}

pub(super) fn no_subscription(id: impl std::fmt::Display) -> Problem {
    let id: String = id.to_string().chars().take(64).collect();
    Problem::not_found(format!("subscription {id}"))
}

/// The tenant's subscription of this id.
pub(crate) async fn find_subscription(
    state: &ServiceState,
    caller: &Caller,
    text: &str,
) -> Result<Subscription, Problem> {
    let (id, tenant_id) = (subscription_id(text)?, caller.tenant_id);
    let subscriptions = state.subscriptions.clone();
    let read = move |conn: &mut Conn| subscriptions.get(conn, tenant_id, id);
    let found = state.database.reads().run(read).await;
    found
        .map_err(access::of_read)?
        .ok_or_else(|| no_subscription(id))
}

/// A time in a query or a body.
pub(crate) fn time(field: &str, text: Option<&str>) -> Result<Option<i64>, Problem> {
    text.map(parse_ms)
        .transpose()
        .map_err(|cause| Problem::invalid_field(field, cause.to_string()))
}

/// PostgreSQL takes no text with a NUL, and nothing has one.
pub(crate) fn plain(field: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.contains('\0') => {
            Err(Problem::invalid_field(field, "text without NUL characters"))
        }
        text => Ok(text),
    }
}

pub(super) fn at(ms: Option<i64>) -> Option<String> {
    ms.map(format_ms)
}
