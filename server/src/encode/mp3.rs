//! MP3 through the pure-Rust encoder `rusty_mp3`, with a LAME tag, so that its exact length can be restored.

use super::blocks::each_block;
use super::encoding::Encoding;
use super::error::EncodeError;
use crate::ingest::{FrameSource, Resampled, Tags};
use rusty_mp3::{Mp3Encoder, Mp3EncoderConfig};
use std::io::{Seek, SeekFrom, Write};

/// The most that MP3 has at 32 kHz and above; below, the encoder takes the most there (160).
const KBPS: u32 = 320;

/// Rates that MP3 knows, from the highest.
const RATES: [u32; 9] = [48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000];

/// The rate of the MP3 of a source at `rate` Hz: the same where MP3 has it, else the next above, else the
/// highest.
pub fn rate_for(rate: u32) -> u32 {
    RATES.into_iter().rev().find(|r| *r >= rate).unwrap_or(RATES[0])
}

/// Encodes the whole of `source`; see [`super::encode`]. A rate that MP3 lacks is converted.
///
/// # Errors
/// Reading, writing, a cancel.
pub fn encode(
    source: &mut dyn FrameSource,
    encoding: Encoding<'_>,
    out: &mut (impl Write + Seek),
) -> Result<(), EncodeError> {
    let Encoding { frames, rate, tags, cancelled, .. } = encoding;
    let target = rate_for(rate);
    let mut source = Resampled::new(source, rate, target, frames)?;
    let frames = source.length();
    out.write_all(&id3v2(tags))?;
    let tag_at = out.stream_position()?;
    let mut encoder = Mp3Encoder::new(Mp3EncoderConfig { bitrate_kbps: KBPS, vbr_quality: None });
    // Even a file of no frames needs its format fixed.
    encoder.push_pcm_f32(&[], 2, target).map_err(codec)?;
    each_block(&mut source, frames, cancelled, |samples| {
        encoder.push_pcm_f32(samples, 2, target).map_err(codec)?;
        drain(&mut encoder, out)
    })?;
    encoder.finish();
    drain(&mut encoder, out)?;
    if let Some(tag) = encoder.lame_tag_frame() {
        out.seek(SeekFrom::Start(tag_at))?;
        out.write_all(tag)?;
        out.seek(SeekFrom::End(0))?;
    }
    Ok(out.flush()?)
}

fn drain(encoder: &mut Mp3Encoder, out: &mut impl Write) -> Result<(), EncodeError> {
    while let Ok(packet) = encoder.next_packet() {
        out.write_all(&packet)?;
    }
    Ok(())
}

fn codec(error: impl std::fmt::Debug) -> EncodeError {
    EncodeError::Codec(format!("{error:?}"))
}

/// An ID3v2.3 tag (the version that everything reads); empty if there is nothing to say.
fn id3v2(tags: &Tags) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, value) in [(b"TIT2", &tags.title), (b"TPE1", &tags.artist), (b"TALB", &tags.album)] {
        if let Some(value) = value {
            let mut text = vec![1, 0xFF, 0xFE]; // UTF-16 with byte order mark
            text.extend(value.encode_utf16().flat_map(u16::to_le_bytes));
            frame(&mut body, id, &text);
        }
    }
    if let Some(cover) = &tags.cover {
        let mut picture = vec![0];
        picture.extend(cover.mime.as_bytes());
        picture.extend([0, 3, 0]); // front cover, no description
        picture.extend(&cover.bytes);
        frame(&mut body, b"APIC", &picture);
    }
    if body.is_empty() {
        return body;
    }
    let mut out = b"ID3\x03\x00\x00".to_vec();
    // Seven bits a byte, so that no length looks like a frame's start.
    out.extend([21, 14, 7, 0].map(|shift| (body.len() >> shift) as u8 & 0x7F));
    out.extend(body);
    out
}

fn frame(out: &mut Vec<u8>, id: &[u8; 4], body: &[u8]) {
    out.extend(id);
    out.extend((body.len() as u32).to_be_bytes());
    out.extend([0, 0]);
    out.extend(body);
}
