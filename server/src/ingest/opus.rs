//! Decodes Opus packets: one or several streams in a packet, mono to 7.1, at 48 kHz.

use super::downmix::Speaker;
use ropus::{Channels, DecodeMode};

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
    /// Of one or two channels, where nothing else is said; `None` for more.
    pub fn plain(channels: usize) -> Option<Self> {
        let mapping = (0..channels as u8).collect();
        let coupled = channels.saturating_sub(1);
        (1..=2).contains(&channels).then_some(Self {
            channels,
            pre_skip: 0,
            gain: 1.0,
            streams: 1,
            coupled,
            mapping,
        })
    }

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

/// A decoder for the packets of one track: one or several streams, each mono or stereo.
pub struct Decoder {
    streams: Vec<ropus::Decoder>,
    coupled: usize,
    mapping: Vec<u8>,
    gain: f32,
    /// One stream's frames, interleaved.
    stream: Vec<f32>,
    pcm: Vec<f32>,
}

impl Decoder {
    /// For the packets that `head` describes; `None` if its numbers contradict each other.
    pub fn new(head: &Head) -> Option<Self> {
        if head.streams == 0 || head.coupled > head.streams {
            return None;
        }
        let slots = head.streams + head.coupled;
        if head.mapping.iter().any(|slot| *slot != SILENT && usize::from(*slot) >= slots) {
            return None;
        }
        let channels = |n| if n < head.coupled { Channels::Stereo } else { Channels::Mono };
        let streams =
            (0..head.streams).map(|n| ropus::Decoder::new(RATE, channels(n)).ok()).collect::<Option<_>>()?;
        Some(Self {
            streams,
            coupled: head.coupled,
            mapping: head.mapping.clone(),
            gain: head.gain,
            stream: vec![0.0; MAX_FRAMES * 2],
            pcm: vec![0.0; MAX_FRAMES * head.channels],
        })
    }

    /// Decodes a packet to interleaved frames; `None` if it is damaged.
    pub fn decode(&mut self, packet: &[u8]) -> Option<&[f32]> {
        let (mut rest, mut frames, last) = (packet, None, self.streams.len() - 1);
        for n in 0..=last {
            // All streams but the last say where they end.
            let plain = if n == last { rest.to_vec() } else { undelimit(&mut rest)? };
            if plain.is_empty() || packet_frames(&plain) == 0 {
                return None;
            }
            let pcm = self.stream.get_mut(..MAX_FRAMES * if n < self.coupled { 2 } else { 1 })?;
            let count = self.streams.get_mut(n)?.decode_float(&plain, pcm, DecodeMode::Normal).ok()?;
            if *frames.get_or_insert(count) != count {
                return None;
            }
            self.place(n, count);
        }
        self.pcm.get(..frames? * self.mapping.len())
    }

    /// Puts stream `n` into the channels that are mapped to it.
    fn place(&mut self, n: usize, frames: usize) {
        let width = if n < self.coupled { 2 } else { 1 };
        let first = if n < self.coupled { 2 * n } else { self.coupled + n };
        let channels = self.mapping.len();
        for (channel, slot) in self.mapping.iter().enumerate() {
            let Some(side) = usize::from(*slot).checked_sub(first).filter(|s| *s < width) else { continue };
            let source = self.stream.iter().skip(side).step_by(width).take(frames);
            for (to, from) in self.pcm.iter_mut().skip(channel).step_by(channels).zip(source) {
                *to = from * self.gain;
            }
        }
    }
}

/// A channel that no stream is mapped to.
const SILENT: u8 = 255;

/// Takes one self-delimited packet (RFC 6716, appendix B) off `rest` and gives it without its delimiter.
fn undelimit(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let toc = *rest.first()?;
    let (mut at, mut padding, mut head) = (1, 0usize, vec![toc]);
    let (mut count, mut variable) = ([1, 2, 2, 0][usize::from(toc & 3)], toc & 3 == 2);
    if toc & 3 == 3 {
        let byte = *rest.get(1)?;
        (count, variable, at) = (usize::from(byte & 63), byte & 0x80 != 0, 2);
        // Padding is dropped, and with it its flag.
        head.push(byte & !0x40);
        // A length of 255 stands for 254 bytes, and that another length follows.
        let mut more = if byte & 0x40 != 0 { 255 } else { 0 };
        while more == 255 {
            more = *rest.get(at)?;
            padding += usize::from(more.min(254));
            at += 1;
        }
    }
    let mut body = 0;
    for n in 0..if variable { count } else { 1 } {
        let (size, bytes) = frame_size(rest.get(at..)?)?;
        // The last frame's length is the delimiter, which a plain packet goes without.
        if variable && n + 1 < count {
            head.extend(rest.get(at..at + bytes)?);
        }
        at += bytes;
        body += if variable { size } else { size * count };
    }
    head.extend(rest.get(at..at + body)?);
    *rest = rest.get(at + body + padding..)?;
    Some(head)
}

/// A frame's length and how many bytes say it.
fn frame_size(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.first()? {
        short @ 0..=251 => Some((usize::from(short), 1)),
        long => Some((usize::from(*bytes.get(1)?) * 4 + usize::from(long), 2)),
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
        assert_eq!(packet_frames(&[0x0B, 3]), 2880);
        assert_eq!(packet_frames(&[]), 0);
    }
}
