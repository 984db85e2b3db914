//! What each thread has spent on each stage: wall and processor time, that of stages within it taken off.

use karaoke_stages::Stage;
use karaoke_worker::process::thread_cpu;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The all_times of all threads that have ever worked on a stage.
static THREADS: Mutex<Vec<Arc<ThreadTimes>>> = Mutex::new(Vec::new());

thread_local! {
    static CURRENT: RefCell<OpenStages> = RefCell::new(OpenStages::new());
}

/// One thread's account.
pub struct ThreadTimes {
    /// The thread's number with the system; 0 where the system does not say.
    pub thread: u32,
    entries: [Entry; Stage::ALL.len()],
}

#[derive(Default)]
struct Entry {
    wall_ns: AtomicU64,
    cpu_ns: AtomicU64,
    times: AtomicU64,
}

/// What was spent on a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTime {
    /// Seconds by the clock, added up over threads.
    pub wall_s: f64,
    /// Seconds of a processor.
    pub cpu_s: f64,
    /// How often it was entered; a future each time that it is polled.
    pub times: u64,
}

/// A thread's open stages, and up to when its time is in its times.
struct OpenStages {
    times: Arc<ThreadTimes>,
    open: Vec<Stage>,
    wall: Instant,
    cpu: Duration,
}

/// The all_times so far.
pub fn all() -> Vec<Arc<ThreadTimes>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The calling thread's.
#[cfg(test)]
pub fn mine() -> Arc<ThreadTimes> {
    CURRENT.with(|open_stages| open_stages.borrow().times.clone())
}

/// This thread begins to work on a stage.
pub fn enter(stage: Stage) {
    turn(|open_stages| {
        open_stages.open.push(stage);
        open_stages.times.entries[stage as usize].times.fetch_add(1, Ordering::Relaxed);
    });
}

/// This thread goes back to what it did before.
pub fn exit(stage: Stage) {
    turn(|open_stages| {
        if let Some(at) = open_stages.open.iter().rposition(|open| *open == stage) {
            open_stages.open.remove(at);
        }
    });
}

/// Enters the time up to now, then lets the stages change. A thread that is ending has no open stages any more.
fn turn(change: impl FnOnce(&mut OpenStages)) {
    let _ = CURRENT.try_with(|open_stages| {
        let mut open_stages = open_stages.borrow_mut();
        open_stages.charge();
        change(&mut open_stages);
    });
}

/// The stage that counts: the innermost, but for [`Stage::Load`], to which all counts that it leads to.
fn current(open: &[Stage]) -> Option<Stage> {
    open.iter().find(|stage| **stage == Stage::Load).or(open.last()).copied()
}

impl OpenStages {
    fn new() -> Self {
        let times = Arc::new(ThreadTimes { thread: this_thread(), entries: Default::default() });
        THREADS.lock().unwrap_or_else(PoisonError::into_inner).push(times.clone());
        Self { times, open: Vec::new(), wall: Instant::now(), cpu: thread_cpu() }
    }

    fn charge(&mut self) {
        let (wall, cpu) = (Instant::now(), thread_cpu());
        if let Some(stage) = current(&self.open) {
            let entry = &self.times.entries[stage as usize];
            entry.wall_ns.fetch_add((wall - self.wall).as_nanos() as u64, Ordering::Relaxed);
            entry.cpu_ns.fetch_add(cpu.saturating_sub(self.cpu).as_nanos() as u64, Ordering::Relaxed);
        }
        (self.wall, self.cpu) = (wall, cpu);
    }
}

impl ThreadTimes {
    /// What was spent on a stage.
    pub fn spent(&self, stage: Stage) -> StageTime {
        let Entry { wall_ns, cpu_ns, times } = &self.entries[stage as usize];
        let seconds = |ns: &AtomicU64| ns.load(Ordering::Relaxed) as f64 * 1e-9;
        StageTime { wall_s: seconds(wall_ns), cpu_s: seconds(cpu_ns), times: times.load(Ordering::Relaxed) }
    }

    /// Processor seconds on all stages together.
    pub fn cpu_s(&self) -> f64 {
        Stage::ALL.iter().map(|stage| self.spent(*stage).cpu_s).sum()
    }
}

/// The calling thread's number; 0 where the system has no `/proc`.
fn this_thread() -> u32 {
    let place = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    place.file_name().and_then(|number| number.to_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes for so many milliseconds of this thread's processor time.
    fn work(ms: u64) {
        let until = thread_cpu() + Duration::from_millis(ms);
        while thread_cpu() < until {
            std::hint::black_box(until);
        }
    }

    /// What `doing` spends, on a thread of its own.
    fn ledger_of(doing: impl FnOnce() + Send) -> Arc<ThreadTimes> {
        let times = || {
            doing();
            mine()
        };
        std::thread::scope(|scope| scope.spawn(times).join()).unwrap()
    }

    #[test]
    fn time_goes_to_the_innermost_stage_and_to_none_outside() {
        let times = ledger_of(|| {
            enter(Stage::Flac);
            work(20);
            enter(Stage::Store);
            work(40);
            exit(Stage::Store);
            exit(Stage::Flac);
            work(30);
            enter(Stage::Store);
            exit(Stage::Store);
        });
        let (flac, store) = (times.spent(Stage::Flac), times.spent(Stage::Store));
        assert!((0.02..0.03).contains(&flac.cpu_s), "{flac:?}");
        assert!((0.04..0.05).contains(&store.cpu_s), "{store:?}");
        assert!(store.wall_s >= store.cpu_s - 0.001, "{store:?}");
        assert_eq!((flac.times, store.times), (1, 2));
        assert!(times.cpu_s() < 0.08, "what lies outside counts");
    }

    #[test]
    fn loading_takes_what_it_leads_to() {
        assert_eq!(current(&[Stage::Wire, Stage::Load, Stage::Inference]), Some(Stage::Load));
        assert_eq!(current(&[Stage::Wire, Stage::Window]), Some(Stage::Window));
        assert_eq!(current(&[]), None);
    }

    #[test]
    fn a_stage_that_was_never_entered_does_no_harm_when_left() {
        let times = ledger_of(|| {
            enter(Stage::Blend);
            exit(Stage::Decode);
            work(2);
            exit(Stage::Blend);
        });
        assert!(times.spent(Stage::Blend).cpu_s >= 0.002);
    }
}
