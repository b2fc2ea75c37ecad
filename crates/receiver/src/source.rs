//! The senders whose webhooks are accepted, and whether a request is really theirs. Must never write:
//! a flood of bad signatures costs nothing but the arithmetic.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use contract::ReceivedEvent;
use contract::{
    Headers, Identity, Profile, Refusal, Verifier, WEBHOOK_ID_BYTES_MAX, dedupe_key, parse,
};

use crate::settings::UnknownProject;

/// One sender.
#[derive(Debug)]
pub(crate) struct Source {
    pub id: i64,
    pub tenant_id: i64,
    pub name: String,
    pub profile: Profile,
    pub verifier: Verifier,
    pub allow_unsigned: bool,
    pub unknown_project: UnknownProject,
}

/// All senders, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Arc<HashMap<String, Arc<Source>>>);

/// An event that is really the sender's.
pub(crate) struct Accepted<'b> {
    /// What tells it from others of the source.
    pub key: String,
    pub event: ReceivedEvent,
    /// The bytes that were signed.
    pub body: Cow<'b, [u8]>,
}

impl Sources {
    pub(crate) fn new(sources: Vec<Source>) -> Self {
        let by_name = |source: Source| (source.name.clone(), Arc::new(source));
        Self(Arc::new(sources.into_iter().map(by_name).collect()))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Source>> {
        self.0.get(name)
    }
}

impl Source {
    /// Verifies, then parses. The key is the signed id, else the id in the body, else the body's SHA-256:
    /// a captured body that comes again without its signed headers is still a repeat.
    ///
    /// # Errors
    /// [`Refusal`], every variant.
    pub(crate) fn accept<'b, H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &'b [u8],
        now_s: i64,
    ) -> Result<Accepted<'b>, Refusal> {
        let (signed_id, body) = if self.allow_unsigned && !is_signed(headers) {
            (id_header(headers), Cow::Borrowed(body))
        } else {
            let verified = self.verifier.verify(headers, body, now_s)?;
            match verified.identity {
                Identity::EventId(id) => (Some(id), verified.body),
                Identity::BodySha256(_) => (None, verified.body),
            }
        };
        let event = parse(self.profile, &body)?;
        let key = signed_id
            .or_else(|| event.id.clone().filter(|id| is_key(id)))
            .unwrap_or_else(|| dedupe_key(&body));
        Ok(Accepted { key, event, body })
    }
}

/// What carries a signature must verify, even where none is asked for.
fn is_signed<H: Headers + ?Sized>(headers: &H) -> bool {
    const SIGNATURES: [&str; 3] = ["webhook-signature", "x-webhook-signature", "x-signature"];
    SIGNATURES
        .iter()
        .any(|name| headers.values(name).any(|value| !value.is_empty()))
}

fn id_header<H: Headers + ?Sized>(headers: &H) -> Option<String> {
    let id = headers.values("webhook-id").next()?;
    let id = std::str::from_utf8(id).ok()?;
    is_key(id).then(|| id.to_owned())
}

fn is_key(id: &str) -> bool {
    (1..=WEBHOOK_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::BodySignature;

    fn unsigned(profile: Profile) -> Source {
        Source {
            id: 1,
            tenant_id: 1,
            name: "x".to_owned(),
            profile,
            verifier: Verifier {
                keys: Vec::new(),
                tolerance_seconds: 300,
                body_bytes_max: 1 << 20,
                body_signature: BodySignature::Refused,
            },
            allow_unsigned: true,
            unknown_project: UnknownProject::Keep,
        }
    }

    fn key(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<String, Refusal> {
        let accepted = source.accept(headers, body.as_bytes(), 0);
        accepted.map(|accepted| accepted.key)
    }

    #[test]
    fn the_key_is_the_header_else_the_body_s_id_else_its_hash() {
        let source = unsigned(Profile::Standard);
        let with_id = r#"{"id":"e1","type":"a","timestamp":"2025-10-21","data":{}}"#;
        let without = r#"{"type":"a","timestamp":"2025-10-21","data":{}}"#;
        let header = [("webhook-id", "h1")];
        assert_eq!(key(&source, &header, with_id).unwrap(), "h1");
        assert_eq!(key(&source, &[], with_id).unwrap(), "e1");
        let hash = dedupe_key(without.as_bytes());
        assert_eq!(key(&source, &[], without).unwrap(), hash);
        let blanks = r#"{"id":"e 1","type":"a","timestamp":"2025-10-21","data":{}}"#;
        assert_eq!(key(&source, &[], blanks).unwrap().len(), 64);
    }

    #[test]
    fn a_signature_must_stand_even_where_none_is_asked_for() {
        let source = unsigned(Profile::Standard);
        let body = r#"{"type":"a","timestamp":"2025-10-21","data":{}}"#;
        for header in [("webhook-signature", "v1,AAAA"), ("x-signature", "00")] {
            assert!(key(&source, &[header], body).is_err(), "{header:?}");
        }
    }
}
