//! The `[console]` section. Never decides anything.

use serde::Deserialize;

/// How the pages of both services are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSettings {
    /// How long a browser stays signed in.
    pub session_hours_max: u64,
    /// Failed attempts to sign in from one address within a minute.
    pub sign_in_failures_per_minute_max: u32,
    /// Sign in over plain HTTP from private addresses.
    pub allow_plain_http: bool,
    /// Networks whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxies: Vec<String>,
    /// Pages that hear live news at once.
    pub live_listeners_max: usize,
}
