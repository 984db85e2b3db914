//! The networks of one model: how many it needs, and the same work on all of them.

use super::separator::{SeparateError, mismatch};
use crate::runtime::{Loader, Network};
use karaoke_core::Manifest;
use karaoke_models::Weights;

/// The numbers of a manifest's kind, which its check has found there.
pub(super) fn numbers<T>(numbers: Option<T>, manifest: &Manifest) -> Result<T, SeparateError> {
    numbers.ok_or_else(|| mismatch(format!("model `{}` lacks the numbers of its kind", manifest.name)))
}

/// The only network of a model.
pub(super) fn only<'w>(weights: &'w [Weights], manifest: &Manifest) -> Result<&'w Weights, SeparateError> {
    match weights {
        [one] => Ok(one),
        all => {
            Err(mismatch(format!("model `{}` has {} networks where one is needed", manifest.name, all.len())))
        }
    }
}

/// The networks of a model that has one for each stem, in that order, each with the same shapes in and out.
pub(super) fn each(
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
pub(super) fn fill_each(
    networks: &mut [Network],
    fill: impl FnOnce(&mut [f32]) -> Result<(), SeparateError>,
) -> Result<(), SeparateError> {
    let Some((first, others)) = networks.split_first_mut() else { return Ok(()) };
    fill(first.input(0))?;
    others.iter_mut().for_each(|other| other.input(0).copy_from_slice(first.input(0)));
    Ok(())
}

/// Runs every network on whatever its input holds.
pub(super) fn infer_each(networks: &mut [Network]) -> Result<(), SeparateError> {
    networks.iter_mut().try_for_each(|network| network.run().map(drop).map_err(Into::into))
}
