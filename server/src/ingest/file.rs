//! Interleaved stereo f32 little-endian frames on disk: a random-access reader and a buffered writer.

use super::resample::FrameSource;
use karaoke_core::audio::{FRAME_BYTES, read_le_bytes, to_le_bytes};
use karaoke_stages::Stage;
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::unix::fs::FileExt,
    path::Path,
};

/// A file of frames, read at any place without moving a cursor.
#[derive(Debug)]
pub struct FrameFile {
    file: File,
    frames: u64,
    bytes: Vec<u8>,
}

impl FrameFile {
    /// Opens `path`; its length in frames is that of the file now.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let frames = file.metadata()?.len() / FRAME_BYTES as u64;
        Ok(Self { file, frames, bytes: Vec::new() })
    }

    /// Length in frames.
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

impl FrameSource for FrameFile {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Store.enter();
        out.fill(0.0);
        let end = start.saturating_add((out.len() / 2) as i64).min(self.frames as i64);
        let first = start.max(0);
        if end <= first {
            return Ok(());
        }
        self.bytes.resize((end - first) as usize * FRAME_BYTES, 0);
        self.file.read_exact_at(&mut self.bytes, first as u64 * FRAME_BYTES as u64)?;
        read_le_bytes(&self.bytes, &mut out[(first - start) as usize * 2..]);
        Ok(())
    }
}

/// Writes frames one after the other.
#[derive(Debug)]
pub struct FrameWriter {
    out: BufWriter<File>,
    frames: u64,
}

impl FrameWriter {
    /// Creates `path`, or empties it.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { out: BufWriter::with_capacity(1 << 17, File::create(path)?), frames: 0 })
    }

    /// Appends interleaved frames.
    pub fn write(&mut self, frames: &[f32]) -> io::Result<()> {
        let _stage = Stage::Store.enter();
        self.out.write_all(&to_le_bytes(frames))?;
        self.frames += (frames.len() / 2) as u64;
        Ok(())
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes out what is buffered, and cuts the file to `frames` if it is longer.
    pub fn finish(self, frames: u64) -> io::Result<()> {
        let _stage = Stage::Store.enter();
        let kept = frames.min(self.frames);
        let file = self.out.into_inner().map_err(|e| e.into_error())?;
        file.set_len(kept * FRAME_BYTES as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_was_written_and_silence_outside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mix");
        let mut writer = FrameWriter::create(&path).unwrap();
        writer.write(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(writer.frames(), 3);
        writer.finish(2).unwrap();
        let mut file = FrameFile::open(&path).unwrap();
        assert_eq!(file.frames(), 2);
        let mut out = [9.0; 8];
        file.read(-1, &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
        file.read(i64::MAX - 1, &mut out).unwrap();
        assert_eq!(out, [0.0; 8]);
    }
}
