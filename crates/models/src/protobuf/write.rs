//! Fields of a message, appended to bytes in the order in which they are written.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use super::Value;

/// Wire types: of integers, doubles, what has a length, floats.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LEN: u64 = 2;
const FIXED32: u64 = 5;

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

/// Appends a field as it was read.
pub(crate) fn put_value(out: &mut Vec<u8>, number: u64, value: Value<'_>) {
    match value {
        Value::Varint(value) => put_varint(out, number, value),
        Value::Bytes(bytes) => put_bytes(out, number, bytes),
        Value::Fixed32(bits) => {
            varint(out, number << 3 | FIXED32);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Value::Fixed64(bits) => {
            varint(out, number << 3 | FIXED64);
            out.extend_from_slice(&bits.to_le_bytes());
        }
    }
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
    use super::super::Fields;
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

    #[test]
    fn every_kind_of_field_is_copied() {
        let fields = [
            (1, Value::Varint(7)),
            (2, Value::Bytes(b"x")),
            (3, Value::Fixed32(1.5f32.to_bits())),
            (4, Value::Fixed64(9)),
        ];
        let mut out = Vec::new();
        fields.iter().for_each(|(number, value)| put_value(&mut out, *number, *value));
        assert_eq!(Fields::of(&out).map(Result::unwrap).collect::<Vec<_>>(), fields);
    }
}
