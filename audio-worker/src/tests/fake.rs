//! A model without a network, and jobs for it.

use crate::kinds::{SeparateError, Separator};
use bytes::Bytes;
use karaoke_core::TrackId;
use karaoke_core::audio::to_le_bytes;
use karaoke_core::wire::Job;

/// Windows of three frames; stem 0 is the input times gain, stem 1 its negative.
pub(crate) struct Fake;

impl Separator for Fake {
    fn window(&self) -> usize {
        3
    }

    fn stems(&self) -> usize {
        2
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        let both = input[0].iter().chain(input[1]).map(|s| s * gain);
        for (to, s) in out.iter_mut().zip(both.clone().chain(both.map(|s| -s))) {
            *to = s;
        }
        Ok(())
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        Ok(())
    }
}

/// Two windows, 1…5 on the left and 6…10 on the right, gain 2.
pub(crate) fn job(model: &str, chunk: u64) -> Job {
    let samples: Vec<f32> = (1..=10).map(|i| i as f32).collect();
    Job {
        track: TrackId::from_random(1),
        chunk: chunk.into(),
        attempt: 1,
        model: model.into(),
        model_sha256: String::new(),
        provider: "cpu".into(),
        windows: 2,
        window: 3,
        step: 2,
        end: 5,
        lead: 0,
        gain: 2.0,
        urgent: false,
        reply_to: "memory".into(),
        max_reply_bytes: 1 << 24,
        trace_parent: None,
        body: Bytes::from(to_le_bytes(&samples)),
    }
}
