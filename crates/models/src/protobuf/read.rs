//! Protocol Buffers as they lie in memory: the fields of a message, one after another, nothing copied.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'b> {
    /// Integers, booleans, enumerations.
    Varint(u64),
    /// Text, bytes, messages, packed numbers.
    Bytes(&'b [u8]),
    /// A float.
    Fixed32(u32),
    /// A double.
    Fixed64(u64),
}

/// The fields of a message; after the first that is malformed there are no more.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    pub(crate) fn of(message: &'b [u8]) -> Self {
        Self(message)
    }

    fn field(&mut self) -> Option<(u64, Value<'b>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<(u64, Value<'b>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'b> Value<'b> {
    /// Text or a message.
    pub(crate) fn bytes(self) -> Result<&'b [u8], Malformed> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Malformed) }
    }

    /// Text; empty when it is none.
    pub(crate) fn text(self) -> Result<&'b str, Malformed> {
        self.bytes().map(|bytes| std::str::from_utf8(bytes).unwrap_or_default())
    }

    pub(crate) fn integer(self) -> Result<u64, Malformed> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(Malformed) }
    }

    /// Adds a repeated integer to `to`, one or packed, as long as there are fewer than `most`.
    pub(crate) fn integers(self, to: &mut Vec<i64>, most: usize) -> Result<(), Malformed> {
        let mut push = |value: u64| {
            if to.len() < most {
                to.push(value as i64);
            }
        };
        match self {
            Self::Varint(value) => push(value),
            Self::Bytes(packed) => {
                let mut rest = Fields(packed);
                while !rest.0.is_empty() {
                    push(rest.varint().ok_or(Malformed)?);
                }
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_in_their_order() {
        // From the documentation of the format: field 1 = 150, field 2 = "testing", and a packed field 6.
        let bytes = b"\x08\x96\x01\x12\x07testing\x32\x06\x03\x8e\x02\x9e\xa7\x05";
        let fields: Vec<_> = Fields::of(bytes).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, Value::Varint(150)));
        assert_eq!((fields[1].0, fields[1].1.text()), (2, Ok("testing")));
        let mut packed = Vec::new();
        fields[2].1.integers(&mut packed, 9).unwrap();
        assert_eq!(packed, [3, 270, 86_942]);
    }

    #[test]
    fn what_ends_too_early_is_malformed() {
        for bytes in [
            &b"\x08"[..],
            b"\x12\x07test",
            b"\x0b",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            &[0xff; 20],
        ] {
            assert_eq!(Fields::of(bytes).collect::<Vec<_>>(), [Err(Malformed)], "{bytes:?}");
        }
    }
}
