//! The client against a server on a real port that answers as each test tells it to.

mod event_log;
mod faults;
mod questions;
mod uploads;
mod webhooks;

use client::Client;
use testkit::{RecordedRequest, ScriptedEndpoint, ScriptedReply};

/// A server that always gives `reply`, and a client of it.
pub(crate) async fn answering(reply: ScriptedReply) -> (ScriptedEndpoint, Client) {
    let endpoint = ScriptedEndpoint::start().await;
    endpoint.respond_in_turn([reply]);
    let client = Client::new(endpoint.url(), None).expect("the address can be used");
    (endpoint, client)
}

/// The only request that came.
pub(crate) fn only(endpoint: &ScriptedEndpoint) -> RecordedRequest {
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    requests.into_iter().next().expect("one")
}
