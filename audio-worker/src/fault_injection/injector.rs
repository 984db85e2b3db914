//! What goes wrong on purpose in one unhealthy worker, and when.

use super::{Fault, SimulationConfig};
use crate::chunk::ChunkError;
use crate::process;
use karaoke_core::wire::Separated;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a crash takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultScope {
    /// The worker has this process for itself: the process is what crashes.
    Process,
    /// Others live in this process: the worker alone goes.
    Task,
}

/// The fault of one worker in one run.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    fault: Fault,
    model: String,
    scope: FaultScope,
    born: Instant,
    after: Duration,
    slow_factor: f64,
    froze: AtomicBool,
}

impl FaultInjector {
    pub(crate) fn new(fault: Fault, scope: FaultScope, config: &SimulationConfig) -> Self {
        Self {
            fault,
            model: config.fault_model.clone(),
            scope,
            born: Instant::now(),
            after: config.crash_after(),
            slow_factor: config.slow_factor,
            froze: AtomicBool::new(false),
        }
    }

    /// Whether jobs for `model` bring the fault out.
    pub(crate) fn acts_on(&self, model: &str) -> bool {
        self.model.is_empty() || self.model == model
    }

    /// Strikes the chunk in hand at the moment when the fault becomes due, wherever the chunk then is. Returns once
    /// it has struck; never if the fault was due before the chunk, or strikes only results.
    pub(crate) async fn when_due(&self) -> ChunkError {
        if !self.strikes_chunks() || self.is_due() {
            return std::future::pending().await;
        }
        tokio::time::sleep(self.after.saturating_sub(self.born.elapsed())).await;
        match self.strike() {
            Err(error) => error,
            Ok(()) => std::future::pending().await,
        }
    }

    /// Strikes in the middle of a chunk that was begun after the fault became due; asked before each of its windows.
    pub(crate) fn before_window(&self, window: u32, windows: u32) -> Result<(), ChunkError> {
        if is_middle(window, windows) && self.strikes_chunks() && self.is_due() {
            return self.strike();
        }
        Ok(())
    }

    fn strike(&self) -> Result<(), ChunkError> {
        match (self.fault, self.scope) {
            (Fault::Kill, FaultScope::Process) => process::die(),
            // A process that was woken again by hand has had its fault.
            (Fault::Hang, FaultScope::Process) => {
                if !self.froze.swap(true, Ordering::Relaxed) {
                    process::freeze();
                }
            }
            _ => return Err(ChunkError::Simulated(self.fault)),
        }
        Ok(())
    }

    /// Whether the fault ends a chunk, rather than changing its result or its time.
    fn strikes_chunks(&self) -> bool {
        matches!(self.fault, Fault::Kill | Fault::Hang | Fault::Nack)
    }

    /// What becomes of a finished chunk.
    ///
    /// One sample is made no number: that passes every checksum, which is made later, and every queue, and only
    /// who looks at all samples finds it.
    pub(crate) fn after_chunk(&self, separated: Separated) -> Separated {
        if self.fault != Fault::Corrupt || !self.is_due() {
            return separated;
        }
        let mut body = Vec::from(separated.body);
        let middle = body.len() / 8 * 4;
        if let Some(sample) = body.get_mut(middle..middle + 4) {
            sample.copy_from_slice(&f32::NAN.to_le_bytes());
        }
        Separated { body: body.into(), ..separated }
    }

    /// How many times as long a window takes now.
    pub(crate) fn slowness(&self) -> f64 {
        if self.fault == Fault::Slow && self.is_due() { self.slow_factor } else { 1.0 }
    }

    fn is_due(&self) -> bool {
        is_due(self.born.elapsed(), self.after)
    }
}

fn is_due(age: Duration, after: Duration) -> bool {
    age >= after
}

/// Whether `window` is the one in the middle, the second half's first.
fn is_middle(window: u32, windows: u32) -> bool {
    window == windows / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use karaoke_core::audio::{from_le_bytes, to_le_bytes};
    use karaoke_core::reply_part::ReplyPart;

    fn injector(fault: Fault, after: f64) -> FaultInjector {
        let config = SimulationConfig { simulate_crash_after: after, ..Default::default() };
        FaultInjector::new(fault, FaultScope::Task, &config)
    }

    fn chunk() -> Separated {
        let body = to_le_bytes(&[0.5; 24]).into();
        Separated { windows: 2, stems: 2, window: 3, part: ReplyPart::whole(2, 2), body }
    }

    #[test]
    fn it_strikes_when_it_is_time() {
        let second = Duration::from_secs(1);
        assert!(is_due(second, second) && is_due(second, Duration::ZERO) && !is_due(second, 2 * second));
        assert!(injector(Fault::Nack, 3600.0).before_window(1, 2).is_ok());
        assert_eq!(injector(Fault::Slow, 3600.0).slowness(), 1.0);
        assert_eq!(injector(Fault::Corrupt, 3600.0).after_chunk(chunk()), chunk());
    }

    #[test]
    fn the_middle_is_one_window_of_any_chunk() {
        for windows in 1..9 {
            assert_eq!((0..windows).filter(|w| is_middle(*w, windows)).count(), 1);
        }
        assert!(is_middle(0, 1) && is_middle(1, 2) && is_middle(1, 3) && is_middle(2, 4));
    }

    #[test]
    fn faults_in_a_shared_process_are_the_workers_alone() {
        for fault in [Fault::Kill, Fault::Hang, Fault::Nack] {
            let struck = injector(fault, 0.0).before_window(1, 2).unwrap_err();
            assert!(matches!(struck, ChunkError::Simulated(f) if f == fault));
            assert!(injector(fault, 0.0).before_window(0, 2).is_ok());
        }
        for fault in [Fault::Corrupt, Fault::Slow] {
            assert!(injector(fault, 0.0).before_window(1, 2).is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_strikes_the_chunk_in_hand_when_it_becomes_due() {
        for fault in [Fault::Kill, Fault::Hang, Fault::Nack] {
            // The clock that is paused is tokio's; the injector's own goes on.
            let injector = injector(fault, 3600.0);
            let struck = injector.when_due().await;
            assert!(matches!(struck, ChunkError::Simulated(f) if f == fault));
        }
        let minute = Duration::from_secs(60);
        for injector in
            [injector(Fault::Corrupt, 1.0), injector(Fault::Slow, 1.0), injector(Fault::Kill, 0.0)]
        {
            let struck = tokio::time::timeout(minute, injector.when_due()).await;
            assert!(struck.is_err(), "it strikes results, or a later chunk's middle");
        }
    }

    #[test]
    fn a_corrupt_chunk_keeps_its_size_and_loses_one_sample() {
        let body = injector(Fault::Corrupt, 0.0).after_chunk(chunk()).body;
        assert_eq!(body.len(), chunk().body.len());
        assert_eq!(from_le_bytes(&body).iter().filter(|s| s.is_nan()).count(), 1);
        assert_eq!(injector(Fault::Kill, 0.0).after_chunk(chunk()), chunk());
    }

    #[test]
    fn a_fault_may_be_one_models() {
        let config = SimulationConfig { fault_model: "a".into(), ..Default::default() };
        let injector = FaultInjector::new(Fault::Kill, FaultScope::Task, &config);
        assert!(injector.acts_on("a") && !injector.acts_on("b"));
        assert!(self::injector(Fault::Kill, 0.0).acts_on("b"));
    }

    #[test]
    fn slow_is_slower_by_its_factor() {
        assert_eq!(injector(Fault::Slow, 0.0).slowness(), 10.0);
        assert_eq!(injector(Fault::Kill, 0.0).slowness(), 1.0);
    }
}
