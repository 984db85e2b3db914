//! The headers of MPEG audio frames (layers I to III), and what the encoder's tag in the first of them says.
//!
//! Of the form of each frame, since joined files change it in the middle, and of the length of damaged ones.

use super::bytes::Bytes;
use std::fs::File;
use symphonia::core::codecs::audio::{AudioCodecId, well_known as codec};

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 1, 2 or 3.
    pub(super) layer: u8,
    /// Hz.
    pub(super) rate: u32,
    /// 1 or 2.
    pub(super) channels: usize,
    /// Frames of sound (samples of each channel).
    pub(super) samples: u64,
    /// Length in bytes.
    pub(super) size: usize,
    /// MPEG-1, not the half rates of MPEG-2 and 2.5.
    is_full_rate: bool,
}

/// kbit/s by index, for layers I, II and III of MPEG-1 and for I and II/III of MPEG-2.
const BITRATES: [[u16; 15]; 5] = [
    [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// Reads a frame's header (ISO/IEC 11172-3, 2.4.1.3; 13818-3). A free bit rate counts as no header.
pub(super) fn header(bytes: &[u8]) -> Option<Header> {
    let &[first, second, third, fourth] = bytes.first_chunk::<4>()?;
    if first != 0xFF || second & 0xE0 != 0xE0 {
        return None;
    }
    let (version, layer) = ((second >> 3) & 3, 4 - ((second >> 1) & 3));
    let is_full_rate = version == 3;
    let divisor = match version {
        0 => 4,
        2 => 2,
        3 => 1,
        _ => return None,
    };
    let table = match (layer, is_full_rate) {
        (1..=3, true) => usize::from(layer) - 1,
        (1, false) => 3,
        (2 | 3, false) => 4,
        _ => return None,
    };
    let kbps = BITRATES[table].get(usize::from(third >> 4)).copied().filter(|kbps| *kbps > 0)?;
    let rate = [44_100, 48_000, 32_000].get(usize::from((third >> 2) & 3))? / divisor;
    let samples = match (layer, is_full_rate) {
        (1, _) => 384,
        (3, false) => 576,
        _ => 1152,
    };
    let (bits, padding) = (usize::from(kbps) * 1000, usize::from((third >> 1) & 1));
    let size = match layer {
        1 => (12 * bits / rate as usize + padding) * 4,
        _ => samples / 8 * bits / rate as usize + padding,
    };
    let channels = if fourth >> 6 == 3 { 1 } else { 2 };
    Some(Header { layer, rate, channels, samples: samples as u64, size, is_full_rate })
}

/// The codec of a layer.
pub(super) fn codec_of(layer: u8) -> AudioCodecId {
    match layer {
        1 => codec::CODEC_ID_MP1,
        2 => codec::CODEC_ID_MP2,
        _ => codec::CODEC_ID_MP3,
    }
}

/// Whether a codec is one of the layers.
pub(super) fn is_mpeg(id: AudioCodecId) -> bool {
    [codec::CODEC_ID_MP1, codec::CODEC_ID_MP2, codec::CODEC_ID_MP3].contains(&id)
}

/// How many bytes of frames the encoder's tag (Xing, Info) in the first frame announces, and how many are there.
pub(super) fn announced_bytes(file: &mut File, start: u64) -> Option<(u64, u64)> {
    let mut bytes = Bytes::new(file).ok()?;
    let frame = bytes.up_to(start, 4096);
    let found = header(&frame)?;
    let side = match (found.is_full_rate, found.channels) {
        (true, 1) | (false, 2) => 17,
        (true, _) => 32,
        (false, _) => 9,
    };
    let tag = frame.get(4 + side..)?;
    let flags = u32::from_be_bytes(tag.get(4..8)?.try_into().ok()?);
    if !(tag.starts_with(b"Xing") || tag.starts_with(b"Info")) || flags & 2 == 0 {
        return None;
    }
    let at = if flags & 1 == 0 { 8 } else { 12 };
    let announced = u32::from_be_bytes(tag.get(at..at + 4)?.try_into().ok()?);
    Some((u64::from(announced), bytes.len().saturating_sub(start)))
}

/// Where frames begin in a file that begins with something else: the first place from which three follow each other.
pub(super) fn first_frame(file: &mut File) -> Option<u64> {
    /// How much is searched.
    const SEARCH: u64 = 16 << 20;
    const FRAME: usize = 8192;
    let mut bytes = Bytes::new(file).ok()?;
    let mut at = 0;
    while at < SEARCH.min(bytes.len()) {
        let block = bytes.up_to(at, (1 << 18) + 3 * FRAME as u64);
        let places = block.len().min(1 << 18);
        let follows = |place: &usize| {
            let form = |h: &Header| (h.layer, h.rate);
            let first = header(&block[*place..])?;
            let second = header(block.get(place + first.size..)?)?;
            let third = header(block.get(place + first.size + second.size..)?)?;
            (form(&first) == form(&second) && form(&second) == form(&third)).then_some(())
        };
        if let Some(place) = (0..places).find(|place| follows(place).is_some()) {
            return Some(at + place as u64);
        }
        if places < 1 << 18 {
            return None;
        }
        at += places as u64;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_how_long_frames_are() {
        let found = |bytes: [u8; 4]| header(&bytes).map(|h| (h.layer, h.rate, h.channels, h.samples, h.size));
        assert_eq!(found([0xFF, 0xFB, 0x90, 0x00]), Some((3, 44_100, 2, 1152, 417)));
        assert_eq!(found([0xFF, 0xFB, 0x92, 0xC0]), Some((3, 44_100, 1, 1152, 418)));
        assert_eq!(found([0xFF, 0xF3, 0x80, 0xC0]), Some((3, 22_050, 1, 576, 208)));
        assert_eq!(found([0xFF, 0xFD, 0xA4, 0x00]), Some((2, 48_000, 2, 1152, 576)));
        for wrong in
            [[0xFF, 0xFB, 0xF0, 0], [0xFF, 0xFB, 0x9C, 0], [0xFF, 0xEB, 0x90, 0], [0xFE, 0xFB, 0x90, 0]]
        {
            assert_eq!(found(wrong), None, "{wrong:?}");
        }
    }
}
