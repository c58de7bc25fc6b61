//! Repeatable ids and durations drawn from a seed. Reads no clock and no operating system randomness, so that two worlds
//! with one seed answer alike.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A stream of ids, the same for the same seed (splitmix64; Steele, Lea, Flood 2014).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Starts the stream of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed ^ 0x5851_f42d_4c95_7f2d }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// The next id, in the form of a version 4 UUID.
    pub(crate) fn uuid(&mut self) -> Uuid {
        uuid_of(self.next(), self.next())
    }

    /// `length` characters of the URL-safe base64 alphabet, as ARM's signatures have them.
    pub(crate) fn base64url(&mut self, length: usize) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::with_capacity(length + 10);
        while text.len() < length {
            let mut bits = self.next();
            for _ in 0..10 {
                text.push(char::from(ALPHABET[(bits & 63) as usize]));
                bits >>= 6;
            }
        }
        text.truncate(length);
        text
    }
}

/// A number that depends on `seed` and `text` alone (FNV-1a, then mixed).
pub(crate) fn hash(seed: u64, text: &str) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325 ^ mix(seed);
    for byte in text.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(state)
}

/// The id that always belongs to `text`: principals of identities keep theirs when they are named again.
pub(crate) fn uuid_for(seed: u64, text: &str) -> Uuid {
    uuid_of(hash(seed, text), hash(seed ^ 0xa5a5, text))
}

/// A whole number of milliseconds from `low` to `high` (both in seconds), fixed by `seed` and `text`.
pub(crate) fn millis_between(seed: u64, text: &str, low: f64, high: f64) -> i64 {
    let (low, high) = ((low * 1000.0) as i64, (high * 1000.0) as i64);
    let width = u64::try_from(high - low + 1).unwrap_or(1);
    low + i64::try_from(hash(seed, text) % width).unwrap_or(0)
}

fn uuid_of(high: u64, low: u64) -> Uuid {
    let bits = (u128::from(high) << 64) | u128::from(low);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_repeats_itself_for_the_same_seed_only() {
        assert_eq!(Random::new(1).uuid(), Random::new(1).uuid());
        assert_ne!(Random::new(1).uuid(), Random::new(2).uuid());
        assert_eq!(uuid_for(1, "a").get_version_num(), 4);
    }

    #[test]
    fn millis_between_stays_in_its_range() {
        for n in 0..1000 {
            let drawn = millis_between(7, &n.to_string(), 10.0, 22.0);
            assert!((10_000..=22_000).contains(&drawn), "{drawn}");
        }
    }
}
