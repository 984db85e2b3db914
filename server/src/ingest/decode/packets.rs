//! Follows a track's packets through time: what is damaged or missing becomes silence of the same length.

use super::codec::{Block, Decoder};
use super::container::unreadable;
use super::span::span;
use super::track::{audio, choose_track, in_frames};
use crate::ingest::downmix::{Downmix, Speaker};
use crate::ingest::sink::{Sink, Span};
use crate::ingest::{IngestError, Limits, opus};
use karaoke_core::{Frames, SampleRate};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use symphonia::core::codecs::audio::well_known as codec;
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, Track, well_known as format};
use symphonia::core::packet::Packet;

/// What was decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoded {
    /// Sample rate in Hz, of the source and of the decoded file.
    pub sample_rate: SampleRate,
    /// Channels of the source; the decoded file always has two.
    pub channels: u32,
    /// Length in frames.
    pub frames: Frames,
    /// Largest absolute sample of the decoded file.
    pub peak: f32,
}

/// Rates that are sound and not a mistake in a header, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// More channels than any layout has.
const MAX_CHANNELS: usize = 64;
/// Demuxer errors in a row after which the rest is given up.
const MAX_STUMBLES: u32 = 16;
/// Damaged packets that are never too many.
const FEW: u64 = 8;
/// Longest hole (in seconds) that is filled with silence; beyond it, the timestamps are wrong.
const MAX_HOLE_S: u64 = 30;
/// Time after which a decode must at least keep up with playing.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Follows a track's packets through time into the sink.
pub(super) struct TrackDecoder<'a> {
    mix: &'a Path,
    limits: Limits,
    started: Instant,
    track: Track,
    /// In units of 1/`span_rate` s: MP4 cannot state rates above 65 535 Hz, but its clock can.
    span: Span,
    span_rate: u32,
    /// Padding at the end of the last packet, in frames, where each packet tells.
    padding: u64,
    pcm: bool,
    sink: Option<Sink>,
    speakers: Vec<Speaker>,
    /// Damage at the start, before the rate was known: frames to make up for.
    owed: u64,
    packets: u64,
    damaged: u64,
    stumbles: u32,
    ended_early: bool,
    /// Where the next packet should begin, in the track's clock.
    clock: Option<i64>,
    timestamps: bool,
    ogg: bool,
}

impl<'a> TrackDecoder<'a> {
    pub(super) fn new(
        source: &Path,
        reader: &dyn FormatReader,
        track: &Track,
        mix: &'a Path,
        limits: Limits,
    ) -> Self {
        let container = reader.format_info().format;
        let (span, span_rate) = span(source, reader, track);
        Self {
            mix,
            limits,
            started: Instant::now(),
            track: track.clone(),
            span,
            span_rate,
            pcm: audio(track)
                .is_some_and(|p| (codec::CODEC_ID_PCM_S32LE..=codec::CODEC_ID_PCM_MULAW).contains(&p.codec)),
            sink: None,
            speakers: Vec::new(),
            padding: 0,
            owed: 0,
            packets: 0,
            damaged: 0,
            stumbles: 0,
            ended_early: false,
            clock: None,
            ogg: container == format::FORMAT_ID_OGG,
            // Only these carry timestamps of their own, from which a hole can be told.
            timestamps: [format::FORMAT_ID_OGG, format::FORMAT_ID_MKV, format::FORMAT_ID_FLAC]
                .contains(&container),
        }
    }

