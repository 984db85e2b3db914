//! Fields of a message, appended to bytes in the order in which they are written.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// `VARINT` and `LEN`, the wire types of numbers and of what has a length.
const VARINT: u64 = 0;
const LEN: u64 = 2;

/// Appends an integer field.
pub(crate) fn put_varint(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3 | VARINT);
    varint(out, value);
}

/// Appends text, bytes or a message.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u64, payload: &[u8]) {
    varint(out, number << 3 | LEN);
    varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::super::{Fields, Value};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = Vec::new();
        put_varint(&mut out, 1, 150);
        put_bytes(&mut out, 2, b"testing");
        put_varint(&mut out, 200, u64::MAX);
        assert_eq!(out[..3], *b"\x08\x96\x01");
        let fields: Vec<_> = Fields::of(&out).map(Result::unwrap).collect();
        assert_eq!(
            fields,
            [(1, Value::Varint(150)), (2, Value::Bytes(b"testing")), (200, Value::Varint(u64::MAX))]
        );
    }
}
