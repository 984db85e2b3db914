//! Shapes that come of windows sliding over others: convolutions and pools.

use super::rules::Rule;
use super::shape::{Shape, bounded, size};

impl Rule<'_, '_> {
    /// Strides or dilations: 1 where the node says nothing.
    fn each(&self, name: &str, axes: usize) -> Vec<i64> {
        self.node.integers(name).map_or_else(|| vec![1; axes], <[i64]>::to_vec)
    }

    /// Sizes after a window of `kernel` has gone over `sizes`.
    fn slid(&self, sizes: &[Option<u64>], kernel: &[Option<u64>]) -> Option<Shape> {
        let axes = sizes.len();
        let (strides, dilations) = (self.each("strides", axes), self.each("dilations", axes));
        let pads = self.node.integers("pads").map_or_else(|| vec![0; 2 * axes], <[i64]>::to_vec);
        let same = self.node.text("auto_pad").is_some_and(|a| a.starts_with("SAME"));
        let up = self.node.integer("ceil_mode") == Some(1);
        if kernel.len() != axes || strides.len() != axes || dilations.len() != axes || pads.len() != 2 * axes
        {
            return None;
        }
        let one = |i: usize| {
            let (whole, stride) = (sizes[i]? as i64, strides[i]);
            if stride < 1 {
                return None;
            }
            if same {
                return size(whole.checked_add(stride - 1)? / stride);
            }
            let reach = (kernel[i]? as i64 - 1).checked_mul(dilations[i])?.checked_add(1)?;
            let room = whole.checked_add(pads[i])?.checked_add(pads[i + axes])?.checked_sub(reach)?;
            let steps = if up { room.checked_add(stride - 1)? } else { room } / stride;
            size(steps.checked_add(1)?)
        };
        Some((0..axes).map(one).collect())
    }

    pub(super) fn convolution(&self) -> Option<Shape> {
        let (x, w) = (self.shape(0)?, self.shape(1)?);
        let spatial = self.slid(x.get(2..)?, w.get(2..)?)?;
        Some([&[x[0], w[0]][..], &spatial].concat())
    }

    pub(super) fn transposed(&self) -> Option<Shape> {
        let (x, w) = (self.shape(0)?, self.shape(1)?);
        let (sizes, kernel) = (x.get(2..)?, w.get(2..)?);
        let axes = sizes.len();
        let (strides, dilations) = (self.each("strides", axes), self.each("dilations", axes));
        let zeros = |name, count| self.node.integers(name).map_or_else(|| vec![0; count], <[i64]>::to_vec);
        let (pads, more) = (zeros("pads", 2 * axes), zeros("output_padding", axes));
        let plain = self.node.text("auto_pad").is_none_or(|a| a == "NOTSET");
        if !plain
            || kernel.len() != axes
            || [strides.len(), dilations.len(), more.len()] != [axes; 3]
            || pads.len() != 2 * axes
        {
            return None;
        }
        let one = |i: usize| {
            let steps = (sizes[i]? as i64 - 1).checked_mul(strides[i])?;
            let reach = (kernel[i]? as i64 - 1).checked_mul(dilations[i])?.checked_add(1)?;
            let whole = steps.checked_add(reach)?.checked_add(more[i])?;
            size(whole.checked_sub(pads[i])?.checked_sub(pads[i + axes])?)
        };
        let groups = u64::try_from(self.node.integer("group").unwrap_or(1)).ok()?;
        let channels = w[1].and_then(|c| bounded(c.checked_mul(groups)?));
        let spatial: Shape = (0..axes).map(one).collect();
        Some([&[x[0], channels][..], &spatial].concat())
    }

    pub(super) fn pool(&self) -> Option<Shape> {
        let x = self.shape(0)?;
        let kernel: Shape = self.node.integers("kernel_shape")?.iter().map(|d| size(*d)).collect();
        let spatial = self.slid(x.get(2..)?, &kernel)?;
        Some([&x[..2], &spatial].concat())
    }

    pub(super) fn global_pool(&self) -> Option<Shape> {
        let mut shape = self.shape(0)?.clone();
        shape.get_mut(2..)?.fill(Some(1));
        Some(shape)
    }
}
