//! Public ids: events, batches, deliveries, and the time-ordered row keys. Must never draw its own randomness.

use std::fmt;
use std::str::FromStr;

use ulid::Ulid;

/// Unix milliseconds of 2024-01-01T00:00:00Z, where row keys begin to count.
const ROW_KEY_EPOCH_MS: u64 = 1_704_067_200_000;
/// Bits of a row key below the milliseconds.
const ROW_KEY_LOW_BITS: u32 = 22;
/// Milliseconds a row key can hold: 41 bits, about 69 years.
const ROW_KEY_MS_MAX: u64 = (1 << 41) - 1;

/// A text that is no id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: it is `{prefix}` and the 26 upper-case characters of a ULID")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// From Unix milliseconds (48 bits are kept) and ten random bytes.
            #[must_use]
            pub fn new(ms: u64, random: [u8; 10]) -> Self {
                let low = random.iter().fold(0, |n, byte| n << 8 | u128::from(*byte));
                Self(Ulid(u128::from(ms) << 80 | low))
            }

            /// Reads exactly what `Display` prints, so that one id has one spelling.
            ///
            /// # Errors
            /// [`IdError`] on anything else.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                parse_ulid(text, $prefix).map(Self)
            }

            /// From the form kept in the database.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Ulid::from_bytes(bytes))
            }

            /// The form kept in the database: 16 bytes, big-endian, in order of time.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_bytes()
            }

            /// Unix milliseconds at which the id was made.
            #[must_use]
            pub fn ms(self) -> u64 {
                self.0.timestamp_ms()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_ulid(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    };
}

ulid_id!(
    /// `evt_<ULID>`: an event, the same on every attempt; the receiver's idempotency key.
    EventId, "evt_"
);
ulid_id!(
    /// `bat_<ULID>`: the `webhook-id` of a batch of events.
    BatchId, "bat_"
);

/// The row key of a delivery, shown as `dlv_<ULID>`.
///
/// The ULID's 48 time bits are the key's milliseconds as Unix time; of its 80 other bits the lowest 22 are the
/// key's low bits and the rest are zero. So the public id is reversible and sorts like the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub i64);

impl DeliveryId {
    /// Reads exactly what `Display` prints.
    ///
    /// # Errors
    /// [`IdError`] on anything else, a ULID that no row key can give included.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let ulid = parse_ulid(text, "dlv_")?;
        let refused = |_| IdError { prefix: "dlv_" };
        let low22 = u32::try_from(ulid.random()).map_err(refused)?;
        let id = Self(row_key(ulid.timestamp_ms(), low22));
        (id.ulid() == ulid)
            .then_some(id)
            .ok_or(IdError { prefix: "dlv_" })
    }

    fn ulid(self) -> Ulid {
        let low = u128::from(self.0.unsigned_abs()) & ((1 << ROW_KEY_LOW_BITS) - 1);
        Ulid(u128::from(row_key_ms(self.0)) << 80 | low)
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ulid(f, "dlv_", self.ulid())
    }
}

impl FromStr for DeliveryId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

/// The time-ordered primary key of a row: `(ms since 2024-01-01T00:00:00Z) << 22 | low22`, never negative.
/// `ms` is Unix milliseconds, drawn into 2024 to 2093; of `low22` the low 22 bits are used.
#[must_use]
pub fn row_key(ms: u64, low22: u32) -> i64 {
    let since = ms.saturating_sub(ROW_KEY_EPOCH_MS).min(ROW_KEY_MS_MAX);
    let low = u64::from(low22) & ((1 << ROW_KEY_LOW_BITS) - 1);
    (since << ROW_KEY_LOW_BITS | low).cast_signed()
}

/// Unix milliseconds of a row key; a negative key counts as the first.
#[must_use]
pub fn row_key_ms(key: i64) -> u64 {
    ROW_KEY_EPOCH_MS + (key.max(0).cast_unsigned() >> ROW_KEY_LOW_BITS)
}

fn parse_ulid(text: &str, prefix: &'static str) -> Result<Ulid, IdError> {
    let refused = IdError { prefix };
    let encoded = text.strip_prefix(prefix).ok_or(refused)?;
    let ulid = Ulid::from_string(encoded).map_err(|_not_a_ulid| refused)?;
    let same = ulid.array_to_str(&mut [0; ulid::ULID_LEN]) == encoded;
    same.then_some(ulid).ok_or(refused)
}

fn write_ulid(f: &mut fmt::Formatter<'_>, prefix: &str, ulid: Ulid) -> fmt::Result {
    f.write_str(prefix)?;
    f.write_str(ulid.array_to_str(&mut [0; ulid::ULID_LEN]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_has_one_spelling_and_keeps_its_bytes() {
        let id = EventId::new(1_761_042_600_000, [7; 10]);
        let text = id.to_string();
        assert_eq!(text.len(), 30);
        assert_eq!(EventId::parse(&text), Ok(id));
        assert_eq!(EventId::from_bytes(id.to_bytes()), id);
        assert_eq!(id.ms(), 1_761_042_600_000);
        assert!(EventId::parse(&text.to_lowercase()).is_err());
        assert!(BatchId::parse(&text).is_err());
    }

    #[test]
    fn hostile_ids_are_refused() {
        for text in [
            "",
            "evt_",
            "evt_é",
            "evt_01JAQ5Z8F3V6T2K9M4N7P1R0S",
            "evt_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        ] {
            assert!(EventId::parse(text).is_err(), "{text}");
        }
        // A ULID whose random part no row key gives, and one from before the first row key.
        assert!(DeliveryId::parse("dlv_01JAQ5Z8F3V6T2K9M4N7P1R0SX").is_err());
        assert!(DeliveryId::parse("dlv_00000000000000000000000000").is_err());
    }

    #[test]
    fn a_delivery_id_is_reversible_and_sorts_like_its_key() {
        let keys = [
            0,
            1,
            row_key(1_761_042_600_000, 0),
            row_key(1_761_042_600_000, u32::MAX),
            i64::MAX,
        ];
        let texts = keys.map(|key| DeliveryId(key).to_string());
        assert!(texts.is_sorted());
        for (key, text) in keys.iter().zip(&texts) {
            assert_eq!(DeliveryId::parse(text), Ok(DeliveryId(*key)));
        }
    }

    #[test]
    fn row_keys_hold_their_milliseconds() {
        assert_eq!(row_key(ROW_KEY_EPOCH_MS, 5), 5);
        assert_eq!(row_key(0, 5), 5);
        assert_eq!(
            row_key_ms(row_key(1_761_042_600_123, 99)),
            1_761_042_600_123
        );
        assert_eq!(row_key(u64::MAX, u32::MAX), i64::MAX);
        assert_eq!(row_key_ms(-1), ROW_KEY_EPOCH_MS);
    }
}
