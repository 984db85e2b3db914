//! A job: one chunk, and all that a worker needs to separate it.

use super::WireError;
use super::headers::{Headers, check_length, check_sum, common, number, parse_common, put, text};
use crate::audio::FRAME_BYTES;
use crate::id::TrackId;
use crate::route::Route;
use crate::tail::WindowCut;
use crate::units::{ChunkIndex, ModelName};
use bytes::Bytes;

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
    /// What traces of it follow, as the W3C's `traceparent`; none where nobody traces. Workers that do not know it ignore it.
    pub trace_parent: Option<String>,
    /// Left then right channel, each as many samples as the cut has frames: `(windows − 1) · step + window`, or
    /// fewer when windows are moved back.
    pub body: Bytes,
}

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
        if let Some(parent) = &self.trace_parent {
            put(&mut headers, "traceparent", parent);
        }
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
            trace_parent: headers.get("traceparent").cloned(),
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
