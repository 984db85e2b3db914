//! Loads a model of one network family; an ensemble is made of several such models.

use super::separator::{SeparateError, Separator, mismatch};
use super::{hybrid, mdx, roformer, spleeter, umx, waveform};
use crate::runtime::Loader;
use karaoke_core::Manifest;
use karaoke_core::manifest::Kind;
use karaoke_models::Weights;

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
        Kind::Ensemble | Kind::Refined => {
            return Err(mismatch(format!("model `{}` stands on others", manifest.name)));
        }
    })
}
