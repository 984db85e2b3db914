//! The families of networks: each turns one window of sound into the stems its network predicts.

mod ensemble;
mod hybrid;
mod level;
mod mdx;
mod roformer;
mod spleeter;
mod umx;
mod waveform;

use crate::runtime::{Loader, Network, RuntimeError};
use karaoke_core::manifest::Kind;
use karaoke_core::{Manifest, ModelName};
use karaoke_models::{Catalogue, ModelError, Weights};
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

/// Checks a model's file against its manifest and loads it.
pub fn open(
    loader: &Loader,
    catalogue: &Catalogue,
    manifest: &Manifest,
) -> Result<Box<dyn Separator>, SeparateError> {
    if manifest.kind == Kind::Ensemble {
        return Ok(Box::new(ensemble::EnsembleOf::open(loader, catalogue, manifest)?));
    }
    with_weights(loader, &catalogue.weights(manifest)?, manifest)
}

/// Loads a model from its networks.
pub(crate) fn with_weights(
    loader: &Loader,
    weights: &[Weights],
    manifest: &Manifest,
) -> Result<Box<dyn Separator>, SeparateError> {
    let loader = &loader.of(manifest);
    Ok(match manifest.kind {
        Kind::Mdx => Box::new(mdx::MdxNet::open(loader, weights, manifest)?),
        Kind::Waveform if manifest.waveform.is_some_and(|numbers| numbers.spectrum.is_some()) => {
            Box::new(hybrid::HybridNet::open(loader, weights, manifest)?)
        }
        Kind::Waveform => Box::new(waveform::WaveformNet::open(loader, weights, manifest)?),
        Kind::Spleeter => Box::new(spleeter::SpleeterNets::open(loader, weights, manifest)?),
        Kind::Umx => Box::new(umx::UmxNets::open(loader, weights, manifest)?),
        Kind::Roformer => Box::new(roformer::RoformerNet::open(loader, weights, manifest)?),
        Kind::Ensemble => return Err(mismatch(format!("model `{}` has no network", manifest.name))),
    })
}

/// The numbers of a manifest's kind, which its check has found there.
fn numbers<T>(numbers: Option<T>, manifest: &Manifest) -> Result<T, SeparateError> {
    numbers.ok_or_else(|| mismatch(format!("model `{}` lacks the numbers of its kind", manifest.name)))
}

/// The only network of a model.
fn only<'w>(weights: &'w [Weights], manifest: &Manifest) -> Result<&'w Weights, SeparateError> {
    match weights {
        [one] => Ok(one),
        all => {
            Err(mismatch(format!("model `{}` has {} networks where one is needed", manifest.name, all.len())))
        }
    }
}

/// The networks of a model that has one for each stem, in that order, each with the same shapes in and out.
fn each(
    loader: &Loader,
    weights: &[Weights],
    manifest: &Manifest,
    input: &[usize],
    output: &[usize],
) -> Result<Vec<Network>, SeparateError> {
    let (name, have, need) = (&manifest.name, weights.len(), manifest.stems.len());
    if have != need {
        return Err(mismatch(format!(
            "model `{name}` has {have} networks for {need} stems: it needs one each"
        )));
    }
    weights.iter().map(|weights| Ok(loader.open(weights, &[input], &[output])?)).collect()
}

/// Has `fill` write the input of the first network, and gives the others the same.
fn fill_each(
    networks: &mut [Network],
    fill: impl FnOnce(&mut [f32]) -> Result<(), SeparateError>,
) -> Result<(), SeparateError> {
    let Some((first, others)) = networks.split_first_mut() else { return Ok(()) };
    fill(first.input(0))?;
    others.iter_mut().for_each(|other| other.input(0).copy_from_slice(first.input(0)));
    Ok(())
}

/// Runs every network on whatever its input holds.
fn infer_each(networks: &mut [Network]) -> Result<(), SeparateError> {
    networks.iter_mut().try_for_each(|network| network.run().map(drop).map_err(Into::into))
}

fn mismatch(problem: String) -> SeparateError {
    SeparateError::Mismatch(problem)
}

impl From<realfft::FftError> for SeparateError {
    fn from(error: realfft::FftError) -> Self {
        Self::Mismatch(format!("the Fourier transform refused its buffers: {error}"))
    }
}

/// Refuses buffers of other lengths than the model's.
fn check_buffers(separator: &dyn Separator, input: [&[f32]; 2], out: &[f32]) -> Result<(), SeparateError> {
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
fn check_finite(samples: &[f32]) -> Result<(), SeparateError> {
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
