//! WAV as a pure function of position: header, length and any frame range, without encoding the rest.
//!
//! Integers are x·2^(n−1) rounded half away from zero and clamped, **without dither**: samples that came
//! from a 16-bit file are exact multiples of 2^−15, so they come back bit for bit, which dither would
//! spoil; and a separated stem's own noise lies far above the last bit.

use super::blocks::each_block;
use super::encoding::Encoding;
use super::error::EncodeError;
use super::format::Format;
use crate::ingest::FrameSource;
use karaoke_core::quantise::quantise;
use std::io::Write;

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const EXTENSIBLE: u16 = 0xFFFE;
/// The tail that KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT share.
const GUID_TAIL: [u8; 14] = [0, 0, 0, 0, 16, 0, 128, 0, 0, 170, 0, 56, 155, 113];

/// What stands in a file's header.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Length in frames.
    pub frames: u64,
    /// Hz.
    pub rate: u32,
    /// 2, or two for each stem of a multitrack file.
    pub channels: u16,
    /// One of the formats that are WAV.
    pub format: Format,
}

impl Spec {
    /// A stereo file.
    pub fn stereo(frames: u64, rate: u32, format: Format) -> Self {
        Self { frames, rate, channels: 2, format }
    }

    /// Bytes of one frame; 0 for formats that are not WAV.
    pub fn frame_bytes(self) -> u64 {
        u64::from(self.channels) * u64::from(sample_bytes(self.format))
    }

    /// The header.
    ///
    /// 16 bits of at most two channels are a plain `fmt ` chunk, 24 bits and more channels WAVE_FORMAT_EXTENSIBLE,
    /// float adds a `fact` chunk; above 4 GiB it is RF64 with `ds64`.
    pub fn header(self) -> Vec<u8> {
        let data = self.frames * self.frame_bytes();
        let mut chunks = self.fmt_chunk();
        if self.format == Format::WavFloat {
            chunk(&mut chunks, b"fact", &clamped(self.frames).to_le_bytes());
        }
        // After the form type: the chunks, the data chunk's own header, the data and its padding byte.
        let riff = 4 + chunks.len() as u64 + 8 + data + data % 2;
        let mut out = Vec::with_capacity(128);
        if riff > u64::from(u32::MAX) {
            let riff = riff + 36;
            out.extend(b"RF64\xff\xff\xff\xffWAVE");
            let mut ds64 = Vec::new();
            for number in [riff, data, self.frames] {
                ds64.extend(number.to_le_bytes());
            }
            ds64.extend(0u32.to_le_bytes());
            chunk(&mut out, b"ds64", &ds64);
        } else {
            out.extend(b"RIFF");
            out.extend((riff as u32).to_le_bytes());
            out.extend(b"WAVE");
        }
        out.extend(chunks);
        out.extend(b"data");
        out.extend(clamped(data).to_le_bytes());
        out
    }

    /// Length of the whole file in bytes. Always even, so the data needs no padding byte.
    pub fn total_len(self) -> u64 {
        self.header().len() as u64 + self.frames * self.frame_bytes()
    }

    fn fmt_chunk(self) -> Vec<u8> {
        let (bytes, bits) = (self.frame_bytes(), u16::from(sample_bytes(self.format)) * 8);
        let kind = if self.format == Format::WavFloat { FLOAT } else { PCM };
        let extensible = self.format == Format::Wav24 || self.channels > 2;
        let mut body = Vec::new();
        body.extend(if extensible { EXTENSIBLE } else { kind }.to_le_bytes());
        body.extend(self.channels.to_le_bytes());
        body.extend(self.rate.to_le_bytes());
        body.extend(clamped(u64::from(self.rate) * bytes).to_le_bytes());
        body.extend((bytes as u16).to_le_bytes());
        body.extend(bits.to_le_bytes());
        if extensible {
            // Front left and front right; the channels of several stems stand nowhere in a room.
            let speakers: u32 = if self.channels == 2 { 3 } else { 0 };
            body.extend(22u16.to_le_bytes());
            body.extend(bits.to_le_bytes());
            body.extend(speakers.to_le_bytes());
            body.extend(kind.to_le_bytes());
            body.extend(GUID_TAIL);
        } else if kind == FLOAT {
            body.extend(0u16.to_le_bytes());
        }
        let mut out = Vec::new();
        chunk(&mut out, b"fmt ", &body);
        out
    }
}

/// Bytes of a sample; 0 for formats that are not WAV.
fn sample_bytes(format: Format) -> u8 {
    match format {
        Format::Wav16 => 2,
        Format::Wav24 => 3,
        Format::WavFloat => 4,
        _ => 0,
    }
}

