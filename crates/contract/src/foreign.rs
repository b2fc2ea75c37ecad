//! Requests of two senders whose signatures are their own: GitHub and Stripe. Must never parse a body before its
//! signature stands, and never take their requests for events of ours.

use std::borrow::Cow;

use ring::hmac;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body_signature::{parse_hex, signs};
use crate::event_type::EventType;
use crate::hex::{hex, sha256_hex};
use crate::json::JsonObject;
use crate::parse::ReceivedEvent;
use crate::verify::{
    Headers, Identity, Refusal, SIGNATURE_TOKENS_MAX, Verified, VerifyingKey, WEBHOOK_ID_BYTES_MAX,
    age_within, parse_timestamp, same, single,
};

/// A sender with a way of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ForeignSender {
    /// `x-hub-signature-256` over the body; `x-github-delivery` names the delivery and `x-github-event` the event.
    /// Neither is signed, nor is a time.
    GitHub,
    /// `stripe-signature: t=…,v1=…` over time and body; the body holds the event's id.
    Stripe,
}

impl ForeignSender {
    /// The name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Stripe => "stripe",
        }
    }

    /// `now_s` is Unix seconds; the tolerance matters where a time is signed. Keys are the whole texts of secrets.
    ///
    /// # Errors
    /// [`Refusal`], every variant but `MalformedBody` and `BodyTooLarge`.
    pub fn verify<'b, H: Headers + ?Sized>(
        self,
        keys: &[VerifyingKey],
        headers: &H,
        body: &'b [u8],
        (now_s, tolerance_s): (i64, u32),
    ) -> Result<Verified<'b>, Refusal> {
        match self {
            Self::GitHub => github(keys, headers, body),
            Self::Stripe => stripe(keys, headers, body, (now_s, tolerance_s)),
        }
    }

    /// Whether there is a signature of this sender.
    pub fn is_signed<H: Headers + ?Sized>(self, headers: &H) -> bool {
        headers.values(self.header()).next().is_some()
    }

    const fn header(self) -> &'static str {
        match self {
            Self::GitHub => "x-hub-signature-256",
            Self::Stripe => "stripe-signature",
        }
    }

    /// The event; GitHub says no time, so it has that of its arrival.
    ///
    /// # Errors
    /// [`Refusal::MalformedBody`].
    pub fn parse<H: Headers + ?Sized>(
        self,
        headers: &H,
        body: &[u8],
        now_ms: i64,
    ) -> Result<ReceivedEvent, Refusal> {
        let text = std::str::from_utf8(body).map_err(malformed)?;
        match self {
            Self::GitHub => {
                let event = single(headers, "x-github-event")?;
                let event = event.ok_or_else(|| malformed("x-github-event is missing"))?;
                let action = action(text).map_or_else(String::new, |action| format!(".{action}"));
                received(&format!("github.{event}{action}"), now_ms, text)
            }
            Self::Stripe => {
                let event: StripeEvent<'_> = serde_json::from_str(text).map_err(malformed)?;
                let created_ms = event.created.saturating_mul(1000);
                Ok(ReceivedEvent {
                    id: Some(event.id),
                    ..received(&event.event_type, created_ms, event.data.get())?
                })
            }
        }
    }
}

#[derive(Deserialize)]
struct StripeEvent<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    /// Unix seconds.
    created: i64,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What was done, where the body says so in one word.
fn action(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Action {
        action: Option<String>,
    }
    let action = serde_json::from_str::<Action>(body).ok()?.action?;
    EventType::parse(&action).is_ok().then_some(action)
}

fn received(event_type: &str, timestamp_ms: i64, data: &str) -> Result<ReceivedEvent, Refusal> {
    Ok(ReceivedEvent {
        id: None,
        event_type: EventType::parse(event_type).map_err(malformed)?,
        timestamp_ms,
        tenant: None,
        origin: None,
        subject: None,
        sequence: None,
        data: JsonObject::parse(data).map_err(malformed)?,
    })
}

fn github<'b, H: Headers + ?Sized>(
    keys: &[VerifyingKey],
    headers: &H,
    body: &'b [u8],
) -> Result<Verified<'b>, Refusal> {
    let given = single(headers, "x-hub-signature-256")?.ok_or(Refusal::MissingSignature)?;
    let given = parse_hex(given)?;
    let keys = whole_keys(keys)?;
    if !keys.iter().any(|key| signs(key, body, &given)) {
        return Err(Refusal::SignatureMismatch);
    }
    let is_id = |id: &&str| {
        (1..=WEBHOOK_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
    };
    let delivery = single(headers, "x-github-delivery")?.filter(is_id);
    let identity = match delivery {
        Some(id) => Identity::EventId(id.to_owned()),
        None => Identity::BodySha256(sha256_hex(body)),
    };
    Ok(Verified {
        identity,
        timestamp_s: None,
        body: Cow::Borrowed(body),
    })
}

fn stripe<'b, H: Headers + ?Sized>(
    keys: &[VerifyingKey],
    headers: &H,
    body: &'b [u8],
    (now_s, tolerance_s): (i64, u32),
) -> Result<Verified<'b>, Refusal> {
    let header = single(headers, "stripe-signature")?.ok_or(Refusal::MissingSignature)?;
    let (timestamp, tokens) = stripe_header(header)?;
    let timestamp_s = parse_timestamp(timestamp)?;
    let keys = whole_keys(keys)?;
    age_within(tolerance_s, timestamp_s, now_s)?;
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let matches = |key: &hmac::Key| {
        let ours = hex(hmac::sign(key, &signed).as_ref());
        tokens
            .iter()
            .any(|token| same(key, ours.as_bytes(), token.as_bytes()))
    };
    if !keys.iter().any(|key| matches(key)) {
        return Err(Refusal::SignatureMismatch);
    }
    Ok(Verified {
        // The id in the body was signed with it and tells events apart; without one the body does.
        identity: Identity::BodySha256(sha256_hex(body)),
        timestamp_s: Some(timestamp_s),
        body: Cow::Borrowed(body),
    })
}

