//! Where a track's files lie, and that nothing is left behind.

use karaoke_core::TrackId;
use karaoke_stages::Stage;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The audio folder of a store.
///
/// ```text
/// lock                          held by the server that works here
/// server-id                     its name at the broker
/// incoming/<id>                 an upload that is still arriving
/// partial/<id>                  one that can go on after its connection was lost
/// tracks/<id>/upload            the uploaded file, until the track is done
/// tracks/<id>/cover             the picture from its tags
/// tracks/<id>/mix.f32           decoded, at the source's rate, interleaved stereo
/// tracks/<id>/model.f32         the same at the model's rate, when that differs, until done
/// tracks/<id>/<stem>.layer<k>   raw window outputs, until done (see karaoke_core::overlap)
/// tracks/<id>/<stem>.f32        a finished stem at the source's rate
/// tracks/<id>/<stem>.<format>   an encoded download
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    /// Held for as long as anybody works on the files; the system gives it back when the process dies.
    _lock: Arc<fs::File>,
}

/// The name of the server whose store is `dir`: chosen at random once, and kept there.
pub fn server_id(dir: &Path) -> io::Result<String> {
    fs::create_dir_all(dir)?;
    let path = dir.join("server-id");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let id = TrackId::from_random(rand::random()).to_string();
    let part = dir.join("server-id.part");
    fs::write(&part, &id)?;
    fs::rename(part, path)?;
    Ok(id)
}

/// Makes sure that no other process works in `root`.
fn lock(root: &Path) -> io::Result<fs::File> {
    let lock = fs::File::create(root.join("lock"))?;
    lock.try_lock().map_err(|e| match e {
        fs::TryLockError::WouldBlock => io::Error::other("another karaoke server works in it"),
        fs::TryLockError::Error(e) => e,
    })?;
    Ok(lock)
}

