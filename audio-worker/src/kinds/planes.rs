//! Complex spectrograms as planes, in and out: what an MDX-Net and its relatives take and give.

use super::separator::SeparateError;
use crate::stft::{Block, Planes, Stft};
use karaoke_core::manifest::Mdx;
use realfft::num_complex::Complex;

/// Bins that the network never sees, as in its training: below 20 Hz there is nothing to separate.
const MUTED_BINS: usize = 3;

/// Transforms a window, times `gain`, into `[4, dim_f, dim_t]` (left real, left imaginary, right real, right imaginary), the
/// lowest bins zeroed; `also` sees the spectra of each channel, block by block, as they come.
pub(super) fn analyse(
    stft: &mut Stft,
    numbers: Mdx,
    (input, gain): ([&[f32]; 2], f32),
    planes: &mut [f32],
    mut also: impl FnMut(usize, Block, &[Complex<f32>]),
) -> Result<(), SeparateError> {
    let Mdx { dim_f, dim_t, .. } = numbers;
    let (plane, layout) = (dim_f * dim_t, Planes { rows: dim_f, pitch: dim_t });
    let muted = MUTED_BINS.min(dim_f) * dim_t;
    for (side, (channel, planes)) in input.iter().zip(planes.chunks_exact_mut(2 * plane)).enumerate() {
        let (re, im) = planes.split_at_mut(plane);
        stft.forward(channel, gain, |block, spectra| {
            layout.scatter(block, spectra, [&mut *re, &mut *im], |bin| [bin.re, bin.im]);
            also(side, block, spectra);
        })?;
        re[..muted].fill(0.0);
        im[..muted].fill(0.0);
    }
    Ok(())
}

/// Transforms such planes back into a window, left then right, times `factor`.
pub(super) fn synthesise(
    stft: &mut Stft,
    numbers: Mdx,
    planes: &[f32],
    factor: f32,
    out: &mut [f32],
) -> Result<(), SeparateError> {
    let Mdx { dim_f, dim_t, .. } = numbers;
    let (plane, layout) = (dim_f * dim_t, Planes { rows: dim_f, pitch: dim_t });
    let window = stft.window();
    for (planes, channel) in planes.chunks_exact(2 * plane).zip(out.chunks_exact_mut(window)) {
        let (re, im) = planes.split_at(plane);
        stft.inverse(factor, channel, |block, spectra| {
            layout.gather(block, spectra, [re, im], |bin, [re, im]| *bin = Complex { re, im });
        })?;
    }
    Ok(())
}

/// Whether a bin is one of those that are zeroed.
pub(super) fn is_muted(bin: usize) -> bool {
    bin < MUTED_BINS
}
