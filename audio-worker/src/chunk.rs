//! Separates one chunk, window by window, on the thread that calls.

use crate::fault_injection::Fault;
use crate::kinds::{SeparateError, Separator};
use karaoke_core::audio::read_le_bytes;
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Job, Separated};
use karaoke_stages::Stage;

/// A chunk was not separated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChunkError {
    /// It failed or was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The operator wants the worker to let go of it.
    #[error("stopped by the operator")]
    Stopped,
    /// The worker misbehaves on purpose.
    #[error("the worker simulates the fault `{0}`")]
    Simulated(Fault),
    /// A window could not be separated.
    #[error(transparent)]
    Separate(#[from] SeparateError),
    /// The code that separates panicked.
    #[error("the worker panicked: {0}")]
    Panicked(String),
}

impl ChunkError {
    /// Whether the same chunk may succeed elsewhere or later.
    pub(crate) fn retryable(&self) -> bool {
        match self {
            Self::Cancelled | Self::Stopped | Self::Panicked(_) => false,
            Self::Simulated(fault) => *fault == Fault::Nack,
            Self::Separate(error) => error.retryable(),
        }
    }
}

/// Asked before each window, by its index in the chunk; an error ends the chunk with it.
pub(crate) type BeforeWindow = Box<dyn Fn(u32) -> Result<(), ChunkError> + Send>;

/// Separates every window of `job`; asks `before_window` before each.
pub(crate) fn separate(
    separator: &mut dyn Separator,
    job: &Job,
    before_window: impl Fn(u32) -> Result<(), ChunkError>,
) -> Result<Separated, ChunkError> {
    let _stage = Stage::Wire.enter();
    let (window, stems) = (separator.window(), separator.stems());
    if job.window != window {
        let problem = format!("the job has windows of {} frames, the model of {window}", job.window);
        return Err(SeparateError::Mismatch(problem).into());
    }
    let (samples, cut) = (window * stems * 2, job.cut());
    let mut input = [vec![0.0; window], vec![0.0; window]];
    let mut output = vec![0.0; samples];
    let mut body = vec![0; job.windows as usize * samples * 4];
    for (index, part) in (0..).zip(body.chunks_exact_mut(samples * 4)) {
        before_window(index)?;
        for (channel, samples) in input.iter_mut().enumerate() {
            read_le_bytes(&job.body[(channel * cut.frames() + cut.at(index)) * 4..], samples);
        }
        let channels = [&input[0][..], &input[1][..]];
        let edge = || separator.separate_edge(channels, cut.sound(index), job.gain, &mut output);
        Stage::Window.of(edge)?;
        // What comes back begins at the window's place, wherever it was taken from; behind it is silence.
        for (row, channel) in part.chunks_exact_mut(window * 4).zip(output.chunks_exact(window)) {
            for (bytes, sample) in row.as_chunks_mut().0.iter_mut().zip(&channel[cut.moved(index)..]) {
                *bytes = sample.to_le_bytes();
            }
        }
    }
    let (windows, stems) = (job.windows, stems as u32);
    Ok(Separated { windows, stems, window, part: ReplyPart::whole(windows, stems), body: body.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::{Fake, job};
    use karaoke_core::audio::{from_le_bytes, to_le_bytes};
    use std::cell::Cell;

    #[test]
    fn windows_lie_where_the_plan_says() {
        let separated = separate(&mut Fake, &job("mirror", 0), |_| Ok(())).unwrap();
        assert_eq!((separated.windows, separated.stems, separated.window), (2, 2, 3));
        let channel = |window, stem| separated.channels(window, stem).map(from_le_bytes);
        assert_eq!(channel(0, 0), [vec![2.0, 4.0, 6.0], vec![12.0, 14.0, 16.0]]);
        assert_eq!(channel(1, 1), [vec![-6.0, -8.0, -10.0], vec![-16.0, -18.0, -20.0]]);
    }

    #[test]
    fn windows_that_were_moved_back_reply_from_their_place_on() {
        // Of the last window's place the track has one frame: the window is taken from one frame before.
        let job = job("mirror", 0);
        let samples = [1.0f32, 2.0, 3.0, 0.0, 6.0, 7.0, 8.0, 0.0];
        let moved = Job { end: 3, body: to_le_bytes(&samples).into(), ..job };
        assert_eq!(Job::from_message(&moved.headers(), moved.body.clone()), Ok(moved.clone()));
        let separated = separate(&mut Fake, &moved, |_| Ok(())).unwrap();
        let channel = |window, stem| separated.channels(window, stem).map(from_le_bytes);
        assert_eq!(channel(0, 0), [vec![2.0, 4.0, 6.0], vec![12.0, 14.0, 16.0]]);
        assert_eq!(channel(1, 0), [vec![6.0, 0.0, 0.0], vec![16.0, 0.0, 0.0]]);
        assert_eq!(channel(1, 1), [vec![-6.0, 0.0, 0.0], vec![-16.0, 0.0, 0.0]]);
    }

    #[test]
    fn a_cancel_is_seen_between_windows() {
        let asked = Cell::new(0);
        let before = |window| {
            asked.set(asked.get() + 1);
            if window == 1 { Err(ChunkError::Cancelled) } else { Ok(()) }
        };
        let refused = separate(&mut Fake, &job("mirror", 0), before).unwrap_err();
        assert!(matches!(refused, ChunkError::Cancelled) && asked.get() == 2);
    }

    #[test]
    fn a_job_made_for_another_window_is_refused_for_good() {
        let refused = separate(&mut Fake, &Job { window: 4, ..job("mirror", 0) }, |_| Ok(())).unwrap_err();
        assert!(!refused.retryable(), "{refused}");
    }
}
