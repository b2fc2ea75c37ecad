//! `CloudEvents` in HTTP's binary mode: attributes in `ce-*` headers, the data as the body (HTTP protocol binding 1.0.2,
//! section 3.1). Must never take an attribute for signed: signatures cover the body, and only its own id and time.

use contract::{EventType, Headers, JsonObject, Profile, ReceivedEvent, Refusal, parse_ms};

use super::kept_headers::VALUE_BYTES_MAX;

/// The attributes without which there is no event; one of them is enough to know the mode by.
const REQUIRED: [&str; 5] = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"];
/// The only version there is.
const VERSION: &str = "1.0";

/// Whether the request is in binary mode. A body that is an event itself is one in structured mode, whatever stands
/// beside it: what can be signed goes before what cannot.
pub(super) fn is_binary<H: Headers + ?Sized>(headers: &H, body: &[u8]) -> bool {
    let kind = media_type(headers);
    let is_structured = kind.is_some_and(|kind| kind.starts_with("application/cloudevents"));
    let is_named = || {
        let mut names = REQUIRED.iter();
        names.any(|name| headers.values(name).next().is_some())
    };
    !is_structured && is_named() && contract::parse(Profile::CloudEvents, body).is_err()
}

/// The event of a request in binary mode.
///
/// # Errors
/// [`Refusal::MalformedBody`], which names the header that is missing, empty or invalid.
pub(super) fn parse<H: Headers + ?Sized>(
    headers: &H,
    body: &[u8],
) -> Result<ReceivedEvent, Refusal> {
    if required(headers, "ce-specversion")? != VERSION {
        return Err(invalid("ce-specversion", VERSION));
    }
    let id = required(headers, "ce-id")?;
    let source = required(headers, "ce-source")?;
    if source.contains(char::is_whitespace) {
        return Err(invalid("ce-source", "a URI reference"));
    }
    let event_type = EventType::parse(&required(headers, "ce-type")?);
    let time = parse_ms(&required(headers, "ce-time")?);
    let sequence = attribute(headers, "ce-sequence")?;
    Ok(ReceivedEvent {
        id: Some(id),
        event_type: event_type.map_err(|error| invalid("ce-type", error))?,
        timestamp_ms: time.map_err(|error| invalid("ce-time", error))?,
        tenant: source.strip_prefix("/draftwire/").map(str::to_owned),
        origin: attribute(headers, "ce-origin")?,
        subject: attribute(headers, "ce-subject")?,
        sequence: sequence.and_then(|sequence| sequence.parse().ok()),
        data: data(headers, body)?,
    })
}

/// The body, which is JSON or says nothing of what it is.
fn data<H: Headers + ?Sized>(headers: &H, body: &[u8]) -> Result<JsonObject, Refusal> {
    let is_json =
        |kind: &str| matches!(kind, "application/json" | "text/json") || kind.ends_with("+json");
    if media_type(headers).is_some_and(|kind| !is_json(&kind)) {
        return Err(invalid("content-type", "application/json, as the data is"));
    }
    let text = std::str::from_utf8(body).map_err(|error| refused(error.to_string()))?;
    JsonObject::parse(text).map_err(|error| refused(format!("its data, the body: {error}")))
}

fn media_type<H: Headers + ?Sized>(headers: &H) -> Option<String> {
    let value = headers.values("content-type").next()?;
    let value = String::from_utf8_lossy(value);
    let kind = value.split(';').next().unwrap_or_default();
    Some(kind.trim().to_ascii_lowercase())
}

fn required<H: Headers + ?Sized>(headers: &H, name: &'static str) -> Result<String, Refusal> {
    let value = attribute(headers, name)?;
    value.ok_or_else(|| refused(format!("the header {name} is missing")))
}

fn attribute<H: Headers + ?Sized>(
    headers: &H,
    name: &'static str,
) -> Result<Option<String>, Refusal> {
    let mut values = headers.values(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(refused(format!("the header {name} is there twice")));
    }
    if value.len() > VALUE_BYTES_MAX {
        let reason = format!("the header {name} may have {VALUE_BYTES_MAX} bytes");
        return Err(refused(reason));
    }
    let wanted = "printable text, percent-encoded UTF-8";
    let text = decoded(value).ok_or_else(|| invalid(name, wanted))?;
    match text.is_empty() {
        true => Err(refused(format!("the header {name} is empty"))),
        false => Ok(Some(text)),
    }
}

/// Quotes first, then one round of percent-decoding (section 3.1.3.2); `None`: not to be decoded, or with control
/// characters, which no attribute may hold.
fn decoded(value: &[u8]) -> Option<String> {
    let value = unquoted(value.trim_ascii())?;
    let mut bytes = value.into_iter();
    let mut text = Vec::with_capacity(bytes.len());
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte => byte,
        });
    }
    let text = String::from_utf8(text).ok()?;
    (!text.contains(char::is_control)).then_some(text)
}

