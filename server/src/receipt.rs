//! What a track cost: how long each step took, who computed for it, what failed on the way, and the price.

use crate::clock::rfc3339;
use crate::schema;
use crate::store::{AttemptOutcome, FailedAttempt, Steps, TrackRecord};
use crate::view::{ChunkState, ChunkView};
use karaoke_core::{ChunkIndex, ModelName, TrackState, WorkerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// `[billing]`: what a song costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BillingConfig {
    /// The currency, as ISO 4217 has it.
    pub currency: String,
    /// For a minute of sound.
    pub per_audio_minute: f64,
    /// For a second that a worker computed on a chunk that was of use.
    pub per_compute_second: f64,
}

impl Default for BillingConfig {
    fn default() -> Self {
        Self { currency: "EUR".into(), per_audio_minute: 0.0, per_compute_second: 0.0 }
    }
}

/// A value of `[billing]` that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("billing.{key} {problem}")]
pub struct BadBilling {
    key: &'static str,
    problem: &'static str,
}

impl BillingConfig {
    /// Refuses values that cannot be.
    pub fn check(&self) -> Result<(), BadBilling> {
        let code = self.currency.as_bytes();
        if code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase) {
            return Err(BadBilling {
                key: "currency",
                problem: "must be three capital letters, such as EUR",
            });
        }
        for (key, rate) in
            [("per_audio_minute", self.per_audio_minute), ("per_compute_second", self.per_compute_second)]
        {
            if !(0.0..=1e6).contains(&rate) {
                return Err(BadBilling { key, problem: "must lie between 0 and 1000000" });
            }
        }
        Ok(())
    }

    /// Whether anything costs anything.
    pub fn is_free(&self) -> bool {
        self.per_audio_minute == 0.0 && self.per_compute_second == 0.0
    }
}

/// All that is known of a track.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Its row.
    pub track: &'a TrackRecord,
    /// When its steps began.
    pub steps: Steps,
    /// Its chunks, in order.
    pub chunks: &'a [ChunkView],
    /// Attempts that brought nothing, chunk by chunk.
    pub failed: &'a [FailedAttempt],
    /// Bytes of stems that were sent.
    pub bytes_down: u64,
    /// Now, Unix milliseconds: where what is not over yet is counted to.
    pub now_ms: i64,
}

/// A receipt, as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Receipt {
    /// The track.
    pub track: String,
    /// What people call it: artist and title, or the file's name.
    pub song: String,
    /// Its state; a receipt of a track that has not ended counts what there is so far.
    #[schema(value_type = schema::TrackState)]
    pub state: TrackState,
    /// The model that separates it.
    #[schema(value_type = String)]
    pub model: ModelName,
    /// The execution providers whose workers it was given to, in order.
    pub providers: Vec<String>,
    /// Length of the song in seconds, once decoded.
    pub audio_s: f64,
    /// How long the steps took.
    pub times: Times,
    /// Seconds that workers computed.
    pub compute: Compute,
    /// Every chunk.
    pub chunks: Vec<ChunkLine>,
    /// Bytes that went over the network for it.
    pub bytes: Bytes,
    /// What it costs.
    pub price: Price,
}

/// How long the steps of a track took, in seconds: `queue_wait_s`, `decode_s`, `separate_s` and `merge_s` add up to
/// `total_s`. A step that a crash interrupted lasts until it was over at last. None for steps that it has not come to, and
/// for those that an older version did not note.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Times {
    /// When the upload was complete, RFC 3339.
    pub received_at: String,
    /// When the track ended.
    pub finished_at: Option<String>,
    /// From the upload to a free decoder.
    pub queue_wait_s: Option<f64>,
    /// Decoding, resampling, planning.
    pub decode_s: Option<f64>,
    /// From the plan to the last chunk.
    pub separate_s: Option<f64>,
    /// Of that, until the first worker began.
    pub worker_wait_s: Option<f64>,
    /// Joining the chunks and writing the stems.
    pub merge_s: Option<f64>,
    /// From the upload to the end.
    pub total_s: f64,
}

