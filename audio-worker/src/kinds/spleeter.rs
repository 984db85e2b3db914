//! Kind `spleeter`: a network a stem looks at magnitudes, and ratio masks share the mix out among the stems.
//!
//! mix × gain → STFT (not centred) → magnitudes of the lowest bins → a network a stem → ratio masks → × the
//! mix's spectrum → inverse STFT → × compensation ÷ gain. As sherpa-onnx does it
//! (`sherpa-onnx/csrc/offline-source-separation-spleeter-impl.h` and `scripts/spleeter/separate_onnx.py`).

use super::networks::{each, fill_each, infer_each, numbers};
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Rows, Stft};
use karaoke_core::Manifest;
use karaoke_core::manifest::Spleeter;
use karaoke_models::Weights;

/// Added to the sum of the squares, and shared among the stems: where all predict nothing, each gets its share.
const FLOOR: f32 = 1e-10;

/// The loaded networks of a Spleeter model.
pub(super) struct SpleeterNets {
    networks: Vec<Network>,
    stft: Stft,
    numbers: Spleeter,
    compensation: f32,
    /// The mix's spectra, left and right.
    mix: [Rows; 2],
    /// What each network predicts, squared.
    powers: Vec<Vec<f32>>,
    /// One over their sum.
    share: Vec<f32>,
}

impl SpleeterNets {
    /// Loads the networks; refuses one that is not `[2, 1, dim_t, dim_f]` to the same.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.spleeter, manifest)?;
        let Spleeter { n_fft, hop, dim_f, dim_t, frames } = numbers;
        let shape = [2, 1, dim_t, dim_f];
        let rows = || Rows::new(frames, dim_f);
        Ok(Self {
            networks: each(loader, weights, manifest, &shape, &shape)?,
            stft: Stft::new(Framing::inside(n_fft, hop, frames), dim_f),
            numbers,
            compensation: manifest.compensation,
            mix: [rows(), rows()],
            powers: vec![vec![0.0; 2 * dim_t * dim_f]; weights.len()],
            share: vec![0.0; 2 * dim_t * dim_f],
        })
    }

    /// Keeps the mix's spectra, and fills every network's input with their magnitudes. What is behind the
    /// window's last FFT stays silence.
    fn present(&mut self, input: [&[f32]; 2], gain: f32) -> Result<(), SeparateError> {
        let (dim_f, plane) = (self.numbers.dim_f, self.numbers.dim_f * self.numbers.dim_t);
        fill_each(&mut self.networks, |magnitudes| {
            let planes = magnitudes.chunks_exact_mut(plane).zip(&mut self.mix);
            for (channel, (plane, mix)) in input.iter().zip(planes) {
                self.stft.forward(channel, gain, |block, spectra| {
                    mix.store(block, spectra);
                    let rows = plane[block.first * dim_f..].chunks_exact_mut(dim_f);
                    for (to, from) in rows.zip(mix.of(block)) {
                        to.iter_mut().zip(from).for_each(|(to, bin)| *to = bin.norm_sqr().sqrt());
                    }
                })?;
            }
            Ok(())
        })
    }

    /// Runs every network, and leaves the squares of what they predict and one over their sum.
    fn predict(&mut self) -> Result<(), SeparateError> {
        self.share.fill(FLOOR);
        for (network, power) in self.networks.iter_mut().zip(&mut self.powers) {
            let output = network.run()?;
            for ((power, y), sum) in power.iter_mut().zip(output.samples(0)?).zip(&mut self.share) {
                *power = y * y;
                *sum += *power;
            }
        }
        self.share.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
        Ok(())
    }
}

impl Separator for SpleeterNets {
    fn window(&self) -> usize {
        self.stft.window()
    }

    fn stems(&self) -> usize {
        self.networks.len()
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        self.present(input, gain)?;
        self.predict()?;
        let (dim_f, plane) = (self.numbers.dim_f, self.numbers.dim_f * self.numbers.dim_t);
        let floor = FLOOR / self.powers.len() as f32;
        let stems = self.powers.iter().flat_map(|power| power.chunks_exact(plane));
        let sides = self.mix.iter().zip(self.share.chunks_exact(plane)).cycle();
        let channels = out.chunks_exact_mut(self.stft.window());
        for ((power, (mix, share)), channel) in stems.zip(sides).zip(channels) {
            self.stft.inverse(self.compensation / gain, channel, |block, spectra| {
                mix.load(block, spectra);
                let begin = block.first * dim_f;
                let masks = power[begin..].chunks_exact(dim_f).zip(share[begin..].chunks_exact(dim_f));
                let rows = spectra.chunks_exact_mut(block.bins).take(block.count);
                for (row, (power, share)) in rows.zip(masks) {
                    for ((bin, power), share) in row.iter_mut().zip(power).zip(share) {
                        *bin *= (power + floor) * share;
                    }
                }
            })?;
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        infer_each(&mut self.networks)
    }
}
