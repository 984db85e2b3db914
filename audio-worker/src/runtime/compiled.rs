//! The folder in which OpenVINO keeps a network that it has compiled. A file that was damaged, or never written to
//! its end, is noticed and removed, so that the network is compiled anew: OpenVINO itself may read anything
//! out of it.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another process may take to compile the same network, or hang, before this one does without the folder.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks whether it has finished.
const INTERVAL: Duration = Duration::from_millis(50);

/// Where the checksums stand.
const CHECKSUMS: &str = "checksums.json";

/// Name and CRC-32 of every file.
type Checksums = BTreeMap<String, u32>;

/// The folder of one network, which this process alone reads and writes while it has this.
pub(super) struct CompiledNetwork {
    folder: PathBuf,
    checksums: Checksums,
    _lock: File,
}

impl CompiledNetwork {
    /// Takes the folder, made when it is missing, and removes what is not as [`Self::keep`] left it.
    ///
    /// Fails when it cannot be written, or when another process has had it for [`PATIENCE`].
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let lock = File::options().create(true).append(true).open(folder.join(".lock"))?;
        wait_for(&lock)?;
        let known: Checksums = std::fs::read(folder.join(CHECKSUMS))
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let mut checksums = known.clone();
        for name in files(folder)? {
            let path = folder.join(&name);
            if known.get(&name).copied() != Some(checksum(&path)?) {
                tracing::warn!(file = %path.display(), "a compiled model is damaged, it is compiled anew");
                std::fs::remove_file(&path)?;
                checksums.remove(&name);
            }
        }
        Ok(Self { folder: folder.to_owned(), checksums, _lock: lock })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes what is in it now, and leaves it to others.
    pub(super) fn keep(mut self) -> io::Result<()> {
        let mut now = Checksums::new();
        for name in files(&self.folder)? {
            let sum = match self.checksums.remove(&name) {
                Some(known) => known,
                None => checksum(&self.folder.join(&name))?,
            };
            now.insert(name, sum);
        }
        let mut partial = tempfile::NamedTempFile::new_in(&self.folder)?;
        partial.write_all(&serde_json::to_vec_pretty(&now)?)?;
        partial.persist(self.folder.join(CHECKSUMS))?;
        Ok(())
    }
}

fn wait_for(lock: &File) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() > PATIENCE => {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds it"));
            }
            // Only threads that load a model come here.
            Err(TryLockError::WouldBlock) => std::thread::sleep(INTERVAL),
        }
    }
}

/// The compiled networks in a folder: neither hidden files, such as half-written ones of ours, nor our own.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && name != CHECKSUMS && !name.starts_with('.') {
            names.push(name);
        }
    }
    Ok(names)
}

fn checksum(file: &Path) -> io::Result<u32> {
    let (mut file, mut hasher) = (File::open(file)?, crc32fast::Hasher::new());
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path, content: &[u8]) {
        let taken = CompiledNetwork::take(folder).unwrap();
        std::fs::write(folder.join("1.blob"), content).unwrap();
        taken.keep().unwrap();
    }

    #[test]
    fn what_is_whole_stays_and_what_is_damaged_goes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        kept(&folder, b"compiled");
        CompiledNetwork::take(&folder).unwrap().keep().unwrap();
        assert_eq!(std::fs::read(folder.join("1.blob")).unwrap(), b"compiled");
        for damaged in [&b"compilfd"[..], b"comp", b""] {
            kept(&folder, b"compiled");
            std::fs::write(folder.join("1.blob"), damaged).unwrap();
            let taken = CompiledNetwork::take(&folder).unwrap();
            assert!(!folder.join("1.blob").exists(), "{damaged:?}");
            drop(taken);
        }
    }

    #[test]
    fn what_a_killed_process_left_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let taken = CompiledNetwork::take(dir.path()).unwrap();
        std::fs::write(dir.path().join("1.blob"), b"compi").unwrap();
        drop(taken);
        drop(CompiledNetwork::take(dir.path()).unwrap());
        assert!(!dir.path().join("1.blob").exists());
        std::fs::write(dir.path().join(CHECKSUMS), b"{").unwrap();
        kept(dir.path(), b"compiled");
        assert!(dir.path().join("1.blob").exists());
    }
}
