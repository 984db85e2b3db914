//! Fetches models beside the work of a program that serves, so that a first start serves at once with what is built in,
//! and what sounds better comes by itself.

use crate::config::Config;
use karaoke_core::Manifest;
use karaoke_models::Catalogue;
use karaoke_pull::{Options, PullError, Puller};
use karaoke_server::model_fetch::FetchStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// After a fetch that failed, it is tried again after this pause, which doubles each time.
const PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Meanwhile it is looked so often whether somebody else has brought it.
const LOOK: Duration = Duration::from_secs(2);

/// Fetches what `models.fetch` names and is not there, one after another, until it is there or the handle is dropped.
/// What a licence asks something for is left out: nobody is there to accept it.
///
/// # Errors
/// A mirror or a proxy that cannot be.
pub fn start(
    config: &Config,
    catalogue: &Catalogue,
    status: FetchStatus,
) -> anyhow::Result<AbortOnDropHandle<()>> {
    let models = &config.models;
    let (mirror, proxy) = (models.mirror.clone(), models.proxy.clone());
    let puller = Puller::new(&Options { mirror, proxy, ..Options::default() })?;
    let mut missing = Vec::new();
    for name in &models.fetch {
        let wanted = match catalogue.wanted(name) {
            Ok(wanted) => wanted,
            // A folder of somebody's own models need not know what ours does.
            Err(error) => {
                tracing::warn!(%error, "nothing to fetch by that name (models.fetch)");
                continue;
            }
        };
        for part in catalogue.files(wanted) {
            if !part.restriction.is_empty() {
                tracing::warn!(
                    model = part.name.as_str(),
                    "its licence asks for something: get it with `karaoke models pull {}`",
                    part.name
                );
            } else if !catalogue.is_installed(part) && !missing.contains(part) {
                missing.push(part.clone());
            }
        }
    }
    missing.iter().for_each(|manifest| status.begin(manifest));
    let catalogue = catalogue.clone();
    Ok(AbortOnDropHandle::new(tokio::spawn(async move {
        for manifest in missing {
            fetch(&puller, &catalogue, &manifest, &status).await;
            status.end(&manifest.name);
        }
    })))
}

/// Fetches one model, however often it takes; returns early only when trying again cannot help.
async fn fetch(puller: &Puller, catalogue: &Catalogue, manifest: &Manifest, status: &FetchStatus) {
    let (name, mut pause) = (&manifest.name, PAUSE);
    let origin = puller.origin(manifest).unwrap_or_default();
    tracing::info!(model = name.as_str(), %origin, "fetching a model");
    loop {
        let (told, of) = (status.clone(), name.clone());
        let progress = Arc::new(move |have, total| told.progress(&of, have, total));
        match puller.pull(manifest, &catalogue.path(manifest), progress).await {
            Ok(_) => {
                tracing::info!(model = name.as_str(), "the model is there, and used from now on");
                return;
            }
            Err(error) if is_final(&error) => {
                tracing::error!(model = name.as_str(), %error, "the model cannot be fetched");
                return;
            }
            Err(error) => {
                tracing::warn!(model = name.as_str(), %error, "the model is not to be had now; tried again in {pause:?}");
                status.wait(name, error.to_string());
            }
        }
        if is_there_within(pause, catalogue, manifest).await {
            tracing::info!(model = name.as_str(), "somebody else has brought the model");
            return;
        }
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Waits, but no longer than until somebody else has put the file in place.
async fn is_there_within(pause: Duration, catalogue: &Catalogue, manifest: &Manifest) -> bool {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        tokio::time::sleep(LOOK.min(pause)).await;
        let (catalogue, manifest) = (catalogue.clone(), manifest.clone());
        let there = spawn_blocking(move || catalogue.is_installed(&manifest)).await;
        if there.unwrap_or(false) {
            return true;
        }
    }
    false
}

/// Whether the same would come of another try.
fn is_final(error: &PullError) -> bool {
    matches!(
        error,
        PullError::Setup { .. }
            | PullError::NoAddress { .. }
            | PullError::Size { .. }
            | PullError::Wrong { .. }
            | PullError::Disk { .. }
            | PullError::Conversion { .. }
    )
}
