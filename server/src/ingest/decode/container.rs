//! Opens the container of an upload, and says in plain words why one cannot be opened.

use super::mpeg;
use super::names::opus_kind;
use super::repair::repaired;
use super::view::{Piece, View};
use crate::ingest::{IngestError, opus, sniff};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Finds the container of `source` for its sound: what else is in the file may be left out, damaged or not.
pub(super) fn open(source: &Path, name: &str) -> Result<Box<dyn FormatReader>, IngestError> {
    let mut file = File::open(source).map_err(IngestError::Unreadable)?;
    let head = head(&mut file)?;
    sniff::refuse(&head)?;
    let view = match repaired(&mut file) {
        Some(pieces) => View::of(file, pieces),
        None => View::whole(file).map_err(unreadable)?,
    };
    probe(view, name).or_else(|error| {
        // Streams without a container may begin with anything.
        let mut file = File::open(source).map_err(IngestError::Unreadable)?;
        let length = file.metadata().map_err(IngestError::Unreadable)?.len();
        let first = mpeg::first_frame(&mut file).ok_or_else(|| unopened(error, &head))?;
        let view = View::of(file, vec![Piece::File(first..length)]);
        probe(view, "x.mp3").map_err(|error| unopened(error, &head))
    })
}

/// Opens a part of `source` that can be read for itself.
pub(super) fn open_part(
    source: &Path,
    name: &str,
    part: Range<u64>,
) -> Result<Box<dyn FormatReader>, IngestError> {
    let file = File::open(source).map_err(IngestError::Unreadable)?;
    let view = View::of(file, vec![Piece::File(part)]);
    probe(view, name).map_err(|error| unopened(error, &[]))
}

/// Opens `source` as it is, with its tags, if it can be opened like that.
pub(super) fn open_whole(source: &Path, name: &str) -> Option<Box<dyn FormatReader>> {
    let mut file = File::open(source).ok()?;
    sniff::refuse(&head(&mut file).ok()?).ok()?;
    probe(View::whole(file).ok()?, name).ok()
}

fn head(file: &mut File) -> Result<Vec<u8>, IngestError> {
    let mut head = Vec::with_capacity(512);
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    Read::by_ref(file).take(512).read_to_end(&mut head).map_err(unreadable)?;
    Ok(head)
}

fn probe(view: View, name: &str) -> Result<Box<dyn FormatReader>, Error> {
    let stream = MediaSourceStream::new(Box::new(view), Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = Path::new(name).extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let options = ProbeOptions { max_probe_depth: 128 * 1024, ..Default::default() };
    let mut probe = Probe::new_with_options(&options);
    symphonia::default::register_enabled_formats(&mut probe);
    probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
}

/// Why no container could be opened.
fn unopened(error: Error, head: &[u8]) -> IngestError {
    // The demuxer does not open an Ogg whose Opus has channels that it knows no places for.
    let opus = head.windows(8).position(|window| window == b"OpusHead").map(|at| &head[at..]);
    if let Some(opus) = opus.filter(|opus| head.starts_with(b"OggS") && opus::Head::parse(opus).is_none()) {
        return IngestError::Unsupported { container: "Ogg file", codec: opus_kind(opus) };
    }
    // These have their index at the end, or look ahead for it: where it makes no sense, it is mostly missing.
    let indexed = head.get(4..8) == Some(b"ftyp") || head.starts_with(b"\x1A\x45\xDF\xA3");
    match error {
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => IngestError::Headless,
        Error::IoError(error) => unreadable(error),
        Error::Unsupported(message) if message.starts_with("core (probe)") => IngestError::Unrecognised,
        _ if indexed => IngestError::Headless,
        Error::Unsupported(_) => {
            IngestError::Unsupported { container: "file", codec: "an unusual codec".into() }
        }
        _ => IngestError::Corrupt("its header makes no sense"),
    }
}

/// An error of reading: the disk's, or the view's, or one that a demuxer made up.
pub(super) fn unreadable(error: io::Error) -> IngestError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            IngestError::Corrupt("its structure makes no sense")
        }
        _ => IngestError::Unreadable(error),
    }
}
