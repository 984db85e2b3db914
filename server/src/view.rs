//! Tracks and chunks as the API shows them.

mod workers;

pub use workers::{Health, NodeView, QueueView, WorkerEvent, WorkerTotals, WorkerView};

use crate::clock::{now_ms, rfc3339};
use crate::problem::Problem;
use crate::schema;
use crate::store::{LyricsMark, TrackRecord};
use karaoke_core::state::Progress;
use karaoke_core::{ChunkIndex, Frames, Manifest, ModelName, SampleRate, TrackState, WorkerId};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A track, for its owner.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrackView {
    /// Its name.
    pub id: String,
    /// Its state.
    #[schema(value_type = schema::TrackState)]
    pub state: TrackState,
    /// The uploaded file's name.
    pub file_name: String,
    /// From the file's tags.
    pub title: Option<String>,
    /// From the file's tags.
    pub artist: Option<String>,
    /// From the file's tags.
    pub album: Option<String>,
    /// Whether there is a cover.
    pub cover: bool,
    /// Its lyrics, where it has some.
    pub lyrics: Option<LyricsView>,
    /// The model that separates it.
    #[schema(value_type = String)]
    pub model: ModelName,
    /// The execution providers whose workers it was given to, in order. More than one: no worker of the one before
    /// was left, and the parts of different providers are rounded differently.
    pub providers: Vec<String>,
    /// That model's name for people.
    pub model_title: String,
    /// Hz, once decoded.
    #[schema(value_type = Option<u32>)]
    pub sample_rate: Option<SampleRate>,
    /// Channels of the source, once decoded. Stems are always stereo.
    pub channels: Option<u32>,
    /// Samples per channel, once decoded.
    #[schema(value_type = Option<u64>)]
    pub samples: Option<Frames>,
    /// Length in seconds, once decoded.
    pub duration_s: Option<f64>,
    /// RFC 3339.
    pub created_at: String,
    /// From 0 to 1; 1 only when done.
    pub progress: f64,
    /// Chunks in all.
    pub chunks_total: u64,
    /// Chunks done.
    pub chunks_done: u64,
    /// Seconds left, as far as can be told.
    pub eta_s: Option<f64>,
    /// By when it should be done, if somebody said so.
    pub deadline: Option<DeadlineView>,
    /// Whether it is kept from removal by age or for room.
    pub kept: bool,
    /// The stems can be played from the start up to here, in seconds.
    pub ready_until_s: f64,
    /// The stems, once decoded.
    pub stems: Vec<StemView>,
    /// Why it failed.
    pub error: Option<Problem>,
    /// Where to go on.
    pub links: BTreeMap<&'static str, String>,
}

/// A track's deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadlineView {
    /// By when it should be done, RFC 3339.
    pub at: String,
    /// When it will be done as far as can be told, RFC 3339.
    pub expected_at: Option<String>,
    /// Whether it will be, or was, in time.
    pub status: DeadlineStatus,
}

/// Whether a track will be, or was, in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeadlineStatus {
    /// Nobody can tell yet.
    Open,
    /// As fast as it is going, it will be.
    Likely,
    /// As fast as it is going, it will not be.
    Unlikely,
    /// It was.
    Met,
    /// It was not: it was done later, is not done, or will not be.
    Missed,
}

impl DeadlineView {
    /// Of a track that is expected to be done then.
    pub fn new(r: &TrackRecord, expected_ms: Option<i64>, now_ms: i64) -> Option<Self> {
        let deadline_ms = r.deadline_ms?;
        let status = match r.state {
            TrackState::Done if r.finished_ms.is_some_and(|ms| ms <= deadline_ms) => DeadlineStatus::Met,
            state if state.is_terminal() || now_ms > deadline_ms => DeadlineStatus::Missed,
            _ => match expected_ms {
                None => DeadlineStatus::Open,
                Some(ms) if ms <= deadline_ms => DeadlineStatus::Likely,
                Some(_) => DeadlineStatus::Unlikely,
            },
        };
        let expected_at = expected_ms.filter(|_| !r.state.is_terminal()).map(rfc3339);
        Some(Self { at: rfc3339(deadline_ms), expected_at, status })
    }
}

