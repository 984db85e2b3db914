//! A track as a row has it.

use super::{LyricsMark, StoreError};
use karaoke_core::{Frames, Manifest, SampleRate, TrackId, TrackState};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A track as the database knows it.
#[derive(Clone, Debug)]
pub struct TrackRecord {
    /// Its name.
    pub id: TrackId,
    /// SHA-256 of its passcode, hexadecimal.
    pub passcode_sha256: String,
    /// Its state.
    pub state: TrackState,
    /// When it was handed in, Unix milliseconds.
    pub created_ms: i64,
    /// When it ended.
    pub finished_ms: Option<i64>,
    /// By when it should be done.
    pub deadline_ms: Option<i64>,
    /// The uploaded file's name, for display.
    pub file_name: String,
    /// The uploaded file's size.
    pub size_bytes: u64,
    /// The model that separates it, as it was when the track came in.
    pub manifest: Manifest,
    /// The execution providers that it was given to, in order; the last one has it.
    pub providers: Vec<String>,
    /// From its tags.
    pub title: Option<String>,
    /// From its tags.
    pub artist: Option<String>,
    /// From its tags.
    pub album: Option<String>,
    /// The cover's type, when it has one.
    pub cover_mime: Option<String>,
    /// Whether it has lyrics.
    pub lyrics: Option<LyricsMark>,
    /// What decoding found.
    pub audio: Option<Audio>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Who handed it in, where that is counted.
    pub client: Option<String>,
    /// Whether it is kept from removal by age or for room.
    pub kept: bool,
}

#[cfg(test)]
impl TrackRecord {
    /// A track that has just come in, at time 0, for tests to change.
    pub(crate) fn sample() -> Self {
        let manifest = "name='x'\ntitle='X'\nkind='waveform'\nfile='x.onnx'\nlicence='MIT'\nsample_rate=44100\n\
            overlap=0.25\nstems=['vocals']\n\
            sha256='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n[waveform]\nsegment=8\n";
        Self {
            id: TrackId::from_random(7),
            passcode_sha256: String::new(),
            state: TrackState::Queued,
            created_ms: 0,
            finished_ms: None,
            deadline_ms: None,
            file_name: "a.wav".into(),
            size_bytes: 10,
            manifest: Manifest::parse(manifest).expect("a manifest"),
            providers: Vec::new(),
            title: None,
            artist: None,
            album: None,
            cover_mime: None,
            lyrics: None,
            audio: None,
            failure: None,
            client: None,
            kept: false,
        }
    }
}

/// The numbers that decoding and planning found: all that is needed to make the same plan again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Audio {
    /// Sample rate of the source, Hz.
    pub source_rate: SampleRate,
    /// Channels of the source.
    pub source_channels: u32,
    /// Frames at the source's rate.
    pub frames: Frames,
    /// Frames at the model's rate.
    pub model_frames: Frames,
    /// Factor on the mix before the model.
    pub gain: f32,
    /// Overlap of windows.
    pub overlap: f64,
    /// Windows in a chunk.
    pub windows_per_chunk: u32,
}

/// Why a track failed, as it is told to its owner.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The HTTP status that fits.
    pub status: u16,
    /// The kind of trouble.
    pub title: String,
    /// This trouble, and what to do.
    pub detail: String,
}

pub(super) fn record(row: &SqliteRow) -> Result<TrackRecord, StoreError> {
    let id: String = row.try_get("id")?;
    let state: String = row.try_get("state")?;
    let manifest: String = row.try_get("manifest")?;
    let size: i64 = row.try_get("size_bytes")?;
    let providers: String = row.try_get("providers")?;
    Ok(TrackRecord {
        id: TrackId::parse(&id).map_err(|_| StoreError::Corrupt("track id"))?,
        state: TrackState::from_name(&state).ok_or(StoreError::Corrupt("state"))?,
        passcode_sha256: row.try_get("passcode_sha256")?,
        created_ms: row.try_get("created_ms")?,
        finished_ms: row.try_get("finished_ms")?,
        deadline_ms: row.try_get("deadline_ms")?,
        file_name: row.try_get("file_name")?,
        size_bytes: size as u64,
        manifest: serde_json::from_str(&manifest).map_err(|_| StoreError::Corrupt("manifest"))?,
        providers: providers.split(',').filter(|p| !p.is_empty()).map(str::to_owned).collect(),
        title: row.try_get("title")?,
        artist: row.try_get("artist")?,
        album: row.try_get("album")?,
        cover_mime: row.try_get("cover_mime")?,
        lyrics: LyricsMark::read(row.try_get("lyrics")?, row.try_get("lyrics_ms")?),
        audio: audio(row)?,
        failure: failure(row)?,
        client: row.try_get("client")?,
        kept: row.try_get("kept")?,
    })
}

fn audio(row: &SqliteRow) -> Result<Option<Audio>, StoreError> {
    let Some(source_rate) = row.try_get::<Option<u32>, _>("source_rate")? else { return Ok(None) };
    let (frames, model_frames): (i64, i64) = (row.try_get("frames")?, row.try_get("model_frames")?);
    Ok(Some(Audio {
        source_rate: source_rate.into(),
        source_channels: row.try_get("source_channels")?,
        frames: Frames::new(frames as u64),
        model_frames: Frames::new(model_frames as u64),
        // Stored as a double, which holds every f32 exactly.
        gain: row.try_get::<f64, _>("gain")? as f32,
        overlap: row.try_get("overlap")?,
        windows_per_chunk: row.try_get("windows_per_chunk")?,
    }))
}

pub(super) fn failure(row: &SqliteRow) -> Result<Option<Failure>, StoreError> {
    let Some(status) = row.try_get::<Option<u16>, _>("error_status")? else { return Ok(None) };
    Ok(Some(Failure { status, title: row.try_get("error_title")?, detail: row.try_get("error_detail")? }))
}
