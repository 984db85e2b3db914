//! The folder for temporary files beside the results; what a run that was killed left is found and removed.

use anyhow::Context;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const PREFIX: &str = ".karaoke-";
/// A run makes the folder first and locks it then: a younger one without a lock may be just about to.
const LOCKED_WITHIN: Duration = Duration::from_secs(2);

/// Makes the folder in `output`, large enough for whatever the user's disk holds, where a small /tmp would not be.
pub fn make(output: &Path) -> anyhow::Result<TempDir> {
    fs::create_dir_all(output).with_context(|| format!("cannot make the folder {}", output.display()))?;
    remove_abandoned(output);
    tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(output)
        .with_context(|| format!("cannot write to {}", output.display()))
}

/// Removes the folders of runs that are no more. Best effort: none of them is in the way.
fn remove_abandoned(output: &Path) {
    let entries = fs::read_dir(output).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for folder in named.map(|entry| entry.path()).filter(is_abandoned) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// A run holds the lock of its store, the file `lock`, for as long as it lives, however it dies.
fn is_abandoned(folder: &PathBuf) -> bool {
    let age = |metadata: fs::Metadata| SystemTime::now().duration_since(metadata.modified().ok()?).ok();
    if fs::symlink_metadata(folder).ok().filter(fs::Metadata::is_dir).and_then(age) < Some(LOCKED_WITHIN) {
        return false;
    }
    match File::open(folder.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Made, and killed before it was locked.
        Err(_) => {
            folder.join("tracks").is_dir() || fs::read_dir(folder).is_ok_and(|mut all| all.next().is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(output: &Path, name: &str) -> PathBuf {
        let folder = output.join(name);
        fs::create_dir_all(folder.join("tracks")).unwrap();
        File::create(folder.join("lock")).unwrap();
        let old = SystemTime::now() - Duration::from_secs(60);
        File::open(&folder).unwrap().set_modified(old).unwrap();
        folder
    }

    #[test]
    fn only_what_nobody_holds_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let [dead, live, young] =
            ["dead", "live", "young"].map(|n| store(dir.path(), &format!(".karaoke-{n}")));
        let other = store(dir.path(), "my karaoke");
        let _held = {
            let lock = File::open(live.join("lock")).unwrap();
            lock.try_lock().unwrap();
            lock
        };
        File::open(&young).unwrap().set_modified(SystemTime::now()).unwrap();
        let own = make(dir.path()).unwrap();
        assert!(!dead.exists() && live.exists() && young.exists() && other.exists());
        assert!(own.path().starts_with(dir.path()));
    }
}
