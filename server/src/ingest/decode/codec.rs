//! Turns packets into samples.

use super::mpeg;
use super::names::{codec_name, container_name};
use super::params::audio;
use super::speakers::speakers;
use crate::ingest::downmix::Speaker;
use crate::ingest::{IngestError, opus};
use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known as codec,
};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatId, Track, well_known as format};
use symphonia::core::packet::Packet;

/// One decoder for all codecs: symphonia's, or ours for Opus.
pub(super) enum Decoder {
    Symphonia(Box<dyn AudioDecoder>, Vec<f32>),
    Mpeg(Mpeg),
    Opus(Box<opus::Decoder>, Vec<Speaker>),
}

/// A decoder for MPEG audio whose form may change from frame to frame, as in files that were joined.
pub(super) struct Mpeg {
    decoder: Box<dyn AudioDecoder>,
    /// Layer, rate and channels that it has begun with.
    form: Option<(u8, u32, usize)>,
    samples: Vec<f32>,
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
            let stated = params.extra_data.as_deref();
            let channels = params.channels.as_ref().map_or(2, Channels::count);
            // CAF has no header of Opus: one or two channels need none.
            let head = stated.map_or_else(|| opus::Head::plain(channels), opus::Head::parse);
            let head = head.ok_or_else(unsupported)?;
            let decoder = opus::Decoder::new(&head).ok_or_else(unsupported)?;
            return Ok(Self::Opus(Box::new(decoder), head.speakers()));
        }
        if mpeg::is_mpeg(params.codec) {
            let decoder = mpeg_decoder(params.codec).ok_or_else(unsupported)?;
            return Ok(Self::Mpeg(Mpeg { decoder, form: None, samples: Vec::new() }));
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
            Self::Symphonia(decoder, samples) => decoded(decoder.as_mut(), samples, packet),
            Self::Mpeg(mpeg) => {
                let form = mpeg::header(&packet.data).map(|h| (h.layer, h.rate, h.channels));
                if let Some(form) = form
                    && mpeg.form.is_some_and(|before| before != form)
                    && let Some(decoder) = mpeg_decoder(mpeg::codec_of(form.0))
                {
                    mpeg.decoder = decoder;
                }
                mpeg.form = form.or(mpeg.form);
                decoded(mpeg.decoder.as_mut(), &mut mpeg.samples, packet)
            }
        }
    }
}

fn mpeg_decoder(codec: AudioCodecId) -> Option<Box<dyn AudioDecoder>> {
    let mut params = AudioCodecParameters::new();
    params.for_codec(codec);
    let options = AudioDecoderOptions::default().gapless(false);
    symphonia::default::get_codecs().make_audio_decoder(&params, &options).ok()
}

fn decoded<'s>(
    decoder: &mut dyn AudioDecoder,
    samples: &'s mut Vec<f32>,
    packet: &Packet,
) -> Result<Option<Block<'s>>, IngestError> {
    match decoder.decode(packet) {
        Ok(buffer) => {
            buffer.copy_to_vec_interleaved(samples);
            let spec = buffer.spec();
            Ok(Some(Block { rate: spec.rate(), speakers: speakers(spec.channels()), samples }))
        }
        Err(Error::LimitError(_)) => Err(IngestError::Corrupt("its packets are absurdly large")),
        Err(_) => Ok(None),
    }
}
