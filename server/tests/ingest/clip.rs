//! The synthetic clip that every file is made from, and what is measured against it.

use std::{f64::consts::TAU, path::Path};

/// Interleaved samples of any number of channels.
pub struct Clip {
    pub rate: u32,
    pub channels: usize,
    pub samples: Vec<f32>,
}

impl Clip {
    /// A song of sorts: chords that decay, a sweep, soft noise; every channel its own mixture.
    /// Samples are whole 16-bit steps, so that lossless formats can be compared exactly.
    pub fn song(rate: u32, channels: usize, frames: usize) -> Self {
        let mut seed = 12345u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1664525).wrapping_add(1013904223);
            f64::from(seed >> 8) / f64::from(1 << 23) - 1.0
        };
        let top = (f64::from(rate) * 0.4).min(9000.0);
        let mut samples = Vec::with_capacity(frames * channels);
        for n in 0..frames {
            let t = n as f64 / f64::from(rate);
            let beat = t % 0.5;
            let sweep = (TAU * (100.0 * t + (top - 100.0) * t * t / 8.0)).sin();
            for c in 0..channels {
                let root = 110.0 * (1.0 + c as f64 * 0.25) * (1.0 + (t * 2.0).floor() * 0.12);
                let chord: f64 = (1..6).map(|k| (TAU * root * f64::from(k) * t).sin() / f64::from(k)).sum();
                let pan = (c + 1) as f64 / channels as f64;
                let s = 0.25 * chord * (-4.0 * beat).exp() + 0.15 * sweep * pan + 0.002 * noise();
                samples.push(((s * 32768.0).round() / 32768.0) as f32);
            }
        }
        Self { rate, channels, samples }
    }

    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels
    }

    /// The clip as stereo, by hand: mono on both sides, more than two by BS.775 in WAVE order.
    pub fn stereo(&self) -> Vec<f32> {
        let h = std::f32::consts::FRAC_1_SQRT_2;
        let (left, right): (&[f32], &[f32]) = match self.channels {
            1 => (&[1.0], &[1.0]),
            2 => (&[1.0, 0.0], &[0.0, 1.0]),
            6 => (&[1.0, 0.0, h, 0.0, h, 0.0], &[0.0, 1.0, h, 0.0, 0.0, h]),
            other => panic!("no layout of {other} channels"),
        };
        let scale = left.iter().sum::<f32>().max(1.0);
        let dot = |frame: &[f32], w: &[f32]| frame.iter().zip(w).map(|(s, w)| s * w / scale).sum::<f32>();
        self.samples.chunks_exact(self.channels).flat_map(|f| [dot(f, left), dot(f, right)]).collect()
    }

    /// Writes it as a 16-bit WAV.
    pub fn write(&self, path: &Path) {
        let spec = hound::WavSpec {
            channels: self.channels as u16,
            sample_rate: self.rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        self.samples.iter().for_each(|s| writer.write_sample((s * 32768.0) as i16).unwrap());
        writer.finalize().unwrap();
    }
}

/// Signal to noise of `got` against `reference` in dB, over what both have; infinite when equal.
pub fn snr(got: &[f32], reference: &[f32]) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for (a, b) in got.iter().zip(reference) {
        error += (f64::from(*a) - f64::from(*b)).powi(2);
        power += f64::from(*b).powi(2);
    }
    10.0 * (power / error).log10()
}

/// The lag (in frames) at which stereo `got` resembles `reference` most, within ±200 frames.
pub fn lag(got: &[f32], reference: &[f32]) -> i64 {
    let left = |v: &[f32]| v.iter().step_by(2).copied().collect::<Vec<f32>>();
    let (got, reference) = (left(got), left(reference));
    let window = 4000..(reference.len().saturating_sub(4000)).min(12000);
    let difference = |lag: i64| -> f64 {
        window
            .clone()
            .filter_map(|n| got.get((n as i64 + lag) as usize).map(|g| f64::from(g - reference[n]).powi(2)))
            .sum()
    };
    (-200..=200).min_by(|a, b| difference(*a).total_cmp(&difference(*b))).unwrap()
}
