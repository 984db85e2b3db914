//! Opens the container of an upload, and says in plain words why one cannot be opened.

use super::guard::Guarded;
use crate::ingest::{IngestError, sniff};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::{Hint, Probe, ProbeOptions};
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// Finds the container of `source`.
pub(super) fn open(source: &Path, name: &str) -> Result<Box<dyn FormatReader>, IngestError> {
    let mut file = File::open(source).map_err(IngestError::Unreadable)?;
    let mut head = Vec::with_capacity(512);
    Read::by_ref(&mut file).take(512).read_to_end(&mut head).map_err(unreadable)?;
    sniff::refuse(&head)?;
    file.seek(SeekFrom::Start(0))?;
    let stream = MediaSourceStream::new(Box::new(Guarded::new(file)?), Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = Path::new(name).extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let options = ProbeOptions { max_probe_depth: 128 * 1024, ..Default::default() };
    let mut probe = Probe::new_with_options(&options);
    symphonia::default::register_enabled_formats(&mut probe);
    let reader = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default());
    reader.map_err(|error| unopened(error, &head))
}

/// Why no container could be opened.
fn unopened(error: Error, head: &[u8]) -> IngestError {
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

/// An error of reading: our disk's, or the guard's, or one that a demuxer made up.
pub(super) fn unreadable(error: io::Error) -> IngestError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            IngestError::Corrupt("its structure makes no sense")
        }
        _ => IngestError::Unreadable(error),
    }
}
