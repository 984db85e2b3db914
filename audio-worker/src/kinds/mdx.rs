//! Kind `mdx`: complex spectrograms through an MDX-Net, as python-audio-separator does it.
//!
//! mix × gain → STFT → lowest three bins zeroed → network → inverse STFT → × compensation ÷ gain.

use super::networks::{numbers, only};
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Planes, Stft};
use karaoke_core::Manifest;
use karaoke_core::manifest::Mdx;
use karaoke_models::Weights;
use realfft::num_complex::Complex;

/// Bins that the network never sees, as in its training: below 20 Hz there is nothing to separate.
const MUTED_BINS: usize = 3;

/// A loaded MDX-Net.
pub(super) struct MdxNet {
    network: Network,
    stft: Stft,
    numbers: Mdx,
    compensation: f32,
}

impl MdxNet {
    /// Loads the network; refuses one that is not `[1, 4, dim_f, dim_t]` to the same.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.mdx, manifest)?;
        if manifest.stems.len() != 1 {
            let count = manifest.stems.len();
            return Err(SeparateError::Mismatch(format!("an MDX-Net predicts one stem, not {count}")));
        }
        let shape = [1, 4, numbers.dim_f, numbers.dim_t];
        let network = loader.open(only(weights, manifest)?, &[&shape], &[&shape])?;
        let framing = Framing::centred(numbers.n_fft, numbers.hop, numbers.dim_t);
        let stft = Stft::new(framing, numbers.dim_f);
        Ok(Self { network, stft, numbers, compensation: manifest.compensation })
    }
}

impl Separator for MdxNet {
    fn window(&self) -> usize {
        self.stft.window()
    }

    fn stems(&self) -> usize {
        1
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        let Mdx { dim_f, dim_t, .. } = self.numbers;
        let (plane, layout) = (dim_f * dim_t, Planes { rows: dim_f, pitch: dim_t });
        let muted = MUTED_BINS.min(dim_f) * dim_t;
        let planes = self.network.input(0).chunks_exact_mut(2 * plane);
        for (channel, planes) in input.iter().zip(planes) {
            let (re, im) = planes.split_at_mut(plane);
            self.stft.forward(channel, gain, |block, spectra| {
                layout.scatter(block, spectra, [&mut *re, &mut *im], |bin| [bin.re, bin.im]);
            })?;
            re[..muted].fill(0.0);
            im[..muted].fill(0.0);
        }
        let output = self.network.run()?;
        let spectra = output.samples(0)?.chunks_exact(2 * plane);
        let channels = out.chunks_exact_mut(self.stft.window());
        for (planes, channel) in spectra.zip(channels) {
            let (re, im) = planes.split_at(plane);
            self.stft.inverse(self.compensation / gain, channel, |block, spectra| {
                layout.gather(block, spectra, [re, im], |bin, [re, im]| *bin = Complex { re, im });
            })?;
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}
