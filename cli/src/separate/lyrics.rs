//! Lyrics that lie beside a song: they are written beside its stems, as LRC.

use karaoke_core::lyrics::{Lyrics, any, lrc, text, ultrastar};
use std::fs;
use std::path::{Path, PathBuf};

/// Files larger than this are no lyrics.
const MAX_BYTES: u64 = 1 << 20;
/// Texts of a folder that are looked into.
const MAX_TEXTS: usize = 200;

/// The lyrics beside a song as LRC: of a file with its name, or of an UltraStar file that names it.
pub fn beside(song: &Path) -> Option<String> {
    let named = ["lrc", "txt", "srt", "vtt"].iter().map(|extension| song.with_extension(extension));
    let lyrics = named.filter_map(|path| read(&path)).map(|text| any::parse(&text).lyrics).find(|l| l.synced);
    lyrics.or_else(|| of_folder(song)).map(|lyrics| lrc::write(&lyrics))
}

/// Those of an UltraStar file in the song's folder, whatever it is called.
fn of_folder(song: &Path) -> Option<Lyrics> {
    let own = song.file_name()?.to_string_lossy().to_lowercase();
    let mut paths: Vec<PathBuf> = fs::read_dir(song.parent()?).ok()?.flatten().map(|e| e.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("txt")));
    paths.sort();
    let texts = paths.iter().take(MAX_TEXTS).filter_map(|path| read(path)).filter(|t| ultrastar::is_it(t));
    let mut texts =
        texts.filter(|text| ultrastar::audio(text).is_some_and(|name| name.to_lowercase() == own));
    texts.next().map(|text| any::parse(&text).lyrics).filter(|lyrics| lyrics.synced)
}

fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok().filter(|m| m.is_file() && m.len() <= MAX_BYTES)?;
    let bytes = if metadata.len() > 0 { fs::read(path).ok()? } else { return None };
    text::of_file(&bytes)
}
