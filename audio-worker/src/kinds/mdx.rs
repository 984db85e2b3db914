//! Kind `mdx`: complex spectrograms through an MDX-Net, as python-audio-separator does it.
//!
//! mix × gain → STFT → lowest three bins zeroed → network → inverse STFT → × compensation ÷ gain.

use super::networks::{numbers, only};
use super::planes::{analyse, synthesise};
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Stft};
use karaoke_core::Manifest;
use karaoke_core::manifest::Mdx;
use karaoke_models::Weights;

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
        analyse(&mut self.stft, self.numbers, (input, gain), self.network.input(0), |_, _, _| {})?;
        let output = self.network.run()?;
        synthesise(&mut self.stft, self.numbers, output.samples(0)?, self.compensation / gain, out)?;
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}
