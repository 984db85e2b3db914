//! Track ids: short, unguessable enough to be a name, safe as a path, a header and a URL segment.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of a track: 1–40 characters of `a–z` and `0–9`.
///
/// It becomes a directory name and a message header, so nothing else is ever accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct TrackId(String);

/// The text is not a track id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a track id is 1 to 40 lower-case letters and digits")]
pub struct BadTrackId;

impl TrackId {
    /// Accepts `text` as a track id.
    pub fn parse(text: &str) -> Result<Self, BadTrackId> {
        let ok = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if ok { Ok(Self(text.to_owned())) } else { Err(BadTrackId) }
    }

    /// A track id made of 80 random bits, as 16 characters of base 32.
    pub fn from_random(bits: u128) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        Self((0..16).map(|i| ALPHABET[(bits >> (5 * i)) as usize & 31] as char).collect())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TrackId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_an_id() {
        for bad in ["", "..", "a/b", "A", "ä", &"a".repeat(41)] {
            assert_eq!(TrackId::parse(bad), Err(BadTrackId), "{bad:?}");
        }
    }

    #[test]
    fn random_ids_are_ids() {
        for bits in [0, 1, u128::MAX, 0x1234_5678_9abc_def0_1234] {
            let id = TrackId::from_random(bits);
            assert_eq!(TrackId::parse(id.as_str()), Ok(id));
        }
    }
}
