//! How types of other crates look in the description of the API: those crates know nothing of it.

#![expect(dead_code, reason = "they only describe; a test compares them with what is sent")]

use utoipa::ToSchema;

/// A track's state.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum TrackState {
    /// Uploaded, waiting for a decoder.
    Queued,
    /// Being decoded to samples.
    Decoding,
    /// Its chunks are with the workers.
    Separating,
    /// All chunks are back; the stems are being written out.
    Finishing,
    /// The stems are complete.
    Done,
    /// Given up, with a reason.
    Failed,
    /// Called off by its owner.
    Cancelled,
}

/// What a worker says that it does.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum WorkerState {
    /// Waits for a job.
    Idle,
    /// Separates a chunk.
    Working,
    /// Takes nothing for a while, after failures.
    Resting,
    /// Takes nothing more: its operator wants it so.
    Drained,
    /// Has left as it should.
    Left,
    /// Has died; its pool says so.
    Crashed,
}

/// A chunk in a worker's hands.
#[derive(ToSchema)]
pub struct HeldChunk {
    /// Its track.
    track: String,
    /// The chunk.
    chunk: u64,
    /// The attempt.
    attempt: u32,
}

/// Signal-to-distortion ratios that were measured, in dB, the mean over a test's songs.
#[derive(ToSchema)]
pub struct Quality {
    /// What it was measured on, and by whom: only numbers of the same test compare.
    test: String,
    /// Of the vocals.
    vocals: Option<f32>,
    /// Of the instrumental.
    instrumental: Option<f32>,
}

/// A line of lyrics.
#[derive(ToSchema)]
#[schema(as = LyricsLine)]
pub struct Line {
    /// When it begins, in seconds; absent: nobody knows.
    #[schema(nullable = false)]
    start_s: Option<f64>,
    /// When it is over, where that is known and is before the next line begins.
    #[schema(nullable = false)]
    end_s: Option<f64>,
    /// Its words.
    text: String,
    /// The same in pieces (words or syllables, with the spaces between), where each has a time.
    #[schema(nullable = false)]
    words: Option<Vec<Word>>,
}

/// A piece of a line.
#[derive(ToSchema)]
#[schema(as = LyricsWord)]
pub struct Word {
    /// When it begins, in seconds.
    start_s: f64,
    /// What is sung, and the space behind it.
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use karaoke_core::{ChunkIndex, TrackId, lyrics, manifest, presence};
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    /// Asserts that a schema has the same properties as what is sent.
    fn assert_same(schema: &impl serde::Serialize, sent: &impl serde::Serialize) {
        let (schema, sent) = (serde_json::to_value(schema).unwrap(), serde_json::to_value(sent).unwrap());
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&schema["properties"]), names(&sent));
    }

    #[test]
    fn schemas_are_those_of_what_is_sent() {
        let states = karaoke_core::TrackState::ALL.map(karaoke_core::TrackState::name);
        assert_eq!(serde_json::to_value(TrackState::schema()).unwrap()["enum"], json!(states));
        let worker = serde_json::to_value(WorkerState::schema()).unwrap();
        for state in worker["enum"].as_array().unwrap() {
            assert!(serde_json::from_value::<presence::WorkerState>(state.clone()).is_ok(), "{state}");
        }
        let (track, chunk) = (TrackId::from_random(1), ChunkIndex::new(0));
        assert_same(&HeldChunk::schema(), &presence::HeldChunk { track, chunk, attempt: 1 });
        let test = "test".into();
        assert_same(&Quality::schema(), &manifest::Quality { test, vocals: None, instrumental: None });
        let word = lyrics::Word { start_ms: 0, text: "a".into() };
        assert_same(&Word::schema(), &word);
        let line = lyrics::Line { start_ms: Some(0), end_ms: Some(1), text: "a".into(), words: vec![word] };
        assert_same(&Line::schema(), &line);
    }
}
