//! The secret in an upload's address: who knows it may go on with the upload, and learns the track's passcode.
//!
//! Track id and passcode follow from it, so that a server that dies at any moment can tell them again, and nothing
//! secret is kept on disk. It does not follow from them: a shared track does not give its upload away.

use karaoke_core::TrackId;
use sha2::{Digest, Sha256};

/// 128 random bits.
#[derive(Clone, Copy)]
pub struct Secret(u128);

impl Secret {
    /// A new one.
    pub fn new() -> Self {
        Self(rand::random())
    }

    /// Reads 32 hexadecimal digits, in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ok.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }

    /// As it stands in the address.
    pub fn text(&self) -> String {
        format!("{:032x}", self.0)
    }

    /// The track that the upload becomes.
    pub fn track_id(&self) -> TrackId {
        TrackId::from_random(self.derive("track"))
    }

    /// The random bits of the track's passcode.
    pub fn passcode_bits(&self) -> u128 {
        self.derive("passcode")
    }

    fn derive(&self, purpose: &str) -> u128 {
        let digest = Sha256::new().chain_update("karaoke upload ").chain_update(purpose);
        let digest = digest.chain_update(self.0.to_be_bytes()).finalize();
        digest.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte))
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_read_as_it_is_written_and_always_tells_the_same(bits: u128) {
            let secret = Secret(bits);
            let again = Secret::parse(&secret.text()).unwrap();
            prop_assert_eq!(again.track_id(), secret.track_id());
            prop_assert_eq!(again.passcode_bits(), secret.passcode_bits());
            prop_assert_ne!(TrackId::from_random(secret.passcode_bits()), secret.track_id());
            prop_assert_ne!(Secret(bits.wrapping_add(1)).track_id(), secret.track_id());
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for bad in ["", "..", &"a".repeat(31), &"a".repeat(33), &"A".repeat(32), &"+".repeat(32)] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }
}
