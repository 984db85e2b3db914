//! What travels between server and workers: a job, its reply, and how both map to headers and a body.
//!
//! Headers are plain text pairs, bodies planar little-endian f32. A message that does not agree with its own
//! headers is refused before a sample of it is read.

use crate::audio::FRAME_BYTES;
use crate::id::TrackId;
use crate::reply_part::{ReplyPart, split};
use crate::route::Route;
use crate::tail::WindowCut;
use crate::units::{ChunkIndex, ModelName, WorkerId};
use bytes::Bytes;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

/// More seconds than any chunk takes: what says more is no time.
const LONGEST_S: f64 = 1e6;
/// Version of these messages; another version is refused.
pub const SCHEMA: u32 = 4;

/// A chunk to be separated.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The track it belongs to.
    pub track: TrackId,
    /// The chunk's index in the track's plan.
    pub chunk: ChunkIndex,
    /// How often this chunk has been handed out, this time included.
    pub attempt: u32,
    /// The model to use.
    pub model: ModelName,
    /// SHA-256 of the model's file: a worker with another file refuses.
    pub model_sha256: String,
    /// The execution provider whose workers it is for.
    pub provider: String,
    /// Number of windows in the chunk.
    pub windows: u32,
    /// Frames in a window.
    pub window: usize,
    /// Frames between windows.
    pub step: usize,
    /// Where the sound ends for windows that stick out behind it, in frames from the first window's place: see
    /// [`WindowCut`].
    pub end: usize,
    /// Frames of silence at the beginning of the body, before the track: see [`WindowCut`].
    pub lead: usize,
    /// Factor on the mix before the model, taken back after it.
    pub gain: f32,
    /// A listener waits for it: it goes before what waits already.
    pub urgent: bool,
    /// Where the reply goes.
    pub reply_to: String,
    /// The largest message that may go there, in bytes of samples: a larger reply goes in parts.
    pub max_reply_bytes: usize,
    /// Left then right channel, each as many samples as the cut has frames: `(windows − 1) · step + window`, or
    /// fewer when windows are moved back.
    pub body: Bytes,
}

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