    pub(super) fn next_packet(
        &mut self,
        reader: &mut dyn FormatReader,
        decoder: &mut Decoder,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<Packet>, IngestError> {
        loop {
            if cancelled() {
                return Err(IngestError::Cancelled);
            }
            match reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track.id => {
                    self.stumbles = 0;
                    return Ok(Some(packet));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                Err(Error::ResetRequired) => self.next_link(reader, decoder)?,
                Err(Error::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended_early = true;
                    return Ok(None);
                }
                Err(Error::IoError(error)) => return Err(unreadable(error)),
                Err(_) => {
                    self.stumbles += 1;
                    if self.stumbles >= MAX_STUMBLES {
                        self.ended_early = true;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// A chained Ogg goes on with another stream: as good as a join if its format is the same.
    fn next_link(&mut self, reader: &dyn FormatReader, decoder: &mut Decoder) -> Result<(), IngestError> {
        let track = choose_track(reader)?;
        let same = match (audio(&self.track), audio(&track)) {
            (Some(a), Some(b)) => {
                a.codec == b.codec && a.sample_rate == b.sample_rate && a.channels == b.channels
            }
            _ => false,
        };
        if !same {
            return Err(IngestError::Unusual("changes its format in the middle (a chained stream)".into()));
        }
        *decoder = Decoder::new(reader.format_info().format, &track)?;
        // The lengths that were announced are those of the first link.
        self.span.length = None;
        self.span.announced = None;
        if let Some(sink) = &mut self.sink {
            sink.unbound(track.delay.map_or(0, u64::from));
        }
        (self.track, self.clock) = (track, None);
        Ok(())
    }

    pub(super) fn play(&mut self, packet: &Packet, decoder: &mut Decoder) -> Result<(), IngestError> {
        self.packets += 1;
        self.fill_hole(packet)?;
        // Only Ogg's come from the packets themselves; other demuxers deduce them from an estimate.
        self.padding = if self.ogg { packet.trim_end.get() } else { 0 };
        let Some(block) = decoder.decode(packet)? else { return self.conceal(packet) };
        if block.samples.is_empty() {
            return Ok(());
        }
        if self.sink.is_none() {
            self.begin(&block)?;
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        if block.rate != sink.rate() || block.speakers != self.speakers {
            return Err(IngestError::Unusual("changes its sample rate or channels in the middle".into()));
        }
        match sink.push(block.samples) {
            // In a lossy stream this is one damaged packet; in PCM it is what the file holds.
            Err(IngestError::NotFinite) if !self.pcm => self.conceal(packet),
            other => other,
        }?;
        self.keep_pace()
    }

    fn begin(&mut self, block: &Block<'_>) -> Result<(), IngestError> {
        if !RATES.contains(&block.rate) {
            return Err(IngestError::Unusual(format!("has a sample rate of {} Hz", block.rate)));
        }
        if block.speakers.is_empty() || block.speakers.len() > MAX_CHANNELS {
            return Err(IngestError::Unusual(format!("has {} channels", block.speakers.len())));
        }
        self.speakers.clone_from(&block.speakers);
        let downmix = Downmix::new(&block.speakers);
        let span = self.span.at_rate(self.span_rate, block.rate);
        let mut sink = Sink::create(self.mix, downmix, block.rate, span, self.limits)?;
        sink.silence(self.owed)?;
        self.sink = Some(sink);
        Ok(())
    }

    /// Puts silence in the place of a damaged packet, so that time stays right.
    fn conceal(&mut self, packet: &Packet) -> Result<(), IngestError> {
        self.damaged += 1;
        if self.damaged > FEW && self.damaged * 5 > self.packets {
            return Err(IngestError::Corrupt("too much of its sound cannot be decoded"));
        }
        let ticks = packet.block_dur().get();
        let frames = match audio(&self.track) {
            Some(params) if params.codec == codec::CODEC_ID_OPUS => opus::packet_frames(&packet.data),
            _ => self.to_frames(ticks).min(1 << 16),
        };
        self.silence(frames)
    }

    fn silence(&mut self, frames: u64) -> Result<(), IngestError> {
        match &mut self.sink {
            Some(sink) => sink.silence(frames),
            None => {
                self.owed = (self.owed + frames).min(1 << 20);
                Ok(())
            }
        }
    }

    /// Lost pages leave a hole in the timestamps; fills it if it is a plausible one.
    fn fill_hole(&mut self, packet: &Packet) -> Result<(), IngestError> {
        let start = packet.pts.get();
        let hole = self.clock.map_or(0, |clock| start.saturating_sub(clock).max(0) as u64);
        self.clock = start.checked_add_unsigned(packet.block_dur().get());
        let rate = self.sink.as_ref().map_or(0, |s| u64::from(s.rate()));
        let frames = self.to_frames(hole);
        // Matroska counts in milliseconds: less than a tenth of a second may be rounding.
        if !self.timestamps
            || packet.block_dur().is_zero()
            || frames <= rate / 10
            || frames > rate * MAX_HOLE_S
        {
            return Ok(());
        }
        self.silence(frames)
    }

    /// Ticks of the track's clock as frames of its sound.
    fn to_frames(&self, ticks: u64) -> u64 {
        let rate = match (&self.sink, audio(&self.track).and_then(|p| p.sample_rate)) {
            (Some(sink), _) => sink.rate(),
            (None, rate) => rate.unwrap_or(0),
        };
        in_frames(&self.track, ticks, rate)
    }

    fn keep_pace(&self) -> Result<(), IngestError> {
        let elapsed = self.started.elapsed();
        let Some(sink) = self.sink.as_ref().filter(|_| elapsed > TIMEOUT) else { return Ok(()) };
        if sink.frames() / u64::from(sink.rate()) < elapsed.as_secs() {
            return Err(IngestError::Corrupt("its structure is too tangled to follow"));
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Decoded, IngestError> {
        let Some(sink) = self.sink else {
            return Err(match (self.packets, self.ended_early) {
                (0, false) => IngestError::NoSamples,
                (0, true) => IngestError::Headless,
                _ => IngestError::Corrupt("none of its sound can be decoded"),
            });
        };
        if self.damaged * 5 > self.packets {
            return Err(IngestError::Corrupt("too much of its sound cannot be decoded"));
        }
        let (sample_rate, channels) = (sink.rate(), sink.channels() as u32);
        let (frames, peak) = sink.finish(self.padding)?;
        Ok(Decoded { sample_rate: sample_rate.into(), channels, frames: frames.into(), peak })
    }
}
