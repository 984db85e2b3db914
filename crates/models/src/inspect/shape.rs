//! What is known of a tensor: its shape and, of short lists of integers, its value.

use super::onnx::LIST;

/// The largest size that is believed: products of a few of them must not overflow.
const LARGEST: u64 = 1 << 40;

/// A shape; a size that is not known is `None`.
pub(super) type Shape = Vec<Option<u64>>;

/// What is known of a tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    pub(super) shape: Option<Shape>,
    /// Its numbers, where they are a short list of integers that is the same in every run.
    pub(super) value: Option<Vec<i64>>,
}

impl Known {
    pub(super) fn shaped(shape: Shape) -> Self {
        Self { shape: Some(shape), value: None }
    }

    /// Nothing longer than shapes are.
    pub(super) fn bounded(self) -> Self {
        let shape = self.shape.filter(|s| s.len() <= LIST);
        Self { shape, value: self.value.filter(|v| v.len() <= LIST) }
    }
}

/// A dimension of a file as a size; none when it is negative or absurd.
pub(super) fn size(dim: i64) -> Option<u64> {
    bounded(u64::try_from(dim).ok()?)
}

/// A size that is believed.
pub(super) fn bounded(size: u64) -> Option<u64> {
    (size <= LARGEST).then_some(size)
}

/// An index, counted from the end where it is negative.
pub(super) fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(length as i64)? } else { index };
    usize::try_from(index).ok().filter(|at| *at < length)
}

/// The shape of two operands after broadcasting (numpy's rule); none where they do not go together.
pub(super) fn broadcast(a: &[Option<u64>], b: &[Option<u64>]) -> Option<Shape> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    let mut shape = long.to_vec();
    for (one, other) in shape.iter_mut().rev().zip(short.iter().rev()) {
        *one = match (*one, *other) {
            (Some(1), other) => other,
            (one, Some(1)) => one,
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(_), Some(_)) => return None,
            // One that is not known may be 1; the other one, if it is more, wins.
            (known, None) | (None, known) => known,
        };
    }
    Some(shape)
}
