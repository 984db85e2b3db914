//! Decodes an upload to interleaved stereo f32: the only file that knows `symphonia`.

use super::{
    IngestError, Tags,
    downmix::{Downmix, Speaker, guess},
    lyrics, mp4, opus,
    sink::{Sink, Span},
    sniff,
    tags::{clean, cover},
};
use karaoke_core::lyrics::Lyrics;
use karaoke_core::{Frames, SampleRate};
use karaoke_stages::Stage;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};
use symphonia::core::{
    audio::{Channels, Position},
    codecs::{
        CodecParameters,
        audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known as codec},
    },
    errors::Error,
    formats::{
        FormatId, FormatOptions, FormatReader, Track, TrackType,
        probe::{Hint, Probe, ProbeOptions},
        well_known as format,
    },
    io::{MediaSource, MediaSourceStream},
    meta::{MetadataContainer, MetadataOptions, RawTag, RawValue, StandardTag, StandardVisualKey},
    packet::Packet,
};

/// How much sound an upload may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest recording in seconds.
    pub max_duration_s: u64,
    /// Largest decoded file in bytes (8 a frame at the source's rate).
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_duration_s: 12 * 3600, max_bytes: 32 << 30 }
    }
}

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
const PATIENCE: Duration = Duration::from_secs(60);

/// Decodes `source` to interleaved stereo f32 little-endian frames at the source's rate in `mix`.
///
/// `name` is the uploaded file's name: a hint, never trusted. `cancelled` is asked between packets.
///
/// # Errors
/// Every reason to refuse the upload; `mix` does not exist then.
pub fn decode(
    source: &Path,
    name: &str,
    mix: &Path,
    limits: &Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Decoded, IngestError> {
    let _stage = Stage::Decode.enter();
    let result = catch_unwind(AssertUnwindSafe(|| decode_unguarded(source, name, mix, limits, cancelled)))
        .unwrap_or(Err(IngestError::Corrupt("its decoder gave up on it")));
    if result.is_err() {
        // It may not exist yet; if it cannot be removed, the first error is still the one to tell.
        let _ = std::fs::remove_file(mix);
    }
    result
}

fn decode_unguarded(
    source: &Path,
    name: &str,
    mix: &Path,
    limits: &Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Decoded, IngestError> {
    let mut reader = open(source, name)?;
    let track = choose_track(reader.as_ref())?;
    let mut decoder = Decoder::new(reader.format_info().format, &track)?;
    let mut player = Player::new(source, reader.as_ref(), &track, mix, *limits);
    while let Some(packet) = player.next_packet(reader.as_mut(), &mut decoder, cancelled)? {
        player.play(&packet, &mut decoder)?;
    }
    player.finish()
}

/// Finds the container of `source`.
fn open(source: &Path, name: &str) -> Result<Box<dyn FormatReader>, IngestError> {
    let mut file = File::open(source)?;
    let mut head = Vec::with_capacity(512);
    Read::by_ref(&mut file).take(512).read_to_end(&mut head)?;
    sniff::refuse(&head)?;
    file.seek(SeekFrom::Start(0))?;
    let stream = MediaSourceStream::new(Box::new(Guarded::new(file)?), Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = Path::new(name).extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let options = ProbeOptions { max_probe_depth: 128 * 1024, ..Default::default() };
    let mut probe = Probe::new_with_options(&options);
    symphonia::default::register_enabled_formats(&mut probe);
    let reader = probe.probe(&hint, stream, FormatOptions::default(), MetadataOptions::default());
    reader.map_err(|error| unopened(error, &head))
}

/// Why no container could be opened.
fn unopened(error: Error, head: &[u8]) -> IngestError {
    // These have their index at the end, or look ahead for it: where it makes no sense, it is mostly missing.
    let indexed = head.get(4..8) == Some(b"ftyp") || head.starts_with(b"\x1A\x45\xDF\xA3");
    match error {
        Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => IngestError::Headless,
        Error::IoError(error) => unreadable(error),
        Error::Unsupported(message) if message.starts_with("core (probe)") => IngestError::Unrecognised,
        _ if indexed => IngestError::Headless,
        Error::Unsupported(_) => {
            IngestError::Unsupported { container: "file", codec: "an unusual codec".into() }
        }
        _ => IngestError::Corrupt("its header makes no sense"),
    }
}

/// The file, with an end to how much of it is ever read: demuxers must not run in circles.
struct Guarded {
    file: File,
    len: u64,
    budget: u64,
}

impl Guarded {
    fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, budget: len.saturating_mul(8).saturating_add(64 << 20) })
    }
}

