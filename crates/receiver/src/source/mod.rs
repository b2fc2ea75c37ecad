//! The senders whose webhooks are accepted, and whether a request is really theirs. Must never write:
//! a flood of bad signatures costs nothing but the arithmetic.

mod binary_mode;
mod kept_headers;
mod options;
mod vault;

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use client::Client;
use contract::{
    ForeignSender, Headers, Identity, Profile, ReceivedEvent, Refusal, Verifier, VerifyingKey,
    WEBHOOK_ID_BYTES_MAX, dedupe_key, parse, parse_batch,
};
use service::{Network, SecretText};

pub(crate) use kept_headers::{kept_headers, stored_headers};
pub use options::UnknownProject;
pub(crate) use options::{KEYS_MAX, KeyKind, SourceOptions, Unusable, key};
pub(crate) use vault::{Vault, random};

/// One sender.
#[derive(Debug)]
pub(crate) struct Source {
    pub id: i64,
    pub tenant_id: i64,
    pub name: String,
    pub format: Format,
    pub keys: Vec<Key>,
    /// With every key; not all need hold now.
    pub verifier: Verifier,
    pub allow_unsigned: bool,
    /// Whether an id that is not signed tells requests apart whose bodies are equal.
    pub unsigned_ids: bool,
    /// Most events of one request.
    pub batch_events_max: usize,
    /// Where it may send from; empty: from anywhere.
    pub networks: Vec<Network>,
    pub unknown_project: UnknownProject,
    /// Where the sender answers questions.
    pub sender: Option<Sender>,
}

/// Where a sender answers questions about what it owes.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub client: Client,
    /// Its name or id of the subscription; `None`: its only one.
    pub subscription: Option<String>,
}

/// The form of a source's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Wire(Profile),
    Foreign(ForeignSender),
}

/// What a source signs with, and when that holds.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub kind: KeyKind,
    /// As it was given, for storing it sealed.
    pub text: SecretText,
    pub verifying: VerifyingKey,
    pub not_before_ms: Option<i64>,
    pub not_after_ms: Option<i64>,
}

/// All senders, by name; those of the API come and go. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Arc<RwLock<HashMap<String, Arc<Source>>>>);

/// An event that is really the sender's.
pub(crate) struct Accepted {
    /// What tells it from others of the source.
    pub key: String,
    pub event: ReceivedEvent,
    /// Its bytes, which were signed: the whole body, or its part of an array.
    pub body: Vec<u8>,
    pub verified: Verified,
}

/// What a request that is really the sender's holds.
pub(crate) enum Arrived {
    One(Accepted),
    /// An array, perhaps an empty one.
    Batch(Vec<Accepted>),
}

/// The id that tells a request apart, what was signed of it, and how.
type Judged<'b> = (Option<String>, Cow<'b, [u8]>, Verified);

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verified {
    /// The body with a time, and in most formats an id.
    Signed,
    /// The body alone.
    BodyAlone,
    /// The source may send without any.
    Unsigned,
}

impl Verified {
    const ALL: [(Self, i16, &'static str); 3] = [
        (Self::Signed, 1, "signed"),
        (Self::BodyAlone, 2, "body_signed"),
        (Self::Unsigned, 3, "unsigned"),
    ];

    /// The number in the database; it never changes its meaning.
    pub(crate) fn to_db(self) -> i16 {
        let found = Self::ALL.into_iter().find(|(one, ..)| *one == self);
        found.map_or(3, |(_, number, _)| number)
    }

    pub(crate) fn of_db(number: i16) -> Self {
        let found = Self::ALL.into_iter().find(|(_, one, _)| *one == number);
        found.map_or(Self::Unsigned, |(verified, ..)| verified)
    }

    pub(crate) fn name_of(number: i16) -> &'static str {
        let found = Self::ALL.into_iter().find(|(_, one, _)| *one == number);
        found.map_or("unsigned", |(.., name)| name)
    }
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wire(profile) => profile.name(),
            Self::Foreign(sender) => sender.name(),
        }
    }

    /// The number in the database; it never changes its meaning.
    pub(crate) fn to_db(self) -> i16 {
        match self {
            Self::Wire(profile) => profile.to_db(),
            Self::Foreign(ForeignSender::GitHub) => 6,
            Self::Foreign(ForeignSender::Stripe) => 7,
        }
    }

    pub(crate) fn from_db(number: i16) -> Option<Self> {
        match number {
            6 => Some(Self::Foreign(ForeignSender::GitHub)),
            7 => Some(Self::Foreign(ForeignSender::Stripe)),
            number => Profile::from_db(number).ok().map(Self::Wire),
        }
    }

    /// The event in a body.
    pub(crate) fn parse<H: Headers + ?Sized>(
        self,
        headers: &H,
        body: &[u8],
        now_ms: i64,
    ) -> Result<ReceivedEvent, Refusal> {
        match self {
            Self::Wire(_) if self.is_binary(headers, body) => binary_mode::parse(headers, body),
            Self::Wire(profile) => parse(profile, body),
            Self::Foreign(sender) => sender.parse(headers, body, now_ms),
        }
    }

    /// Whether the attributes of the event, its id among them, are headers and not in the body.
    fn is_binary<H: Headers + ?Sized>(self, headers: &H, body: &[u8]) -> bool {
        self == Self::Wire(Profile::CloudEvents) && binary_mode::is_binary(headers, body)
    }
}