/// A quoted string's text (RFC 9110, section 5.6.4), or the value as it is.
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return Some(value.to_vec());
    };
    let mut bytes = quoted.strip_suffix(b"\"")?.iter().copied();
    let mut text = Vec::with_capacity(quoted.len());
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'\\' => bytes.next()?,
            b'"' => return None,
            byte => byte,
        });
    }
    Some(text)
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn invalid(name: &str, wanted: impl std::fmt::Display) -> Refusal {
    refused(format!("the header {name} is invalid: {wanted}"))
}

fn refused(reason: String) -> Refusal {
    Refusal::MalformedBody(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [(&str, &str); 9] = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("ce-specversion", "1.0"),
        ("CE-Id", "e%201"),
        ("ce-source", "/draftwire/acme"),
        ("ce-type", "invoice.paid"),
        ("ce-time", "2025-10-21T10:30:00Z"),
        ("ce-subject", "Euro%20%E2%82%AC%20%f0%9f%98%80"),
        ("ce-sequence", "00000000000000000007"),
        ("ce-origin", "\"a \\\"b\\\"\""),
    ];

    /// With one header another, or without it.
    fn with(name: &str, value: Option<&str>) -> Vec<(String, String)> {
        let kept = ALL
            .iter()
            .filter(|(one, _)| !one.eq_ignore_ascii_case(name));
        let kept = kept.copied().chain(value.map(|value| (name, value)));
        kept.map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn attributes_are_decoded_once() {
        let event = parse(&ALL[..], b" {\"a\": 1} ").unwrap();
        assert_eq!(event.id.as_deref(), Some("e 1"));
        assert_eq!(event.tenant.as_deref(), Some("acme"));
        assert_eq!(event.subject.as_deref(), Some("Euro \u{20ac} \u{1f600}"));
        assert_eq!(event.origin.as_deref(), Some("a \"b\""));
        assert_eq!(event.sequence, Some(7));
        assert_eq!(event.timestamp_ms, 1_761_042_600_000);
        assert_eq!(event.data.as_str(), "{\"a\": 1}");
        for (value, text) in [
            ("%2541", "%41"),
            ("%41%7e", "A~"),
            ("a b", "a b"),
            ("\u{e9}", "\u{e9}"),
            ("\"%22\"", "\""),
        ] {
            let event = parse(&with("ce-subject", Some(value))[..], b"{}").unwrap();
            assert_eq!(event.subject.as_deref(), Some(text), "{value}");
        }
        for kind in [None, Some("text/json"), Some("application/vnd.x+json")] {
            assert!(parse(&with("content-type", kind)[..], b"{}").is_ok());
        }
    }

    #[test]
    fn what_is_missing_empty_or_invalid_is_named() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        for name in REQUIRED {
            for (value, says) in [
                (None, "is missing"),
                (Some(""), "is empty"),
                (Some("\"\""), "is empty"),
                (Some("%C0%A0"), "is invalid"),
                (Some("%0a"), "is invalid"),
                (Some("%4"), "is invalid"),
                (Some("%+1"), "is invalid"),
                (Some("\"a"), "is invalid"),
                (Some("\"a\"b\""), "is invalid"),
                (Some(long.as_str()), "512 bytes"),
            ] {
                let refused = parse(&with(name, value)[..], b"{}").unwrap_err();
                let said = refused.to_string();
                assert!(said.contains(name) && said.contains(says), "{said}");
            }
        }
        for (name, value) in [
            ("ce-specversion", "0.3"),
            ("ce-source", "a b"),
            ("ce-type", "Invoice paid"),
            ("ce-time", "soon"),
            ("ce-subject", ""),
            ("ce-sequence", "%ff"),
            ("content-type", "application/x-www-form-urlencoded"),
        ] {
            let said = parse(&with(name, Some(value))[..], b"{}").unwrap_err();
            assert!(said.to_string().contains(name), "{said}");
        }
        let twice = [with("ce-id", Some("a")), with("ce-id", Some("b"))].concat();
        let said = parse(&twice[..], b"{}").unwrap_err().to_string();
        assert!(said.contains("twice"), "{said}");
        for body in [&b""[..], b"[]", b"\xff", b"{\"a\":1e999}"] {
            assert_eq!(parse(&ALL[..], body).unwrap_err().status(), 400);
        }
    }

    #[test]
    fn a_body_that_is_an_event_is_not_reread_by_headers() {
        let whole = br#"{"id":"1","source":"/x","type":"a.b","time":"2025-10-21","data":{}}"#;
        assert!(is_binary(&ALL[..], b"{}"));
        assert!(!is_binary(&ALL[..], whole));
        assert!(!is_binary(&ALL[..1], b"{}"));
        let kind = "Application/CloudEvents+json";
        assert!(!is_binary(&with("content-type", Some(kind))[..], b"{}"));
    }
}
