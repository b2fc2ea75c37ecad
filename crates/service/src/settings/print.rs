//! The effective configuration as text, secrets masked. It must never print a secret: every value
//! passes `shown`.

use config::{Map, Value, ValueKind};

const MASK: &str = "***";

/// `settings` as TOML, tables after keys, each in alphabetical order.
pub(super) fn toml(settings: &Map<String, Value>) -> String {
    let mut out = String::new();
    table(&mut out, &mut Vec::new(), settings);
    out
}

fn table(out: &mut String, path: &mut Vec<String>, entries: &Map<String, Value>) {
    let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
    entries.sort_by_key(|(key, value)| (matches!(value.kind, ValueKind::Table(_)), *key));
    for (key, value) in entries {
        if let ValueKind::Table(inner) = &value.kind {
            path.push(key.clone());
            if inner.values().any(|value| !is_table(value)) {
                out.push_str(&format!("\n[{}]\n", path.join(".")));
            }
            table(out, path, inner);
            path.pop();
            continue;
        }
        let secret = is_secret(key) || path.last().is_some_and(|parent| parent == "headers");
        out.push_str(&format!("{key} = {}", shown(&value.kind, secret)));
        if let Some(layer) = value.origin() {
            out.push_str(&format!("  # {}", layer.escape_debug()));
        }
        out.push('\n');
    }
}

fn is_table(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Table(_))
}

fn is_secret(key: &str) -> bool {
    key.starts_with("secret") || key.ends_with("_key") || key.contains("password")
}

fn shown(value: &ValueKind, secret: bool) -> toml::Value {
    match value {
        ValueKind::Boolean(value) => (*value).into(),
        ValueKind::I64(value) => (*value).into(),
        ValueKind::Float(value) => (*value).into(),
        ValueKind::Array(items) => items
            .iter()
            .map(|item| shown(&item.kind, secret))
            .collect::<Vec<_>>()
            .into(),
        // An empty secret is shown as such: "none is set" is what one looks for.
        ValueKind::String(text) if secret && !text.is_empty() => MASK.into(),
        ValueKind::String(text) => mask_credentials(text).into(),
        other => other.to_string().into(),
    }
}

/// `text` with the password of a URL (`scheme://user:password@host`, `?password=`) and of a
/// `password=…` connection string replaced by `***`; for logs and printed settings.
///
/// ```
/// assert_eq!(service::mask_credentials("postgres://u:p@h/d"), "postgres://u:***@h/d");
/// ```
pub fn mask_credentials(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => mask_parameter(&format!("{scheme}://{}", mask_user(scheme, rest))),
        None => mask_parameter(text),
    }
}

fn mask_user(scheme: &str, rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) || port.ends_with(']');
    let (authority, path) = match authority.contains('@') || is_port {
        true => (authority, path),
        // No port: a password with a slash that was not escaped.
        false => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}{path}"),
            None if scheme.starts_with("postgres") => rest.to_owned(),
            None => format!("{MASK}@{host}{path}"),
        },
        None => rest.to_owned(),
    }
}

fn mask_parameter(text: &str) -> String {
    let Some((before, after)) = text.split_once("password=") else {
        return text.to_owned();
    };
    let end = after.find(['&', ' ']).unwrap_or(after.len());
    format!("{before}password={MASK}{}", after.split_at(end).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_wherever_they_stand() {
        for (text, masked) in [
            ("postgres://u:p@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:p@ss@h/d?x=1", "postgres://u:***@h/d?x=1"),
            ("postgres://u:p/ss@h/d", "postgres://u:***@h/d"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://u@[::1]:5432/d", "postgres://u@[::1]:5432/d"),
            ("https://token@h/", "https://***@h/"),
            ("https://h:80/a@b", "https://h:80/a@b"),
            (
                "postgres://h/d?user=u&password=p&x=1",
                "postgres://h/d?user=u&password=***&x=1",
            ),
            ("host=h password=p dbname=d", "host=h password=*** dbname=d"),
            ("https://h/a@b", "https://h/a@b"),
            ("/var/lib", "/var/lib"),
        ] {
            assert_eq!(mask_credentials(text), masked);
        }
    }
}