impl Read for Guarded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.budget = self
            .budget
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(read)
    }
}

impl Seek for Guarded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Each seek costs something too, so that seeking alone also ends.
        self.budget =
            self.budget.checked_sub(64).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.file.seek(to)
    }
}

impl MediaSource for Guarded {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// An error of reading: our disk's, or the guard's, or one that a demuxer made up.
fn unreadable(error: io::Error) -> IngestError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            IngestError::Corrupt("its structure makes no sense")
        }
        _ => IngestError::Io(error),
    }
}

/// The default sound track, or the first one whose codec is known.
fn choose_track(reader: &dyn FormatReader) -> Result<Track, IngestError> {
    if let Some(track) = reader.default_track(TrackType::Audio) {
        return Ok(track.clone());
    }
    let container = container_name(reader.format_info().format);
    match reader.tracks().iter().any(|t| t.track_type() != Some(TrackType::Video)) {
        true => Err(IngestError::Unsupported { container, codec: "an unknown codec".into() }),
        false => Err(IngestError::NotAudio("a video without sound")),
    }
}

fn audio(track: &Track) -> Option<&AudioCodecParameters> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Some(params),
        _ => None,
    }
}

/// One decoder for all codecs: symphonia's, or ours for Opus.
enum Decoder {
    Symphonia(Box<dyn AudioDecoder>, Vec<f32>),
    Opus(Box<opus::Decoder>, Vec<Speaker>),
}

/// What a packet decodes to.
struct Block<'a> {
    rate: u32,
    speakers: Vec<Speaker>,
    samples: &'a [f32],
}

