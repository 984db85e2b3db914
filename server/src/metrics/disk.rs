//! How full the disk is, and with what of ours.

use crate::concurrency::lock;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Kinds of files of a store: unfinished and whole uploads, decoded songs, what workers have brought, finished stems,
/// encoded downloads, the database.
pub(super) const KINDS: [&str; 7] =
    ["incoming", "uploads", "mixes", "layers", "stems", "encoded", "database"];

/// Files are counted again after this many times as long as it took the last time.
const REST: u32 = 100;
/// But not sooner than this.
const LEAST_REST: Duration = Duration::from_secs(10);

/// A file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskUse {
    /// Its bytes.
    pub size: u64,
    /// Bytes that an ordinary process may still write.
    pub available: u64,
    /// Bytes in use.
    pub used: u64,
}

impl DiskUse {
    /// Of the file system that holds `folder`. Blocking.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        let used = disk.f_blocks.saturating_sub(disk.f_bfree);
        Ok(Self { size: bytes(disk.f_blocks), available: bytes(disk.f_bavail), used: bytes(used) })
    }
}

/// Bytes of a store's files by kind, counted seldom: there may be many.
#[derive(Debug, Default)]
pub struct StoreUse {
    last: Mutex<Option<Count>>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    bytes: [u64; KINDS.len()],
    ended: Instant,
    took: Duration,
}

impl StoreUse {
    /// Bytes on disk by kind, in the order of [`KINDS`]. Blocking.
    pub(crate) fn of(&self, root: &Path) -> [u64; KINDS.len()] {
        let mut last = lock(&self.last);
        if let Some(count) = *last
            && count.ended.elapsed() < LEAST_REST.max(count.took * REST)
        {
            return count.bytes;
        }
        let (began, mut bytes) = (Instant::now(), [0; KINDS.len()]);
        add_folder(root, &mut bytes);
        *last = Some(Count { bytes, ended: Instant::now(), took: began.elapsed() });
        bytes
    }
}

/// Adds up what lies in a folder. What goes away meanwhile, or cannot be read, counts nothing.
fn add_folder(folder: &Path, bytes: &mut [u64; KINDS.len()]) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            add_folder(&entry.path(), bytes);
        } else if let Some(at) = kind(&entry.path()).and_then(|kind| KINDS.iter().position(|k| *k == kind)) {
            bytes[at] += on_disk(&metadata);
        }
    }
}

/// What a file of a store is; see [`crate::files::Files`].
fn kind(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    Some(match name {
        _ if folder == "incoming" || folder == "partial" => "incoming",
        _ if name.starts_with("karaoke.sqlite") => "database",
        "lock" | "server-id" => return None,
        "upload" | "cover" => "uploads",
        "mix.f32" | "model.f32" => "mixes",
        _ if name.contains(".layer") => "layers",
        _ if name.ends_with(".f32") => "stems",
        _ => "encoded",
    })
}

/// Bytes that a file takes: layers have holes.
#[cfg(unix)]
fn on_disk(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn on_disk(metadata: &Metadata) -> u64 {
    metadata.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_and_holes_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            ("tracks/a/mix.f32", 9000),
            ("tracks/a/vocals.f32", 5000),
            ("tracks/a/vocals-16.flac", 3000),
            ("incoming/b", 7000),
            ("server-id", 10),
        ] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![1; bytes]).unwrap();
        }
        fs::File::create(dir.path().join("tracks/a/vocals.layer0")).unwrap().set_len(1 << 30).unwrap();
        let count = StoreUse::default();
        let bytes = count.of(dir.path());
        let of = |kind: &str| bytes[KINDS.iter().position(|k| *k == kind).unwrap()];
        assert!(
            of("mixes") >= 9000 && of("stems") >= 5000 && of("encoded") >= 3000 && of("incoming") >= 7000
        );
        assert!(of("layers") < 1 << 20 && of("uploads") == 0 && of("database") == 0);
        fs::remove_dir_all(dir.path().join("tracks")).unwrap();
        assert_eq!(count.of(dir.path()), bytes, "it was counted just now");
    }

    #[test]
    fn the_disk_is_as_large_as_its_parts() {
        let disk = DiskUse::of(Path::new("/")).unwrap();
        assert!(disk.size > 0 && disk.used + disk.available <= disk.size);
        assert!(DiskUse::of(Path::new("/nowhere")).is_err());
    }
}
