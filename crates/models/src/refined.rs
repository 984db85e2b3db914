//! Whether a model goes with the one that it stands on.

use karaoke_core::{Manifest, ModelName};
use std::collections::BTreeMap;

/// Says why `manifest`, of kind `refined`, does not go with its base among `manifests`.
pub(crate) fn check(manifest: &Manifest, manifests: &BTreeMap<ModelName, Manifest>) -> Result<(), String> {
    let Some(refined) = &manifest.refined else { return Ok(()) };
    let name = &refined.base;
    let base = manifests.get(name).ok_or_else(|| format!("there is no manifest of its base `{name}`"))?;
    let numbers = base.spleeter.ok_or_else(|| format!("its base `{name}` is not of kind `spleeter`"))?;
    if !base.identity().eq_ignore_ascii_case(&refined.base_sha256) {
        return Err(format!("it was trained with another file of its base `{name}`"));
    }
    let same = (numbers.n_fft, numbers.hop, numbers.dim_t, numbers.frames)
        == (refined.n_fft, refined.hop, refined.dim_t, None);
    if !same || base.sample_rate != manifest.sample_rate || numbers.dim_f > refined.dim_f {
        return Err(format!("its numbers are not those of its base `{name}`"));
    }
    Ok(())
}
