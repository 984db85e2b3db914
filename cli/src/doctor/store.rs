//! The store: whether it can be written, has room, and holds a database that this version can use.

use super::report::Finding;
use karaoke_server::store::{Inspection, StoreError, inspect};
use rustix::fs::{Access, access, statvfs};
use std::path::{Path, PathBuf};

/// Songs of five minutes for which there should be room.
const SONGS: u64 = 10;
/// Bytes of a file of samples of such a song: stereo, 44.1 kHz, f32.
const SAMPLES: u64 = 300 * 44_100 * 8;

/// The folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Folder {
    /// It is there, or can be made: then in a folder that may be written to.
    Usable { exists: bool },
    /// Something else is in its place.
    Blocked,
    /// This user may not write to it, or to that file in it.
    ReadOnly(PathBuf),
}

/// Looks at the store without changing it. `files`: of samples, that a song takes while it is in work.
pub async fn look(dir: &Path, files: u64) -> Vec<Finding> {
    let shown = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string();
    let nearest = dir.ancestors().find(|path| path.exists());
    // A relative path of one part has no folder above it.
    let nearest = nearest.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder(dir, nearest);
    let is_usable = matches!(folder, Folder::Usable { .. });
    let mut findings = vec![judge_folder(&shown, folder)];
    if let Ok(disk) = statvfs(nearest) {
        findings.push(judge_room(&shown, disk.f_bavail.saturating_mul(disk.f_frsize), files * SAMPLES));
    }
    findings.push(judge_database(inspect(dir).await, is_usable));
    findings
}

fn folder(dir: &Path, nearest: &Path) -> Folder {
    if !nearest.is_dir() {
        return Folder::Blocked;
    }
    if access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        return Folder::ReadOnly(nearest.to_owned());
    }
    // Somebody else, root perhaps, may have started the program here.
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut foreign = entries.filter(|path| access(path, Access::WRITE_OK).is_err());
    foreign.next().map_or(Folder::Usable { exists: dir.is_dir() }, Folder::ReadOnly)
}

fn judge_folder(shown: &str, folder: Folder) -> Finding {
    const NAME: &str = "store";
    match folder {
        Folder::Usable { exists: true } => Finding::ok(NAME, format!("{shown} can be written")),
        Folder::Usable { exists: false } => Finding::ok(NAME, format!("{shown} is made by the first start")),
        Folder::Blocked => {
            Finding::wrong(NAME, format!("{shown} cannot be a folder"), "Set store.dir to another one.")
        }
        Folder::ReadOnly(path) => Finding::wrong(
            NAME,
            format!("{shown}: this user may not write to {}", path.display()),
            "Give the user who runs karaoke the right to, or set store.dir.",
        ),
    }
}

fn judge_room(shown: &str, free: u64, song: u64) -> Finding {
    const NAME: &str = "disk";
    let songs = free / song.max(1);
    let said =
        format!("{:.1} GB are free in {shown}, for {songs} songs of five minutes at once", free as f64 / 1e9);
    let remedy =
        "Make room, set store.dir to a larger disk, or have ended tracks removed (store.keep_hours).";
    match songs {
        0 => Finding::wrong(NAME, said, remedy),
        few if few < SONGS => Finding::warning(NAME, said, remedy),
        _ => Finding::ok(NAME, said),
    }
}

/// `is_usable`: the folder and its files may be written, so that rights are no reason.
fn judge_database(inspected: Result<Option<Inspection>, StoreError>, is_usable: bool) -> Finding {
    const NAME: &str = "database";
    const RESTORE: &str = "Restore a backup of the store (docs/OPERATIONS.md).";
    let found = match inspected {
        Ok(Some(found)) => found,
        Ok(None) => return Finding::ok(NAME, "there is none yet; the first start makes it"),
        Err(error) if is_usable => return Finding::wrong(NAME, error.to_string(), RESTORE),
        Err(error) => {
            return Finding::wrong(NAME, error.to_string(), "First see to what the line `store` says.");
        }
    };
    let Inspection { schema, known, damage } = found;
    if let Some(damage) = damage {
        return Finding::wrong(NAME, format!("it is damaged: {damage}"), RESTORE);
    }
    let said = format!("it is sound; its schema is {schema}, this version's is {known}");
    if schema > known {
        let remedy = "Start the newer version, or restore the backup that was made before the upgrade.";
        return Finding::wrong(NAME, said, remedy);
    }
    if schema < known {
        let remedy =
            "The next start brings it up to date, and there is no way back: run `karaoke backup DIR` before.";
        return Finding::warning(NAME, said, remedy);
    }
    Finding::ok(NAME, said)
}

#[cfg(test)]
mod tests {
    use super::super::report::Verdict;
    use super::*;

    #[test]
    fn a_database_is_sound_and_not_newer() {
        let found = |schema, damage: Option<&str>| {
            let damage = damage.map(str::to_owned);
            judge_database(Ok(Some(Inspection { schema, known: 7, damage })), true).verdict
        };
        assert_eq!(found(7, None), Verdict::Ok);
        assert_eq!(found(5, None), Verdict::Warning);
        assert_eq!(found(8, None), Verdict::Wrong);
        assert_eq!(found(7, Some("row 1 missing from index")), Verdict::Wrong);
        assert_eq!(judge_database(Ok(None), true).verdict, Verdict::Ok);
        let failed = |is_usable| judge_database(Err(StoreError::Corrupt("state")), is_usable);
        assert!(failed(true).verdict == Verdict::Wrong && failed(true).remedy.contains("backup"));
        assert!(failed(false).verdict == Verdict::Wrong && !failed(false).remedy.contains("backup"));
    }

    #[test]
    fn room_is_counted_in_songs() {
        let verdict = |free| judge_room("/x", free, 100).verdict;
        assert_eq!(
            (verdict(99), verdict(999), verdict(1000)),
            (Verdict::Wrong, Verdict::Warning, Verdict::Ok)
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_looked_for_above() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("a/b");
        assert_eq!(folder(&store, dir.path()), Folder::Usable { exists: false });
        assert_eq!(folder(dir.path(), dir.path()), Folder::Usable { exists: true });
        let file = dir.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert_eq!(folder(&file, &file), Folder::Blocked);
        assert!(!store.exists());
    }
}
