//! A folder with a clip, from which files are made, and what is measured of their decode.

use crate::clip::{Clip, snr};
use crate::ffmpeg;
use crate::formats::ingest;
use std::fs;
use std::path::{Path, PathBuf};

/// Frames of the clip.
pub(crate) const FRAMES: usize = 132_300;

pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clip: Clip,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), clip: Clip::song(44_100, 2, FRAMES) };
        place.clip.write(&place.path("base.wav"));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The clip in another format.
    pub(crate) fn made(&self, name: &str, options: &[&str]) -> Vec<u8> {
        ffmpeg::make(&self.path("base.wav"), &self.path(name), options);
        fs::read(self.path(name)).unwrap()
    }

    /// A sine of some seconds.
    pub(crate) fn sine(&self, name: &str, seconds: f64, options: &[&str]) -> Vec<u8> {
        let input = format!("sine=440:d={seconds}");
        let to = self.path(name);
        let arguments = [&["-f", "lavfi", "-i", &input], options, &[to.to_str().unwrap()]].concat();
        ffmpeg::run(&arguments);
        fs::read(to).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The file is the clip, sample for sample.
    pub(crate) fn is_the_clip(&self, name: &str, bytes: &[u8]) {
        let path = self.write(name, bytes);
        let (decoded, got) = ingest(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(decoded.frames, FRAMES as u64, "{name}");
        assert!(got == self.clip.samples, "{name}: another sound, {:.1} dB", snr(&got, &self.clip.samples));
    }
}

/// Decodes a file: its length in seconds and its samples.
pub(crate) fn decoded(path: &Path) -> (f64, Vec<f32>) {
    let (decoded, got) = ingest(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (decoded.frames.get() as f64 / f64::from(decoded.sample_rate.get()), got)
}

/// Level in dB of the quietest tenth of a second between two times, at 44.1 kHz.
pub(crate) fn quietest(samples: &[f32], from_s: f64, to_s: f64) -> f64 {
    let at = |seconds: f64| (seconds * 44_100.0) as usize * 2;
    let power = |block: &[f32]| block.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / block.len() as f64;
    let blocks = samples[at(from_s)..at(to_s).min(samples.len())].chunks_exact(8820);
    10.0 * blocks.map(power).fold(f64::INFINITY, f64::min).log10()
}

pub(crate) fn assert_length(what: &str, seconds: f64, expected: f64) {
    assert!((seconds - expected).abs() < 0.12, "{what}: {seconds:.3} s, not {expected} s");
}
