//! Kind `refined`: a network of its own that sees the mix and what a model of kind `spleeter` makes of it.
//!
//! mix × gain → STFT → the base's networks on the magnitudes of the lowest bins → our network on the mix's spectrum and on
//! the base's estimates → spectrum of the stem → inverse STFT → × compensation ÷ gain. Trained by
//! `models/training/refine.py`.

use super::networks::{numbers, only};
use super::planes::{analyse, is_muted, synthesise};
use super::separator::{SeparateError, Separator, check_buffers, check_finite, mismatch};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Stft};
use karaoke_core::Manifest;
use karaoke_core::manifest::Mdx;
use karaoke_models::Weights;

/// A model's manifest and its networks.
pub(super) type Model<'m> = (&'m Manifest, &'m [Weights]);

/// The loaded networks.
pub(super) struct RefinedNet {
    base: Network,
    network: Network,
    stft: Stft,
    numbers: Mdx,
    /// Bins that the base sees, and the level that it is shown windows at.
    seen: usize,
    level: Option<f32>,
    compensation: f32,
}

impl RefinedNet {
    /// Loads both networks. The base has to give two estimates by one network of centred FFTs, ours to take
    /// `[1, 4, dim_f, dim_t]` and the base's two `[2, 1, dim_t, bins]`, and to give `[1, 4, dim_f, dim_t]`.
    pub(super) fn open(loader: &Loader, own: Model<'_>, base: Model<'_>) -> Result<Self, SeparateError> {
        let (manifest, weights) = own;
        let refined = numbers(manifest.refined.as_ref(), manifest)?;
        let of_base = numbers(base.0.spleeter, base.0)?;
        let mdx = refined.mdx();
        if manifest.stems.len() != 1 || base.0.stems.len() != 2 {
            return Err(mismatch(format!(
                "`{}` must predict one stem, `{}` two",
                manifest.name, base.0.name
            )));
        }
        let (shape, estimate) = ([1, 4, mdx.dim_f, mdx.dim_t], [2, 1, of_base.dim_t, of_base.dim_f]);
        let from_base = only(base.1, base.0)?;
        Ok(Self {
            base: loader.of(base.0).open(from_base, &[&estimate], &[&estimate, &estimate])?,
            network: loader.of(manifest).open(
                only(weights, manifest)?,
                &[&shape, &estimate, &estimate],
                &[&shape],
            )?,
            stft: Stft::new(Framing::centred(mdx.n_fft, mdx.hop, mdx.dim_t), mdx.dim_f),
            numbers: mdx,
            seen: of_base.dim_f,
            level: of_base.level,
            compensation: manifest.compensation,
        })
    }
}

impl Separator for RefinedNet {
    fn window(&self) -> usize {
        self.stft.window()
    }

    fn stems(&self) -> usize {
        1
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        let Self { base, network, stft, numbers, seen, level, compensation } = self;
        let (seen, plane) = (*seen, *seen * numbers.dim_t);
        let shown = shown_at(input, gain, *level);
        let magnitudes = base.input(0);
        analyse(stft, *numbers, (input, gain), network.input(0), |side, block, spectra| {
            let rows = magnitudes[side * plane + block.first * seen..].chunks_exact_mut(seen);
            for (row, spectrum) in rows.zip(spectra.chunks_exact(block.bins)).take(block.count) {
                for (at, (to, bin)) in row.iter_mut().zip(spectrum).enumerate() {
                    *to = if is_muted(at) { 0.0 } else { bin.norm_sqr().sqrt() * shown };
                }
            }
        })?;
        let estimates = base.run()?;
        for index in 0..2 {
            network.input(1 + index).copy_from_slice(estimates.samples(index)?);
        }
        let output = network.run()?;
        synthesise(stft, *numbers, output.samples(0)?, *compensation / gain, out)?;
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.base.run()?;
        self.network.run()?;
        Ok(())
    }
}

/// The factor that brings a window to the level that a network is to be shown it at (RMS of both channels); 1 where it
/// does not matter, or where there is nothing.
pub(super) fn shown_at(input: [&[f32]; 2], gain: f32, level: Option<f32>) -> f32 {
    let Some(level) = level else { return 1.0 };
    let energy: f64 = input.iter().flat_map(|channel| channel.iter()).map(|s| f64::from(*s).powi(2)).sum();
    let rms = (energy / (2 * input[0].len()).max(1) as f64).sqrt() * f64::from(gain);
    if rms > SILENT { (f64::from(level) / rms) as f32 } else { 1.0 }
}

/// RMS below which a window is silence: −160 dB of full scale.
const SILENT: f64 = 1e-8;
