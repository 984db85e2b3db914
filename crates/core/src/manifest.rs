//! The model manifest (`models/<name>.toml`): all that the pipeline knows of a model.

pub use crate::conversion::{Conversion, SourceFormat};
pub use crate::kind::{BadNumber, Branch, Centred, Ensemble, Kind, Mdx, Mean, Refined, Spleeter, Waveform};
use crate::plan::Windowing;
use crate::units::{ModelName, SampleRate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One model: its file, its licence, its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Unique name: lower-case letters, digits, `-`, `_`, `.`; the queue of its jobs is named after it.
    pub name: ModelName,
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
    /// The ONNX file, or the `.tar.bz2` or `.zip` that holds the ONNX files, beside the manifest; of an
    /// ensemble, none.
    #[serde(default)]
    pub file: String,
    /// Of an archive, how the names of the networks' files in it begin, one for each stem.
    #[serde(default)]
    pub networks: Vec<String>,
    /// SHA-256 of the file, in hexadecimal; of an ensemble, filled in by the catalogue.
    #[serde(default)]
    pub sha256: String,
    /// MD5 of the file's last 10,240,000 bytes, by which UVR knows its models, where no SHA-256 is published.
    #[serde(default)]
    pub uvr_md5: String,
    /// Size of the file in bytes, where known.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Where the file can be downloaded; empty for a built-in model.
    #[serde(default)]
    pub url: String,
    /// How the file is made of what lies at that address; none when it lies there as it is.
    #[serde(default)]
    pub conversion: Option<Conversion>,
    /// Licence of the weights.
    pub licence: String,
    /// What the licence forbids or asks for, in a sentence; empty when it forbids nothing.
    #[serde(default)]
    pub restriction: String,
    /// Whom to credit.
    #[serde(default)]
    pub attribution: String,
    /// Runs in f32 on the processor, even where something less exact is there: it is fast enough.
    #[serde(default)]
    pub exact: bool,
    /// Sample rate the model works at, in Hz.
    pub sample_rate: SampleRate,
    /// Default overlap of neighbouring windows, as a fraction of the window.
    pub overlap: f64,
    /// What the network predicts, in output order.
    pub stems: Vec<String>,
    /// The stem that is the mix minus all predicted ones; none when the predicted ones are all there are.
    #[serde(default)]
    pub complement: Option<String>,
    /// Stems that are sums of predicted ones, as `instrumental` is of `drums`, `bass` and `other`.
    #[serde(default)]
    pub sums: BTreeMap<String, Vec<String>>,
    /// Factor on the network's output.
    #[serde(default = "one")]
    pub compensation: f32,
    /// The mix is scaled down to this peak before (never up), and back after; none for level-invariant models.
    #[serde(default)]
    pub peak: Option<f32>,
    /// How well it separates, on named tests.
    #[serde(default)]
    pub quality: Vec<Quality>,
    /// Numbers of kind `mdx`.
    #[serde(default)]
    pub mdx: Option<Mdx>,
    /// Numbers of kind `waveform`.
    #[serde(default)]
    pub waveform: Option<Waveform>,
    /// Numbers of kind `spleeter`.
    #[serde(default)]
    pub spleeter: Option<Spleeter>,
    /// Numbers of kind `umx`.
    #[serde(default)]
    pub umx: Option<Centred>,
    /// Numbers of kind `roformer`.
    #[serde(default)]
    pub roformer: Option<Centred>,
    /// Numbers of kind `refined`.
    #[serde(default)]
    pub refined: Option<Refined>,
    /// Numbers of kind `ensemble`.
    #[serde(default)]
    pub ensemble: Option<Ensemble>,
}

/// Signal-to-distortion ratios that were measured, in dB, the mean over a test's songs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// What it was measured on, and by whom: only numbers of the same test compare.
    pub test: String,
    /// Of the vocals.
    #[serde(default)]
    pub vocals: Option<f32>,
    /// Of the instrumental.
    #[serde(default)]
    pub instrumental: Option<f32>,
}