fn clamped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    out.extend(name);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
}

/// Appends interleaved samples as the bytes that stand in the data chunk.
pub fn samples_to_bytes(samples: &[f32], format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Wav16 => append(samples, out, |s| (quantise(s, 16) as i16).to_le_bytes()),
        Format::Wav24 => append(samples, out, |s| {
            let [low, middle, high, _] = quantise(s, 24).to_le_bytes();
            [low, middle, high]
        }),
        _ => append(samples, out, f32::to_le_bytes),
    }
}

/// Appends the bytes of samples: as many places at once, since the compiler makes single bytes of an `extend`.
fn append<const N: usize>(samples: &[f32], out: &mut Vec<u8>, bytes: impl Fn(f32) -> [u8; N]) {
    let begin = out.len();
    out.resize(begin + samples.len() * N, 0);
    for (place, sample) in out[begin..].as_chunks_mut().0.iter_mut().zip(samples) {
        *place = bytes(*sample);
    }
}

/// Writes a whole file.
pub fn encode(
    source: &mut dyn FrameSource,
    encoding: Encoding<'_>,
    out: &mut impl Write,
) -> Result<(), EncodeError> {
    let Encoding { frames, rate, format, cancelled, .. } = encoding;
    out.write_all(&Spec::stereo(frames, rate, format).header())?;
    let mut bytes = Vec::new();
    each_block(source, frames, cancelled, |samples| {
        bytes.clear();
        samples_to_bytes(samples, format, &mut bytes);
        Ok(out.write_all(&bytes)?)
    })?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_come_back_bit_for_bit() {
        for n in i16::MIN..=i16::MAX {
            assert_eq!(quantise(f32::from(n) / 32768.0, 16), i32::from(n));
        }
        for n in (-(1 << 23)..1 << 23).step_by(997) {
            assert_eq!(quantise(n as f32 / 8388608.0, 24), n);
        }
        assert_eq!(quantise(1.5, 16), 32767);
        assert_eq!(quantise(-1.5, 16), -32768);
        assert_eq!(quantise(0.5 / 32768.0, 16), 1);
        assert_eq!(quantise(-0.5 / 32768.0, 16), -1);
        assert_eq!(quantise(f32::NAN, 16), 0);
    }

    #[test]
    fn hound_reads_what_is_written() {
        let samples: Vec<f32> = (0..2000).map(|n| ((n * 7919) % 65536) as f32 / 32768.0 - 1.0).collect();
        for format in [Format::Wav16, Format::Wav24, Format::WavFloat] {
            let spec = Spec::stereo(1000, 44100, format);
            let mut file = spec.header();
            samples_to_bytes(&samples, format, &mut file);
            assert_eq!(file.len() as u64, spec.total_len());
            let mut reader = hound::WavReader::new(&file[..]).unwrap();
            assert_eq!((reader.duration(), reader.spec().sample_rate), (1000, 44100));
            let back: Vec<f32> = match format {
                Format::WavFloat => reader.samples().map(Result::unwrap).collect(),
                _ => {
                    let scale = (1u32 << (reader.spec().bits_per_sample - 1)) as f32;
                    reader.samples::<i32>().map(|s| s.unwrap() as f32 / scale).collect()
                }
            };
            assert_eq!(back, samples);
        }
    }

    #[test]
    fn several_stems_stand_side_by_side() {
        for (channels, format) in [(4, Format::Wav16), (12, Format::WavFloat)] {
            let spec = Spec { frames: 100, rate: 48000, channels, format };
            let mut file = spec.header();
            let samples: Vec<f32> = (0..100 * channels).map(|n| f32::from(n) / 2048.0).collect();
            samples_to_bytes(&samples, format, &mut file);
            assert_eq!(file.len() as u64, spec.total_len());
            let reader = hound::WavReader::new(&file[..]).unwrap();
            assert_eq!((reader.duration(), reader.spec().channels), (100, channels));
        }
    }

    #[test]
    fn above_four_gibibytes_it_is_rf64() {
        let frames = 1 << 30;
        let spec = Spec::stereo(frames, 48000, Format::Wav16);
        let bytes = spec.header();
        assert_eq!(&bytes[..4], b"RF64");
        assert_eq!(&bytes[12..16], b"ds64");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(number(20), spec.total_len() - 8);
        assert_eq!((number(28), number(36)), (frames * 4, frames));
        assert_eq!(&Spec { frames: 1 << 29, ..spec }.header()[..4], b"RIFF");
    }
}
