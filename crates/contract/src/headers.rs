//! The headers of a delivery. Must never let an endpoint's custom header replace one of ours.

use crate::event::Event;
use crate::ids::BatchId;
use crate::profile::Profile;
use crate::sign::Signer;
use crate::time::format_ms;

/// What we call ourselves: `draftwire/<version>`.
pub const USER_AGENT: &str = concat!("draftwire/", env!("CARGO_PKG_VERSION"));

/// Headers that carry the contract or the connection, lower case.
const RESERVED: [&str; 23] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
    "x-event",
    "x-signature",
    "x-webhook-event-id",
    "x-webhook-event-type",
    "x-webhook-id",
    "x-webhook-signature",
    "x-webhook-timestamp",
];

/// Whether an endpoint may not set this header itself; the case of `name` does not matter.
#[must_use]
pub fn is_reserved_header(name: &str) -> bool {
    RESERVED
        .into_iter()
        .any(|reserved| name.eq_ignore_ascii_case(reserved))
}

/// The headers that differ from attempt to attempt and event to event: the three of Standard Webhooks, then
/// the profile's own. `content-type` and [`USER_AGENT`] are constant for an endpoint and not among them.
///
/// `attempt_ms` is the time of this attempt, Unix milliseconds; `body` what [`render`](crate::render()) gave for the
/// same event, profile and endpoint.
#[must_use]
pub fn signed_headers(
    profile: Profile,
    event: &Event,
    endpoint_id: &str,
    attempt_ms: i64,
    signer: &Signer,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let hex = body_signature_header(profile).and_then(|_| signer.body_hex(body));
    let mut headers = standard_headers(event.id.to_string(), attempt_ms, signer, body);
    extra_headers(
        &mut headers,
        profile,
        event,
        endpoint_id,
        attempt_ms,
        hex.as_deref(),
    );
    headers
}

/// The same for a batch: its id takes the place of the event's, and what names one event is left out.
#[must_use]
pub fn signed_batch_headers(
    profile: Profile,
    id: BatchId,
    attempt_ms: i64,
    signer: &Signer,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let mut headers = standard_headers(id.to_string(), attempt_ms, signer, body);
    if profile == Profile::Standard {
        headers.push(("x-webhook-timestamp", format_ms(attempt_ms)));
    }
    if let Some((name, prefix)) = body_signature_header(profile)
        && let Some(hex) = signer.body_hex(body)
    {
        headers.push((name, format!("{prefix}{hex}")));
    }
    headers
}

fn standard_headers(
    id: String,
    attempt_ms: i64,
    signer: &Signer,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let attempt_s = attempt_ms.div_euclid(1000);
    let mut headers = Vec::with_capacity(7);
    headers.push(("webhook-signature", signer.sign(&id, attempt_s, body)));
    headers.push(("webhook-timestamp", attempt_s.to_string()));
    headers.push(("webhook-id", id));
    headers
}

/// Adds the headers that only this profile has. `body_hex` is the signature over the body alone, absent when the
/// endpoint has no secret: then its header is left out.
fn extra_headers(
    headers: &mut Vec<(&'static str, String)>,
    profile: Profile,
    event: &Event,
    endpoint_id: &str,
    attempt_ms: i64,
    body_hex: Option<&str>,
) {
    match profile {
        Profile::Standard => {
            headers.push(("x-webhook-event-id", event.id.to_string()));
            headers.push(("x-webhook-event-type", event.event_type.to_string()));
            headers.push(("x-webhook-timestamp", format_ms(attempt_ms)));
        }
        Profile::Resource => headers.push(("x-event", event.event_type.to_string())),
        Profile::Canonical => {
            headers.push(("x-webhook-timestamp", format_ms(attempt_ms)));
            headers.push(("x-webhook-id", endpoint_id.to_owned()));
        }
        Profile::ModuleN | Profile::CloudEvents => {}
    }
    if let (Some((name, prefix)), Some(hex)) = (body_signature_header(profile), body_hex) {
        headers.push((name, format!("{prefix}{hex}")));
    }
}

/// The header that carries the signature of the body alone, and what stands before its hex.
const fn body_signature_header(profile: Profile) -> Option<(&'static str, &'static str)> {
    match profile {
        Profile::Standard | Profile::Canonical => Some(("x-webhook-signature", "")),
        Profile::ModuleN => Some(("x-webhook-signature", "sha256=")),
        Profile::Resource => Some(("x-signature", "sha256=")),
        Profile::CloudEvents => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_headers_are_known_in_any_case() {
        for name in [
            "Host",
            "webhook-id",
            "X-Webhook-Timestamp",
            "X-SIGNATURE",
            "content-type",
        ] {
            assert!(is_reserved_header(name), "{name}");
        }
        assert!(!is_reserved_header("authorization") && !is_reserved_header("x-shop"));
    }
}
