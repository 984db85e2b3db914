//! Which models are installed, looked at again and again: one that is fetched while workers run is theirs as well.

use karaoke_core::ModelName;
use karaoke_models::Catalogue;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// How often the folder is looked at: some twenty files.
const INTERVAL: Duration = Duration::from_secs(2);

/// The models that workers take jobs for, as they are now.
pub(crate) type Served = watch::Receiver<Arc<[ModelName]>>;

/// The models whose files are there, by name.
pub fn installed(catalogue: &Catalogue) -> Arc<[ModelName]> {
    catalogue.installed().map(|manifest| manifest.name.clone()).collect()
}

/// Writes what is installed into `models` whenever that has changed, until nobody reads it any more.
pub(crate) async fn follow(catalogue: Arc<Catalogue>, models: watch::Sender<Arc<[ModelName]>>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = models.closed() => return,
        }
        let known = models.borrow().clone();
        let now = changed(&catalogue, &known).await;
        if let Some(now) = now {
            tracing::info!(models = ?now, "other models are installed now");
            models.send_replace(now);
        }
    }
}

/// Returns once another set of models is installed than `known`.
pub async fn until_changed(catalogue: &Arc<Catalogue>, known: &[ModelName]) {
    while changed(catalogue, known).await.is_none() {
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn changed(catalogue: &Arc<Catalogue>, known: &[ModelName]) -> Option<Arc<[ModelName]>> {
    let catalogue = catalogue.clone();
    let now = spawn_blocking(move || installed(&catalogue)).await.ok()?;
    // A folder that cannot be read for a moment is no reason to forget every model.
    (*now != *known && !now.is_empty()).then_some(now)
}
