//! Models that take longer than they need.

use super::{FaultInjector, SimulationConfig};
use crate::kinds::{SeparateError, Separator};
use crate::sessions::Open;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Opens models as `open` does, but they are as slow as the simulation wants them.
pub(crate) fn slowed(open: Open, config: &SimulationConfig, injector: Option<Arc<FaultInjector>>) -> Open {
    let least = Duration::try_from_secs_f64(config.window_seconds).unwrap_or_default();
    if least.is_zero() && injector.is_none() {
        return open;
    }
    Arc::new(move |file| {
        let injector = injector.clone().filter(|s| s.acts_on(&file.name));
        let model = open(file)?;
        Ok(Box::new(Slow { model, least, injector }))
    })
}

/// How much longer a window that took `took` has to take.
fn wait(took: Duration, least: Duration, slowness: f64) -> Duration {
    took.max(least).mul_f64(slowness).saturating_sub(took)
}

/// A model that takes its time.
struct Slow {
    model: Box<dyn Separator>,
    least: Duration,
    injector: Option<Arc<FaultInjector>>,
}

impl Separator for Slow {
    fn window(&self) -> usize {
        self.model.window()
    }

    fn stems(&self) -> usize {
        self.model.stems()
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        self.separate_edge(input, 0..self.window(), gain, out)
    }

    fn separate_edge(
        &mut self,
        input: [&[f32]; 2],
        sound: Range<usize>,
        gain: f32,
        out: &mut [f32],
    ) -> Result<(), SeparateError> {
        let began = Instant::now();
        self.model.separate_edge(input, sound, gain, out)?;
        let slowness = self.injector.as_ref().map_or(1.0, |s| s.slowness());
        // This is the worker's own thread for computing: nobody else waits here.
        std::thread::sleep(wait(began.elapsed(), self.least, slowness));
        Ok(())
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.model.infer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_factor_both_count() {
        let s = Duration::from_secs;
        assert_eq!(wait(s(2), s(0), 1.0), s(0));
        assert_eq!(wait(s(2), s(3), 1.0), s(1));
        assert_eq!(wait(s(2), s(0), 10.0), s(18));
        assert_eq!(wait(s(2), s(3), 10.0), s(28));
        assert_eq!(wait(s(4), s(3), 1.0), s(0));
    }
}
