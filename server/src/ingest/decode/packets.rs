//! Follows a track's packets through time: what is damaged or missing becomes silence of the same length.

use super::codec::{Block, Decoder};
use super::container::unreadable;
use super::matroska::Entry;
use super::mpeg;
use super::params::{audio, in_frames};
use super::span::span;
use super::track::choose_track;
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
    /// Channels of the first packet.
    channels: usize,
    /// A rate that most of the sound has, where that is known beforehand.
    main_rate: Option<u32>,
    /// How its packets are packed, if they are.
    packing: Option<Entry>,
    /// Frames decoded or made up for, delay and padding among them.
    played: u64,
    first_block: u64,
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
        main_rate: Option<u32>,
        packing: Option<Entry>,
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
            channels: 0,
            main_rate,
            packing,
            played: 0,
            first_block: 0,
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

    /// A chained Ogg goes on with another stream: as good as a join.
    fn next_link(&mut self, reader: &dyn FormatReader, decoder: &mut Decoder) -> Result<(), IngestError> {
        let (track, next) = choose_track(reader, &[])?;
        self.follow(track);
        *decoder = next;
        Ok(())
    }

    /// Goes on with another track, whose sound follows this one's, whatever its form.
    pub(super) fn follow(&mut self, track: Track) {
        // The lengths that were announced are those of the first.
        self.span.length = None;
        self.span.announced = None;
        if let Some(sink) = &mut self.sink {
            sink.unbound(track.delay.map_or(0, u64::from));
        }
        (self.track, self.clock) = (track, None);
    }

    pub(super) fn play(&mut self, packet: &Packet, decoder: &mut Decoder) -> Result<(), IngestError> {
        self.packets += 1;
        self.fill_hole(packet)?;
        // Only Ogg's come from the packets themselves; other demuxers deduce them from an estimate.
        self.padding = if self.ogg { packet.trim_end.get() } else { 0 };
        let unpacked = match self.packing.as_ref().map(|packing| packing.unpack(&packet.data)) {
            None => None,
            Some(Some(data)) => {
                let mut unpacked = packet.clone();
                unpacked.data = data.into();
                Some(unpacked)
            }
            Some(None) => return self.conceal(packet),
        };
        let packet = unpacked.as_ref().unwrap_or(packet);
        let Some(block) = decoder.decode(packet)? else { return self.conceal(packet) };
        if block.samples.is_empty() {
            return Ok(());
        }
        check(&block)?;
        if self.sink.is_none() {
            self.begin(&block)?;
        }
        let Some(sink) = &mut self.sink else { return Ok(()) };
        match sink.push(block.samples, block.rate, &block.speakers) {
            // In a lossy stream this is one damaged packet; in PCM it is what the file holds.
            Err(IngestError::NotFinite) if !self.pcm => return self.conceal(packet),
            other => other,
        }?;
        let frames = (block.samples.len() / block.speakers.len()) as u64;
        self.played += frames;
        if self.first_block == 0 {
            self.first_block = frames;
        }
        self.keep_pace()
    }

    fn begin(&mut self, block: &Block<'_>) -> Result<(), IngestError> {
        let rate = self.main_rate.unwrap_or(block.rate);
        self.channels = block.speakers.len();
        let span = self.span.at_rate(self.span_rate, rate);
        let mut sink = Sink::create(self.mix, &block.speakers, rate, span, self.limits)?;
        sink.silence(self.owed, block.rate)?;
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
        let rate = self.sink.as_ref().map(Sink::rate);
        let (frames, rate) = match audio(&self.track).map(|params| params.codec) {
            Some(codec::CODEC_ID_OPUS) => (opus::packet_frames(&packet.data), Some(opus::RATE)),
            // Its own header says how long it is; the demuxer's duration grows once the announced end is passed.
            Some(codec) if mpeg::is_mpeg(codec) => match mpeg::header(&packet.data) {
                Some(header) => (header.samples, Some(header.rate)),
                None => (0, rate),
            },
            _ => (self.to_frames(ticks).min(1 << 16), rate),
        };
        self.played += frames;
        self.silence(frames, rate)
    }

    fn silence(&mut self, frames: u64, rate: Option<u32>) -> Result<(), IngestError> {
        match &mut self.sink {
            Some(sink) => sink.silence(frames, rate.unwrap_or_else(|| sink.rate())),
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
        self.played += frames;
        self.silence(frames, None)
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

    /// Frames of the first packet that was decoded.
    pub(super) fn first_block(&self) -> u64 {
        self.first_block
    }

    /// The frames that were decoded so far, delay and padding among them.
    pub(super) fn played(&self) -> u64 {
        self.played
    }

    /// Closes the file.
    ///
    /// `announced_bytes`: of an MPEG stream, the bytes that its encoder's tag announces, and those that are there.
    pub(super) fn finish(self, announced_bytes: Option<(u64, u64)>) -> Result<Decoded, IngestError> {
        let padding = self.tagged_padding(announced_bytes)?;
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
        let (sample_rate, channels) = (sink.rate(), self.channels as u32);
        let (frames, peak) = sink.finish(padding)?;
        Ok(Decoded { sample_rate: sample_rate.into(), channels, frames: frames.into(), peak })
    }

    /// The padding at the end. That of an MPEG stream stands in its encoder's tag, and holds if the tag counts the
    /// frames that are there; of a file that was cut or joined since, what is there counts.
    fn tagged_padding(&self, announced_bytes: Option<(u64, u64)>) -> Result<u64, IngestError> {
        let is_mpeg = audio(&self.track).is_some_and(|params| mpeg::is_mpeg(params.codec));
        let (Some(length), true) = (self.track.num_frames, is_mpeg) else { return Ok(self.padding) };
        let (delay, padding) = (self.track.delay.unwrap_or(0), self.track.padding.unwrap_or(0));
        let announced = length + u64::from(delay) + u64::from(padding);
        if announced == self.played {
            return Ok(u64::from(padding));
        }
        // Only where bytes are missing as well is it cut off.
        let is_short = announced_bytes.is_some_and(|(announced, there)| there < announced - announced / 50);
        let rate = self.sink.as_ref().map_or(1, |sink| u64::from(sink.rate()));
        let missing = announced.saturating_sub(self.played);
        if is_short && missing > rate && missing > announced / 50 {
            let (announced, found) = (announced / rate, self.played / rate);
            return Err(IngestError::Truncated { announced, found });
        }
        Ok(0)
    }
}

/// Refuses forms of sound that are a mistake in a header.
fn check(block: &Block<'_>) -> Result<(), IngestError> {
    if !RATES.contains(&block.rate) {
        return Err(IngestError::Unusual(format!("has a sample rate of {} Hz", block.rate)));
    }
    if block.speakers.is_empty() || block.speakers.len() > MAX_CHANNELS {
        return Err(IngestError::Unusual(format!("has {} channels", block.speakers.len())));
    }
    Ok(())
}