/// That a track has lyrics.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LyricsView {
    /// Whether they are in time.
    pub synced: bool,
    /// Since when they are these, RFC 3339.
    pub updated_at: String,
}

impl From<LyricsMark> for LyricsView {
    fn from(mark: LyricsMark) -> Self {
        Self { synced: mark.synced, updated_at: rfc3339(mark.since_ms) }
    }
}

/// A stem of a track.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StemView {
    /// Its name, as in its address.
    pub name: String,
    /// File formats it can be had in.
    #[schema(value_type = Vec<String>)]
    pub formats: [&'static str; 3],
    /// Its place among the stems of `multitrack.wav`; none for a sum of others.
    pub multitrack: Option<usize>,
}

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChunkState {
    /// Waits for its turn.
    Pending,
    /// With the queue.
    Queued,
    /// A worker has it.
    Working,
    /// Its samples are safe.
    Done,
}

/// A chunk, for the map.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChunkView {
    /// Its place in the plan.
    #[schema(value_type = u64)]
    pub index: ChunkIndex,
    /// Its share of the track: from here…
    pub start_s: f64,
    /// …to here, in seconds.
    pub end_s: f64,
    /// Where it is.
    pub state: ChunkState,
    /// Who has it, or did it.
    #[schema(value_type = Option<String>)]
    pub worker: Option<WorkerId>,
    /// How often it was handed out.
    pub attempt: u32,
    /// Workers that died with it, handed it back or replied rubbish.
    pub failures: usize,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// Which finished songs the server removes by itself.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RemovalView {
    /// Those that ended so many hours ago; null: none by age.
    pub hours: Option<u32>,
    /// The oldest, where room is needed for others.
    pub for_room: bool,
    /// Whether their owners may have them kept.
    pub owners_keep: bool,
}

impl TrackView {
    /// Puts a view together.
    pub fn new(
        r: &TrackRecord,
        progress: Progress,
        eta_s: Option<f64>,
        ready_s: f64,
        expected_ms: Option<i64>,
    ) -> Self {
        let has_stems = r.audio.is_some() && !matches!(r.state, TrackState::Failed | TrackState::Cancelled);
        let duration_s = r.audio.map(|a| a.frames.seconds(a.source_rate));
        Self {
            id: r.id.to_string(),
            state: r.state,
            file_name: r.file_name.clone(),
            title: r.title.clone(),
            artist: r.artist.clone(),
            album: r.album.clone(),
            cover: r.cover_mime.is_some(),
            lyrics: r.lyrics.map(LyricsView::from),
            model: r.manifest.name.clone(),
            providers: r.providers.clone(),
            model_title: r.manifest.title.clone(),
            sample_rate: r.audio.map(|a| a.source_rate),
            channels: r.audio.map(|a| a.source_channels),
            samples: r.audio.map(|a| a.frames),
            duration_s,
            created_at: rfc3339(r.created_ms),
            progress: progress.fraction(r.state),
            chunks_total: progress.total,
            chunks_done: progress.done,
            eta_s,
            deadline: DeadlineView::new(r, expected_ms, now_ms()),
            kept: r.kept,
            ready_until_s: if r.state == TrackState::Done { duration_s.unwrap_or(0.0) } else { ready_s },
            stems: if has_stems { stem_views(&r.manifest) } else { Vec::new() },
            error: r.failure.clone().map(Problem::from),
            links: links(r.id.as_str()),
        }
    }
}

/// What a singer wants first: the instrumental before the vocals.
fn stem_views(manifest: &Manifest) -> Vec<StemView> {
    let mut names: Vec<&str> = manifest.all_stems().collect();
    names.sort_by_key(|name| *name != "instrumental");
    let place = |name: &str| manifest.parts().position(|part| part == name);
    let view = |name: &str| StemView {
        name: name.to_owned(),
        formats: ["wav", "flac", "mp3"],
        multitrack: place(name),
    };
    names.into_iter().map(view).collect()
}

fn links(id: &str) -> BTreeMap<&'static str, String> {
    let base = format!("/api/v1/tracks/{id}");
    let mut links: BTreeMap<_, _> = ["events", "chunks", "cancel", "cover", "lyrics", "receipt"]
        .map(|name| (name, format!("{base}/{name}")))
        .into();
    links.insert("self", base);
    links
}

#[cfg(test)]
mod tests;
