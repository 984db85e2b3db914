//! The checksum of one part of an upload (tus 1.0.0, "Checksum").

use crate::problem::Problem;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::Digest;

/// What can be asked for, as tus announces it.
pub(crate) const ALGORITHMS: &str = "sha1,sha256";

/// Adds up a part and compares.
pub(crate) struct Checksum {
    hash: Hash,
    expected: Vec<u8>,
}

enum Hash {
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum`: an algorithm and a digest in base64.
    pub(crate) fn parse(header: &str) -> Result<Self, Problem> {
        let refused = || {
            let detail = "Upload-Checksum holds sha1 or sha256, a space and the digest in base64.";
            Problem::new(400, "Unknown checksum", detail)
        };
        let (algorithm, digest) = header.trim().split_once(' ').ok_or_else(refused)?;
        let hash = match algorithm {
            "sha1" => Hash::Sha1(sha1::Sha1::new()),
            "sha256" => Hash::Sha256(sha2::Digest::new()),
            _ => return Err(refused()),
        };
        Ok(Self { hash, expected: BASE64_STANDARD.decode(digest.trim()).map_err(|_| refused())? })
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Hash::Sha1(hash) => hash.update(bytes),
            Hash::Sha256(hash) => sha2::Digest::update(hash, bytes),
        }
    }

    /// 460 when the part is not what was sent.
    pub(super) fn check(self) -> Result<(), Problem> {
        let found = match self.hash {
            Hash::Sha1(hash) => hash.finalize().to_vec(),
            Hash::Sha256(hash) => sha2::Digest::finalize(hash).to_vec(),
        };
        let detail = "The part arrived damaged and was not kept; send it again.";
        (found == self.expected).then_some(()).ok_or_else(|| Problem::new(460, "Checksum mismatch", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, bytes: &[u8]) -> Result<(), u16> {
        let mut sum = Checksum::parse(header).map_err(|p| p.status)?;
        sum.add(bytes);
        sum.check().map_err(|p| p.status)
    }

    #[test]
    fn parts_are_compared_with_what_was_sent() {
        // From the tus specification.
        assert_eq!(check("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world"), Ok(()));
        assert_eq!(check("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello worle"), Err(460));
        assert_eq!(check("sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", b"hello world"), Ok(()));
        for bad in ["", "sha1", "crc7 AAAA", "sha1 ???"] {
            assert_eq!(check(bad, b""), Err(400), "{bad}");
        }
    }
}