impl Key {
    pub(crate) fn parse(
        kind: KeyKind,
        text: &str,
        not_before_ms: Option<i64>,
        not_after_ms: Option<i64>,
    ) -> Result<Self, Unusable> {
        if let (Some(from), Some(to)) = (not_before_ms, not_after_ms)
            && from >= to
        {
            return Err(Unusable::new("not_after", "must be later than not_before"));
        }
        Ok(Self {
            kind,
            verifying: kind.parse(text)?,
            text: SecretText::from(text.to_owned()),
            not_before_ms,
            not_after_ms,
        })
    }

    /// Whether it may be used now: from `not_before` until just before `not_after`.
    pub(crate) fn holds(&self, now_ms: i64) -> bool {
        self.not_before_ms.is_none_or(|from| from <= now_ms)
            && self.not_after_ms.is_none_or(|to| now_ms < to)
    }
}

impl Sources {
    /// These and no others.
    pub(crate) fn replace(
        &self,
        stored: Vec<Source>,
        configured: impl IntoIterator<Item = Arc<Source>>,
    ) {
        let all = stored.into_iter().map(Arc::new).chain(configured);
        let by_name = all.map(|source| (source.name.clone(), source)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = by_name;
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Source>> {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        sources.get(name).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Source>> {
        let sources = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Source>> = sources.values().cloned().collect();
        all.sort_by(|one, two| one.name.cmp(&two.name));
        all
    }
}

impl Source {
    /// Whether requests from this address are listened to.
    pub(crate) fn admits(&self, address: Option<IpAddr>) -> bool {
        let inside = |address| {
            self.networks
                .iter()
                .any(|network| network.contains(address))
        };
        self.networks.is_empty() || address.is_some_and(inside)
    }

    /// Verifies, then parses. The key is the signed id, else the id in the body, else the body's SHA-256:
    /// a captured body that comes again without its signed headers is still a repeat. The events of an array
    /// have their own ids: the request's is the array's. In the binary mode of `CloudEvents` the body says nothing of
    /// the event's id, so it is the id's SHA-256 that stands for one that is no key.
    ///
    /// # Errors
    /// [`Refusal`], every variant.
    pub(crate) fn accept<H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
        now_ms: i64,
    ) -> Result<Arrived, Refusal> {
        let (id, body, verified) = self.judge(headers, body, now_ms)?;
        let is_binary = self.format.is_binary(headers, &body);
        let accepted = |id: Option<String>, body: &[u8]| {
            let event = self.format.parse(headers, body, now_ms)?;
            let own = || match &event.id {
                Some(id) if is_key(id) => id.clone(),
                Some(id) if is_binary => dedupe_key(id.as_bytes()),
                Some(_) | None => dedupe_key(body),
            };
            Ok(Accepted {
                key: id.unwrap_or_else(own),
                event,
                body: body.to_vec(),
                verified,
            })
        };
        let batch = match self.format {
            Format::Wire(profile) if !is_binary => parse_batch(profile, &body)?,
            Format::Wire(_) | Format::Foreign(_) => None,
        };
        let Some(events) = batch else {
            return accepted(id, &body).map(Arrived::One);
        };
        if events.len() > self.batch_events_max {
            return Err(Refusal::MalformedBody(format!(
                "it holds {} events, and a request may hold {} (receiver.batch_events_max)",
                events.len(),
                self.batch_events_max
            )));
        }
        let event = |(index, body): (usize, &[u8])| {
            accepted(None, body).map_err(|refusal: Refusal| match refusal {
                Refusal::MalformedBody(why) => {
                    Refusal::MalformedBody(format!("event {index} of the array: {why}"))
                }
                other => other,
            })
        };
        let events = events.into_iter().enumerate().map(event);
        events.collect::<Result<_, _>>().map(Arrived::Batch)
    }

    /// Verifies, where the source asks for that.
    fn judge<'b, H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &'b [u8],
        now_ms: i64,
    ) -> Result<Judged<'b>, Refusal> {
        Ok(if self.allow_unsigned && !self.is_signed(headers) {
            let id = id_header(headers);
            (id, Cow::Borrowed(body), Verified::Unsigned)
        } else {
            let found = self.verify(headers, body, now_ms)?;
            let verified = match found.timestamp_s {
                Some(_) => Verified::Signed,
                None => Verified::BodyAlone,
            };
            let id = match found.identity {
                Identity::EventId(id) if verified == Verified::Signed || self.unsigned_ids => {
                    Some(id)
                }
                Identity::EventId(_) | Identity::BodySha256(_) => None,
            };
            (id, found.body, verified)
        })
    }

