//! Decodes Opus packets: one or several streams in a packet, mono to 7.1, at 48 kHz.

use super::downmix::Speaker;
use opus_decoder::{OpusDecoder, OpusMultistreamDecoder};

/// Opus always decodes to this rate.
pub const RATE: u32 = 48_000;
/// The longest packet: 120 ms.
const MAX_FRAMES: usize = 5760;

/// What stands in an `OpusHead` (Ogg, Matroska) or a `dOps` box (MP4), which differ in byte order.
#[derive(Debug, PartialEq)]
pub struct Head {
    channels: usize,
    /// Frames at 48 kHz to drop at the start.
    pub pre_skip: u64,
    gain: f32,
    streams: usize,
    coupled: usize,
    mapping: Vec<u8>,
}

impl Head {
    /// Reads the header, magic included; `None` if it is malformed or of an unknown mapping family.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"OpusHead")?;
        let (version, channels) = (*rest.first()?, usize::from(*rest.get(1)?));
        // Version 0 is that of `dOps`, whose numbers are big-endian.
        let number = |at: usize| {
            let pair: [u8; 2] = rest.get(at..at + 2)?.try_into().ok()?;
            Some(if version == 0 { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
        };
        let (pre_skip, gain) = (u64::from(number(2)?), f32::from(number(8)? as i16));
        let (streams, coupled, mapping) = match *rest.get(10)? {
            0 if channels <= 2 => (1, channels.saturating_sub(1), (0..channels as u8).collect()),
            1 if channels <= 8 => {
                let (streams, coupled) = (usize::from(*rest.get(11)?), usize::from(*rest.get(12)?));
                (streams, coupled, rest.get(13..13 + channels)?.to_vec())
            }
            _ => return None,
        };
        let gain = 10f32.powf(gain / (20.0 * 256.0));
        (channels > 0).then_some(Self { channels, pre_skip, gain, streams, coupled, mapping })
    }

    /// The channels' loudspeakers, in the order of Vorbis.
    pub fn speakers(&self) -> Vec<Speaker> {
        use Speaker::*;
        let (l, r, c, sl, sr) = (Left, Right, Centre, SurroundLeft, SurroundRight);
        match self.channels {
            1 => vec![c],
            2 => vec![l, r],
            3 => vec![l, c, r],
            4 => vec![l, r, sl, sr],
            5 => vec![l, c, r, sl, sr],
            6 => vec![l, c, r, sl, sr, Lfe],
            7 => vec![l, c, r, sl, sr, BackCentre, Lfe],
            _ => vec![l, c, r, sl, sr, sl, sr, Lfe],
        }
    }
}

enum Streams {
    One(Box<OpusDecoder>),
    Several(Box<OpusMultistreamDecoder>),
}

/// A decoder for the packets of one track.
pub struct Decoder {
    streams: Streams,
    channels: usize,
    gain: f32,
    pcm: Vec<f32>,
}

impl Decoder {
    /// For the packets that `head` describes; `None` if its numbers contradict each other.
    pub fn new(head: &Head) -> Option<Self> {
        let streams = if head.streams == 1
            && head.mapping.iter().enumerate().all(|(n, m)| n == usize::from(*m))
        {
            Streams::One(Box::new(OpusDecoder::new(RATE, head.channels).ok()?))
        } else {
            let decoder =
                OpusMultistreamDecoder::new(RATE, head.channels, head.streams, head.coupled, &head.mapping);
            Streams::Several(Box::new(decoder.ok()?))
        };
        let pcm = vec![0.0; MAX_FRAMES * head.channels];
        Some(Self { streams, channels: head.channels, gain: head.gain, pcm })
    }

    /// Decodes a packet to interleaved frames; `None` if it is damaged.
    pub fn decode(&mut self, packet: &[u8]) -> Option<&[f32]> {
        if packet.is_empty() {
            return None;
        }
        let frames = match &mut self.streams {
            Streams::One(decoder) => decoder.decode_float(packet, &mut self.pcm, false),
            Streams::Several(decoder) => decoder.decode_float(packet, &mut self.pcm, false),
        }
        .ok()?;
        let samples = self.pcm.get_mut(..frames * self.channels)?;
        if self.gain != 1.0 {
            samples.iter_mut().for_each(|s| *s *= self.gain);
        }
        Some(samples)
    }
}

/// Frames (at 48 kHz) that a packet stands for, by its first two bytes; 0 if they make no sense.
pub fn packet_frames(packet: &[u8]) -> u64 {
    let Some(toc) = packet.first() else { return 0 };
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1).map_or(0, |b| b & 63)),
    };
    (frame * count).min(MAX_FRAMES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_heads_of_both_byte_orders() {
        let ogg = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        let mp4 = b"OpusHead\x00\x02\x01\x38\0\0\xbb\x80\0\0\0";
        assert_eq!(Head::parse(ogg).unwrap().pre_skip, 312);
        assert_eq!(Head::parse(ogg), Head::parse(mp4));
        assert_eq!(Head::parse(b"OpusHead\x01\x02\x38"), None);
        assert_eq!(Head::parse(b"OpusHead\x01\x03\0\0\0\0\0\0\0\0\0"), None);
    }

    #[test]
    fn packets_say_how_long_they_are() {
        assert_eq!(packet_frames(&[0xFC]), 960);
        assert_eq!(packet_frames(&[0x0B, 3]), 5760);
        assert_eq!(packet_frames(&[]), 0);
    }
}
