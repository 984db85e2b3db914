//! Makes a model's ONNX file of what its publisher offers: other programs' weights, rewritten byte for byte the same
//! on every machine, so that the manifest can pin the digest of what comes out.

mod checkpoint;
mod graph;
mod spleeter;

use karaoke_core::manifest::{Conversion, SourceFormat};
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use zip::ZipArchive;

/// The most that is unpacked of one member of an archive, bytes.
const LARGEST: u64 = 1 << 31;

/// A model's file cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The download cannot be read, or the result not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The archive is damaged, or lacks what is looked for.
    #[error("the archive holds no readable `{member}`: {problem}")]
    Archive {
        /// The member.
        member: String,
        /// What is wrong.
        problem: String,
    },
    /// The weights are not those of the network that they are said to be of.
    #[error("the weights in it cannot be used: {0}")]
    Weights(String),
}

/// Writes the ONNX file that `conversion` describes to `out`; `download` is the file that the manifest's address
/// leads to, proven before. Blocking; takes memory of about twice the weights.
///
/// # Errors
/// The archive or the weights are not what the conversion says, or reading or writing fails.
pub fn convert(conversion: &Conversion, download: &Path, out: &mut dyn Write) -> Result<(), ConvertError> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(download)?)).map_err(|error| {
        ConvertError::Archive { member: conversion.member.clone(), problem: error.to_string() }
    })?;
    let index = member(&mut archive, &format!("{}.index", conversion.member))?;
    let data = member(&mut archive, &format!("{}.data-00000-of-00001", conversion.member))?;
    let weights = checkpoint::read(&index, &data).map_err(ConvertError::Weights)?;
    let made = match conversion.format {
        SourceFormat::SpleeterCheckpoint => spleeter::onnx(&weights, conversion.frames),
    };
    out.write_all(&made.map_err(ConvertError::Weights)?)?;
    Ok(())
}

/// The bytes of a member of an archive.
fn member(archive: &mut ZipArchive<BufReader<File>>, name: &str) -> Result<Vec<u8>, ConvertError> {
    let wrong = |problem: String| ConvertError::Archive { member: name.to_owned(), problem };
    let found = archive.by_name(name).map_err(|error| wrong(error.to_string()))?;
    // What it says of its size is not believed: memory grows with what comes.
    let mut bytes = Vec::new();
    found.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
