//! The songs given on the command line: files, and streams such as `-` and `<(…)`.

use anyhow::{Context, ensure};
use karaoke_core::TrackId;
use karaoke_server::pipeline::Pipeline;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A song to separate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// As it was given, for messages.
    pub given: PathBuf,
    /// The file, absolute and without links; none of a stream.
    pub file: Option<PathBuf>,
}

impl Input {
    /// Finds out what was given; opens it once, so that what cannot be read is told before any work.
    pub fn find(given: &Path) -> anyhow::Result<Self> {
        let stream = Self { given: given.to_owned(), file: None };
        if given == Path::new("-") {
            return Ok(stream);
        }
        let kind = fs::metadata(given).context("cannot be opened")?;
        ensure!(!kind.is_dir(), "is a folder, not a song");
        if !kind.is_file() {
            return Ok(stream);
        }
        File::open(given).context("cannot be opened")?;
        let file = given.canonicalize().context("cannot be opened")?;
        Ok(Self { file: Some(file), ..stream })
    }

    /// Whether it is the same song, be it given by another path.
    pub fn is_same(&self, other: &Self) -> bool {
        match &self.file {
            Some(file) => other.file.as_ref() == Some(file),
            None => other.file.is_none() && other.given == self.given,
        }
    }

    /// What its stems are named after.
    pub fn named_after(&self) -> PathBuf {
        match &self.file {
            // The name that was given, not that of a link's target; the folder is the file's own.
            Some(file) => file.with_file_name(self.given.file_name().unwrap_or_default()),
            None => PathBuf::from("/stdin"),
        }
    }

    /// Blocking: puts the song where the pipeline takes it from; returns its size in bytes.
    ///
    /// A file is linked to, so that it is read where it is. A stream is copied.
    pub fn hand_over(&self, pipeline: &Pipeline, id: &TrackId) -> anyhow::Result<u64> {
        let incoming = pipeline.files.incoming(id);
        if let Some(file) = &self.file {
            std::os::unix::fs::symlink(file, incoming)?;
            return Ok(fs::metadata(file).context("cannot be opened")?.len());
        }
        let mut copy = File::create(&incoming)?;
        if self.given == Path::new("-") {
            return io::copy(&mut io::stdin().lock(), &mut copy).context("standard input cannot be read");
        }
        let mut stream = File::open(&self.given).context("cannot be opened")?;
        io::copy(&mut stream, &mut copy).context("cannot be read")
    }
}
