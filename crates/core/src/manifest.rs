//! The model manifest (`models/<name>.toml`): all that the pipeline knows of a model.

use crate::plan::Windowing;
use serde::{Deserialize, Serialize};

/// One model: its file, its licence, its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Unique name: lower-case letters, digits, `-`, `_`, `.`; the queue of its jobs is named after it.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// What it does well and badly, in a sentence or two.
    #[serde(default)]
    pub description: String,
    /// Not offered to singers; only who names it gets it.
    #[serde(default)]
    pub hidden: bool,
    /// The family of networks it belongs to.
    pub kind: Kind,
    /// The ONNX file, beside the manifest.
    pub file: String,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Where the file can be downloaded; empty for a built-in model.
    #[serde(default)]
    pub url: String,
    /// Licence of the weights.
    pub licence: String,
    /// Whom to credit.
    #[serde(default)]
    pub attribution: String,
    /// Sample rate the model works at, in Hz.
    pub sample_rate: u32,
    /// Default overlap of neighbouring windows, as a fraction of the window.
    pub overlap: f64,
    /// What the network predicts, in output order.
    pub stems: Vec<String>,
    /// The stem that is the mix minus all predicted ones; none when the predicted ones are all there are.
    #[serde(default)]
    pub complement: Option<String>,
    /// Factor on the network's output.
    #[serde(default = "one")]
    pub compensation: f32,
    /// The mix is scaled down to this peak before (never up), and back after; none for level-invariant models.
    #[serde(default)]
    pub peak: Option<f32>,
    /// Numbers of kind `mdx`.
    #[serde(default)]
    pub mdx: Option<Mdx>,
    /// Numbers of kind `waveform`.
    #[serde(default)]
    pub waveform: Option<Waveform>,
}

fn one() -> f32 {
    1.0
}

/// A family of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// MDX-Net: `[batch, 4, dim_f, dim_t]` complex spectrograms in and out.
    Mdx,
    /// `[batch, 2, segment]` waveforms in, `[batch, stems, 2, segment]` out.
    Waveform,
}

/// The numbers of an MDX-Net.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mdx {
    /// FFT length.
    pub n_fft: usize,
    /// Frames between FFTs.
    pub hop: usize,
    /// Frequency bins the network sees, from 0 up.
    pub dim_f: usize,
    /// FFTs in a window.
    pub dim_t: usize,
}

/// The numbers of a waveform model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waveform {
    /// Frames in a window.
    pub segment: usize,
    /// Whether the window's mono mean and deviation are taken out before and put back after.
    #[serde(default)]
    pub normalise: bool,
}

