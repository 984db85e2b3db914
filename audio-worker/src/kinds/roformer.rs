//! Kind `roformer`: band-split and Mel-band Roformers, which predict a complex mask for each stem.
//!
//! mix × gain → STFT → network → mask × the mix's spectrum, its lowest bin zeroed → inverse STFT → × compensation
//! ÷ gain. Bins and channels share an axis: index `2 · bin + channel`; the last axis is real, imaginary. The
//! lowest bin is zeroed as in the training code (`zero_dc` of lucidrains' BS-RoFormer, as MSST runs it).

use super::networks::{numbers, only};
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Planes, Rows, Stft};
use karaoke_core::Manifest;
use karaoke_models::Weights;
use realfft::num_complex::Complex;

/// A loaded Roformer.
pub(super) struct RoformerNet {
    network: Network,
    stft: Stft,
    /// Of one channel: every second row of the network's plane.
    layout: Planes,
    frames: usize,
    stems: usize,
    compensation: f32,
    /// The mix's spectra, left and right.
    mix: [Rows; 2],
}

impl RoformerNet {
    /// Loads the network; refuses one that is not `[1, 2·bins, dim_t, 2]` to `[1, stems, 2·bins, dim_t, 2]`.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.roformer, manifest)?;
        let framing = Framing::centred(numbers.n_fft, numbers.hop, numbers.dim_t);
        let (bins, frames, stems) = (framing.bins(), framing.frames, manifest.stems.len());
        let (input, output) = ([1, 2 * bins, frames, 2], [1, stems, 2 * bins, frames, 2]);
        Ok(Self {
            network: loader.open(only(weights, manifest)?, &[&input], &[&output])?,
            stft: Stft::new(framing, bins),
            layout: Planes { rows: bins, pitch: 2 * frames },
            frames,
            stems,
            compensation: manifest.compensation,
            mix: [Rows::new(frames, bins), Rows::new(frames, bins)],
        })
    }
}

impl Separator for RoformerNet {
    fn window(&self) -> usize {
        self.stft.window()
    }

    fn stems(&self) -> usize {
        self.stems
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        let (layout, frames) = (self.layout, self.frames);
        let plane = self.network.input(0).as_chunks_mut::<2>().0;
        for (side, (channel, mix)) in input.iter().zip(&mut self.mix).enumerate() {
            let plane = &mut plane[side * frames..];
            self.stft.forward(channel, gain, |block, spectra| {
                mix.store(block, spectra);
                layout.scatter(block, spectra, [&mut *plane], |bin| [[bin.re, bin.im]]);
            })?;
        }
        let output = self.network.run()?;
        let masks = output.samples(0)?.as_chunks::<2>().0.chunks_exact(layout.rows * layout.pitch);
        let sides = masks.flat_map(|mask| [mask, &mask[frames..]]).zip(self.mix.iter().cycle());
        for ((mask, mix), channel) in sides.zip(out.chunks_exact_mut(self.stft.window())) {
            self.stft.inverse(self.compensation / gain, channel, |block, spectra| {
                mix.load(block, spectra);
                layout.gather(block, spectra, [mask], |bin, [[re, im]]| *bin *= Complex { re, im });
                for spectrum in spectra.chunks_exact_mut(block.bins) {
                    spectrum[0] = Complex::default();
                }
            })?;
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}
