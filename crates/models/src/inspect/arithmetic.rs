//! The shapes that operators make which compute: element by element, products of matrices, sums, recurrences.

use super::rules::Rule;
use super::shape::{Known, Shape, broadcast, place, size};

impl Rule<'_, '_> {
    pub(super) fn broadcast(&self) -> Option<Shape> {
        let mut shape = self.shape(0)?.clone();
        for index in 1..self.inputs.len() {
            shape = broadcast(&shape, self.shape(index)?)?;
        }
        Some(shape)
    }

    pub(super) fn arithmetic(&self) -> Option<Known> {
        let shape = self.broadcast();
        Some(Known { shape, value: self.computed() })
    }

    /// Arithmetic on sizes, as exporters write it.
    pub(super) fn computed(&self) -> Option<Vec<i64>> {
        let (a, b) = (self.value(0)?, self.value(1)?);
        let length = a.len().max(b.len());
        if ![1, length].contains(&a.len()) || ![1, length].contains(&b.len()) {
            return None;
        }
        let one = |at: usize| {
            let (a, b) = (a[at % a.len()], b[at % b.len()]);
            match self.node.op {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                _ => a.checked_div(b),
            }
        };
        (0..length).map(one).collect()
    }

    pub(super) fn matrix_product(&self) -> Option<Shape> {
        let (a, b) = (self.shape(0)?, self.shape(1)?);
        match (a.len(), b.len()) {
            (0, _) | (_, 0) => None,
            (1, 1) => Some(Vec::new()),
            (1, n) => Some([&b[..n - 2], &b[n - 1..]].concat()),
            (m, 1) => Some(a[..m - 1].to_vec()),
            (m, n) => {
                let mut shape = broadcast(&a[..m - 2], &b[..n - 2])?;
                shape.extend([a[m - 2], b[n - 1]]);
                Some(shape)
            }
        }
    }

    pub(super) fn gemm(&self) -> Option<Shape> {
        let ([a0, a1], [b0, b1]) = (self.shape(0)?.as_slice(), self.shape(1)?.as_slice()) else {
            return None;
        };
        let turned = |name| self.node.integer(name) == Some(1);
        Some(vec![if turned("transA") { *a1 } else { *a0 }, if turned("transB") { *b0 } else { *b1 }])
    }

    pub(super) fn reduce(&self) -> Option<Shape> {
        let shape = self.shape(0)?;
        let gone: Vec<usize> = match self.list("axes", 1) {
            Some(axes) => axes.iter().map(|a| place(*a, shape.len())).collect::<Option<_>>()?,
            None => (0..shape.len()).collect(),
        };
        let keep = self.node.integer("keepdims") != Some(0);
        let left = |(at, d): (usize, &Option<u64>)| match gone.contains(&at) {
            true => keep.then_some(Some(1)),
            false => Some(*d),
        };
        Some(shape.iter().enumerate().filter_map(left).collect())
    }

    pub(super) fn recurrent(&self) -> Option<Vec<Known>> {
        let ([steps, batch, _], hidden) = (self.shape(0)?.as_slice(), self.node.integer("hidden_size")?)
        else {
            return None;
        };
        let directions = if self.node.text("direction") == Some("bidirectional") { 2 } else { 1 };
        let (directions, hidden) = (Some(directions), size(hidden));
        let last = Known::shaped(vec![directions, *batch, hidden]);
        Some(vec![Known::shaped(vec![*steps, directions, *batch, hidden]), last.clone(), last])
    }
}
