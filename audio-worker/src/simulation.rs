//! `[simulation]`: makes workers behave as they do on another machine, for demonstrations and tests.

use crate::kinds::{SeparateError, Separator};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How workers pretend.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// Every window takes at least so many seconds; 0: as long as it takes.
    pub window_seconds: f64,
}

impl SimulationConfig {
    /// Wraps a model so that it behaves as configured.
    pub(crate) fn wrap(&self, model: Box<dyn Separator>) -> Box<dyn Separator> {
        match Duration::try_from_secs_f64(self.window_seconds) {
            Ok(least) if !least.is_zero() => Box::new(Slow { model, least }),
            _ => model,
        }
    }
}

/// A model that takes its time.
struct Slow {
    model: Box<dyn Separator>,
    least: Duration,
}

impl Separator for Slow {
    fn window(&self) -> usize {
        self.model.window()
    }

    fn stems(&self) -> usize {
        self.model.stems()
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        let began = Instant::now();
        self.model.separate(input, gain, out)?;
        std::thread::sleep(self.least.saturating_sub(began.elapsed()));
        Ok(())
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.model.infer()
    }
}
