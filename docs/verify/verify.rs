//! Checks a webhook before it is believed. Needs the crates `ring` and `base64`; it must be given the body as it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;

const TOLERANCE_SECONDS: u64 = 300;

/// Refuses unless the raw `body`, before any parsing, was signed with `secret` at about `now` (Unix seconds). `header`
/// finds a header by its name in lower case. While a secret is rotated there is a signature for each live one.
///
/// # Errors
/// What is wrong with it.
pub fn verify<'h>(
    secret: &str,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    now: u64,
) -> Result<(), &'static str> {
    let id = header("webhook-id").ok_or("webhook-id is missing")?;
    let timestamp = header("webhook-timestamp").ok_or("webhook-timestamp is missing")?;
    let at = timestamp
        .parse::<u64>()
        .ok()
        .ok_or("webhook-timestamp is no number")?;
    if now.abs_diff(at) > TOLERANCE_SECONDS {
        return Err("the timestamp is too old or in the future");
    }
    let key = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = BASE64
        .decode(key)
        .ok()
        .ok_or("the secret is not whsec_ and Base64")?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let tokens = header("webhook-signature").ok_or("webhook-signature is missing")?;
    let fits = |token: &str| {
        let signature = token
            .strip_prefix("v1,")
            .and_then(|text| BASE64.decode(text).ok());
        // In constant time.
        signature.is_some_and(|signature| hmac::verify(&key, &signed, &signature).is_ok())
    };
    match tokens.split(' ').any(fits) {
        true => Ok(()),
        false => Err("no signature fits"),
    }
}
