//! Each refusal by its code and status, and the odd requests that earn it.

use contract::{
    BodySignature, Headers, KeyPair, Profile, Refusal, SIGNATURE_TOKENS_MAX, Secret, Signer,
    SigningKey, Verifier, VerifyingKey, parse,
};

use crate::{NOW_S, secret, signer, verifier};

const BODY: &[u8] = b"{}";
const ID: &str = "evt_01JAQ5Z8F3V6T2K9M4N7P1R0SX";

fn signed_by(signer: &Signer) -> [(&'static str, String); 3] {
    [
        ("webhook-id", ID.to_owned()),
        ("webhook-timestamp", NOW_S.to_string()),
        ("webhook-signature", signer.sign(ID, NOW_S, BODY)),
    ]
}

/// A well signed request with one header set to another value.
fn with(name: &str, value: &str) -> Vec<(&'static str, String)> {
    let mut headers = signed_by(&signer()).to_vec();
    headers
        .iter_mut()
        .filter(|header| header.0 == name)
        .for_each(|header| header.1 = value.to_owned());
    headers
}

fn code<H: Headers + ?Sized>(headers: &H) -> (&'static str, u16) {
    let refusal = verifier()
        .verify(headers, BODY, NOW_S)
        .expect_err("a refusal");
    (refusal.code(), refusal.status())
}

#[test]
fn headers_that_are_missing() {
    let all = signed_by(&signer());
    assert!(verifier().verify(&all[..], BODY, NOW_S).is_ok());
    assert_eq!(code::<[(&str, &str)]>(&[]), ("missing_signature", 401));
    for missing in 0..3 {
        let mut some = all.to_vec();
        some.remove(missing);
        assert_eq!(code(&some[..]), ("missing_signature", 401));
    }
}

#[test]
fn headers_that_are_malformed() {
    let too_many = vec!["v1,AAAA"; SIGNATURE_TOKENS_MAX + 1].join(" ");
    let long_id = "x".repeat(257);
    for (name, value) in [
        ("webhook-id", ""),
        ("webhook-id", "evt.1"),
        ("webhook-id", "evt 1"),
        ("webhook-id", "évt"),
        ("webhook-id", &long_id),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1761042600"),
        ("webhook-timestamp", "+1761042600"),
        ("webhook-timestamp", " 1761042600"),
        ("webhook-timestamp", "1761042600.0"),
        ("webhook-timestamp", "99999999999999999999"),
        ("webhook-timestamp", "١٢٣"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,!!!!"),
        ("webhook-signature", "v2,AAAA v3,AAAA"),
        ("webhook-signature", "sha256=abcd"),
        ("webhook-signature", &too_many),
    ] {
        assert_eq!(
            code(&with(name, value)[..]),
            ("malformed_signature", 400),
            "{name}: {value}"
        );
    }
    let mut twice = with("", "");
    twice.push(("webhook-id", ID.to_owned()));
    assert_eq!(code(&twice[..]), ("malformed_signature", 400));
    let not_ascii: [(&str, &[u8]); 3] = [
        ("webhook-id", b"\xff"),
        ("webhook-timestamp", b"1"),
        ("webhook-signature", b"v1,AAAA"),
    ];
    assert_eq!(code(&not_ascii[..]), ("malformed_signature", 400));
}

#[test]
fn signatures_that_do_not_match() {
    let mismatch = ("signature_mismatch", 401);
    let stranger = Signer::new(vec![SigningKey::Hmac(Secret::generate([9; 32]))]);
    assert_eq!(code(&signed_by(&stranger)[..]), mismatch);
    assert_eq!(code(&with("webhook-id", "evt_other")[..]), mismatch);
    assert_eq!(
        code(&with("webhook-timestamp", &(NOW_S + 1).to_string())[..]),
        mismatch
    );
    assert_eq!(
        code(&with("webhook-signature", "v1,AAAA v9,x")[..]),
        mismatch
    );

    let ed25519 = Signer::new(vec![SigningKey::Ed25519(KeyPair::generate([9; 32]))]);
    assert_eq!(code(&signed_by(&ed25519)[..]), ("unknown_key", 401));
}

#[test]
fn any_token_may_match_any_key() {
    let pair = KeyPair::generate([9; 32]);
    let stranger = SigningKey::Hmac(Secret::generate([8; 32]));
    let signing = vec![
        stranger,
        SigningKey::Ed25519(pair.clone()),
        SigningKey::Hmac(secret()),
    ];
    let mut headers = signed_by(&Signer::new(signing));
    headers[2].1 = format!("v7,?? v1,!! {}", headers[2].1);
    let other = VerifyingKey::Hmac(Secret::generate([7; 32]));
    for key in [
        VerifyingKey::Ed25519(pair.public_key()),
        VerifyingKey::Hmac(secret()),
    ] {
        let verifier = Verifier {
            keys: vec![other.clone(), key],
            ..verifier()
        };
        assert!(verifier.verify(&headers[..], BODY, NOW_S).is_ok());
    }
}

#[test]
fn timestamps_are_tolerated_both_ways() {
    let headers = signed_by(&signer());
    let at = |now_s: i64| verifier().verify(&headers[..], BODY, now_s);
    assert!(at(NOW_S + 300).is_ok() && at(NOW_S - 300).is_ok());
    let old = at(NOW_S + 301).unwrap_err();
    assert_eq!(
        old,
        Refusal::TimestampTooOld {
            age_s: 301,
            tolerance_s: 300
        }
    );
    assert_eq!((old.code(), old.status()), ("timestamp_too_old", 401));
    let future = at(NOW_S - 301).unwrap_err();
    assert_eq!(
        future,
        Refusal::TimestampInFuture {
            ahead_s: 301,
            tolerance_s: 300
        }
    );
    assert_eq!(
        (future.code(), future.status()),
        ("timestamp_in_future", 401)
    );
    assert!(at(i64::MIN).is_err() && at(i64::MAX).is_err());
}

#[test]
fn bodies_have_a_limit() {
    let small = Verifier {
        body_bytes_max: 1,
        ..verifier()
    };
    let refusal = small
        .verify(&signed_by(&signer())[..], BODY, NOW_S)
        .unwrap_err();
    assert_eq!((refusal.code(), refusal.status()), ("body_too_large", 413));
}

#[test]
fn a_body_signature_never_stands_in_for_a_standard_one() {
    let hex = signer().body_hex(BODY).unwrap();
    let lenient = Verifier {
        body_signature: BodySignature::Accepted,
        ..verifier()
    };
    let code = |verifier: &Verifier, headers: &[(&str, &str)]| {
        verifier
            .verify(headers, BODY, NOW_S)
            .map_err(|refusal| refusal.code())
            .map(|_| ())
    };
    assert_eq!(code(&lenient, &[("x-signature", &hex)]), Ok(()));
    assert_eq!(
        code(&verifier(), &[("x-signature", &hex)]),
        Err("missing_signature")
    );
    assert_eq!(code(&lenient, &[]), Err("missing_signature"));
    let partly = [("webhook-id", ID), ("x-signature", &hex)];
    assert_eq!(code(&lenient, &partly), Err("missing_signature"));
    for malformed in ["", "sha256=", "sha1=00", "sha256=é", &format!("{hex}0")] {
        assert_eq!(
            code(&lenient, &[("x-signature", malformed)]),
            Err("malformed_signature")
        );
    }
    assert_eq!(
        code(&lenient, &[("x-signature", &"0".repeat(64))]),
        Err("signature_mismatch")
    );
    let keyless = Verifier {
        keys: Vec::new(),
        ..lenient
    };
    assert_eq!(code(&keyless, &[("x-signature", &hex)]), Err("unknown_key"));
}

#[test]
fn bodies_that_are_no_envelope() {
    for profile in Profile::ALL {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"id":1,"type":"a","event":"a","event_type":"a","timestamp":"now","time":"now","source":"/","data":{},"file_data":{}}"#,
            r#"{"id":1,"type":"A","event":"A","event_type":"A","timestamp":"2025-10-21","time":"2025-10-21","source":"/","data":{},"file_data":{}}"#,
            r#"{"id":1,"type":"a","event":"a","event_type":"a","timestamp":"2025-10-21","time":"2025-10-21","source":"/","data":[],"file_data":[]}"#,
        ] {
            let refusal = parse(profile, body.as_bytes()).unwrap_err();
            assert_eq!(
                (refusal.code(), refusal.status()),
                ("malformed_body", 400),
                "{body}"
            );
        }
        assert!(parse(profile, b"\xff\xfe").is_err());
    }
}

#[test]
fn an_original_module_n_sender_is_understood() {
    let body = br#"{"event_type": "file.processed", "timestamp": "2025-10-21T10:30:00.000000", "ingest_id": 123,
        "file_data": {"ingest_id": 123, "original_filename": "bracket.dxf"}}"#;
    let received = parse(Profile::ModuleN, body).unwrap();
    assert_eq!(received.timestamp_ms, NOW_S * 1000);
    assert_eq!(received.subject.as_deref(), Some("file/123"));
    assert_eq!(
        (received.id, received.sequence, received.origin),
        (None, None, None)
    );
}
