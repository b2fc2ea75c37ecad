//! What a key may be used for. Never decides which route needs what: route tables say that.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send files in, correct and delete them.
    Upload,
    /// Look at everything but keys.
    Read,
    /// Publish events.
    Publish,
    /// Subscriptions, deliveries, replays, sources; clients and projects.
    Manage,
    /// Everything, keys included.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 5] = [
        Self::Upload,
        Self::Read,
        Self::Publish,
        Self::Manage,
        Self::Admin,
    ];

    /// The word on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }

    /// The scope of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub const ADMIN: Self = Self(Scope::Admin.bit());

    /// Whether `scope` is allowed; `admin` allows all.
    pub const fn allow(self, scope: Scope) -> bool {
        self.0 & (scope.bit() | Scope::Admin.bit()) != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes it was made of.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Words apart by spaces, as the database keeps them; unknown ones are left out.
    pub(crate) fn parse(words: &str) -> Self {
        words.split_whitespace().filter_map(Scope::parse).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.iter().map(Scope::name).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_allows_everything_and_others_only_themselves() {
        for held in Scope::ALL {
            let scopes: Scopes = [held].into_iter().collect();
            for asked in Scope::ALL {
                let expected = held == asked || held == Scope::Admin;
                assert_eq!(scopes.allow(asked), expected, "{held:?} {asked:?}");
            }
            assert_eq!(Scopes::parse(&scopes.to_string()), scopes);
        }
        assert!(Scopes::parse("root superuser").is_empty());
    }
}
