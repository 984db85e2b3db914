//! Kind `spleeter`: networks look at magnitudes, and ratio masks share the mix out among the stems.
//!
//! mix × gain → STFT → magnitudes of the lowest bins, at one level where the manifest says so → an estimate for each stem, of a network each or of one for all →
//! ratio masks → × the mix's spectrum → inverse STFT → × compensation ÷ gain. As sherpa-onnx does it
//! (`sherpa-onnx/csrc/offline-source-separation-spleeter-impl.h` and `scripts/spleeter/separate_onnx.py`), with one
//! difference: above the bins that the networks see (11 kHz of Spleeter's), where it leaves nothing in any stem, each
//! channel's masks are the mean of those of the highest quarter of the bins below. That is `mask_extension: average` of
//! Spleeter itself, but of what lies next to it.

use super::networks::{each, fill_each, infer_each, numbers};
use super::refined::shown_at;
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
    /// Networks give so many of the estimates each.
    stems: usize,
}

impl SpleeterNets {
    /// Loads the networks; refuses one that is not `[2, 1, dim_t, dim_f]` to the same, or to as many of the same as
    /// there are stems.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.spleeter, manifest)?;
        let Spleeter { n_fft, hop, dim_f, dim_t, frames, .. } = numbers;
        let (shape, stems): ([usize; 4], usize) = ([2, 1, dim_t, dim_f], manifest.stems.len());
        let framing = match frames {
            Some(frames) => Framing::inside(n_fft, hop, frames),
            None => Framing::centred(n_fft, hop, dim_t),
        };
        let rows = || Rows::new(framing.frames, framing.bins());
        let networks = match weights {
            [all] if manifest.networks.is_empty() => {
                let outputs: Vec<&[usize]> = vec![&shape; stems];
                vec![loader.open(all, &[&shape], &outputs)?]
            }
            _ => each(loader, weights, manifest, &shape, &shape)?,
        };
        Ok(Self {
            networks,
            stft: Stft::new(framing, framing.bins()),
            numbers,
            compensation: manifest.compensation,
            mix: [rows(), rows()],
            powers: vec![vec![0.0; 2 * dim_t * dim_f]; stems],
            share: vec![0.0; 2 * dim_t * dim_f],
            stems,
        })
    }

    /// Keeps the mix's spectra, and fills every network's input with their magnitudes. What is behind the
    /// window's last FFT stays silence.
    fn present(&mut self, input: [&[f32]; 2], gain: f32) -> Result<(), SeparateError> {
        let (dim_f, plane) = (self.numbers.dim_f, self.numbers.dim_f * self.numbers.dim_t);
        let shown = shown_at(input, gain, self.numbers.level);
        fill_each(&mut self.networks, |magnitudes| {
            let planes = magnitudes.chunks_exact_mut(plane).zip(&mut self.mix);
            for (channel, (plane, mix)) in input.iter().zip(planes) {
                self.stft.forward(channel, gain, |block, spectra| {
                    mix.store(block, spectra);
                    let rows = plane[block.first * dim_f..].chunks_exact_mut(dim_f);
                    for (to, from) in rows.zip(mix.of(block)) {
                        to.iter_mut().zip(from).for_each(|(to, bin)| *to = bin.norm_sqr().sqrt() * shown);
                    }
                })?;
            }
            Ok(())
        })
    }

    /// Runs every network, and leaves the squares of what they predict and one over their sum.
    fn predict(&mut self) -> Result<(), SeparateError> {
        self.share.fill(FLOOR);
        let each = self.stems / self.networks.len();
        for (network, powers) in self.networks.iter_mut().zip(self.powers.chunks_mut(each)) {
            let outputs = network.run()?;
            for (index, power) in powers.iter_mut().enumerate() {
                for ((power, y), sum) in power.iter_mut().zip(outputs.samples(index)?).zip(&mut self.share) {
                    *power = y * y;
                    *sum += *power;
                }
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
        self.stems
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        self.present(input, gain)?;
        self.predict()?;
        let (dim_f, plane) = (self.numbers.dim_f, self.numbers.dim_f * self.numbers.dim_t);
        let floor = FLOOR / self.powers.len() as f32;
        // The highest quarter of the bins.
        let highest = dim_f - dim_f.div_ceil(4);
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
                    let (seen, above) = row.split_at_mut(dim_f);
                    let mut extension = 0.0;
                    for (at, ((bin, power), share)) in seen.iter_mut().zip(power).zip(share).enumerate() {
                        let mask = (power + floor) * share;
                        *bin *= mask;
                        extension += if at >= highest { mask } else { 0.0 };
                    }
                    extension /= (dim_f - highest) as f32;
                    above.iter_mut().for_each(|bin| *bin *= extension);
                }
            })?;
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        infer_each(&mut self.networks)
    }
}