fn one() -> f32 {
    1.0
}

/// A kind, the name of its table of numbers, and what its check says where the table is there.
type Checked = (Kind, &'static str, Option<Result<(), BadNumber>>);

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

/// What all stems that add up to a song are called together.
pub const MULTITRACK: &str = "multitrack";

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// ```
    /// use karaoke_core::Manifest;
    ///
    /// let text = "name='m'\ntitle='M'\nkind='waveform'\nfile='m.onnx'\nlicence='MIT'\nsample_rate=44100\n\
    ///     sha256='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\noverlap=0.25\n\
    ///     stems=['vocals']\ncomplement='instrumental'\n[waveform]\nsegment=1000\n";
    /// let manifest = Manifest::parse(text).unwrap();
    /// assert_eq!(manifest.all_stems().collect::<Vec<_>>(), ["vocals", "instrumental"]);
    /// assert_eq!(manifest.rest(), Some("instrumental"));
    /// assert!(Manifest::parse("name='m'").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self =
            toml::from_str(text).map_err(|e| ManifestError::Syntax(e.message().to_owned()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// All stems a track gets: the predicted ones, then the complement, then the sums.
    pub fn all_stems(&self) -> impl Iterator<Item = &str> {
        self.parts().chain(self.sums.keys().map(String::as_str))
    }

    /// Names of the stems that add up to the song, in order: all but the sums.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.stems.iter().chain(&self.complement).map(String::as_str)
    }

    /// The part that takes what the others leave of the song, so that nothing of it is in no stem: the complement,
    /// or else of several predicted stems the one that is made of everything else. `None` when a single stem is all
    /// that the model is there for.
    pub fn rest(&self) -> Option<&str> {
        let named = |name: &str| self.stems.iter().find(|stem| *stem == name);
        let several = || if self.stems.len() > 1 { self.stems.last() } else { None };
        let predicted = || several().and(named("other").or_else(|| named("instrumental")).or_else(several));
        self.complement.as_ref().or_else(predicted).map(String::as_str)
    }

    /// What tells this model's file from every other: its SHA-256, or what stands for it.
    pub fn identity(&self) -> &str {
        if self.sha256.is_empty() { &self.uvr_md5 } else { &self.sha256 }
    }

    /// Name, size and digest of what lies at its address, as the manifest of a model that needs no conversion.
    pub fn download(&self) -> Self {
        match &self.conversion {
            None => self.clone(),
            Some(Conversion { file, sha256, bytes, .. }) => Self {
                file: file.clone(),
                sha256: sha256.clone(),
                bytes: *bytes,
                conversion: None,
                ..self.clone()
            },
        }
    }

    /// How its windows lie along a track with the given overlap (a fraction of the window).
    pub fn windowing(&self, overlap: f64) -> Windowing {
        let of = match self.kind {
            Kind::Mdx => self.mdx.map(|n| n.windowing(overlap)),
            Kind::Waveform => self.waveform.map(|n| n.windowing(overlap)),
            Kind::Spleeter => self.spleeter.map(|n| n.windowing(overlap)),
            Kind::Umx => self.umx.map(|n| n.windowing(overlap)),
            Kind::Roformer => self.roformer.map(|n| n.windowing(overlap)),
            Kind::Refined => self.refined.as_ref().map(|n| n.windowing(overlap)),
            Kind::Ensemble => {
                self.ensemble.as_ref().and_then(|n| n.windowing).map(|w| w.overlapping(overlap))
            }
        };
        // `check` refuses a manifest without its numbers, the catalogue an ensemble without its members.
        of.unwrap_or(Windowing::waveform(1, 0.0))
    }

    fn check(&self) -> Result<(), ManifestError> {
        let value = |key, problem: &str| Err(ManifestError::Value { key, problem: problem.to_owned() });
        if !is_name(&self.name) {
            return value("name", "must be 1 to 64 lower-case letters, digits, '-', '_' or '.'");
        }
        self.check_file()?;
        if !(8_000..=192_000).contains(&self.sample_rate.get()) {
            return value("sample_rate", "must lie between 8000 and 192000");
        }
        if !(0.0..0.99).contains(&self.overlap) {
            return value("overlap", "must be at least 0 and below 0.99");
        }
        self.check_stems()?;
        if !self.compensation.is_finite() || self.compensation <= 0.0 {
            return value("compensation", "must be above 0");
        }
        if self.peak.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
            return value("peak", "must be above 0 and at most 1");
        }
        self.check_numbers()
    }

    fn check_file(&self) -> Result<(), ManifestError> {
        let value = |key, problem: &str| Err(ManifestError::Value { key, problem: problem.to_owned() });
        if self.kind == Kind::Ensemble {
            let none = self.file.is_empty() && self.url.is_empty();
            return if none { Ok(()) } else { value("file", "must be empty: an ensemble has no file") };
        }
        let plain = |file: &str| !(file.is_empty() || file.contains(['/', '\\']) || file.starts_with('.'));
        let hexadecimal =
            |text: &str, digits| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !plain(&self.file) {
            return value("file", "must be a plain file name");
        }
        if let Some(Conversion { file, sha256, .. }) = &self.conversion
            && !(plain(file) && *file != self.file && hexadecimal(sha256, 64) && !self.url.is_empty())
        {
            return value("conversion", "needs the plain name and the sha256 of what lies at `url`");
        }
        let by_md5 = self.sha256.is_empty() && hexadecimal(&self.uvr_md5, 32);
        if !(by_md5 || hexadecimal(&self.sha256, 64)) {
            return value("sha256", "must be 64 hexadecimal digits");
        }
        if !self.networks.is_empty() && self.networks.len() != self.stems.len() {
            return value("networks", "must name one network for each stem");
        }
        Ok(())
    }

    fn check_stems(&self) -> Result<(), ManifestError> {
        let value = |key, problem: &str| Err(ManifestError::Value { key, problem: problem.to_owned() });
        let mut stems: Vec<&str> = self.all_stems().collect();
        stems.sort_unstable();
        if self.stems.is_empty()
            || !stems.iter().all(|s| is_name(s))
            || stems.windows(2).any(|w| w[0] == w[1])
        {
            return value("stems", "must name at least one stem, and none twice");
        }
        if stems.contains(&MULTITRACK) {
            return value("stems", "must not name a stem `multitrack`: that is the address of all of them");
        }
        let predicted = |of: &Vec<String>| !of.is_empty() && of.iter().all(|s| self.stems.contains(s));
        if !self.sums.values().all(predicted) {
            return value("sums", "must be sums of predicted stems");
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), ManifestError> {
        let tables: [Checked; 7] = [
            (Kind::Mdx, "mdx", self.mdx.map(|n| n.check())),
            (Kind::Waveform, "waveform", self.waveform.map(|n| n.check())),
            (Kind::Spleeter, "spleeter", self.spleeter.map(|n| n.check())),
            (Kind::Umx, "umx", self.umx.map(|n| n.check())),
            (Kind::Roformer, "roformer", self.roformer.map(|n| n.check())),
            (Kind::Refined, "refined", self.refined.as_ref().map(Refined::check)),
            (Kind::Ensemble, "ensemble", self.ensemble.as_ref().map(Ensemble::check)),
        ];
        for (kind, name, checked) in tables {
            match (kind == self.kind, checked) {
                (true, Some(Ok(()))) | (false, None) => {}
                (true, Some(Err((key, problem)))) => {
                    return Err(ManifestError::Value { key, problem: format!("of [{name}] {problem}") });
                }
                _ => {
                    let problem = "needs its own table of numbers, named like it, and no other".to_owned();
                    return Err(ManifestError::Value { key: "kind", problem });
                }
            }
        }
        Ok(())
    }
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
