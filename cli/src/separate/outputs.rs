//! Where each song's stems go, settled before any work, so that no byte of what is there is lost.

use super::input::Input;
use super::names::titles;
use anyhow::{Context, ensure};
use karaoke_server::pipeline::{download_name, longest_song, lyrics_name};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// What is written, and where.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The folder.
    pub output: &'a Path,
    /// The stems.
    pub stems: &'a [String],
    /// The files' extension, without the dot.
    pub extension: &'a str,
    /// Whether files that are there may be replaced. Songs never are.
    pub force: bool,
}

/// The files of a song's stems, in the stems' order, and that of its lyrics, should it have any.
#[derive(Debug)]
pub struct Files {
    pub stems: Vec<PathBuf>,
    pub lyrics: PathBuf,
}

impl Target<'_> {
    /// The files of each song; or why it cannot be separated.
    pub fn files(&self, songs: &[Input]) -> Vec<anyhow::Result<Files>> {
        let named_after: Vec<PathBuf> = songs.iter().map(Input::named_after).collect();
        let paths: Vec<&Path> = named_after.iter().map(PathBuf::as_path).collect();
        let longest = self.stems.iter().map(|stem| longest_song(stem, self.extension)).min().unwrap_or(0);
        let titles = titles(&paths, longest);
        titles.iter().map(|title| self.files_of(title, songs)).collect()
    }

    fn files_of(&self, title: &str, songs: &[Input]) -> anyhow::Result<Files> {
        let named = self.stems.iter().map(|stem| download_name(title, stem, self.extension));
        let files: Vec<PathBuf> = named.map(|name| self.output.join(name)).collect();
        for file in &files {
            let Ok(there) = fs::symlink_metadata(file) else { continue };
            if let Some(song) = songs.iter().find(|song| is_same_file(song, file)) {
                let song = song.given.display();
                anyhow::bail!("its stem would replace the song {song}; choose another folder with -o");
            }
            let what = format!("{} is there already", file.display());
            ensure!(self.force, "{what}; --force replaces it, -o chooses another folder");
            ensure!(!there.is_dir(), "{what}, and is a folder");
        }
        Ok(Files { stems: files, lyrics: self.output.join(lyrics_name(title)) })
    }

    /// Gives a finished file its name; without `force` only if nothing has that name meanwhile.
    pub fn place(&self, part: TempPath, file: &Path) -> anyhow::Result<()> {
        let placed = if self.force { part.persist(file) } else { part.persist_noclobber(file) };
        let placed = placed.or_else(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => Err(failed),
            // Some file systems, as of memory cards, cannot rename like that.
            _ if !file.exists() => failed.path.persist(file),
            _ => Err(failed),
        });
        placed.map_err(|e| e.error).with_context(|| format!("cannot write {}", file.display()))
    }
}

/// Whether a path leads to a song that was given, be it by another name.
fn is_same_file(song: &Input, path: &Path) -> bool {
    let id = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino())).ok();
    let Some(file) = &song.file else { return false };
    id(file).is_some_and(|own| id(path) == Some(own))
}