/// A message that cannot be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// A header is missing.
    #[error("header `{0}` is missing")]
    Missing(&'static str),
    /// A header does not parse.
    #[error("header `{0}` has an impossible value")]
    Bad(&'static str),
    /// The body is not as long as the headers say.
    #[error("the body has {got} bytes where the headers promise {want}")]
    Length {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        want: usize,
    },
    /// The body is not the one that was sent.
    #[error("the body's checksum is {got:08x} where the headers promise {want:08x}")]
    Checksum {
        /// CRC-32 of the body.
        got: u32,
        /// CRC-32 in the headers.
        want: u32,
    },
    /// Another version of the protocol.
    #[error("message of schema {0}, this is schema {SCHEMA}")]
    Schema(u32),
}

/// Headers of a message.
pub type Headers = HashMap<String, String>;

impl Job {
    /// The workers it is for.
    pub fn route(&self) -> Route {
        Route::new(self.model.clone(), self.provider.as_str())
    }

    /// How the windows are cut out of the body.
    pub fn cut(&self) -> WindowCut {
        WindowCut {
            windows: self.windows,
            window: self.window,
            step: self.step,
            end: self.end,
            lead: self.lead,
        }
    }

    /// Samples per channel in the body.
    pub fn frames(&self) -> usize {
        self.cut().frames()
    }

    /// The job's headers; the body goes along as it is.
    pub fn headers(&self) -> Headers {
        let mut headers = common(&self.track, self.chunk, self.attempt);
        put(&mut headers, "model", &self.model);
        put(&mut headers, "model-sha256", &self.model_sha256);
        put(&mut headers, "provider", &self.provider);
        put(&mut headers, "windows", self.windows);
        put(&mut headers, "window", self.window);
        put(&mut headers, "step", self.step);
        put(&mut headers, "end", self.end);
        put(&mut headers, "lead", self.lead);
        put(&mut headers, "gain", self.gain);
        put(&mut headers, "urgent", self.urgent);
        put(&mut headers, "answer-to", &self.reply_to);
        put(&mut headers, "max-reply-bytes", self.max_reply_bytes);
        put(&mut headers, "crc32", crc32fast::hash(&self.body));
        headers
    }

    /// Puts a job together again.
    pub fn from_message(headers: &Headers, body: Bytes) -> Result<Self, WireError> {
        let (track, chunk, attempt) = parse_common(headers)?;
        let job = Self {
            track,
            chunk,
            attempt,
            model: text(headers, "model")?.into(),
            model_sha256: text(headers, "model-sha256")?,
            provider: text(headers, "provider")?,
            windows: number(headers, "windows")?,
            window: number(headers, "window")?,
            step: number(headers, "step")?,
            end: number(headers, "end")?,
            lead: number(headers, "lead")?,
            gain: number(headers, "gain")?,
            urgent: number(headers, "urgent")?,
            reply_to: text(headers, "answer-to")?,
            max_reply_bytes: number(headers, "max-reply-bytes")?,
            body,
        };
        if job.windows == 0 || job.window == 0 || job.window > 1 << 28 || job.windows > 1 << 20 {
            return Err(WireError::Bad("windows"));
        }
        if job.step == 0 || job.step > job.window {
            return Err(WireError::Bad("step"));
        }
        if !job.cut().is_possible() {
            return Err(WireError::Bad("end"));
        }
        if !(job.gain.is_finite() && job.gain > 0.0) {
            return Err(WireError::Bad("gain"));
        }
        check_length(&job.body, job.frames().checked_mul(FRAME_BYTES))?;
        check_sum(headers, &job.body)?;
        Ok(job)
    }
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

fn common(track: &TrackId, chunk: ChunkIndex, attempt: u32) -> Headers {
    let mut headers = Headers::new();
    put(&mut headers, "schema", SCHEMA);
    put(&mut headers, "track", track);
    put(&mut headers, "chunk", chunk);
    put(&mut headers, "attempt", attempt);
    headers
}

fn parse_common(headers: &Headers) -> Result<(TrackId, ChunkIndex, u32), WireError> {
    let schema = number(headers, "schema")?;
    if schema != SCHEMA {
        return Err(WireError::Schema(schema));
    }
    let track = TrackId::parse(&text(headers, "track")?).map_err(|_| WireError::Bad("track"))?;
    Ok((track, number(headers, "chunk")?, number(headers, "attempt")?))
}

fn put(headers: &mut Headers, key: &str, value: impl Display) {
    headers.insert(key.to_owned(), value.to_string());
}

fn text(headers: &Headers, key: &'static str) -> Result<String, WireError> {
    headers.get(key).cloned().ok_or(WireError::Missing(key))
}

fn number<T: FromStr>(headers: &Headers, key: &'static str) -> Result<T, WireError> {
    text(headers, key)?.parse().map_err(|_| WireError::Bad(key))
}

fn check_length(body: &Bytes, want: Option<usize>) -> Result<(), WireError> {
    let want = want.ok_or(WireError::Bad("window"))?;
    if body.len() == want { Ok(()) } else { Err(WireError::Length { got: body.len(), want }) }
}

fn check_sum(headers: &Headers, body: &Bytes) -> Result<(), WireError> {
    let (want, got) = (number(headers, "crc32")?, crc32fast::hash(body));
    if got == want { Ok(()) } else { Err(WireError::Checksum { got, want }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_job() -> impl Strategy<Value = Job> {
        let index = any::<prop::sample::Index>;
        (1u32..5, 1usize..9, index(), index(), any::<u64>(), 1e-9f32..10.0).prop_map(
            |(windows, window, step, held, chunk, gain)| {
                let step = step.index(window) + 1;
                let end = (windows as usize - 1) * step + held.index(window) + 1;
                let cut = WindowCut { windows, window, step, end, lead: 0 };
                Job {
                    track: TrackId::from_random(u128::from(chunk)),
                    chunk: chunk.into(),
                    attempt: windows,
                    model: "centre".into(),
                    model_sha256: "ab".into(),
                    provider: "cpu".into(),
                    windows,
                    window,
                    step,
                    end,
                    lead: chunk as usize % (cut.moved(0) + 1),
                    gain,
                    urgent: chunk % 2 == 0,
                    reply_to: "results.x".into(),
                    max_reply_bytes: window,
                    body: Bytes::from(vec![7; cut.frames() * 8]),
                }
            },
        )
    }

    /// All samples of a job, each another.
    fn whole(job: &Job, stems: u32) -> Separated {
        let (windows, part) = (job.windows, ReplyPart::whole(job.windows, stems));
        let bytes = part.cells() * job.window * 8;
        let body = (0..bytes).map(|i| (i * 7 + i / 256) as u8).collect::<Vec<_>>().into();
        Separated { windows, stems, window: job.window, part, body }
    }

    proptest! {
        #[test]
        fn jobs_round_trip(job in any_job()) {
            prop_assert_eq!(Job::from_message(&job.headers(), job.body.clone()), Ok(job));
        }

        #[test]
        fn an_end_or_a_lead_that_cannot_be_is_refused(job in any_job(), far in any::<bool>(), by in 0usize..1000) {
            let last = (job.windows as usize - 1) * job.step;
            let end = if far { last + job.window + 1 + by } else { last.saturating_sub(by) };
            let headers = Job { end, ..job.clone() }.headers();
            prop_assert_eq!(Job::from_message(&headers, job.body.clone()), Err(WireError::Bad("end")));
            let lead = job.cut().moved(0) + 1 + by;
            let headers = Job { lead, ..job.clone() }.headers();
            prop_assert_eq!(Job::from_message(&headers, job.body.clone()), Err(WireError::Bad("end")));
            let mut headers = job.headers();
            headers.remove("end");
            prop_assert_eq!(Job::from_message(&headers, job.body), Err(WireError::Missing("end")));
        }

        #[test]
        fn a_body_of_another_length_is_refused(job in any_job(), extra in 1usize..20) {
            let longer = Bytes::from(vec![0; job.body.len() + extra]);
            let refused = Job::from_message(&job.headers(), longer);
            let by_length = matches!(refused, Err(WireError::Length { .. }));
            prop_assert!(by_length);
        }

        #[test]
        fn replies_round_trip(job in any_job(), stems in 1u32..4, kind in 0..4, seconds in 0f64..1e4) {
            let separated = whole(&job, stems);
            let outcome = match kind {
                0 => Outcome::Started,
                1 => Outcome::Returned("später ü".into()),
                2 => Outcome::Failed("Fehler ü".into()),
                _ => Outcome::Separated(separated),
            };
            let reply = Reply { track: job.track, chunk: job.chunk, attempt: 2, worker: "w".into(), seconds, outcome };
            let (headers, body) = reply.clone().into_message();
            prop_assert_eq!(Reply::from_message(&headers, body), Ok(reply));
        }

        #[test]
        fn parts_hold_together_what_the_whole_holds(job in any_job(), stems in 1u32..7, limit in 0usize..900) {
            let whole = whole(&job, stems);
            let outcome = Outcome::Separated(whole.clone());
            let reply = Reply { track: job.track, chunk: 1.into(), attempt: 2, worker: "w".into(), seconds: 0.5, outcome };
            let parts = reply.clone().in_parts(limit);
            prop_assert_eq!(parts.len() == 1, whole.body.len() <= limit || whole.body.len() == job.window * 8);
            let mut cells = 0;
            for part in parts {
                let (headers, body) = part.clone().into_message();
                prop_assert!(body.len() <= limit.max(job.window * 8));
                let got = Reply::from_message(&headers, body).unwrap();
                prop_assert_eq!(&got, &part);
                let Outcome::Separated(got) = got.outcome else { panic!("no samples") };
                for window in got.part.windows.clone() {
                    for stem in got.part.stems.clone() {
                        prop_assert_eq!(got.channels(window, stem), whole.channels(window, stem));
                        cells += 1;
                    }
                }
                // A slice of the same bytes, not a copy.
                let at = got.body.as_ptr() as usize;
                let all = whole.body.as_ptr() as usize;
                prop_assert!((all..all + whole.body.len()).contains(&at));
            }
            prop_assert_eq!(cells, job.windows * stems);
        }

        #[test]
        fn a_flipped_bit_is_found(job in any_job(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut body = job.body.to_vec();
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
            let refused = Job::from_message(&job.headers(), body.into());
            let by_checksum = matches!(refused, Err(WireError::Checksum { .. }));
            prop_assert!(by_checksum);
        }

        #[test]
        fn a_reply_that_contradicts_itself_still_says_whose_it_is(job in any_job(), cut in 1usize..8) {
            let outcome = Outcome::Separated(whole(&job, 1));
            let reply = Reply { track: job.track, chunk: job.chunk, attempt: 2, worker: "w".into(), seconds: 0.5, outcome };
            let (headers, body) = reply.clone().into_message();
            let got = Reply::from_message(&headers, body.slice(cut..)).unwrap();
            let corrupt = matches!(got.outcome, Outcome::Corrupt(_));
            prop_assert!(corrupt && got.worker == "w" && got.chunk == reply.chunk);
        }

        #[test]
        fn hostile_headers_never_panic(
            pairs in proptest::collection::hash_map(
                prop::sample::select(vec!["schema", "track", "chunk", "attempt", "windows", "window", "step", "end", "lead", "stems", "gain", "urgent", "model", "model-sha256", "provider", "answer-to", "worker", "seconds", "outcome", "crc32", "max-reply-bytes", "first-window", "part-windows", "first-stem", "part-stems"]),
                prop::sample::select(vec!["1", "0", "-1", "18446744073709551615", "4294967295", "NaN", "inf", "", "abc", "separated"]), 0..18),
        ) {
            let headers: Headers = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            let _ = Job::from_message(&headers, Bytes::new());
            let _ = Reply::from_message(&headers, Bytes::new());
        }
    }

    #[test]
    fn another_schema_is_refused() {
        let headers = Headers::from([("schema".into(), (SCHEMA + 1).to_string())]);
        assert_eq!(Job::from_message(&headers, Bytes::new()), Err(WireError::Schema(SCHEMA + 1)));
    }
}
