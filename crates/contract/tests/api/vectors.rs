//! The vectors in `fixtures/events/vectors.json`, signed and verified.

use contract::{
    BodySignature, EventId, EventType, Identity, JsonObject, KeyPair, Profile, PublicKey, Secret,
    Signer, SigningKey, Verifier, VerifyingKey, dedupe_key, parse, render,
};
use serde::Deserialize;

use crate::{ENDPOINT_ID, NOW_S, event, verifier};

#[derive(Deserialize)]
struct Vectors {
    tokens: Vec<TokenVector>,
    profiles: Vec<ProfileVector>,
    sorted: Vec<SortedVector>,
    numbers: Vec<NumberVector>,
}

#[derive(Deserialize)]
struct TokenVector {
    secret: String,
    public_key: Option<String>,
    id: String,
    timestamp: i64,
    body: String,
    token: String,
}

#[derive(Deserialize)]
struct ProfileVector {
    profile: String,
    secret: String,
    id: String,
    timestamp: i64,
    body: String,
    body_hex: String,
    token: String,
}

/// What a Python sender signs is the sorted re-serialisation of what it sends.
#[derive(Deserialize)]
struct SortedVector {
    secret: String,
    body: String,
    signed: String,
    body_hex: String,
}

#[derive(Deserialize)]
struct NumberVector {
    json: String,
    printed: String,
}

fn vectors() -> Vectors {
    let text = include_str!("../../../../fixtures/events/vectors.json");
    serde_json::from_str(text).unwrap()
}

fn hmac_keys(secret: &str) -> (SigningKey, VerifyingKey) {
    let secret = Secret::parse(secret).unwrap();
    (SigningKey::Hmac(secret.clone()), VerifyingKey::Hmac(secret))
}

#[test]
fn tokens_are_made_and_accepted() {
    for vector in vectors().tokens {
        let (signing, verifying) = match &vector.public_key {
            None => hmac_keys(&vector.secret),
            Some(public_key) => {
                let pair = KeyPair::parse(&vector.secret).unwrap();
                assert_eq!(pair.public_key().to_string(), *public_key);
                let public = PublicKey::parse(public_key).unwrap();
                (SigningKey::Ed25519(pair), VerifyingKey::Ed25519(public))
            }
        };
        let body = vector.body.as_bytes();
        let signature = Signer::new(vec![signing]).sign(&vector.id, vector.timestamp, body);
        assert_eq!(signature, vector.token);

        let headers = [
            ("Webhook-Id", vector.id.clone()),
            ("Webhook-Timestamp", vector.timestamp.to_string()),
            ("Webhook-Signature", vector.token),
        ];
        let verifier = Verifier {
            keys: vec![verifying],
            ..verifier()
        };
        let verified = verifier
            .verify(&headers[..], body, vector.timestamp)
            .unwrap();
        assert_eq!(verified.identity, Identity::EventId(vector.id));
    }
}

#[test]
fn profiles_sign_the_body_alone_too() {
    for vector in vectors().profiles {
        let body = vector.body.as_bytes();
        let (signing, verifying) = hmac_keys(&vector.secret);
        let signer = Signer::new(vec![signing]);
        assert_eq!(signer.body_hex(body).unwrap(), vector.body_hex);
        assert_eq!(
            signer.sign(&vector.id, vector.timestamp, body),
            vector.token
        );

        let profile: Profile = vector.profile.parse().unwrap();
        assert!(profile.has_body_signature());
        let received = parse(profile, body).unwrap();
        assert_eq!(received.timestamp_ms, NOW_S * 1000);

        let body_signature = BodySignature::Accepted;
        let verifier = Verifier {
            keys: vec![verifying],
            body_signature,
            ..verifier()
        };
        let prefixed = format!("sha256={}", vector.body_hex.to_uppercase());
        for header in [
            ("x-signature", prefixed),
            ("x-webhook-signature", vector.body_hex),
        ] {
            let verified = verifier.verify(&[header][..], body, 0).unwrap();
            assert_eq!(verified.identity.dedupe_key(), dedupe_key(body));
            assert_eq!(verified.timestamp_s, None);
        }
    }
}

#[test]
fn the_sorted_signature_covers_the_sorted_text() {
    for vector in vectors().sorted {
        let (_, verifying) = hmac_keys(&vector.secret);
        let body_signature = BodySignature::AcceptedSorted;
        let sorted = Verifier {
            keys: vec![verifying],
            body_signature,
            ..verifier()
        };
        let headers = [("x-webhook-signature", format!("sha256={}", vector.body_hex))];

        let verified = sorted
            .verify(&headers[..], vector.body.as_bytes(), 0)
            .unwrap();
        assert_eq!(verified.body, vector.signed.as_bytes());
        // The same event with other blanks is the same event.
        let spaced = vector.body.replace(", ", " ,  ");
        assert_eq!(
            sorted.verify(&headers[..], spaced.as_bytes(), 0),
            Ok(verified)
        );
        // A repeated key cannot smuggle in what was not signed.
        let doubled = vector
            .body
            .replacen('{', r#"{"event_type":"file.deleted","#, 1);
        let verified = sorted.verify(&headers[..], doubled.as_bytes(), 0).unwrap();
        let received = parse(Profile::ModuleN, &verified.body).unwrap();
        assert_eq!(
            received.event_type,
            EventType::parse("file.processed").unwrap()
        );

        let plain = Verifier {
            body_signature: BodySignature::Accepted,
            ..sorted
        };
        assert!(
            plain
                .verify(&headers[..], vector.body.as_bytes(), 0)
                .is_err()
        );
    }
}

#[test]
fn numbers_print_as_python_prints_them() {
    let bodies = vectors()
        .numbers
        .into_iter()
        .map(|NumberVector { json, printed }| {
            let event = event(
                "metric.threshold_exceeded",
                "metric/1",
                1,
                &format!("{{\"n\":{json}}}"),
            );
            let body = render(Profile::Canonical, &event, ENDPOINT_ID).unwrap();
            (
                String::from_utf8(body).unwrap(),
                format!("{{\"data\":{{\"n\":{printed}}},"),
            )
        });
    for (body, beginning) in bodies {
        assert!(body.starts_with(&beginning), "{body} {beginning}");
    }
}

#[test]
fn ids_in_the_vectors_are_ids() {
    for vector in vectors().profiles {
        assert!(EventId::parse(&vector.id).is_ok());
        assert!(JsonObject::parse(&vector.body).is_ok());
    }
}
