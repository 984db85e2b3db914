//! Turns packets into samples.

use super::names::{codec_name, container_name};
use super::speakers::speakers;
use super::track::audio;
use crate::ingest::downmix::Speaker;
use crate::ingest::{IngestError, opus};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions, well_known as codec};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatId, Track, well_known as format};
use symphonia::core::packet::Packet;

/// One decoder for all codecs: symphonia's, or ours for Opus.
pub(super) enum Decoder {
    Symphonia(Box<dyn AudioDecoder>, Vec<f32>),
    Opus(Box<opus::Decoder>, Vec<Speaker>),
}

/// What a packet decodes to.
pub(super) struct Block<'a> {
    pub(super) rate: u32,
    pub(super) speakers: Vec<Speaker>,
    pub(super) samples: &'a [f32],
}

impl Decoder {
    pub(super) fn new(id: FormatId, track: &Track) -> Result<Self, IngestError> {
        let container = container_name(id);
        let Some(params) = audio(track) else {
            return Err(IngestError::Unsupported { container, codec: "an unknown codec".into() });
        };
        let unsupported = || IngestError::Unsupported { container, codec: codec_name(params) };
        if params.codec == codec::CODEC_ID_OPUS {
            let head = params.extra_data.as_deref().and_then(opus::Head::parse).ok_or_else(unsupported)?;
            let decoder = opus::Decoder::new(&head).ok_or_else(unsupported)?;
            return Ok(Self::Opus(Box::new(decoder), head.speakers()));
        }
        // Trimming is done by the sink, which knows better than the packets; only Matroska does not count
        // Vorbis' first packet, which primes the decoder, and leaves it to the decoder to drop.
        let priming = params.codec == codec::CODEC_ID_VORBIS && id == format::FORMAT_ID_MKV;
        let options = AudioDecoderOptions::default().gapless(priming);
        let decoder = symphonia::default::get_codecs().make_audio_decoder(params, &options);
        Ok(Self::Symphonia(decoder.map_err(|_| unsupported())?, Vec::new()))
    }

    /// `None` for a damaged packet.
    pub(super) fn decode(&mut self, packet: &Packet) -> Result<Option<Block<'_>>, IngestError> {
        match self {
            Self::Opus(decoder, speakers) => Ok(decoder.decode(&packet.data).map(|samples| Block {
                rate: opus::RATE,
                speakers: speakers.clone(),
                samples,
            })),
            Self::Symphonia(decoder, samples) => match decoder.decode(packet) {
                Ok(buffer) => {
                    buffer.copy_to_vec_interleaved(samples);
                    let spec = buffer.spec();
                    Ok(Some(Block { rate: spec.rate(), speakers: speakers(spec.channels()), samples }))
                }
                Err(Error::LimitError(_)) => Err(IngestError::Corrupt("its packets are absurdly large")),
                Err(_) => Ok(None),
            },
        }
    }
}
