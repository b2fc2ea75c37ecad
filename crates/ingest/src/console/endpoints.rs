//! The endpoints of a tenant as people call them: for lists that name them and forms that ask for one. And what an event is
//! about, when that is a file.

use access::of_read;
use console::Visit;
use db::Conn;
use delivery::{Page, Subscription};
use service::Problem;

use crate::service_state::ServiceState;

/// An endpoint to be picked.
pub(super) struct Endpoint {
    pub(super) id: String,
    /// Its description, else its address.
    pub(super) name: String,
}

impl From<&Subscription> for Endpoint {
    fn from(one: &Subscription) -> Self {
        Self {
            id: one.id.to_string(),
            name: match one.fields.description.trim() {
                "" => one.fields.url.clone(),
                description => description.to_owned(),
            },
        }
    }
}

/// Most that are named on a page.
const NAMED_MAX: u32 = 200;

/// Those of one tenant, oldest first; of very many the first.
pub(super) struct Endpoints(pub(super) Vec<Endpoint>);

impl Endpoints {
    pub(super) async fn of(state: &ServiceState, visit: &Visit) -> Result<Self, Problem> {
        let (subscriptions, tenant_id) = (state.subscriptions.clone(), visit.caller.tenant_id);
        let page = Page::first(NAMED_MAX);
        let read = move |conn: &mut Conn| subscriptions.list(conn, tenant_id, None, page);
        let found = state.database.reads().run(read).await.map_err(of_read)?;
        Ok(Self(found.items.iter().map(Endpoint::from).collect()))
    }

    /// What it is called; one that is gone has its id only.
    pub(super) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        let found = self.0.iter().find(|endpoint| endpoint.id == id);
        found.map_or(id, |endpoint| &endpoint.name)
    }
}

/// The number of the file that an event is about.
pub(super) fn file_of(subject: &str) -> Option<i64> {
    subject.strip_prefix("file/")?.parse().ok()
}