impl Files {
    /// Opens the folder, making it if needed, and forgets uploads that a dead server left half-way.
    pub fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("tracks"))?;
        fs::create_dir_all(root.join("partial"))?;
        let files = Self { root: root.to_owned(), _lock: Arc::new(lock(root)?) };
        ignore_missing(fs::remove_dir_all(root.join("incoming")))?;
        fs::create_dir(root.join("incoming"))?;
        Ok(files)
    }

    /// An upload that is still arriving.
    pub fn incoming(&self, id: &TrackId) -> PathBuf {
        self.root.join("incoming").join(id.as_str())
    }

    /// An upload that can go on after its connection was lost.
    pub fn partial(&self, id: &TrackId) -> PathBuf {
        self.root.join("partial").join(id.as_str())
    }

    /// What of such uploads lies there.
    pub fn partials(&self) -> io::Result<Vec<TrackId>> {
        self.named("partial")
    }

    /// Removes what lies there of an upload. Nothing there is fine.
    pub fn remove_partial(&self, id: &TrackId) -> io::Result<()> {
        ignore_missing(fs::remove_file(self.partial(id)))
    }

    /// Makes the track's folder and moves its upload there. One that came in parts is also left where it was, until
    /// the track has its row: a server that dies in between does not ask for it again.
    pub fn adopt(&self, id: &TrackId) -> io::Result<()> {
        fs::create_dir(self.dir(id))?;
        let (partial, upload) = (self.partial(id), self.upload(id));
        match fs::rename(self.incoming(id), &upload) {
            Err(e) if e.kind() == io::ErrorKind::NotFound && partial.exists() => {
                // Some file systems have no second names.
                fs::hard_link(&partial, &upload).or_else(|_| fs::rename(&partial, &upload))
            }
            moved => moved,
        }
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The uploaded file.
    pub fn upload(&self, id: &TrackId) -> PathBuf {
        self.dir(id).join("upload")
    }

    /// The cover.
    pub fn cover(&self, id: &TrackId) -> PathBuf {
        self.dir(id).join("cover")
    }

    /// The decoded mix at the source's rate.
    pub fn mix(&self, id: &TrackId) -> PathBuf {
        self.dir(id).join("mix.f32")
    }

    /// The mix at the model's rate, when that differs.
    pub fn model_mix(&self, id: &TrackId) -> PathBuf {
        self.dir(id).join("model.f32")
    }

    /// Layer `k` of a predicted stem.
    pub fn layer(&self, id: &TrackId, stem: &str, k: usize) -> PathBuf {
        self.dir(id).join(format!("{stem}.layer{k}"))
    }

    /// A finished stem.
    pub fn stem(&self, id: &TrackId, stem: &str) -> PathBuf {
        self.dir(id).join(format!("{stem}.f32"))
    }

    /// An encoded download; `name` is made by us, never by a user.
    pub fn encoded(&self, id: &TrackId, name: &str) -> PathBuf {
        self.dir(id).join(name)
    }

    /// Bytes that a track's files take on the disk; of those with holes what has been written.
    pub fn bytes(&self, id: &TrackId) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(self.dir(id))? {
            // A file may be renamed or removed meanwhile.
            let metadata = entry.and_then(|entry| entry.metadata());
            bytes += metadata.map_or(0, |m| m.len().min(m.blocks() * 512));
        }
        Ok(bytes)
    }

    /// Bytes that are free on the disk for this process.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let system = rustix::fs::statvfs(&self.root)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    /// Writes and removes a small file, where uploads arrive; an error says why that cannot be done.
    pub fn try_to_write(&self) -> io::Result<()> {
        for folder in ["tracks", "partial"] {
            fs::metadata(self.root.join(folder))?;
        }
        // No upload has such a name. Its bytes are there so that a full disk refuses them.
        let path = self.root.join("incoming/.writable");
        let written = fs::write(&path, [0; 4096]);
        written.and(fs::remove_file(&path))
    }

    /// Removes what only a running track needs.
    pub fn remove_working(&self, id: &TrackId) -> io::Result<()> {
        self.remove_named(id, is_working)
    }

    /// Removes files that a previous run of the server did not get to the end of.
    pub fn remove_parts(&self, id: &TrackId) -> io::Result<()> {
        self.remove_named(id, is_part)
    }

    fn remove_named(&self, id: &TrackId, goes: impl Fn(&str) -> bool) -> io::Result<()> {
        let _stage = Stage::Store.enter();
        for entry in fs::read_dir(self.dir(id))? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(&goes) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes everything of a track. Nothing there is fine.
    pub fn remove(&self, id: &TrackId) -> io::Result<()> {
        let _stage = Stage::Store.enter();
        ignore_missing(fs::remove_file(self.incoming(id)))?;
        // Somebody who has not noticed yet may be adding a file while the folder is being emptied.
        let mut tries = 0..5;
        loop {
            match fs::remove_dir_all(self.dir(id)) {
                Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty && tries.next().is_some() => {}
                done => return ignore_missing(done),
            }
        }
    }

    /// The tracks that have a folder.
    pub fn tracks(&self) -> io::Result<Vec<TrackId>> {
        self.named("tracks")
    }

    fn named(&self, folder: &str) -> io::Result<Vec<TrackId>> {
        let mut ids = Vec::new();
        for entry in fs::read_dir(self.root.join(folder))? {
            ids.extend(entry?.file_name().to_str().and_then(|n| TrackId::parse(n).ok()));
        }
        Ok(ids)
    }

    fn dir(&self, id: &TrackId) -> PathBuf {
        track_dir(&self.root, id)
    }
}

/// Copies what is kept of a finished track from the store in `from` to the one in `to`, onto the disk; returns the
/// bytes. Takes no lock: such files may be removed meanwhile, and never change.
pub fn copy_finished(from: &Path, id: &TrackId, to: &Path) -> io::Result<u64> {
    let (from, to) = (track_dir(from, id), track_dir(to, id));
    fs::create_dir_all(&to)?;
    let mut bytes = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| !is_working(name) && !is_part(name)) {
            let copy = to.join(entry.file_name());
            bytes += fs::copy(entry.path(), &copy)?;
            fs::File::open(copy)?.sync_all()?;
        }
    }
    Ok(bytes)
}

/// The folder of a track in the store in `root`.
pub(crate) fn track_dir(root: &Path, id: &TrackId) -> PathBuf {
    root.join("tracks").join(id.as_str())
}

/// Whether only a running track needs a file.
fn is_working(name: &str) -> bool {
    name == "upload" || name == "model.f32" || name.contains(".layer")
}

/// Whether a file is being written.
fn is_part(name: &str) -> bool {
    name.ends_with(".part")
}

/// What is to be gone may be gone already.
pub(crate) fn ignore_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