/// Time and `v1` tokens; tokens of other versions are skipped.
fn stripe_header(header: &str) -> Result<(&str, Vec<String>), Refusal> {
    let malformed = || Refusal::MalformedSignature("stripe-signature is `t=<seconds>,v1=<hex>`");
    let (mut timestamp, mut tokens) = (None, Vec::new());
    for (n, item) in header.split(',').enumerate() {
        if n > SIGNATURE_TOKENS_MAX {
            return Err(malformed());
        }
        let (name, value) = item.trim().split_once('=').ok_or_else(malformed)?;
        match name {
            "t" if timestamp.is_none() => timestamp = Some(value),
            "t" => return Err(malformed()),
            "v1" => tokens.push(parse_hex(value).map_err(|_no_hex| malformed())?),
            _ => {}
        }
    }
    match (timestamp, tokens.is_empty()) {
        (Some(timestamp), false) => Ok((timestamp, tokens)),
        _ => Err(malformed()),
    }
}

/// The secrets; these senders know no other kind of key.
fn whole_keys(keys: &[VerifyingKey]) -> Result<Vec<&hmac::Key>, Refusal> {
    let whole = keys.iter().filter_map(|key| match key {
        VerifyingKey::Hmac(secret) => Some(secret.whole_key()),
        VerifyingKey::Ed25519(_) => None,
    });
    let whole: Vec<&hmac::Key> = whole.collect();
    if whole.is_empty() {
        return Err(Refusal::UnknownKey);
    }
    Ok(whole)
}

fn malformed(error: impl std::fmt::Display) -> Refusal {
    Refusal::MalformedBody(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const NOW: (i64, u32) = (1_761_042_600, 300);

    fn keys() -> Vec<VerifyingKey> {
        vec![VerifyingKey::Hmac(
            Secret::parse("It's a Secret to Everybody").unwrap(),
        )]
    }

    fn hex_of(text: &str) -> String {
        let VerifyingKey::Hmac(secret) = &keys()[0] else {
            unreachable!();
        };
        hex(hmac::sign(secret.whole_key(), text.as_bytes()).as_ref())
    }

    #[test]
    fn github_signs_the_body_and_names_the_delivery() {
        // The example of GitHub's documentation.
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let headers = [
            ("X-Hub-Signature-256", signature),
            ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ];
        let github = ForeignSender::GitHub;
        let verified = github.verify(&keys(), &headers[..], b"Hello, World!", NOW);
        let key = verified.unwrap().identity.dedupe_key().to_owned();
        assert_eq!(key, "72d3162e-cc78-11e3-81ab-4c9367dc0958");
        let refused =
            |headers: &[(&str, &str)]| github.verify(&keys(), headers, b"Hello!", NOW).unwrap_err();
        assert_eq!(refused(&headers), Refusal::SignatureMismatch);
        assert_eq!(refused(&[]), Refusal::MissingSignature);
        let odd = [("x-hub-signature-256", "sha1=00")];
        assert_eq!(refused(&odd).code(), "malformed_signature");

        let body = r#"{"action":"opened","number":1}"#;
        let event = [("x-github-event", "pull_request")];
        let event = github.parse(&event[..], body.as_bytes(), 7).unwrap();
        assert_eq!(event.event_type.as_str(), "github.pull_request.opened");
        assert_eq!(event.timestamp_ms, 7);
        assert!(github.parse(&[][..] as &[(&str, &str)], b"{}", 7).is_err());
    }

    #[test]
    fn stripe_signs_time_and_body() {
        let body = r#"{"id":"evt_1","type":"invoice.paid","created":1761042599,"data":{"object":{"id":"in_1"}}}"#;
        let (stripe, now) = (ForeignSender::Stripe, NOW.0);
        let good = hex_of(&format!("{now}.{body}"));
        let verify = |header: &str| {
            let headers = [("Stripe-Signature", header)];
            stripe.verify(&keys(), &headers[..], body.as_bytes(), NOW)
        };
        assert!(verify(&format!("t={now},v1={good}")).is_ok());
        assert!(verify(&format!("t={now},v0=x,v1={},v1={good}", "0".repeat(64))).is_ok());
        let late = hex_of(&format!("{}.{body}", now - 301));
        let early = hex_of(&format!("{}.{body}", now + 301));
        for (header, code) in [
            (format!("t={},v1={good}", now - 1), "signature_mismatch"),
            (format!("t={},v1={late}", now - 301), "timestamp_too_old"),
            (format!("t={},v1={early}", now + 301), "timestamp_in_future"),
            (format!("t={now}"), "malformed_signature"),
            (format!("v1={good}"), "malformed_signature"),
            (format!("t={now},t={now},v1={good}"), "malformed_signature"),
            (format!("t={now},v1=zz"), "malformed_signature"),
            (format!("t=soon,v1={good}"), "malformed_signature"),
            (String::new(), "malformed_signature"),
        ] {
            assert_eq!(verify(&header).unwrap_err().code(), code, "{header}");
        }
        let none: [(&str, &str); 0] = [];
        let event = stripe.parse(&none[..], body.as_bytes(), 0).unwrap();
        assert_eq!(event.id.as_deref(), Some("evt_1"));
        assert_eq!(event.event_type.as_str(), "invoice.paid");
        assert_eq!(event.timestamp_ms, 1_761_042_599_000);
    }
}
