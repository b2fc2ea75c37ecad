//! The contract from outside: golden envelopes, signature vectors, refusals, properties.

#![expect(
    clippy::unwrap_used,
    reason = "what the tests' own functions unwrap is as certain as in the tests"
)]

mod golden;
mod interop;
mod properties;
mod refusals;
mod vectors;

use contract::{
    BodySignature, Event, EventId, EventType, JsonObject, Secret, Signer, SigningKey, Verifier,
    VerifyingKey,
};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const ENDPOINT_ID: &str = "550e8400-e29b-41d4-a716-446655440000";
/// 2025-10-21T10:30:00Z.
pub(crate) const NOW_S: i64 = 1_761_042_600;

pub(crate) fn secret() -> Secret {
    Secret::parse(SECRET).unwrap()
}

pub(crate) fn signer() -> Signer {
    Signer::new(vec![SigningKey::Hmac(secret())])
}

pub(crate) fn verifier() -> Verifier {
    Verifier {
        keys: vec![VerifyingKey::Hmac(secret())],
        tolerance_seconds: 300,
        body_bytes_max: 1 << 20,
        body_signature: BodySignature::Refused,
    }
}

pub(crate) fn event(event_type: &str, subject: &str, sequence: i64, data: &str) -> Event {
    Event {
        id: EventId::parse("evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX").unwrap(),
        event_type: EventType::parse(event_type).unwrap(),
        timestamp_ms: NOW_S * 1000,
        tenant: "default".to_owned(),
        subject: subject.to_owned(),
        sequence,
        origin: "0123456789abcdef0123456789abcdef".to_owned(),
        data: JsonObject::parse(data).unwrap(),
        metadata: None,
    }
}
