//! The shapes that operators make which arrange values and compute nothing: slices, joins, reshapes, paddings.

use super::onnx::LIST;
use super::rules::Rule;
use super::shape::{Known, Shape, bounded, broadcast, place, size};

/// The most parts that are told apart.
const LARGEST_SPLIT: usize = 64;

impl Rule<'_, '_> {
    pub(super) fn gather(&self) -> Option<Known> {
        let (data, indices) = (self.shape(0)?, self.shape(1)?);
        let axis = self.axis("axis", 0, data.len())?;
        let shape = [&data[..axis], indices, &data[axis + 1..]].concat();
        let value = self.value(0).zip(self.value(1)).and_then(|(data, indices)| {
            indices.iter().map(|i| data.get(place(*i, data.len())?).copied()).collect()
        });
        Some(Known { shape: Some(shape), value })
    }

    pub(super) fn concat(&self) -> Option<Known> {
        let mut shape = self.shape(0)?.clone();
        let axis = self.axis("axis", 0, shape.len())?;
        for index in 1..self.inputs.len() {
            let more = *self.shape(index)?.get(axis)?;
            shape[axis] = shape[axis].zip(more).and_then(|(a, b)| bounded(a.checked_add(b)?));
        }
        // More of them would be longer than any list of sizes.
        let some = self.inputs.len() <= LIST;
        let values: Option<Vec<_>> =
            (0..self.inputs.len()).map(|at| self.value(at).filter(|_| some)).collect();
        Some(Known { shape: Some(shape), value: values.map(|v| v.concat()) })
    }

    pub(super) fn slice(&self) -> Option<Known> {
        let mut shape = self.shape(0)?.clone();
        let (starts, ends) = (self.list("starts", 1)?, self.list("ends", 2)?);
        let axes = self.list("axes", 3).unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.list("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
        let mut value = self.value(0).filter(|_| shape.len() == 1).map(<[i64]>::to_vec);
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = place(*axis, shape.len())?;
            let taken = shape[axis].and_then(|size| span(*start, *end, *step, size));
            value = value.zip(taken).filter(|_| *step == 1).and_then(|(value, (from, count))| {
                Some(value.get(from as usize..from.checked_add(count)? as usize)?.to_vec())
            });
            shape[axis] = taken.map(|(_, count)| count);
        }
        Some(Known { shape: Some(shape), value })
    }

    pub(super) fn unsqueeze(&self) -> Option<Known> {
        let (mut shape, axes) = (self.shape(0)?.clone(), self.list("axes", 1)?);
        let rank = shape.len() + axes.len();
        let mut axes: Vec<_> = axes.iter().map(|a| place(*a, rank)).collect::<Option<_>>()?;
        axes.sort_unstable();
        for axis in axes {
            if axis > shape.len() {
                return None;
            }
            shape.insert(axis, Some(1));
        }
        Some(Known { shape: Some(shape), value: self.value(0).map(<[i64]>::to_vec) })
    }

