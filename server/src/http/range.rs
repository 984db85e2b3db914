//! The `Range` header (RFC 9110, section 14), as far as a player needs it: one range of bytes.

use http_range_header::{RangeUnsatisfiableError, parse_range_header};
use std::ops::Range;

/// What a `Range` header asks of a body of `length` bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Everything: there is no header, or one that may be ignored.
    All,
    /// These bytes; never empty.
    Part(Range<u64>),
    /// Nothing that exists: 416.
    Unsatisfiable,
}

/// Reads a `Range` header. What is malformed, and several ranges at once, is ignored, as the RFC allows.
pub(super) fn parse(header: Option<&str>, length: u64) -> Asked {
    let Some(Ok(parsed)) = header.map(|header| parse_range_header(header.trim())) else { return Asked::All };
    match parsed.validate(length).as_deref() {
        Ok([range]) => Asked::Part(*range.start()..range.end() + 1),
        Err(RangeUnsatisfiableError::Unsatisfiable) => Asked::Unsatisfiable,
        _ => Asked::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_players_send() {
        for (header, want) in [
            (None, Asked::All),
            (Some("bytes=0-"), Asked::Part(0..100)),
            (Some("bytes=10-19"), Asked::Part(10..20)),
            (Some("bytes=90-500"), Asked::Part(90..100)),
            (Some("bytes=-5"), Asked::Part(95..100)),
            (Some("bytes=-500"), Asked::Part(0..100)),
            (Some("bytes=100-"), Asked::Unsatisfiable),
            (Some("bytes=-0"), Asked::Unsatisfiable),
            (Some("bytes=7-3"), Asked::All),
            (Some("bytes=0-1,4-5"), Asked::All),
            (Some("bytes=x-"), Asked::All),
            (Some("lines=0-5"), Asked::All),
            (Some("bytes=0-18446744073709551615"), Asked::Part(0..100)),
        ] {
            assert_eq!(parse(header, 100), want, "{header:?}");
        }
        assert_eq!(parse(Some("bytes=0-"), 0), Asked::Unsatisfiable);
    }
}
