//! Kind `umx`: Open-Unmix, a network a stem that estimates magnitudes; the phase is the mix's.
//!
//! mix × gain → STFT → magnitudes → a network a stem → × the mix's phase → inverse STFT → × compensation ÷ gain.
//! As `openunmix` does it without its Wiener filter (`niter = 0`).

use super::networks::{each, fill_each, infer_each, numbers};
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Planes, Rows, Stft};
use karaoke_core::Manifest;
use karaoke_models::Weights;
use realfft::num_complex::Complex;

/// The loaded networks of an Open-Unmix model.
pub(super) struct UmxNets {
    networks: Vec<Network>,
    stft: Stft,
    layout: Planes,
    compensation: f32,
    /// The mix's spectra, left and right.
    mix: [Rows; 2],
}

impl UmxNets {
    /// Loads the networks; refuses one that is not `[1, 2, bins, dim_t]` to the same.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.umx, manifest)?;
        let framing = Framing::centred(numbers.n_fft, numbers.hop, numbers.dim_t);
        let (bins, frames) = (framing.bins(), framing.frames);
        let shape = [1, 2, bins, frames];
        Ok(Self {
            networks: each(loader, weights, manifest, &shape, &shape)?,
            stft: Stft::new(framing, bins),
            layout: Planes { rows: bins, pitch: frames },
            compensation: manifest.compensation,
            mix: [Rows::new(frames, bins), Rows::new(frames, bins)],
        })
    }

    /// Keeps the mix's spectra, and fills every network's input with their magnitudes.
    fn present(&mut self, input: [&[f32]; 2], gain: f32) -> Result<(), SeparateError> {
        let layout = self.layout;
        fill_each(&mut self.networks, |magnitudes| {
            let planes = magnitudes.chunks_exact_mut(layout.rows * layout.pitch).zip(&mut self.mix);
            for (channel, (plane, mix)) in input.iter().zip(planes) {
                self.stft.forward(channel, gain, |block, spectra| {
                    mix.store(block, spectra);
                    layout.scatter(block, spectra, [&mut *plane], |bin| [magnitude(bin)]);
                })?;
            }
            Ok(())
        })
    }
}

impl Separator for UmxNets {
    fn window(&self) -> usize {
        self.stft.window()
    }

    fn stems(&self) -> usize {
        self.networks.len()
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        self.present(input, gain)?;
        let (window, layout) = (self.stft.window(), self.layout);
        for (network, stem) in self.networks.iter_mut().zip(out.chunks_exact_mut(2 * window)) {
            let output = network.run()?;
            let planes = output.samples(0)?.chunks_exact(layout.rows * layout.pitch).zip(&self.mix);
            for ((plane, mix), channel) in planes.zip(stem.chunks_exact_mut(window)) {
                self.stft.inverse(self.compensation / gain, channel, |block, spectra| {
                    mix.load(block, spectra);
                    layout.gather(block, spectra, [plane], |bin, [wanted]| *bin = with_phase(*bin, wanted));
                })?;
            }
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        infer_each(&mut self.networks)
    }
}

/// A bin's magnitude. Without the care of `hypot`: input is far from the ends of what f32 can hold.
fn magnitude(bin: Complex<f32>) -> f32 {
    bin.norm_sqr().sqrt()
}

/// The value of magnitude `wanted` and the phase of `bin`; of silence, the phase is 0.
fn with_phase(bin: Complex<f32>, wanted: f32) -> Complex<f32> {
    let have = magnitude(bin);
    if have > 0.0 { bin * (wanted / have) } else { Complex { re: wanted, im: 0.0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_stays_and_that_of_silence_is_0() {
        let turned = with_phase(Complex { re: 3.0, im: -4.0 }, 10.0);
        assert!((turned - Complex { re: 6.0, im: -8.0 }).norm_sqr() < 1e-10, "{turned}");
        assert_eq!(with_phase(Complex::default(), 2.0), Complex { re: 2.0, im: 0.0 });
    }
}
