//! Makes songs and compares sound.

use std::io::Cursor;

/// Interleaved stereo samples at a rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Hz.
    pub rate: u32,
    /// Left, right, left, …
    pub samples: Vec<f32>,
}

impl Sound {
    /// Frames.
    pub fn frames(&self) -> usize {
        self.samples.len() / 2
    }

    /// The samples' bits, for comparing them exactly.
    pub fn bits(&self) -> Vec<u32> {
        self.samples.iter().map(|s| s.to_bits()).collect()
    }

    /// As a WAV file of 32-bit floats.
    pub fn wav_float(&self) -> Vec<u8> {
        self.wav(hound::WavSpec {
            channels: 2,
            sample_rate: self.rate,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        })
    }

    /// As a WAV file of 16-bit integers.
    pub fn wav_16(&self) -> Vec<u8> {
        self.wav(hound::WavSpec {
            channels: 2,
            sample_rate: self.rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        })
    }

    fn wav(&self, spec: hound::WavSpec) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("WAV");
        for s in &self.samples {
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(*s).expect("sample"),
                hound::SampleFormat::Int => {
                    writer.write_sample((s * 32767.0).round() as i16).expect("sample");
                }
            }
        }
        writer.finalize().expect("WAV");
        bytes.into_inner()
    }

    /// Reads a stereo WAV file.
    pub fn from_wav(bytes: &[u8]) -> Self {
        let mut reader = hound::WavReader::new(Cursor::new(bytes)).expect("WAV");
        let spec = reader.spec();
        assert_eq!(spec.channels, 2);
        let samples = match spec.sample_format {
            hound::SampleFormat::Float => reader.samples::<f32>().map(|s| s.expect("sample")).collect(),
            hound::SampleFormat::Int => {
                let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
                reader.samples::<i32>().map(|s| s.expect("sample") as f32 / full).collect()
            }
        };
        Self { rate: spec.sample_rate, samples }
    }

    /// Sample by sample, this minus another of the same length.
    pub fn minus(&self, other: &Self) -> Self {
        assert_eq!((self.rate, self.frames()), (other.rate, other.frames()));
        let samples = self.samples.iter().zip(&other.samples).map(|(a, b)| a - b).collect();
        Self { rate: self.rate, samples }
    }

    /// Root mean square in decibels below full scale.
    pub fn level_db(&self) -> f64 {
        let sum: f64 = self.samples.iter().map(|s| f64::from(*s).powi(2)).sum();
        10.0 * (sum / self.samples.len().max(1) as f64).log10()
    }

    /// Largest absolute sample.
    pub fn peak(&self) -> f32 {
        self.samples.iter().fold(0.0, |p, s| p.max(s.abs()))
    }
}

/// A little song: a sung line in the middle, chords left and right, a bass, and something that ticks.
///
/// The same every time. Nothing lies above 15 kHz and nothing jumps, so that no resampler has an excuse.
pub fn song(seconds: f64, rate: u32) -> Sound {
    let frames = (seconds * f64::from(rate)).round() as usize;
    let mut samples = Vec::with_capacity(frames * 2);
    for i in 0..frames {
        let t = i as f64 / f64::from(rate);
        let middle = 0.25 * voice(t) + 0.2 * swell(t * 2.0) * wave(55.0 * t);
        let tick = 0.1 * swell(t * 2.0).powi(3) * hiss(t);
        samples.push((middle + 0.15 * chord(t, 0.0) + tick) as f32);
        samples.push((middle + 0.15 * chord(t, 0.13) - 0.5 * tick) as f32);
    }
    Sound { rate, samples }
}

/// Notes with vibrato and twelve harmonics, silent where one note follows another.
fn voice(t: f64) -> f64 {
    let note = [220.0, 246.94, 261.63, 329.63][(t * 0.8) as usize % 4];
    let phase = note * t + 0.8 * (t * 34.0).sin();
    swell(t * 0.8) * (1..=12).map(|h| wave(f64::from(h) * phase) / f64::from(h)).sum::<f64>()
}

fn chord(t: f64, shift: f64) -> f64 {
    [110.0, 138.6, 165.0].iter().map(|f| wave(f * t + shift)).sum::<f64>() / 3.0
}

/// Thirty partials between 3 and 15 kHz without a common pitch.
fn hiss(t: f64) -> f64 {
    (0..30).map(|k| wave((3000.0 + 397.3 * f64::from(k)) * t + 0.37 * f64::from(k * k))).sum::<f64>() / 8.0
}

/// One smooth swell for each whole number, quick to rise and slow to fall.
fn swell(x: f64) -> f64 {
    (std::f64::consts::PI * x.fract().sqrt()).sin().powi(2)
}

fn wave(cycles: f64) -> f64 {
    (cycles.fract() * std::f64::consts::TAU).sin()
}
