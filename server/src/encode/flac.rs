//! FLAC, frame by frame, with a STREAMINFO block that is filled in at the end.

use super::blocks::{BLOCK, each_block};
use super::encoding::Encoding;
use super::error::EncodeError;
use super::format::Format;
use crate::ingest::{FrameSource, Tags};
use flacenc::{
    bitsink::ByteSink,
    component::{BitRepr, StreamInfo},
    config::Encoder,
    encode_fixed_size_frame,
    error::{Verified, Verify},
    source::{Context, Fill, FrameBuf},
};
use karaoke_core::quantise::quantise;
use std::io::{Seek, SeekFrom, Write};

/// The most that FLAC's other readers know how to play; STREAMINFO has bits for a little more.
pub const MAX_RATE: u32 = 655_350;
/// The encoder refuses higher rates than this.
const CRATE_MAX_RATE: u32 = 96_000;
/// What it is told instead: a rate that no frame header can say, so that each header points to STREAMINFO.
const STAND_IN_RATE: u32 = 95_999;
/// Magic and block header before STREAMINFO's 34 bytes.
const STREAMINFO_AT: u64 = 8;
/// A metadata block's length has 24 bits; a larger cover is left out.
const MAX_PICTURE: usize = (1 << 24) - 1024;

/// Encodes the whole of `source`; see [`super::encode`].
///
/// # Errors
/// A rate above 655 350 Hz, more than 2^36 frames, reading, writing, a cancel.
pub fn encode(
    source: &mut dyn FrameSource,
    encoding: Encoding<'_>,
    out: &mut (impl Write + Seek),
) -> Result<(), EncodeError> {
    let Encoding { frames, rate, format, tags, cancelled } = encoding;
    if rate == 0 || rate > MAX_RATE || frames >= 1 << 36 {
        return Err(EncodeError::Unsupported(format!("FLAC cannot hold {frames} frames at {rate} Hz")));
    }
    let bits = if format == Format::Flac24 { 24 } else { 16 };
    let start = out.stream_position()?;
    let mut writer = Writer::new(rate, bits, frames)?;
    out.write_all(&headers(tags, &streaminfo(&writer.info, rate)?))?;
    each_block(source, frames, cancelled, |samples| Ok(out.write_all(writer.frame(samples)?)?))?;
    writer.info.set_md5_digest(&writer.context.md5_digest());
    out.seek(SeekFrom::Start(start + STREAMINFO_AT))?;
    out.write_all(&streaminfo(&writer.info, rate)?)?;
    out.seek(SeekFrom::End(0))?;
    Ok(out.flush()?)
}

struct Writer {
    config: Verified<Encoder>,
    info: StreamInfo,
    context: Context,
    buffer: FrameBuf,
    bits: u32,
    count: usize,
    smallest: usize,
    largest: usize,
    integers: Vec<i32>,
    sink: ByteSink,
}

impl Writer {
    fn new(rate: u32, bits: u32, frames: u64) -> Result<Self, EncodeError> {
        let config = Encoder::default().into_verified().map_err(|(_, e)| codec(e))?;
        let declared = if rate > CRATE_MAX_RATE { STAND_IN_RATE } else { rate };
        let mut info = StreamInfo::new(declared as usize, 2, bits as usize).map_err(codec)?;
        info.set_total_samples(frames as usize);
        info.set_block_sizes(BLOCK, BLOCK).map_err(codec)?;
        Ok(Self {
            config,
            info,
            context: Context::new(bits as usize, 2),
            buffer: FrameBuf::with_size(2, BLOCK).map_err(codec)?,
            bits,
            count: 0,
            smallest: usize::MAX,
            largest: 0,
            integers: Vec::new(),
            sink: ByteSink::new(),
        })
    }

    /// Encodes one block of interleaved frames; all but the last are of the full size.
    fn frame(&mut self, samples: &[f32]) -> Result<&[u8], EncodeError> {
        self.integers.clear();
        self.integers.extend(samples.iter().map(|s| quantise(*s, self.bits)));
        self.buffer.fill_interleaved(&self.integers).map_err(codec)?;
        self.context.fill_interleaved(&self.integers).map_err(codec)?;
        let frame =
            encode_fixed_size_frame(&self.config, &self.buffer, self.count, &self.info).map_err(codec)?;
        self.sink.clear();
        frame.write(&mut self.sink).map_err(codec)?;
        self.count += 1;
        let bytes = self.sink.as_slice();
        self.smallest = self.smallest.min(bytes.len());
        self.largest = self.largest.max(bytes.len());
        self.info.set_frame_sizes(self.smallest, self.largest).map_err(codec)?;
        Ok(self.sink.as_slice())
    }
}

fn codec(error: impl std::fmt::Display) -> EncodeError {
    EncodeError::Codec(error.to_string())
}

/// The block's 34 bytes, with the true rate in its 20 bits from byte 10 on.
fn streaminfo(info: &StreamInfo, rate: u32) -> Result<Vec<u8>, EncodeError> {
    let mut sink = ByteSink::new();
    info.write(&mut sink).map_err(codec)?;
    let mut bytes = sink.as_slice().to_vec();
    if let Some([high, middle, low]) = bytes.get_mut(10..13) {
        (*high, *middle) = ((rate >> 12) as u8, (rate >> 4) as u8);
        *low = (*low & 0x0F) | (rate << 4) as u8;
    }
    Ok(bytes)
}

/// Everything before the first frame.
fn headers(tags: &Tags, streaminfo: &[u8]) -> Vec<u8> {
    let picture = tags.cover.as_ref().filter(|c| c.bytes.len() <= MAX_PICTURE);
    let mut out = b"fLaC".to_vec();
    block(&mut out, 0, false, streaminfo);
    block(&mut out, 4, picture.is_none(), &comments(tags));
    if let Some(cover) = picture {
        block(&mut out, 6, true, &picture_block(cover.mime, &cover.bytes));
    }
    out
}

fn block(out: &mut Vec<u8>, kind: u8, last: bool, body: &[u8]) {
    out.push(kind | if last { 0x80 } else { 0 });
    out.extend(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend(body);
}

fn comments(tags: &Tags) -> Vec<u8> {
    let fields = [("TITLE", &tags.title), ("ARTIST", &tags.artist), ("ALBUM", &tags.album)];
    let lines: Vec<String> =
        fields.iter().filter_map(|(key, value)| value.as_ref().map(|v| format!("{key}={v}"))).collect();
    let mut out = Vec::new();
    let mut string = |text: &str| {
        out.extend((text.len() as u32).to_le_bytes());
        out.extend(text.as_bytes());
        out.len()
    };
    let count_at = string("karaoke");
    lines.iter().for_each(|line| {
        string(line);
    });
    let rest = out.split_off(count_at);
    out.extend((lines.len() as u32).to_le_bytes());
    out.extend(rest);
    out
}

fn picture_block(mime: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = 3u32.to_be_bytes().to_vec(); // front cover
    out.extend((mime.len() as u32).to_be_bytes());
    out.extend(mime.as_bytes());
    // No description; width, height, depth and palette are left for the reader to find.
    out.extend([0; 20]);
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
    out
}
