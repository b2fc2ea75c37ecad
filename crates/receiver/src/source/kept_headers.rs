//! The headers of an accepted request as they are kept: bounded, and without anything that could be used again.

use std::collections::BTreeMap;

/// Most headers that are kept of a request.
const KEPT_MAX: usize = 64;
/// Longest value that is kept, bytes.
pub(super) const VALUE_BYTES_MAX: usize = 512;
/// Longest text of all, bytes.
pub(crate) const KEPT_BYTES_MAX: usize = 8192;
/// What stands in the place of a value that proves something.
const MASK: &str = "***";
/// Names with such a word in them carry proofs.
const PROOFS: [&str; 7] = [
    "signature",
    "authorization",
    "cookie",
    "secret",
    "token",
    "password",
    "key",
];

/// What an event is read from: kept before all others, however many there are.
const READ: [&str; 10] = [
    "content-type",
    "x-github-event",
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-subject",
    "ce-sequence",
    "ce-origin",
];

/// The headers as a JSON object of texts; of several values of one name the last stays.
pub(crate) fn kept_headers<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> String {
    let is_read = |name: &str| READ.iter().any(|one| name.eq_ignore_ascii_case(one));
    let mut headers: Vec<(&str, &[u8])> = headers.collect();
    headers.sort_by_key(|(name, _)| !is_read(name));
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    let mut bytes = 2;
    for (name, value) in headers.into_iter().take(KEPT_MAX) {
        let name = name.to_ascii_lowercase();
        let value = match PROOFS.iter().any(|word| name.contains(word)) {
            true => MASK.to_owned(),
            false => shortened(&String::from_utf8_lossy(value)),
        };
        bytes += name.len() + value.len() + 8;
        if bytes <= KEPT_BYTES_MAX {
            kept.insert(name, value);
        }
    }
    serde_json::to_string(&kept).unwrap_or_else(|_texts_always_serialise| "{}".to_owned())
}

fn shortened(value: &str) -> String {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    // PostgreSQL's texts cannot hold it; HTTP's values should not.
    value
        .get(..end)
        .unwrap_or_default()
        .replace('\0', "\u{fffd}")
}

/// Kept headers as a request's again, for parsing.
pub(crate) fn stored_headers(text: &str) -> Vec<(String, String)> {
    let kept: BTreeMap<String, String> = serde_json::from_str(text).unwrap_or_default();
    kept.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::Headers;

    fn value_of<'k>(kept: &'k [(String, String)], name: &'k str) -> Option<&'k str> {
        std::str::from_utf8(kept.values(name).next()?).ok()
    }

    #[test]
    fn proofs_are_masked_and_the_rest_is_bounded() {
        let long = "x".repeat(1000);
        let headers = [
            ("Webhook-Id", "evt_1"),
            ("Webhook-Signature", "v1,AAAA"),
            ("x-hub-signature-256", "sha256=00"),
            ("Authorization", "Bearer dw_x"),
            ("x-api-key", "abc"),
            ("cookie", "a=b"),
            ("user-agent", long.as_str()),
        ];
        let pairs = || {
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes()))
        };
        let text = kept_headers(pairs());
        for proof in ["AAAA", "sha256", "dw_x", "abc", "a=b"] {
            assert!(!text.contains(proof), "{text}");
        }
        let kept = stored_headers(&text);
        assert_eq!(value_of(&kept, "webhook-id"), Some("evt_1"));
        assert_eq!(value_of(&kept, "cookie"), Some("***"));
        assert_eq!(value_of(&kept, "user-agent").unwrap().len(), 512);
        let many: Vec<String> = (0..1000).map(|n| format!("x-{n}")).collect();
        let many = many.iter().map(|name| (name.as_str(), long.as_bytes()));
        let many = many.chain(READ.map(|name| (name, &b"read"[..])));
        let text = kept_headers(many);
        assert!(text.len() <= KEPT_BYTES_MAX + 2);
        let kept = stored_headers(&text);
        assert!(
            READ.iter()
                .all(|name| value_of(&kept, name) == Some("read"))
        );
    }
}