/// The manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML, or lacks or misspells a key.
    #[error("{0}")]
    Syntax(String),
    /// A value cannot be.
    #[error("`{key}` {problem}")]
    Value {
        /// The offending key.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|e| ManifestError::Syntax(e.message().to_owned()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// All stems a track gets: the predicted ones, then the complement.
    pub fn all_stems(&self) -> impl Iterator<Item = &str> {
        self.stems.iter().chain(&self.complement).map(String::as_str)
    }

    /// How its windows lie along a track with the given overlap (a fraction of the window).
    pub fn windowing(&self, overlap: f64) -> Windowing {
        match (self.mdx, self.waveform) {
            (Some(m), _) => Windowing::mdx(m.n_fft, m.hop, m.dim_t, overlap),
            (None, Some(w)) => Windowing::waveform(w.segment, overlap),
            // `check` refuses a manifest with neither.
            (None, None) => Windowing::waveform(1, 0.0),
        }
    }

    fn check(&self) -> Result<(), ManifestError> {
        let value = |key, problem: &str| Err(ManifestError::Value { key, problem: problem.to_owned() });
        if !is_name(&self.name) {
            return value("name", "must be 1 to 64 lower-case letters, digits, '-', '_' or '.'");
        }
        if self.file.is_empty() || self.file.contains(['/', '\\']) || self.file.starts_with('.') {
            return value("file", "must be a plain file name");
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return value("sha256", "must be 64 hexadecimal digits");
        }
        if !(8_000..=192_000).contains(&self.sample_rate) {
            return value("sample_rate", "must lie between 8000 and 192000");
        }
        if !(0.0..0.99).contains(&self.overlap) {
            return value("overlap", "must be at least 0 and below 0.99");
        }
        let mut stems: Vec<&str> = self.all_stems().collect();
        stems.sort_unstable();
        if self.stems.is_empty()
            || !stems.iter().all(|s| is_name(s))
            || stems.windows(2).any(|w| w[0] == w[1])
        {
            return value("stems", "must name at least one stem, and none twice");
        }
        if !self.compensation.is_finite() || self.compensation <= 0.0 {
            return value("compensation", "must be above 0");
        }
        if self.peak.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return value("peak", "must be above 0 and at most 1");
        }
        match (self.kind, self.mdx, self.waveform) {
            (Kind::Mdx, Some(m), None) => check_mdx(m),
            (Kind::Waveform, None, Some(w)) if (1..=1 << 26).contains(&w.segment) => Ok(()),
            (Kind::Waveform, None, Some(_)) => value("waveform.segment", "must lie between 1 and 2^26"),
            _ => value("kind", "needs its own table of numbers, [mdx] or [waveform], and no other"),
        }
    }
}

fn check_mdx(m: Mdx) -> Result<(), ManifestError> {
    let value = |key, problem: &str| Err(ManifestError::Value { key, problem: problem.to_owned() });
    if !(16..=1 << 16).contains(&m.n_fft) || m.n_fft % 2 == 1 {
        return value("mdx.n_fft", "must be even, between 16 and 65536");
    }
    if m.hop == 0 || m.hop > m.n_fft {
        return value("mdx.hop", "must be between 1 and n_fft");
    }
    if m.dim_f == 0 || m.dim_f > m.n_fft / 2 + 1 {
        return value("mdx.dim_f", "must be between 1 and n_fft / 2 + 1");
    }
    if m.dim_t < 2 || m.dim_t > 1 << 14 || m.hop * (m.dim_t - 1) <= m.n_fft {
        return value("mdx.dim_t", "makes a window that is not longer than n_fft");
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "test"
        title = "Test"
        kind = "mdx"
        file = "test.onnx"
        sha256 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        licence = "MIT"
        sample_rate = 44100
        overlap = 0.25
        stems = ["vocals"]
        complement = "instrumental"
        peak = 0.9
        [mdx]
        n_fft = 6144
        hop = 1024
        dim_f = 2048
        dim_t = 256
    "#;

    #[test]
    fn reads_a_manifest() {
        let m = Manifest::parse(GOOD).unwrap();
        assert_eq!(m.compensation, 1.0);
        assert_eq!(m.all_stems().collect::<Vec<_>>(), ["vocals", "instrumental"]);
        assert_eq!(m.windowing(0.25).step, 195_840);
    }

    #[test]
    fn refuses_what_cannot_be() {
        for (from, to, word) in [
            ("name = \"test\"", "name = \"../x\"", "name"),
            ("test.onnx", "../../etc/passwd", "file"),
            ("0.25", "1.5", "overlap"),
            ("[\"vocals\"]", "[]", "stems"),
            ("[\"vocals\"]", "[\"instrumental\"]", "stems"),
            ("dim_f = 2048", "dim_f = 9999", "dim_f"),
            ("hop = 1024", "hop = 0", "hop"),
            ("dim_t = 256", "dim_t = 3", "dim_t"),
            ("\"mdx\"", "\"waveform\"", "kind"),
            ("peak", "paek", "paek"),
            ("peak = 0.9", "peak = 0.0", "peak"),
            ("44100", "44", "sample_rate"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let error = Manifest::parse(&text).unwrap_err().to_string();
            assert!(error.contains(word), "{from} → {to}: {error}");
        }
    }
}
