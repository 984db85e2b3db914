//! The families of networks: the numbers that a manifest gives of each, and how its windows lie.

use crate::plan::{Taper, Windowing};
use crate::tail::Tail;
use crate::units::ModelName;
use serde::{Deserialize, Serialize};

/// A family of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// MDX-Net: `[1, 4, dim_f, dim_t]` complex spectrograms in and out.
    Mdx,
    /// `[1, 2, segment]` waveforms in, `[1, stems, 2, segment]` out, as Demucs does.
    Waveform,
    /// Spleeter: magnitudes `[2, 1, 512, 1024]` in and, of every stem, out, joined by ratio masks.
    Spleeter,
    /// Open-Unmix: magnitudes `[1, 2, bins, frames]` in and out, with the mix's phase.
    Umx,
    /// Band-split and Mel-band Roformer: `[1, 2·bins, frames, 2]` in, a complex mask a stem out.
    Roformer,
    /// The mean of other models, window by window.
    Ensemble,
    /// A network that sees the mix and the estimates of a model of kind `spleeter`.
    Refined,
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
    /// What the network is shown of windows that stick out behind the track: `silent` or `centred`, as Demucs
    /// has it.
    #[serde(default)]
    pub tail: Tail,
    /// Of an export in two branches, the numbers of the one that takes and gives spectrograms.
    #[serde(default)]
    pub spectrum: Option<Branch>,
}

/// The spectral branch of a two-branch export of HTDemucs: `[1, 4, n_fft / 2, ⌈segment / hop⌉]` complex
/// spectrograms in, `[1, stems, 4, n_fft / 2, ⌈segment / hop⌉]` out. The stems are its inverse transform
/// plus the waveform branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// FFT length.
    pub n_fft: usize,
    /// Frames between FFTs.
    pub hop: usize,
}

/// The numbers of a Spleeter model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spleeter {
    /// FFT length.
    pub n_fft: usize,
    /// Frames between FFTs.
    pub hop: usize,
    /// Frequency bins the networks see, from 0 up; above them the mask is the mean of that of the highest quarter.
    pub dim_f: usize,
    /// FFTs that the networks take.
    pub dim_t: usize,
    /// FFTs of them that a window fills, the rest are silence: a whole window would not fit a message. Without it the
    /// FFTs are centred, as an MDX-Net's are, and fill the window.
    #[serde(default)]
    pub frames: Option<usize>,
    /// RMS at which the networks are shown every window; none: as loud as it is. They know songs at the loudness of their
    /// training, and their answer depends on it.
    #[serde(default)]
    pub level: Option<f32>,
}

/// The numbers of a model that takes all bins of centred FFTs: Open-Unmix, Roformers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Centred {
    /// FFT length.
    pub n_fft: usize,
    /// Frames between FFTs.
    pub hop: usize,
    /// FFTs in a window.
    pub dim_t: usize,
}

/// The numbers of an ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// The models. Each predicts the first stem of the ensemble, or has it as its complement.
    pub members: Vec<ModelName>,
    /// What each counts in the mean, relative to the others; empty: all the same.
    #[serde(default)]
    pub weights: Vec<f32>,
    /// What the mean is taken of.
    #[serde(default)]
    pub mean: Mean,
    /// How the windows lie: that of the first member, filled in by the catalogue.
    #[serde(default)]
    pub windowing: Option<Windowing>,
}

/// The numbers of a model that refines another: an MDX-Net that sees that model's estimates as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refined {
    /// The model that it stands on, of kind `spleeter` with as many centred FFTs.
    pub base: ModelName,
    /// SHA-256 of that model's file, with which the network was trained.
    pub base_sha256: String,
    /// FFT length.
    pub n_fft: usize,
    /// Frames between FFTs.
    pub hop: usize,
    /// Frequency bins the network sees, from 0 up.
    pub dim_f: usize,
    /// FFTs in a window.
    pub dim_t: usize,
}

/// What the mean of an ensemble is taken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mean {
    /// Of samples.
    #[default]
    Waveform,
    /// Of magnitudes, with the phase of the summed spectra.
    Spectrum,
}

/// What is wrong with a number: its key, and the problem.
pub type BadNumber = (&'static str, &'static str);

impl Mdx {
    /// How the windows lie.
    pub fn windowing(&self, overlap: f64) -> Windowing {
        Windowing::mdx(self.n_fft, self.hop, self.dim_t, overlap)
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        check_fft(self.n_fft, self.hop)?;
        check_bins(self.dim_f, self.n_fft)?;
        check_frames(self.dim_t, self.n_fft, self.hop)
    }
}

