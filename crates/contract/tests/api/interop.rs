//! The reference implementation of Standard Webhooks verifies what we sign, and we verify what it signs.

use contract::{Secret, Signer, SigningKey};
use http::HeaderMap;

use crate::{SECRET, secret, signer, verifier};

const BODY: &[u8] = br#"{"id":"evt_1","note":"5 mm"}"#;

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn headers(signature: &str, timestamp_s: i64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", "evt_1".parse().unwrap());
    headers.insert("webhook-timestamp", timestamp_s.into());
    headers.insert("webhook-signature", signature.parse().unwrap());
    headers
}

#[test]
fn it_verifies_what_we_sign() {
    let reference = standardwebhooks::Webhook::new(SECRET).unwrap();
    let now_s = now_s();
    let signed = signer().sign("evt_1", now_s, BODY);
    reference.verify(BODY, &headers(&signed, now_s)).unwrap();

    // During an overlap the consumer may still hold the old secret.
    let newer = SigningKey::Hmac(Secret::generate([3; 32]));
    let both = Signer::new(vec![newer, SigningKey::Hmac(secret())]).sign("evt_1", now_s, BODY);
    assert_eq!(both.split(' ').count(), 2);
    reference.verify(BODY, &headers(&both, now_s)).unwrap();
    assert!(reference.verify(b"{}", &headers(&both, now_s)).is_err());
}

#[test]
fn we_verify_what_it_signs() {
    let reference = standardwebhooks::Webhook::new(SECRET).unwrap();
    let now_s = now_s();
    let headers = [
        ("webhook-id", "evt_1".to_owned()),
        ("webhook-timestamp", now_s.to_string()),
        (
            "webhook-signature",
            reference.sign("evt_1", now_s, BODY).unwrap(),
        ),
    ];
    verifier().verify(&headers[..], BODY, now_s).unwrap();
}
