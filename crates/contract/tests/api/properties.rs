//! Properties over random bodies, keys, headers and events.

use contract::{
    BodySignature, ClientCode, DeliveryId, Event, EventId, EventType, JsonObject, KeyPair, Profile,
    ProjectCode, Secret, Signer, SigningKey, Verifier, VerifyingKey, default_subject, format_ms,
    parse, parse_ms, render, row_key, row_key_ms,
};
use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use serde_json::Value;

use crate::{ENDPOINT_ID, NOW_S, event, verifier};

fn key() -> impl Strategy<Value = (SigningKey, VerifyingKey)> {
    (any::<bool>(), any::<[u8; 32]>()).prop_map(|(hmac, random)| {
        if hmac {
            let secret = Secret::generate(random);
            (SigningKey::Hmac(secret.clone()), VerifyingKey::Hmac(secret))
        } else {
            let pair = KeyPair::generate(random);
            let public = pair.public_key();
            (SigningKey::Ed25519(pair), VerifyingKey::Ed25519(public))
        }
    })
}

fn json() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    hash_map("[a-z_]{1,8}|\\PC{1,4}", json(), 0..6)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn events() -> impl Strategy<Value = Event> {
    let text = "[a-zA-Z0-9 é\"\\\\/_-]{1,12}";
    (
        object(),
        text,
        any::<[u8; 10]>(),
        1..i64::MAX,
        0..4_000_000_000_000_i64,
        "[a-z0-9_-]{1,12}",
    )
        .prop_map(|(mut data, id, random, sequence, timestamp_ms, tenant)| {
            for ours in ["sequence", "origin"] {
                data.as_object_mut().unwrap().remove(ours);
            }
            let members = data.as_object_mut().unwrap();
            members.insert("ingest_id".to_owned(), Value::from(sequence));
            Event {
                id: EventId::new(timestamp_ms.unsigned_abs(), random),
                timestamp_ms,
                tenant,
                subject: format!("file/{id}"),
                ..event("file.processed", "", sequence, &data.to_string())
            }
        })
}

fn value(object: &JsonObject) -> Value {
    serde_json::from_str(object.as_str()).unwrap()
}

