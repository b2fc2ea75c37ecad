//! The keys of a subscription: made or given, shown once, then only masked. Must never hand out a stored one.

use contract::{KeyPair, PublicKey, Secret, SigningKey};
use db::{Conn, DbError, TxResult, sql};
use ring::rand::SecureRandom;

use crate::endpoint::parse_key;
use crate::publish::Inner;
use crate::subscription::{Signing, Subscription, SubscriptionError};
use crate::subscription_rows as rows;
use crate::subscriptions::{SubscriptionRefusal, refuse};

/// Keys in the clear, shown once: when they were made or given.
#[derive(Clone)]
pub struct Revealed {
    pub subscription: Subscription,
    /// `whsec_…` or as given; `None` where only ed25519 signs.
    pub secret: Option<String>,
    /// The public half of the ed25519 key.
    pub public_key: Option<PublicKey>,
}

/// A live key as it may be shown at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownKey {
    /// `***` and the last four characters.
    Secret {
        masked: String,
        expires_at_ms: Option<i64>,
    },
    Public {
        key: PublicKey,
        expires_at_ms: Option<i64>,
    },
}

/// Keys for a new subscription or a rotation.
#[derive(Clone)]
pub(crate) struct NewKeys {
    keys: Vec<SigningKey>,
}

impl NewKeys {
    pub(crate) fn store(
        &self,
        conn: &mut Conn,
        inner: &Inner,
        key: i64,
        now_ms: i64,
    ) -> Result<(), DbError> {
        let vault = &inner.registry.vault;
        self.keys
            .iter()
            .try_for_each(|k| rows::add_key(conn, vault, key, k, now_ms))
    }

    pub(crate) fn reveal(self, subscription: Subscription) -> Revealed {
        let mut revealed = Revealed {
            subscription,
            secret: None,
            public_key: None,
        };
        for key in self.keys {
            match key {
                SigningKey::Hmac(secret) => revealed.secret = Some(secret.expose().to_owned()),
                SigningKey::Ed25519(pair) => revealed.public_key = Some(pair.public_key()),
            }
        }
        revealed
    }
}

impl Inner {
    /// New or given keys of the kinds that `signing` wants.
    pub(crate) fn new_keys(
        &self,
        signing: Signing,
        given: Option<&str>,
    ) -> Result<NewKeys, SubscriptionRefusal> {
        let given = given.map(parse_key).transpose();
        let given = given.map_err(SubscriptionError::Secret)?;
        let name = match &given {
            Some(SigningKey::Ed25519(_)) if signing == Signing::Hmac => Some("private key (whsk_)"),
            Some(SigningKey::Hmac(_)) if signing == Signing::Ed25519 => Some("shared secret"),
            _ => None,
        };
        if let Some(given) = name {
            return Err(SubscriptionError::SecretKind { given, signing }.into());
        }
        let made = self.made_keys(signing, given.as_ref())?;
        Ok(NewKeys {
            keys: given.into_iter().chain(made).collect(),
        })
    }

    fn random_key(&self) -> Result<[u8; 32], SubscriptionRefusal> {
        let mut bytes = [0; 32];
        self.random
            .fill(&mut bytes)
            .map_err(|_unspecified| SubscriptionRefusal::Random)?;
        Ok(bytes)
    }

    /// The kinds that `signing` wants and `there` is not.
    fn made_keys(
        &self,
        signing: Signing,
        there: Option<&SigningKey>,
    ) -> Result<Vec<SigningKey>, SubscriptionRefusal> {
        let mut made = Vec::new();
        if signing != Signing::Hmac && !matches!(there, Some(SigningKey::Ed25519(_))) {
            made.push(SigningKey::Ed25519(KeyPair::generate(self.random_key()?)));
        }
        if signing != Signing::Ed25519 && !matches!(there, Some(SigningKey::Hmac(_))) {
            made.push(SigningKey::Hmac(Secret::generate(self.random_key()?)));
        }
        Ok(made)
    }

    /// Adds keys of a kind that newly signs and drops those of a kind that no longer does.
    pub(crate) fn fit_keys(
        &self,
        conn: &mut Conn,
        stored: &Subscription,
        signing: Signing,
        now_ms: i64,
    ) -> TxResult<(), SubscriptionRefusal> {
        const KINDS: [(Signing, i64); 2] = [(Signing::Ed25519, 1), (Signing::Hmac, 2)];
        if signing == stored.fields.signing {
            return Ok(());
        }
        let vault = &self.registry.vault;
        let live = rows::live_keys(conn, vault, stored.key, now_ms)?;
        for (only, dropped) in KINDS {
            if signing == only {
                let drop = "DELETE FROM secrets WHERE subscription_id = ? AND kind = ?";
                conn.execute(sql(drop).bind(stored.key).bind(dropped))?;
            }
        }
        for made in self.made_keys(signing, None).map_err(refuse)? {
            let same =
                |key: &SigningKey| std::mem::discriminant(key) == std::mem::discriminant(&made);
            if !live.iter().any(|live| same(&live.key)) {
                rows::add_key(conn, vault, stored.key, &made, now_ms)?;
            }
        }
        Ok(())
    }
}