    fn verify<'b, H: Headers + ?Sized>(
        &self,
        headers: &H,
        body: &'b [u8],
        now_ms: i64,
    ) -> Result<contract::Verified<'b>, Refusal> {
        let now_s = now_ms.div_euclid(1000);
        if self.keys.iter().all(|key| key.holds(now_ms)) {
            return self.verify_with(&self.verifier, headers, body, now_s);
        }
        let holding = self.keys.iter().filter(|key| key.holds(now_ms));
        let verifier = Verifier {
            keys: holding.map(|key| key.verifying.clone()).collect(),
            ..self.verifier.clone()
        };
        self.verify_with(&verifier, headers, body, now_s)
    }

    fn verify_with<'b, H: Headers + ?Sized>(
        &self,
        verifier: &Verifier,
        headers: &H,
        body: &'b [u8],
        now_s: i64,
    ) -> Result<contract::Verified<'b>, Refusal> {
        match self.format {
            Format::Wire(_) => verifier.verify(headers, body, now_s),
            Format::Foreign(sender) => {
                let time = (now_s, verifier.tolerance_seconds);
                sender.verify(&verifier.keys, headers, body, time)
            }
        }
    }

    /// What carries a signature must verify, even where none is asked for.
    fn is_signed<H: Headers + ?Sized>(&self, headers: &H) -> bool {
        const SIGNATURES: [&str; 3] = ["webhook-signature", "x-webhook-signature", "x-signature"];
        let foreign = matches!(self.format, Format::Foreign(sender) if sender.is_signed(headers));
        foreign
            || SIGNATURES
                .iter()
                .any(|name| headers.values(name).any(|value| !value.is_empty()))
    }
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
pub(crate) mod tests {
    use super::*;
    use contract::BodySignature;

    /// A source that sends without signatures.
    pub(crate) fn unsigned(
        (id, tenant_id, name): (i64, i64, &str),
        profile: Profile,
        unknown_project: UnknownProject,
    ) -> Source {
        Source {
            id,
            tenant_id,
            name: name.to_owned(),
            format: Format::Wire(profile),
            keys: Vec::new(),
            verifier: Verifier {
                keys: Vec::new(),
                tolerance_seconds: 300,
                body_bytes_max: 1 << 20,
                body_signature: BodySignature::Refused,
            },
            allow_unsigned: true,
            unsigned_ids: false,
            batch_events_max: 2,
            networks: Vec::new(),
            unknown_project,
            sender: None,
        }
    }

    fn source() -> Source {
        unsigned((1, 1, "x"), Profile::Standard, UnknownProject::Keep)
    }

    fn key(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<String, Refusal> {
        keys(source, headers, body).map(|mut keys| keys.remove(0))
    }

    fn keys(source: &Source, headers: &[(&str, &str)], body: &str) -> Result<Vec<String>, Refusal> {
        let arrived = source.accept(headers, body.as_bytes(), 0)?;
        Ok(match arrived {
            Arrived::One(accepted) => vec![accepted.key],
            Arrived::Batch(events) => events.into_iter().map(|event| event.key).collect(),
        })
    }

    #[test]
    fn events_of_an_array_have_keys_of_their_own() {
        let event =
            |id: &str| format!(r#"{{{id}"type":"a","timestamp":"2025-10-21","data":{{}}}}"#);
        let (one, none) = (event(r#""id":"e1","#), event(""));
        let body = format!("[{one}, {none}]");
        let expected = ["e1".to_owned(), dedupe_key(none.as_bytes())];
        let header = [("webhook-id", "bat_1")];
        assert_eq!(keys(&source(), &header, &body).unwrap(), expected);
        assert!(keys(&source(), &header, "[]").unwrap().is_empty());
        for (body, says) in [
            (format!("[{one},{one},{one}]"), "receiver.batch_events_max"),
            (format!("[{one},[]]"), "event 1 of the array"),
        ] {
            let refused = keys(&source(), &[], &body).unwrap_err().to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }

    #[test]
    fn the_key_is_the_header_else_the_body_s_id_else_its_hash() {
        let source = source();
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
        let body = r#"{"type":"a","timestamp":"2025-10-21","data":{}}"#;
        for header in [("webhook-signature", "v1,AAAA"), ("x-signature", "00")] {
            assert!(key(&source(), &[header], body).is_err(), "{header:?}");
        }
        let github = Source {
            format: Format::Foreign(ForeignSender::GitHub),
            ..source()
        };
        let header = ("x-hub-signature-256", "sha256=00");
        assert!(key(&github, &[header], body).is_err());
    }

    #[test]
    fn numbers_of_formats_lead_back() {
        for number in 1..=7 {
            assert_eq!(Format::from_db(number).unwrap().to_db(), number);
        }
        assert_eq!(Format::from_db(8), None);
    }
}