impl Refined {
    /// The numbers of its spectrograms.
    pub fn mdx(&self) -> Mdx {
        Mdx { n_fft: self.n_fft, hop: self.hop, dim_f: self.dim_f, dim_t: self.dim_t }
    }

    /// How the windows lie.
    pub fn windowing(&self, overlap: f64) -> Windowing {
        self.mdx().windowing(overlap)
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        self.mdx().check()
    }
}

impl Waveform {
    /// How the windows lie.
    pub fn windowing(&self, overlap: f64) -> Windowing {
        Windowing { tail: self.tail, ..Windowing::waveform(self.segment, overlap) }
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        if !(1..=1 << 26).contains(&self.segment) {
            return Err(("segment", "must lie between 1 and 2^26"));
        }
        let Some(Branch { n_fft, hop }) = self.spectrum else { return Ok(()) };
        check_fft(n_fft, hop)?;
        if self.segment <= 2 * n_fft { Err(("segment", "must be longer than two FFTs")) } else { Ok(()) }
    }
}

impl Spleeter {
    /// How the windows lie: as an MDX-Net's where the FFTs are centred. Where they are not, the lead-in puts the track's beginning where all FFTs that meet there are whole.
    ///
    /// A window's ends are where they are not: as its FFTs are not centred, they are divided by next to nothing
    /// there, and a mask's artefacts grow as 1 / sin² towards the end. So does the Hann cross-fade go to nothing,
    /// which keeps the product at a few ten-thousandths; a triangle would not.
    pub fn windowing(&self, overlap: f64) -> Windowing {
        let Some(frames) = self.frames else {
            return Windowing::mdx(self.n_fft, self.hop, self.dim_t, overlap);
        };
        let (lead, window) = (self.n_fft - self.hop, self.hop * frames.saturating_sub(1) + self.n_fft);
        Windowing { lead, taper: Taper::Hann, ..Windowing::waveform(window, overlap) }
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        check_fft(self.n_fft, self.hop)?;
        check_bins(self.dim_f, self.n_fft)?;
        check_frames(self.dim_t, self.n_fft, self.hop)?;
        let whole = |frames| (4 * self.n_fft / self.hop..=self.dim_t).contains(&frames);
        if self.level.is_some_and(|level| !(level > 0.0 && level <= 1.0)) {
            return Err(("level", "must be above 0 and at most 1"));
        }
        if self.frames.is_none_or(whole) {
            Ok(())
        } else {
            Err(("frames", "must be at least 4 n_fft / hop and at most dim_t"))
        }
    }
}

impl Centred {
    /// How the windows lie.
    pub fn windowing(&self, overlap: f64) -> Windowing {
        Windowing::waveform(self.hop * (self.dim_t - 1), overlap)
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        check_fft(self.n_fft, self.hop)?;
        check_frames(self.dim_t, self.n_fft, self.hop)
    }
}

impl Ensemble {
    /// What each member counts in the mean; all together 1.
    pub fn shares(&self) -> Vec<f32> {
        match self.weights.is_empty() {
            true => vec![1.0 / self.members.len() as f32; self.members.len()],
            false => {
                let sum: f32 = self.weights.iter().sum();
                self.weights.iter().map(|weight| weight / sum).collect()
            }
        }
    }

    pub(crate) fn check(&self) -> Result<(), BadNumber> {
        if !(2..=8).contains(&self.members.len()) {
            return Err(("members", "must name two to eight models"));
        }
        let good = |weight: &f32| weight.is_finite() && *weight > 0.0;
        if !self.weights.is_empty()
            && (self.weights.len() != self.members.len() || !self.weights.iter().all(good))
        {
            return Err(("weights", "must be a number above 0 for each member"));
        }
        Ok(())
    }
}

fn check_fft(n_fft: usize, hop: usize) -> Result<(), BadNumber> {
    if !(16..=1 << 16).contains(&n_fft) || n_fft % 2 == 1 {
        return Err(("n_fft", "must be even, between 16 and 65536"));
    }
    if hop == 0 || hop > n_fft / 2 {
        return Err(("hop", "must be between 1 and n_fft / 2"));
    }
    Ok(())
}

fn check_bins(dim_f: usize, n_fft: usize) -> Result<(), BadNumber> {
    let some = (1..=n_fft / 2 + 1).contains(&dim_f);
    if some { Ok(()) } else { Err(("dim_f", "must be between 1 and n_fft / 2 + 1")) }
}

fn check_frames(dim_t: usize, n_fft: usize, hop: usize) -> Result<(), BadNumber> {
    let longer = (2..=1 << 14).contains(&dim_t) && hop * (dim_t - 1) > n_fft;
    if longer { Ok(()) } else { Err(("dim_t", "makes a window that is not longer than n_fft")) }
}