    pub(super) fn squeeze(&self) -> Option<Known> {
        let shape = self.shape(0)?;
        let gone: Vec<usize> = match self.list("axes", 1) {
            Some(axes) => axes.iter().map(|a| place(*a, shape.len())).collect::<Option<_>>()?,
            None => (0..shape.len()).filter(|i| shape[*i] == Some(1)).collect(),
        };
        let kept = shape.iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, d)| *d);
        Some(Known { shape: Some(kept.collect()), value: self.value(0).map(<[i64]>::to_vec) })
    }

    pub(super) fn transpose(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let Some(order) = self.node.integers("perm") else {
            return Some(shape.iter().rev().copied().collect());
        };
        order.iter().map(|i| shape.get(usize::try_from(*i).ok()?).copied()).collect()
    }

    pub(super) fn reshape(&self) -> Option<Shape> {
        let wanted = self.value(1)?;
        let of_input = |at: usize| self.shape(0).and_then(|s| s.get(at).copied()).flatten();
        let mut shape: Shape = wanted
            .iter()
            .enumerate()
            .map(|(at, d)| match *d {
                0 if self.node.integer("allowzero") != Some(1) => of_input(at),
                d => size(d),
            })
            .collect();
        if let Some(rest) = wanted.iter().position(|d| *d == -1) {
            let whole: Option<u64> = self.shape(0)?.iter().try_fold(1u64, |n, d| n.checked_mul((*d)?));
            let others = shape.iter().enumerate().filter(|(at, _)| *at != rest);
            let others: Option<u64> = others.map(|(_, d)| *d).try_fold(1u64, |n, d| n.checked_mul(d?));
            shape[rest] = whole.zip(others).and_then(|(whole, others)| bounded(whole.checked_div(others)?));
        }
        Some(shape)
    }

    pub(super) fn flatten(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let axis = self.node.integer("axis").unwrap_or(1);
        let axis = usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok()?;
        let product =
            |part: &[Option<u64>]| part.iter().try_fold(1u64, |n, d| bounded(n.checked_mul((*d)?)?));
        let (before, after) = shape.split_at_checked(axis)?;
        Some(vec![product(before), product(after)])
    }

    pub(super) fn expand(&self) -> Option<Shape> {
        let to: Shape = self.value(1)?.iter().map(|d| size(*d)).collect();
        broadcast(self.shape(0)?, &to)
    }

    pub(super) fn tile(&self) -> Option<Shape> {
        let (shape, times) = (self.shape(0)?, self.value(1)?);
        let tiled = |(d, n): (&Option<u64>, &i64)| bounded((*d)?.checked_mul(u64::try_from(*n).ok()?)?);
        (shape.len() == times.len()).then(|| shape.iter().zip(times).map(tiled).collect())
    }

    pub(super) fn pad(&self) -> Option<Shape> {
        let (shape, pads) = (self.shape(0)?, self.list("pads", 1)?);
        // Newer ones may name the axes that are padded.
        let axes = self.value(3).map_or_else(|| (0..shape.len() as i64).collect(), <[i64]>::to_vec);
        if pads.len() != 2 * axes.len() {
            return None;
        }
        let mut padded = shape.clone();
        for (i, axis) in axes.iter().enumerate() {
            let at = place(*axis, shape.len())?;
            let grown = |d: u64| (d as i64).checked_add(pads[i])?.checked_add(pads[i + axes.len()]);
            padded[at] = padded[at].and_then(grown).and_then(size);
        }
        Some(padded)
    }

    pub(super) fn split(&self) -> Option<Vec<Known>> {
        let shape = self.shape(0)?;
        let (axis, parts) = (self.axis("axis", 0, shape.len())?, self.node.outputs.len());
        let sizes: Shape = match self.list("split", 1) {
            Some(sizes) => sizes.iter().map(|s| size(*s)).collect(),
            // Equal parts, the last one what is left.
            None => {
                let whole = shape[axis];
                let part = whole.map(|w| w.div_ceil(parts.max(1) as u64));
                let at = |i: usize| Some((whole?.saturating_sub(part? * i as u64)).min(part?));
                (0..parts.min(LARGEST_SPLIT)).map(at).collect()
            }
        };
        let one = |part: Option<u64>| {
            let mut shape = shape.clone();
            shape[axis] = part;
            Known::shaped(shape)
        };
        Some(sizes.into_iter().map(one).collect())
    }
}

/// Where a slice begins, and how much it takes.
fn span(start: i64, end: i64, step: i64, size: u64) -> Option<(u64, u64)> {
    if size == 0 {
        return Some((0, 0));
    }
    let size = size as i64;
    let at =
        |index: i64, low, high| (if index < 0 { index.saturating_add(size) } else { index }).clamp(low, high);
    let count = match step {
        0 => return None,
        1.. => (at(end, 0, size) - at(start, 0, size)).max(0).checked_add(step - 1)? / step,
        _ => {
            (at(start, 0, size - 1) - at(end, -1, size - 1)).max(0).checked_sub(step.checked_add(1)?)?
                / step.checked_neg()?
        }
    };
    Some((at(start, 0, size) as u64, count as u64))
}
