//! Encodes a stem into a file that is either whole or not there.

use super::StemReader;
use crate::encode::{self, Encoding, Format};
use crate::ingest::{FrameSource, Tags};
use crate::store::TrackRecord;
use karaoke_stages::Stage;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::Path;
use tokio::runtime::Handle;

impl StemReader {
    /// Blocking: encodes the whole stem into `path`, which takes its name when it is complete. Waits for what
    /// is not separated yet, so it may begin as soon as the track is planned.
    ///
    /// Must run on a blocking thread of the runtime.
    pub fn encode_to(
        &self,
        path: &Path,
        format: Format,
        tags: &Tags,
        cancelled: &dyn Fn() -> bool,
    ) -> io::Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // A name of its own: two that encode the same at once must not write into one file.
        name.push(format!("-{:x}.part", rand::random::<u64>()));
        let part = path.with_file_name(name);
        let encoded = self.encode_part(&part, format, tags, cancelled).and_then(|()| fs::rename(&part, path));
        if encoded.is_err() {
            // Best effort: the error that is reported is the one that matters.
            let _ = fs::remove_file(&part);
        }
        encoded
    }

    /// Blocking: the same into a file that is its caller's to move or remove.
    pub fn encode_part(
        &self,
        part: &Path,
        format: Format,
        tags: &Tags,
        cancelled: &dyn Fn() -> bool,
    ) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 17, File::create(part)?);
        let mut source = WaitingReader { reader: self, runtime: Handle::current() };
        let encoding = Encoding { frames: self.frames, rate: self.rate, format, tags, cancelled };
        encode::encode(&mut source, encoding, &mut out).map_err(io::Error::other)?;
        Stage::Store.of(|| out.into_inner().map_err(|e| e.into_error())?.sync_all())
    }
}

/// Reads a stem and waits, on a blocking thread, for what is not final yet.
struct WaitingReader<'r> {
    reader: &'r StemReader,
    runtime: Handle,
}

impl FrameSource for WaitingReader<'_> {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let start_frame = start.max(0) as u64;
        let range = start_frame..start_frame + (out.len() / 2) as u64;
        Stage::Wait.of(|| self.runtime.block_on(self.reader.wait_final(&range))).map_err(io::Error::other)?;
        self.reader.lock().read(start, out)
    }
}

impl TrackRecord {
    /// What is written into encoded files.
    pub fn tags(&self) -> Tags {
        let (title, artist, album) = (self.title.clone(), self.artist.clone(), self.album.clone());
        Tags { title, artist, album, ..Tags::default() }
    }

    /// The song's name for people: artist and title, or else the file's name without its extension.
    pub fn song(&self) -> String {
        match (&self.artist, &self.title) {
            (Some(artist), Some(title)) => format!("{artist} - {title}"),
            (None, Some(title)) => title.clone(),
            _ => self.file_name.rsplit_once('.').map_or(self.file_name.as_str(), |(stem, _)| stem).to_owned(),
        }
    }
}

/// The most bytes that file systems take for a file's name.
const LONGEST_NAME: usize = 255;

/// `<song> (<Stem>).<extension>`, safe as a file name: a song's name that is too long for one is shortened.
pub fn download_name(song: &str, stem: &str, extension: &str) -> String {
    let end = name_end(stem, extension);
    format!("{}{end}", shortened(&safe(song), LONGEST_NAME.saturating_sub(end.len())))
}

/// `<song>.lrc`, safe as a file name.
pub fn lyrics_name(song: &str) -> String {
    format!("{}.lrc", shortened(&safe(song), LONGEST_NAME - 4))
}

fn safe(song: &str) -> String {
    song.chars().map(|c| if c.is_control() || "/\\:".contains(c) { '_' } else { c }).collect()
}

/// Bytes that a song's name may have in [`download_name`] without being shortened.
pub fn longest_song(stem: &str, extension: &str) -> usize {
    LONGEST_NAME.saturating_sub(name_end(stem, extension).len())
}

/// The first characters of a text, at most `bytes` bytes of them.
pub fn shortened(text: &str, bytes: usize) -> &str {
    text[..text.floor_char_boundary(bytes)].trim_end()
}

fn name_end(stem: &str, extension: &str) -> String {
    let mut letters = stem.chars();
    let stem: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    format!(" ({stem}).{extension}")
}

#[cfg(test)]
mod tests {
    use super::{download_name, longest_song};

    #[test]
    fn names_are_safe_and_readable() {
        assert_eq!(download_name("AC/DC - T.N.T.", "vocals", "mp3"), "AC_DC - T.N.T. (Vocals).mp3");
        assert_eq!(download_name("Für Elise", "instrumental", "wav"), "Für Elise (Instrumental).wav");
    }

    #[test]
    fn long_names_are_shortened_between_characters() {
        for song in ["歌".repeat(80), "é".repeat(200), "x".repeat(240), "a b".repeat(100)] {
            let name = download_name(&song, "instrumental", "flac");
            assert!(name.len() <= 255 && name.len() > 245, "{}: {name}", name.len());
            assert!(name.ends_with(" (Instrumental).flac") && name.starts_with(&song[..12]), "{name}");
        }
        let fits = "x".repeat(longest_song("vocals", "wav"));
        assert_eq!(download_name(&fits, "vocals", "wav").len(), 255);
    }
}
