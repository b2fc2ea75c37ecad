//! The wire contract: event types, envelopes, ids, signatures. Nothing else may build or parse an envelope.
//! Pure: time and randomness come in as arguments; this crate must never do I/O, read a clock or draw randomness.
//!
//! ```
//! use contract::{BodySignature, Secret, Signer, SigningKey, Verifier, VerifyingKey};
//!
//! let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let signer = Signer::new(vec![SigningKey::Hmac(secret.clone())]);
//! let body = br#"{"test": 2432232314}"#;
//! let headers = [
//!     ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()),
//!     ("webhook-timestamp", "1614265330".to_owned()),
//!     ("webhook-signature", signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)),
//! ];
//!
//! let verifier = Verifier {
//!     keys: vec![VerifyingKey::Hmac(secret)],
//!     tolerance_seconds: 300,
//!     body_bytes_max: 1 << 20,
//!     body_signature: BodySignature::Refused,
//! };
//! let verified = verifier.verify(&headers[..], body, 1_614_265_340)?;
//! assert_eq!(verified.identity.dedupe_key(), "msg_p5jXN8AQM9LWM0D4loKWxJek");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body_signature;
mod canonical;
mod catalogue;
mod catalogue_data;
mod codes;
mod event;
mod event_type;
mod file_event;
mod foreign;
mod headers;
mod hex;
mod ids;
mod json;
mod key_pair;
mod parse;
mod profile;
mod render;
mod secret;
mod sign;
mod time;
mod verify;

pub use body_signature::BodySignature;
pub use catalogue::{CATALOGUE, CatalogueEntry, Group, is_operational};
pub use codes::{ClientCode, CodeError, ProjectCode};
pub use event::{DefaultSubject, Event, SUBJECT_BYTES_MAX, default_subject};
pub use event_type::{EVENT_TYPE_BYTES_MAX, EventType, EventTypeError, TypePattern};
pub use file_event::{FileError, FileEventKind, FileSnapshot, FileStatus, ReExtractReason};
pub use foreign::ForeignSender;
pub use headers::{USER_AGENT, is_reserved_header, signed_batch_headers, signed_headers};
pub use ids::{BatchId, DeliveryId, EventId, IdError, row_key, row_key_ms};
pub use json::{JSON_DEPTH_MAX, JsonError, JsonObject};
pub use key_pair::{KeyPair, PublicKey};
pub use parse::{ReceivedEvent, parse, parse_batch};
pub use profile::{Profile, UnknownProfile};
pub use render::{RenderError, render, render_batch, rendered_bytes};
pub use secret::{Secret, SecretError};
pub use sign::{Signer, SigningKey};
pub use time::{TimeError, format_ms, parse_ms};
pub use verify::{
    Headers, Identity, Refusal, SIGNATURE_TOKENS_MAX, Verified, Verifier, VerifyingKey,
    WEBHOOK_ID_BYTES_MAX, dedupe_key,
};
