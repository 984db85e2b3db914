//! Opens the store.

use crate::concurrency::blocking;
use crate::files::Files;
use crate::problem::Problem;
use crate::store::{Store, StoreConfig, StoreError};
use std::time::Instant;

/// When it was last tried to write, and what came of it.
#[derive(Default)]
pub(super) struct StoreCheck(pub(super) Option<(Instant, Result<(), Problem>)>);

/// Opens the folder and the database, making what is missing of an empty store.
pub(super) async fn open(config: &StoreConfig) -> Result<(Files, Store), Problem> {
    let dir = config.dir.display();
    let unusable = |detail: String| Problem::new(500, "Store not usable", detail);
    let root = config.dir.clone();
    let files = blocking(move || Files::open(&root)).await;
    let files = files.map_err(|e| unusable(format!("cannot use the folder {dir} (store.dir): {e}")))?;
    let named = files.clone();
    let tracks = blocking(move || named.tracks()).await;
    let tracks = tracks.map_err(|e| unusable(format!("cannot read the folder {dir} (store.dir): {e}")))?;
    // Folders without a row are removed: of a database that is lost, that would be every song.
    if !tracks.is_empty() && !Store::exists(&config.dir) {
        let lost = StoreError::Lost { dir: config.dir.clone(), tracks: tracks.len() };
        return Err(unusable(lost.to_string()));
    }
    let store = Store::open(&config.dir).await;
    let store = store.map_err(|e| unusable(format!("{e} (store.dir = {dir})")))?;
    Ok((files, store))
}