/// Seconds that workers computed, by the clock.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Compute {
    /// On chunks that were of use.
    pub seconds: f64,
    /// On attempts that brought nothing, as far as their workers said.
    pub wasted_s: f64,
    /// The same by worker.
    pub by_worker: Vec<WorkerLine>,
}

/// What one worker did for a track.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WorkerLine {
    /// The worker.
    #[schema(value_type = String)]
    pub worker: WorkerId,
    /// Chunks that it did.
    pub chunks: u64,
    /// Seconds that it computed on them.
    pub seconds: f64,
    /// Its attempts that brought nothing.
    pub failed: u64,
}

/// A chunk of a receipt.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ChunkLine {
    /// Its place in the plan.
    #[schema(value_type = u64)]
    pub index: ChunkIndex,
    /// Its share of the track: from here…
    pub start_s: f64,
    /// …to here, in seconds.
    pub end_s: f64,
    /// Who did it.
    #[schema(value_type = Option<String>)]
    pub worker: Option<WorkerId>,
    /// How long that took.
    pub seconds: Option<f64>,
    /// Attempts at it that have ended, the one that did it included.
    pub attempts: usize,
    /// Those that brought nothing, and why.
    pub failed: Vec<FailedLine>,
}

/// An attempt that brought nothing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct FailedLine {
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// Whose.
    #[schema(value_type = String)]
    pub worker: WorkerId,
    /// What became of it: `lost`, `returned`, `refused` or `spare`.
    #[schema(value_type = String)]
    pub outcome: AttemptOutcome,
    /// The same in words.
    pub why: String,
    /// How long the worker computed, where it said so.
    pub seconds: Option<f64>,
    /// When that was known, RFC 3339.
    pub at: String,
}

/// Bytes that went over the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bytes {
    /// The upload.
    pub up: u64,
    /// Stems that were sent: some seconds are missing after a crash of the server.
    pub down: u64,
}

/// What a track costs. One that failed costs nothing, one that was cancelled what was computed until then.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Price {
    /// As ISO 4217 has it.
    pub currency: String,
    /// What it is made of; nothing where nothing costs anything.
    pub lines: Vec<PriceLine>,
    /// The sum of the lines.
    pub total: f64,
}

/// A line of a price.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct PriceLine {
    /// `audio` or `compute`.
    pub what: &'static str,
    /// How much of it…
    pub quantity: f64,
    /// …in `minute` or `second`.
    pub unit: &'static str,
    /// Price of one.
    pub rate: f64,
    /// Price of all, rounded to a hundredth of a cent.
    pub amount: f64,
}

impl Receipt {
    /// Adds up what is known.
    pub fn new(facts: &Facts<'_>, rates: &BillingConfig) -> Self {
        let track = facts.track;
        let audio_s = track.audio.map_or(0.0, |audio| audio.frames.seconds(audio.source_rate));
        let compute = compute(facts);
        Self {
            track: track.id.to_string(),
            song: track.song(),
            state: track.state,
            model: track.manifest.name.clone(),
            providers: track.providers.clone(),
            audio_s,
            times: times(facts),
            chunks: facts.chunks.iter().map(|chunk| line(chunk, facts.failed)).collect(),
            bytes: Bytes { up: track.size_bytes, down: facts.bytes_down },
            price: price(rates, track.state, audio_s, compute.seconds),
            compute,
        }
    }
}

