//! A reply: how a job went, with the samples that it gave.

use super::WireError;
use super::headers::{Headers, check_length, check_sum, common, number, parse_common, put, text};
use crate::audio::FRAME_BYTES;
use crate::id::TrackId;
use crate::reply_part::{ReplyPart, split};
use crate::units::{ChunkIndex, WorkerId};
use bytes::Bytes;
use std::ops::Range;

/// More seconds than any chunk takes: what says more is no time.
const LONGEST_S: f64 = 1e6;

/// What a worker says of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The job's track.
    pub track: TrackId,
    /// The job's chunk.
    pub chunk: ChunkIndex,
    /// The job's attempt.
    pub attempt: u32,
    /// Who did it.
    pub worker: WorkerId,
    /// Seconds of work so far, from taking the job.
    pub seconds: f64,
    /// How it went.
    pub outcome: Outcome,
}

/// How a job went, or goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The worker has begun with it.
    Started,
    /// The worker could not do it and hands it back, with the reason: it may succeed elsewhere.
    Returned(String),
    /// The samples of its windows and stems, or some of them.
    Separated(Separated),
    /// It failed for good: trying again elsewhere would not help.
    Failed(String),
    /// Never sent: what the receiver makes of a reply that contradicts itself, with the contradiction.
    Corrupt(String),
}

/// Samples of a separated chunk, or a part of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Separated {
    /// Number of windows of the chunk.
    pub windows: u32,
    /// Number of predicted stems.
    pub stems: u32,
    /// Frames in a window.
    pub window: usize,
    /// Which of them these are.
    pub part: ReplyPart,
    /// For each window of the part, for each stem of it, left then right channel of `window` samples.
    pub body: Bytes,
}

impl Reply {
    /// The reply's headers and body.
    pub fn into_message(self) -> (Headers, Bytes) {
        let mut headers = common(&self.track, self.chunk, self.attempt);
        put(&mut headers, "worker", &self.worker);
        put(&mut headers, "seconds", self.seconds);
        let (name, body) = match self.outcome {
            Outcome::Started => ("started", Bytes::new()),
            Outcome::Returned(reason) => ("returned", Bytes::from(reason)),
            Outcome::Separated(s) => {
                put(&mut headers, "windows", s.windows);
                put(&mut headers, "stems", s.stems);
                put(&mut headers, "window", s.window);
                put(&mut headers, "first-window", s.part.windows.start);
                put(&mut headers, "part-windows", s.part.windows.len());
                put(&mut headers, "first-stem", s.part.stems.start);
                put(&mut headers, "part-stems", s.part.stems.len());
                ("separated", s.body)
            }
            Outcome::Failed(reason) => ("failed", Bytes::from(reason)),
            Outcome::Corrupt(reason) => ("corrupt", Bytes::from(reason)),
        };
        put(&mut headers, "outcome", name);
        put(&mut headers, "crc32", crc32fast::hash(&body));
        (headers, body)
    }

    /// The replies that say the same in messages of at most `limit` bytes of samples, or of one window of one
    /// stem where that is more. One that fits stays as it is; no sample is copied.
    pub fn in_parts(self, limit: usize) -> Vec<Self> {
        match &self.outcome {
            Outcome::Separated(whole) if whole.body.len() > limit => {
                let parts = whole.parts(limit).map(Outcome::Separated);
                parts
                    .map(|outcome| Self {
                        outcome,
                        worker: self.worker.clone(),
                        track: self.track.clone(),
                        ..self
                    })
                    .collect()
            }
            _ => vec![self],
        }
    }

    /// Puts a reply together again. One that says whose it is, but contradicts itself, is [`Outcome::Corrupt`].
    pub fn from_message(headers: &Headers, body: Bytes) -> Result<Self, WireError> {
        let (track, chunk, attempt) = parse_common(headers)?;
        let worker = text(headers, "worker")?.into();
        let seconds = number(headers, "seconds").ok().filter(|s: &f64| (0.0..=LONGEST_S).contains(s));
        let outcome = outcome(headers, body).unwrap_or_else(|e| Outcome::Corrupt(e.to_string()));
        Ok(Self { track, chunk, attempt, worker, seconds: seconds.unwrap_or(0.0), outcome })
    }
}

fn outcome(headers: &Headers, body: Bytes) -> Result<Outcome, WireError> {
    let reason = || String::from_utf8_lossy(&body).into_owned();
    match text(headers, "outcome")?.as_str() {
        "started" => Ok(Outcome::Started),
        "returned" => Ok(Outcome::Returned(reason())),
        "failed" => Ok(Outcome::Failed(reason())),
        "separated" => separated(headers, body).map(Outcome::Separated),
        _ => Err(WireError::Bad("outcome")),
    }
}

fn separated(headers: &Headers, body: Bytes) -> Result<Separated, WireError> {
    let run = |first: &'static str, count: &'static str| -> Result<Range<u32>, WireError> {
        let (first, many): (u32, u32) = (number(headers, first)?, number(headers, count)?);
        Ok(first..first.checked_add(many).ok_or(WireError::Bad(count))?)
    };
    let s = Separated {
        windows: number(headers, "windows")?,
        stems: number(headers, "stems")?,
        window: number(headers, "window")?,
        part: ReplyPart {
            windows: run("first-window", "part-windows")?,
            stems: run("first-stem", "part-stems")?,
        },
        body,
    };
    if !s.part.lies_in(s.windows, s.stems) {
        return Err(WireError::Bad("part-windows"));
    }
    let want = (s.part.windows.len())
        .checked_mul(s.part.stems.len())
        .and_then(|n| n.checked_mul(s.window))
        .and_then(|n| n.checked_mul(FRAME_BYTES));
    check_length(&s.body, want)?;
    check_sum(headers, &s.body)?;
    Ok(s)
}

impl Separated {
    /// Left and right samples, as bytes, of one stem of one window; both must be in the part.
    pub fn channels(&self, window: u32, stem: u32) -> [&[u8]; 2] {
        let bytes = self.window * 4;
        let row = (window - self.part.windows.start) as usize * self.part.stems.len();
        let at = (row + (stem - self.part.stems.start) as usize) * 2 * bytes;
        [&self.body[at..at + bytes], &self.body[at + bytes..at + 2 * bytes]]
    }

    /// The same in parts of at most `limit` bytes of samples; it must be whole. Bodies are shared, not copied.
    fn parts(&self, limit: usize) -> impl Iterator<Item = Self> {
        let cell = self.window * FRAME_BYTES;
        split(self.windows, self.stems, limit / cell.max(1)).map(move |part| {
            let place = part.place(self.stems);
            Self { body: self.body.slice(place.start * cell..place.end * cell), part, ..*self }
        })
    }
}
