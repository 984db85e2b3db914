//! What a worker is doing: written by the worker, read out by its announcer.

use crate::installed::Served;
use crate::process;
use karaoke_core::presence::{HeldChunk, Presence, WorkerState};
use karaoke_core::wire::Job;
use karaoke_core::{ModelName, WorkerId};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A worker in one of its runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name, unique among all machines.
    pub name: WorkerId,
    /// Another number in each run.
    pub life: u64,
}

impl Identity {
    /// A new run of the worker called `name`.
    pub fn new(name: impl Into<WorkerId>) -> Self {
        // 53 bits: readers of JSON that know only doubles see the same number.
        Self { name: name.into(), life: rand::random::<u64>() >> 11 }
    }
}

/// What stays the same for a worker's whole run.
#[derive(Clone, Debug)]
pub(crate) struct WorkerInfo {
    pub(crate) identity: Identity,
    /// The models that it takes jobs for.
    pub(crate) models: Served,
    pub(crate) threads: usize,
    pub(crate) prefetch: u32,
    /// Between two announcements.
    pub(crate) every: Duration,
    /// The execution provider of its sessions.
    pub(crate) provider: String,
    /// Why it is that one.
    pub(crate) provider_why: String,
    /// Models that run by another one.
    pub(crate) providers: BTreeMap<ModelName, String>,
}

/// The status.
pub(crate) struct WorkerStatus {
    info: WorkerInfo,
    born: Instant,
    now: Mutex<Now>,
    news: Notify,
    announced: CancellationToken,
}

struct Now {
    state: WorkerState,
    note: Option<String>,
    done: u64,
    failures: u64,
    current: Option<HeldChunk>,
    meter: Meter,
}

impl WorkerStatus {
    pub(crate) fn new(info: WorkerInfo) -> Self {
        let now = Now {
            state: WorkerState::Idle,
            note: None,
            done: 0,
            failures: 0,
            current: None,
            meter: Meter { at: Instant::now(), cpu_s: process::cpu_seconds() },
        };
        let (news, announced) = (Notify::new(), CancellationToken::new());
        Self { info, born: Instant::now(), now: Mutex::new(now), news, announced }
    }

    pub(crate) fn every(&self) -> Duration {
        self.info.every
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.info.identity
    }

    pub(crate) fn name(&self) -> &WorkerId {
        &self.info.identity.name
    }

    /// Waits for something that should not wait for the next announcement.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Cancelled once this run has been announced.
    pub(crate) fn announced(&self) -> &CancellationToken {
        &self.announced
    }

    pub(crate) fn idle(&self) {
        self.write(WorkerState::Idle, None, None);
    }

    pub(crate) fn working(&self, job: &Job) {
        let hand = HeldChunk { track: job.track.clone(), chunk: job.chunk, attempt: job.attempt };
        self.write(WorkerState::Working, None, Some(hand));
    }

    pub(crate) fn resting(&self, note: &str) {
        self.write(WorkerState::Resting, Some(note.to_owned()), None);
        self.news.notify_one();
    }

    pub(crate) fn drained(&self, note: &str) {
        self.write(WorkerState::Drained, Some(note.to_owned()), None);
        self.news.notify_one();
    }

    /// There is something to announce before the next turn.
    pub(crate) fn announce_soon(&self) {
        self.news.notify_one();
    }

    pub(crate) fn over(&self, state: WorkerState, note: Option<&str>) {
        self.write(state, note.map(str::to_owned), None);
    }

    pub(crate) fn count_done(&self) {
        self.now().done += 1;
    }

    pub(crate) fn count_failure(&self) {
        self.now().failures += 1;
    }

    /// What there is to announce.
    pub(crate) fn presence(&self) -> Presence {
        let mut now = self.now();
        let info = &self.info;
        Presence {
            worker: info.identity.name.clone(),
            life: info.identity.life,
            host: process::host(),
            pid: std::process::id(),
            models: info.models.borrow().to_vec(),
            provider: info.provider.clone(),
            provider_why: info.provider_why.clone(),
            providers: info.providers.clone(),
            threads: u32::try_from(info.threads).unwrap_or(u32::MAX),
            prefetch: info.prefetch,
            state: now.state,
            note: now.note.clone(),
            cpu_load: now.meter.load(Instant::now(), process::cpu_seconds()),
            done: now.done,
            failures: now.failures,
            current: now.current.clone(),
            uptime_s: self.born.elapsed().as_secs_f64(),
            every_s: info.every.as_secs_f64(),
        }
    }

    fn write(&self, state: WorkerState, note: Option<String>, current: Option<HeldChunk>) {
        let mut now = self.now();
        (now.state, now.note, now.current) = (state, note, current);
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Plain data: whoever panicked while holding it left it whole.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a pool says of a worker process, number `pid`, that died without a word of its own.
pub fn crash_announcement(identity: &Identity, pid: u32, note: String, uptime: Duration) -> Presence {
    let mut last = Presence::new(identity.name.clone(), Vec::new(), "");
    (last.life, last.host, last.pid) = (identity.life, process::host(), pid);
    (last.state, last.note, last.uptime_s) = (WorkerState::Crashed, Some(note), uptime.as_secs_f64());
    last
}

/// Processor time at the last reading.
struct Meter {
    at: Instant,
    cpu_s: f64,
}

impl Meter {
    /// Processor seconds per second since the last reading.
    fn load(&mut self, at: Instant, cpu_s: f64) -> f64 {
        let (passed, used) = (at.saturating_duration_since(self.at).as_secs_f64(), cpu_s - self.cpu_s);
        *self = Self { at, cpu_s };
        if passed > 0.0 { (used / passed).max(0.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_processor_time_per_time_since_the_last_reading() {
        let start = Instant::now();
        let mut meter = Meter { at: start, cpu_s: 1.0 };
        assert_eq!(meter.load(start + Duration::from_secs(2), 4.0), 1.5);
        assert_eq!(meter.load(start + Duration::from_secs(3), 4.0), 0.0);
        assert_eq!(meter.load(start + Duration::from_secs(3), 5.0), 0.0);
    }

    #[test]
    fn lives_differ_and_fit_a_double() {
        let [a, b] = [Identity::new("w1"), Identity::new("w1")];
        assert!(a.life != b.life && a.life < 1 << 53);
    }
}