fn times(facts: &Facts<'_>) -> Times {
    let (track, steps) = (facts.track, facts.steps);
    let end_ms = track.finished_ms.unwrap_or(facts.now_ms);
    // The end of a step is the beginning of the next that there was, or the track's own.
    let begins = [Some(track.created_ms), steps.decoding_ms, steps.separating_ms, steps.finishing_ms];
    let step = |index: usize| {
        let begin = begins[index]?;
        let next = begins[index + 1..].iter().flatten().next().copied();
        Some(seconds(begin, next.unwrap_or(end_ms)))
    };
    // A version that noted no steps has planned it: when it was decoded is not known.
    let is_noted = track.audio.is_none() || steps.separating_ms.is_some();
    let worker_wait = |begin| seconds(begin, steps.first_chunk_ms.or(steps.finishing_ms).unwrap_or(end_ms));
    Times {
        received_at: rfc3339(track.created_ms),
        finished_at: track.finished_ms.map(rfc3339),
        queue_wait_s: step(0).filter(|_| is_noted),
        decode_s: step(1),
        separate_s: step(2),
        worker_wait_s: steps.separating_ms.map(worker_wait),
        merge_s: step(3),
        total_s: seconds(track.created_ms, end_ms),
    }
}

/// Seconds between two moments; clocks that were set back make it 0.
fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    (to_ms - from_ms).max(0) as f64 / 1000.0
}

fn compute(facts: &Facts<'_>) -> Compute {
    let mut workers: BTreeMap<&WorkerId, WorkerLine> = BTreeMap::new();
    let none = |worker: &WorkerId| WorkerLine { worker: worker.clone(), chunks: 0, seconds: 0.0, failed: 0 };
    for chunk in facts.chunks.iter().filter(|chunk| chunk.state == ChunkState::Done) {
        let Some(worker) = &chunk.worker else { continue };
        let line = workers.entry(worker).or_insert_with(|| none(worker));
        line.chunks += 1;
        line.seconds += chunk.seconds.unwrap_or(0.0);
    }
    for attempt in facts.failed {
        workers.entry(&attempt.worker).or_insert_with(|| none(&attempt.worker)).failed += 1;
    }
    let by_worker: Vec<WorkerLine> = workers.into_values().collect();
    Compute {
        seconds: by_worker.iter().map(|line| line.seconds).sum(),
        wasted_s: facts.failed.iter().filter_map(|attempt| attempt.seconds).sum(),
        by_worker,
    }
}

fn line(chunk: &ChunkView, failed: &[FailedAttempt]) -> ChunkLine {
    let done = chunk.state == ChunkState::Done;
    let failed = failed.iter().filter(|attempt| attempt.chunk == chunk.index).map(|attempt| FailedLine {
        attempt: attempt.attempt,
        worker: attempt.worker.clone(),
        outcome: attempt.outcome,
        why: attempt.why.clone(),
        seconds: attempt.seconds,
        at: rfc3339(attempt.at_ms),
    });
    let failed: Vec<FailedLine> = failed.collect();
    ChunkLine {
        index: chunk.index,
        start_s: chunk.start_s,
        end_s: chunk.end_s,
        worker: chunk.worker.clone().filter(|_| done),
        seconds: chunk.seconds.filter(|_| done),
        attempts: failed.len() + usize::from(done),
        failed,
    }
}

fn price(rates: &BillingConfig, state: TrackState, audio_s: f64, compute_s: f64) -> Price {
    let (audio, compute) = match state {
        TrackState::Failed => (0.0, 0.0),
        TrackState::Cancelled => (0.0, compute_s),
        _ => (audio_s / 60.0, compute_s),
    };
    let line = |what, quantity, unit, rate| PriceLine {
        what,
        quantity,
        unit,
        rate,
        amount: (quantity * rate * 1e4).round() / 1e4,
    };
    let mut lines = vec![
        line("audio", audio, "minute", rates.per_audio_minute),
        line("compute", compute, "second", rates.per_compute_second),
    ];
    lines.retain(|line| line.rate > 0.0);
    // In units of the rounding, so that the sum is exact.
    let total = lines.iter().map(|line| (line.amount * 1e4).round()).sum::<f64>() / 1e4;
    Price { currency: rates.currency.clone(), lines, total }
}

#[cfg(test)]
mod tests;