impl Decoder {
    fn new(id: FormatId, track: &Track) -> Result<Self, IngestError> {
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
    fn decode(&mut self, packet: &Packet) -> Result<Option<Block<'_>>, IngestError> {
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

/// Follows a track's packets through time into the sink.
struct Player<'a> {
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

impl<'a> Player<'a> {
    fn new(source: &Path, reader: &dyn FormatReader, track: &Track, mix: &'a Path, limits: Limits) -> Self {
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

    fn next_packet(
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

    fn play(&mut self, packet: &Packet, decoder: &mut Decoder) -> Result<(), IngestError> {
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
        let Some(sink) = self.sink.as_ref().filter(|_| elapsed > PATIENCE) else { return Ok(()) };
        if sink.frames() / u64::from(sink.rate()) < elapsed.as_secs() {
            return Err(IngestError::Corrupt("its structure is too tangled to follow"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Decoded, IngestError> {
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

fn in_frames(track: &Track, ticks: u64, rate: u32) -> u64 {
    let Some(base) = track.time_base else { return ticks };
    let (numer, denom) = (u128::from(base.numer.get()), u128::from(base.denom.get()));
    u64::try_from((u128::from(ticks) * numer * u128::from(rate) + denom / 2) / denom).unwrap_or(u64::MAX)
}

/// Where the sound lies in the packets, by what each container knows, and the rate that it is counted at.
fn span(source: &Path, reader: &dyn FormatReader, track: &Track) -> (Span, u32) {
    let container = reader.format_info().format;
    let params = audio(track);
    let rate = params.and_then(|p| p.sample_rate).filter(|r| *r > 0).unwrap_or(48_000);
    let head = params.and_then(|p| p.extra_data.as_deref()).and_then(opus::Head::parse);
    let pre_skip = head.map_or(0, |h| h.pre_skip);
    let delay = track.delay.map_or(0, u64::from);
    let announced = track.duration.map(|d| in_frames(track, d.get(), rate)).filter(|f| *f > 0);
    let span = match container {
        format::FORMAT_ID_ISOMP4 => match mp4::edit(source, track.id) {
            Some(edit) => return mp4_span(edit, track),
            None => Span {
                skip: pre_skip,
                length: None,
                announced: announced.map(|a| a.saturating_sub(pre_skip)),
            },
        },
        format::FORMAT_ID_MP3 | format::FORMAT_ID_MP2 | format::FORMAT_ID_MP1 => {
            // Without a tag, the demuxer's length is an estimate, of no use here.
            let tagged = track.delay.is_some() || track.padding.is_some();
            Span { skip: delay, length: track.num_frames.filter(|_| tagged), announced: None }
        }
        format::FORMAT_ID_OGG => {
            // The last granule position counts the delay of Opus, and not that of Vorbis.
            let length = track.num_frames.map(|end| end.saturating_sub(pre_skip));
            Span { skip: delay.max(pre_skip), length, announced: None }
        }
        format::FORMAT_ID_MKV => Span { skip: pre_skip.max(delay), length: None, announced },
        format::FORMAT_ID_ADTS => Span::default(),
        _ => Span { skip: 0, length: None, announced: track.num_frames.filter(|f| *f > 0) },
    };
    (span, rate)
}

/// An edit counts in the track's own clock.
fn mp4_span(edit: mp4::Edit, track: &Track) -> (Span, u32) {
    let announced = track.duration.map(|d| d.get().saturating_sub(edit.start)).filter(|d| *d > 0);
    (Span { skip: edit.start, length: edit.length, announced }, edit.timescale)
}

fn speakers(channels: &Channels) -> Vec<Speaker> {
    match channels {
        Channels::Positioned(positions) if positions.bits().count_ones() > 1 => {
            positions.iter().map(speaker).collect()
        }
        other => guess(other.count()),
    }
}

fn speaker(position: Position) -> Speaker {
    const LEFT: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::FRONT_LEFT_WIDE)
        .union(Position::FRONT_LEFT_CENTER)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT)
        .union(Position::TOP_SIDE_LEFT)
        .union(Position::BOTTOM_FRONT_LEFT);
    const RIGHT: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::FRONT_RIGHT_WIDE)
        .union(Position::FRONT_RIGHT_CENTER)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT)
        .union(Position::TOP_SIDE_RIGHT)
        .union(Position::BOTTOM_FRONT_RIGHT);
    match position {
        Position::FRONT_LEFT => Speaker::Left,
        Position::FRONT_RIGHT => Speaker::Right,
        Position::FRONT_CENTER => Speaker::Centre,
        Position::LFE1 | Position::LFE2 => Speaker::Lfe,
        p if LEFT.contains(p) => Speaker::SurroundLeft,
        p if RIGHT.contains(p) => Speaker::SurroundRight,
        _ => Speaker::BackCentre,
    }
}

fn container_name(id: FormatId) -> &'static str {
    match id {
        format::FORMAT_ID_ISOMP4 => "M4A or MP4 file",
        format::FORMAT_ID_MKV => "Matroska or WebM file",
        format::FORMAT_ID_OGG => "Ogg file",
        format::FORMAT_ID_WAVE => "WAV file",
        format::FORMAT_ID_AIFF => "AIFF file",
        format::FORMAT_ID_CAF => "CAF file",
        format::FORMAT_ID_ADTS => "AAC file",
        _ => "file",
    }
}

fn codec_name(params: &AudioCodecParameters) -> String {
    let name = match params.codec {
        codec::CODEC_ID_AAC => return aac_name(params),
        codec::CODEC_ID_AC3 => "AC-3",
        codec::CODEC_ID_EAC3 => "E-AC-3",
        codec::CODEC_ID_AC4 => "AC-4",
        codec::CODEC_ID_DCA => "DTS",
        codec::CODEC_ID_TRUEHD => "TrueHD",
        codec::CODEC_ID_WMA => "Windows Media audio",
        codec::CODEC_ID_SPEEX => "Speex",
        codec::CODEC_ID_WAVPACK => "WavPack",
        codec::CODEC_ID_OPUS => "Opus with an unusual channel layout",
        other => return format!("codec {other}"),
    };
    name.into()
}

/// AAC comes in kinds; the first five bits of its configuration tell which.
fn aac_name(params: &AudioCodecParameters) -> String {
    let kind = params.extra_data.as_deref().and_then(|b| b.first()).map(|b| b >> 3);
    match kind {
        Some(5) => "HE-AAC".into(),
        Some(29) => "HE-AAC v2".into(),
        Some(1) => "AAC Main".into(),
        Some(23 | 39) => "low-delay AAC".into(),
        Some(42) => "xHE-AAC".into(),
        _ => match params.channels.as_ref().map_or(0, Channels::count) {
            channels @ 3.. => format!("AAC with {channels} channels"),
            _ => "an unusual kind of AAC".into(),
        },
    }
}

/// Reads the tags of `source`; what cannot be read is left out.
pub(super) fn read_tags(source: &Path, name: &str) -> Tags {
    catch_unwind(AssertUnwindSafe(|| {
        let Ok(mut reader) = open(source, name) else { return Tags::default() };
        let mut tags = Tags::default();
        let rate = sample_rate(reader.as_ref());
        let mut metadata = reader.metadata();
        // Oldest first; what is set stays, so that ID3v2 (read before the container) wins over ID3v1.
        while let Some(revision) = metadata.current() {
            collect(&revision.media, rate, &mut tags);
            revision.per_track.iter().for_each(|track| collect(&track.metadata, rate, &mut tags));
            if metadata.pop().is_none() {
                break;
            }
        }
        tags
    }))
    .unwrap_or_default()
}

/// Hz of the first track that is sound, as its header has it.
fn sample_rate(reader: &dyn FormatReader) -> Option<u32> {
    let track = reader.default_track(TrackType::Audio)?;
    track.codec_params.as_ref()?.audio()?.sample_rate
}

/// Lyrics in a tag that symphonia does not map, or passes on as it stands in the file.
fn lyrics_of(tag: &RawTag, sample_rate: Option<u32>) -> Option<Lyrics> {
    let names = tag.sub_fields.iter().flatten().filter_map(|field| match &field.value {
        RawValue::String(name) => Some(name.as_str()),
        _ => None,
    });
    let named = names.chain([tag.key.as_str()]).any(lyrics::is_name);
    match &tag.value {
        RawValue::Binary(body) if matches!(tag.key.as_str(), "SYLT" | "SLT") => {
            lyrics::of_frame(body, sample_rate)
        }
        RawValue::String(text) if named => lyrics::of_text(text),
        RawValue::StringList(texts) if named => lyrics::of_text(&texts.join("\n")),
        _ => None,
    }
}

fn collect(container: &MetadataContainer, sample_rate: Option<u32>, tags: &mut Tags) {
    for tag in &container.tags {
        match &tag.std {
            Some(StandardTag::TrackTitle(s)) => set(&mut tags.title, clean(s)),
            Some(StandardTag::Artist(s)) => set(&mut tags.artist, clean(s)),
            Some(StandardTag::AlbumArtist(s)) => set(&mut tags.album_artist, clean(s)),
            Some(StandardTag::Album(s)) => set(&mut tags.album, clean(s)),
            Some(StandardTag::Lyrics(s)) => lyrics::keep(&mut tags.lyrics, lyrics::of_text(s)),
            _ => lyrics::keep(&mut tags.lyrics, lyrics_of(&tag.raw, sample_rate)),
        }
    }
    // The front cover if it is marked, else the first picture.
    let front = container.visuals.iter().filter(|v| v.usage == Some(StandardVisualKey::FrontCover));
    let found = front.chain(&container.visuals).find_map(|visual| cover(&visual.data));
    set(&mut tags.cover, found);
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}
