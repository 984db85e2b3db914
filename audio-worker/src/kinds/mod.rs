//! The families of networks: each turns one window of sound into the stems its network predicts.

mod ensemble;
mod family;
mod hybrid;
mod mdx;
mod networks;
mod normalisation;
mod planes;
mod refined;
mod roformer;
mod separator;
mod spleeter;
mod umx;
mod waveform;

pub(crate) use family::with_weights;
pub use separator::{SeparateError, Separator};

use crate::runtime::Loader;
use karaoke_core::Manifest;
use karaoke_core::manifest::Kind;
use karaoke_models::Catalogue;

/// Checks a model's file against its manifest and loads it.
pub fn open(
    loader: &Loader,
    catalogue: &Catalogue,
    manifest: &Manifest,
) -> Result<Box<dyn Separator>, SeparateError> {
    if manifest.kind == Kind::Ensemble {
        return Ok(Box::new(ensemble::EnsembleOf::open(loader, catalogue, manifest)?));
    }
    if let Some(refined) = &manifest.refined {
        let base = catalogue.get(&refined.base)?;
        let (own, of_base) = (catalogue.weights(manifest)?, catalogue.weights(base)?);
        return Ok(Box::new(refined::RefinedNet::open(loader, (manifest, &own), (base, &of_base))?));
    }
    with_weights(loader, &catalogue.weights(manifest)?, manifest)
}