/// Equal, but for the last bit of floats: the reader of the tests does not get it right for every spelling.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-15
        }
        _ => a == b,
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_during_a_rotation(
        keys in vec(key(), 1..4),
        held in any::<prop::sample::Index>(),
        body in vec(any::<u8>(), 0..300),
        id in "[!-\\-/-~]{1,40}",
        flip in any::<prop::sample::Index>(),
    ) {
        let (signing, verifying): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
        let headers = [
            ("webhook-id", id.clone()),
            ("webhook-timestamp", NOW_S.to_string()),
            ("webhook-signature", Signer::new(signing).sign(&id, NOW_S, &body)),
        ];
        let held = vec![verifying[held.index(verifying.len())].clone()];
        let verifier = Verifier { keys: held, ..verifier() };
        let verified = verifier.verify(&headers[..], &body, NOW_S).unwrap();
        prop_assert_eq!(verified.identity.dedupe_key(), &id);
        prop_assert_eq!(&*verified.body, &body[..]);

        let mut forged = body;
        forged.push(0);
        prop_assert!(verifier.verify(&headers[..], &forged, NOW_S).is_err());
        forged.pop();
        if !forged.is_empty() {
            let bit = flip.index(forged.len() * 8);
            forged[bit / 8] ^= 1 << (bit % 8);
            let refusal = verifier.verify(&headers[..], &forged, NOW_S).unwrap_err();
            prop_assert_eq!(refusal.code(), "signature_mismatch");
        }
    }

    #[test]
    fn arbitrary_requests_are_refused_without_a_panic(
        id in vec(any::<u8>(), 0..40),
        timestamp in "[0-9]{0,14}|\\PC{0,8}",
        signature in "(v1a?,[A-Za-z0-9+/=]{0,90} ?){0,20}|\\PC{0,40}",
        hex in "(sha256=)?[0-9a-fA-F]{60,66}|\\PC{0,20}",
        body in vec(any::<u8>(), 0..60),
        now_s in any::<i64>(),
        present in any::<[bool; 4]>(),
    ) {
        let headers = [
            ("webhook-id", &id[..]),
            ("webhook-timestamp", timestamp.as_bytes()),
            ("webhook-signature", signature.as_bytes()),
            ("x-webhook-signature", hex.as_bytes()),
        ];
        let sent: Vec<_> = headers.into_iter().zip(present).filter(|(_, is)| *is).map(|(header, _)| header).collect();
        for body_signature in [BodySignature::Refused, BodySignature::Accepted, BodySignature::AcceptedSorted] {
            let verifier = Verifier { body_signature, ..verifier() };
            let refusal = verifier.verify(&sent[..], &body, now_s).unwrap_err();
            prop_assert!((400..500).contains(&refusal.status()));
        }
    }

    #[test]
    fn arbitrary_texts_are_parsed_or_refused(text in "\\PC{0,60}", body in "[\\[\\]{}\",:a-e0-9.\\\\ -]{0,40}") {
        for profile in Profile::ALL {
            prop_assert!(parse(profile, body.as_bytes()).is_err());
        }
        if let Ok(data) = JsonObject::parse(&body) {
            let event = Event { data, ..event("file.processed", "file/1", 1, "{}") };
            for profile in Profile::ALL {
                prop_assert!(render(profile, &event, &text).is_ok());
            }
        }
        if let Ok(event_type) = EventType::parse(&text) {
            prop_assert_eq!(event_type.as_str(), &text);
        }
        prop_assert!(ProjectCode::parse(&text).is_err());
        prop_assert!(DeliveryId::parse(&text).is_err());
    }

    #[test]
    fn ids_times_and_codes_lead_back(
        ms in 1_704_067_200_000_u64..3_900_000_000_000,
        low22 in 0..1_u32 << 22,
        random in any::<[u8; 10]>(),
        before_or_after_1970 in -100_000_000_000_000_i64..100_000_000_000_000,
        code in "(?i)cl[ _-]?[0-9]{4}",
    ) {
        let id = EventId::new(ms, random);
        prop_assert_eq!(EventId::parse(&id.to_string()), Ok(id));
        prop_assert_eq!(id.ms(), ms);

        let key = row_key(ms, low22);
        prop_assert_eq!(row_key_ms(key), ms);
        let delivery = DeliveryId(key);
        prop_assert_eq!(DeliveryId::parse(&delivery.to_string()), Ok(delivery));

        let text = format_ms(before_or_after_1970);
        prop_assert_eq!(parse_ms(&text), Ok(before_or_after_1970));

        let client = ClientCode::parse(&code).unwrap();
        prop_assert_eq!(ClientCode::parse(client.as_str()), Ok(client.clone()));
        let project = ProjectCode::parse(&format!("jb 2025-10 {code}-001")).unwrap();
        prop_assert_eq!(project.as_str(), format!("JB-2025-10-{client}-001"));
    }

    #[test]
    fn what_is_rendered_parses_back(event in events()) {
        for profile in Profile::ALL {
            let body = render(profile, &event, ENDPOINT_ID).unwrap();
            prop_assert_eq!(&body, &render(profile, &event, ENDPOINT_ID).unwrap());
            prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
            let received = parse(profile, &body).unwrap();
            prop_assert_eq!(&received.event_type, &event.event_type);
            prop_assert_eq!(received.timestamp_ms, event.timestamp_ms);
            let ordered = matches!(profile, Profile::Standard | Profile::ModuleN | Profile::CloudEvents);
            prop_assert_eq!(received.sequence, ordered.then_some(event.sequence));
            prop_assert_eq!(received.origin, ordered.then(|| event.origin.clone()));
            let named = matches!(profile, Profile::Standard | Profile::CloudEvents);
            prop_assert_eq!(received.id, named.then(|| event.id.to_string()));
            if named || profile == Profile::Resource {
                prop_assert_eq!(received.subject.as_ref(), Some(&event.subject));
                prop_assert_eq!(received.tenant.as_ref(), Some(&event.tenant));
            }
            match profile {
                Profile::Canonical => {
                    prop_assert!(alike(&value(&received.data), &value(&event.data)));
                    let again = Event { data: received.data, ..event.clone() };
                    prop_assert_eq!(render(profile, &again, ENDPOINT_ID).unwrap(), body);
                }
                Profile::ModuleN => {
                    let spliced = received.data.as_str();
                    let inside = event.data.as_str().strip_suffix('}').unwrap();
                    prop_assert!(spliced.starts_with(inside));
                }
                _ => prop_assert_eq!(received.data, event.data.clone()),
            }
        }
    }

    #[test]
    fn default_subjects_hold_no_blanks(data in object(), random in any::<[u8; 10]>()) {
        let data = JsonObject::parse(&data.to_string()).unwrap();
        let (contract::DefaultSubject::Counted(subject) | contract::DefaultSubject::Single(subject)) =
            default_subject(&EventType::PROBE, &data, EventId::new(1, random));
        prop_assert!(subject.len() <= contract::SUBJECT_BYTES_MAX);
        prop_assert!(subject.contains('/') && subject.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
