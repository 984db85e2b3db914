//! How a model's windows lie along any track.

use crate::tail::Tail;
use serde::{Deserialize, Serialize};

/// The shape of the cross-fade between neighbouring windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taper {
    /// Symmetric Hann over the window's actual length (`numpy.hanning`), as python-audio-separator does.
    Hann,
    /// A triangle over the model's full window, cut where the track ends, as Demucs does.
    Triangle,
}

/// How a model's windows lie along a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windowing {
    /// Frames in a window.
    pub window: usize,
    /// Frames from one window's start to the next; at least 1, at most `window`.
    pub step: usize,
    /// Frames of silence before the track, inside the first window.
    pub lead: usize,
    /// The padded length is rounded up to a multiple of this (plus `lead` on both sides); 0 pads nothing.
    pub granule: usize,
    /// The cross-fade.
    pub taper: Taper,
    /// Where windows that stick out behind the track are taken from.
    #[serde(default)]
    pub tail: Tail,
}

impl Windowing {
    /// MDX-Net as python-audio-separator (0.30 and later) lays it out: `n_fft / 2` frames of silence in front,
    /// and behind at least that, up to a whole number of trimmed windows.
    ///
    /// `overlap` is a fraction of the window, 0 ≤ overlap < 1.
    pub fn mdx(n_fft: usize, hop: usize, dim_t: usize, overlap: f64) -> Self {
        let window = hop * (dim_t - 1);
        let lead = n_fft / 2;
        let (step, granule) = (step_of(window, overlap), window - 2 * lead);
        Self { window, step, lead, granule, taper: Taper::Hann, tail: Tail::Silent }
    }

    /// A model that takes plain waveforms of `segment` frames, as Demucs does.
    pub fn waveform(segment: usize, overlap: f64) -> Self {
        let (step, taper) = (step_of(segment, overlap), Taper::Triangle);
        Self { window: segment, step, lead: 0, granule: 0, taper, tail: Tail::Silent }
    }

    /// The same windows with another overlap.
    pub fn overlapping(self, overlap: f64) -> Self {
        Self { step: step_of(self.window, overlap), ..self }
    }

    /// How many windows can meet at one frame.
    pub fn max_cover(&self) -> usize {
        self.window.div_ceil(self.step)
    }
}

fn step_of(window: usize, overlap: f64) -> usize {
    (((1.0 - overlap) * window as f64) as usize).clamp(1, window)
}
