//! What every family of networks is to the rest of the worker: something that separates one window.

use crate::runtime::RuntimeError;
use karaoke_core::ModelName;
use karaoke_models::ModelError;
use std::ops::Range;

/// A loaded model.
///
/// One window a call, so that what a window becomes never depends on how windows were grouped.
pub trait Separator: Send {
    /// Frames in a window.
    fn window(&self) -> usize;

    /// Number of predicted stems.
    fn stems(&self) -> usize;

    /// Separates one window: `input` holds its left and right channel, `window()` samples each, which are
    /// multiplied by `gain` for the network and divided by it after.
    ///
    /// `out` takes, for each stem, the left then the right channel.
    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError>;

    /// The same of a window at an end of the track, of which only the frames `sound` lie in it: around them `input`
    /// is silence. Who takes the level of a window out of it needs to know; a wrapper must hand it on.
    fn separate_edge(
        &mut self,
        input: [&[f32]; 2],
        sound: Range<usize>,
        gain: f32,
        out: &mut [f32],
    ) -> Result<(), SeparateError> {
        let _ = sound;
        self.separate(input, gain, out)
    }

    /// Runs the bare network on whatever its input holds: what all else is measured against.
    fn infer(&mut self) -> Result<(), SeparateError>;
}

/// A window cannot be separated.
#[derive(Debug, thiserror::Error)]
pub enum SeparateError {
    /// The model cannot be used: it is not installed, or its file is not the one its manifest means.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The job was made for another file of that name.
    #[error("the job asks for model `{model}` with sha256 {want}, here it has {have}")]
    OtherModel {
        /// The model.
        model: ModelName,
        /// The job's.
        want: String,
        /// This worker's.
        have: String,
    },
    /// ONNX Runtime refused.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A buffer or the job has other numbers than the model.
    #[error("{0}")]
    Mismatch(String),
    /// The network's output is not sound.
    #[error("the model gave samples that are not numbers (NaN or infinite)")]
    NotFinite,
}

impl SeparateError {
    /// Whether the same window may succeed elsewhere or later.
    ///
    /// Not when the output is not finite: the same samples through the same network give the same again. But
    /// when this machine has no good file of the model: another may.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Model(_) | Self::OtherModel { .. } => true,
            Self::Runtime(e) => e.retryable(),
            Self::Mismatch(_) | Self::NotFinite => false,
        }
    }
}

pub(super) fn mismatch(problem: String) -> SeparateError {
    SeparateError::Mismatch(problem)
}

impl From<realfft::FftError> for SeparateError {
    fn from(error: realfft::FftError) -> Self {
        Self::Mismatch(format!("the Fourier transform refused its buffers: {error}"))
    }
}

/// Refuses buffers of other lengths than the model's.
pub(super) fn check_buffers(
    separator: &dyn Separator,
    input: [&[f32]; 2],
    out: &[f32],
) -> Result<(), SeparateError> {
    let (window, samples) = (separator.window(), 2 * separator.stems() * separator.window());
    if input.iter().any(|channel| channel.len() != window) || out.len() != samples {
        return Err(mismatch(format!(
            "a window of {} and {} frames into {} samples, where the model takes {window} into {samples}",
            input[0].len(),
            input[1].len(),
            out.len(),
        )));
    }
    Ok(())
}

/// Refuses output that is not sound.
pub(super) fn check_finite(samples: &[f32]) -> Result<(), SeparateError> {
    // All exponent bits set means NaN or infinite; no early exit, so that it runs as wide as the processor.
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = samples.iter().fold(false, |bad, s| bad | (s.to_bits() & EXPONENT == EXPONENT));
    if bad { Err(SeparateError::NotFinite) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_are_sound() {
        assert!(check_finite(&[0.0, -1.0, f32::MAX, f32::MIN_POSITIVE / 2.0]).is_ok());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = check_finite(&[0.0, bad, 1.0]).unwrap_err();
            assert!(matches!(refused, SeparateError::NotFinite) && !refused.retryable());
        }
    }
}
