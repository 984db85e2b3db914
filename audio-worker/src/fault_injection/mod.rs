//! `[simulation]`: makes workers slow, faulty or forgetful on purpose, for demonstrations and tests.

mod injector;
mod reply_faults;
mod slow;

pub(crate) use injector::{FaultInjector, FaultScope};
pub(crate) use reply_faults::{ReplyAction, ReplyFaults};
pub(crate) use slow::slowed;

use karaoke_core::route::is_provider;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How workers pretend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulationConfig {
    /// Every window takes at least so many seconds; 0: as long as it takes.
    pub window_seconds: f64,
    /// Workers without a fault; when there are none with it either, `worker.workers` says how many.
    pub workers_healthy: usize,
    /// Workers with the fault.
    pub workers_unhealthy: usize,
    /// Seconds after a worker's start when the fault shows: at that moment if it has a chunk in hand, else in the
    /// middle of its next one.
    pub simulate_crash_after: f64,
    /// What the unhealthy workers do then.
    pub fault: Fault,
    /// The fault shows only with jobs for this model; empty: with all.
    pub fault_model: String,
    /// How many times as long a window takes for `slow`.
    pub slow_factor: f64,
    /// Whether a worker that crashed on purpose is started again, as any other is.
    pub restart_crashed: bool,
    /// Probability that a reply is never sent although its job is acked.
    pub drop_replies: f64,
    /// Probability that a reply is sent twice.
    pub double_replies: f64,
    /// The same seed drops and doubles the replies to the same chunks.
    pub seed: u64,
    /// Workers pretend to have this execution provider, so that they take its jobs and no others; empty: the one
    /// they have.
    pub provider: String,
}

/// What an unhealthy worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Its process is killed in the middle of a chunk.
    Kill,
    /// Its process freezes in the middle of a chunk.
    Hang,
    /// It hands back the chunk in hand, and every later one.
    Nack,
    /// Its replies hold samples that are no numbers.
    Corrupt,
    /// Its windows take `slow_factor` times as long.
    Slow,
}

impl Fault {
    const ALL: [Self; 5] = [Self::Kill, Self::Hang, Self::Nack, Self::Corrupt, Self::Slow];
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
            Self::Nack => "nack",
            Self::Corrupt => "corrupt",
            Self::Slow => "slow",
        })
    }
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(name: &str) -> Result<Self, NoFault> {
        Self::ALL.into_iter().find(|fault| fault.to_string() == name).ok_or(NoFault)
    }
}

/// No fault is called that.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a fault is one of kill, hang, nack, corrupt, slow")]
pub struct NoFault;

impl Default for SimulationConfig {
    fn default() -> Self {
        Self {
            window_seconds: 0.0,
            workers_healthy: 0,
            workers_unhealthy: 0,
            simulate_crash_after: 10.0,
            fault: Fault::Kill,
            fault_model: String::new(),
            slow_factor: 10.0,
            restart_crashed: false,
            drop_replies: 0.0,
            double_replies: 0.0,
            seed: 0,
            provider: String::new(),
        }
    }
}

/// A value of `[simulation]` that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("simulation.{key} {problem}")]
pub struct BadSimulation {
    key: &'static str,
    problem: &'static str,
}

impl SimulationConfig {
    /// Refuses values that cannot be.
    pub fn check(&self) -> Result<(), BadSimulation> {
        let bad = |key, problem| Err(BadSimulation { key, problem });
        if !(0.0..=3600.0).contains(&self.window_seconds) {
            return bad("window_seconds", "must lie between 0 and 3600");
        }
        for (key, workers) in
            [("workers_healthy", self.workers_healthy), ("workers_unhealthy", self.workers_unhealthy)]
        {
            if workers > 1024 {
                return bad(key, "must be at most 1024");
            }
        }
        if !(0.0..=86_400.0).contains(&self.simulate_crash_after) {
            return bad("simulate_crash_after", "must lie between 0 and 86400");
        }
        if !(1.0..=1000.0).contains(&self.slow_factor) {
            return bad("slow_factor", "must lie between 1 and 1000");
        }
        for (key, p) in [("drop_replies", self.drop_replies), ("double_replies", self.double_replies)] {
            if !(0.0..=1.0).contains(&p) {
                return bad(key, "must lie between 0 and 1");
            }
        }
        if self.drop_replies + self.double_replies > 1.0 {
            return bad("double_replies", "and simulation.drop_replies must be at most 1 together");
        }
        if !self.provider.is_empty() && !is_provider(&self.provider) {
            return bad("provider", "must be empty or 1 to 32 lower-case letters, digits or '-'");
        }
        Ok(())
    }

    /// Healthy workers, where `configured` are meant without a simulation.
    pub(crate) fn healthy(&self, configured: usize) -> usize {
        if self.workers_healthy + self.workers_unhealthy == 0 { configured } else { self.workers_healthy }
    }

    /// The fault of worker `number`, counted from 1, of which the first `healthy` have none.
    pub(crate) fn fault_of(&self, number: usize, healthy: usize) -> Option<Fault> {
        (number > healthy).then_some(self.fault)
    }

    /// [`Self::simulate_crash_after`] as a duration.
    pub(crate) fn crash_after(&self) -> Duration {
        Duration::try_from_secs_f64(self.simulate_crash_after).unwrap_or(Duration::MAX)
    }

    /// Whether a worker process with `fault` that lived for `lived` and was ended by `signal` ended itself.
    pub fn is_own_doing(&self, fault: Option<Fault>, lived: Duration, signal: Option<i32>) -> bool {
        fault == Some(Fault::Kill) && signal == Some(9) && lived >= self.crash_after()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_workers_are_healthy() {
        let config = SimulationConfig { workers_unhealthy: 1, fault: Fault::Nack, ..Default::default() };
        let healthy = |c: SimulationConfig| c.healthy(3);
        assert_eq!(healthy(SimulationConfig::default()), 3);
        assert_eq!(healthy(config.clone()), 0);
        assert_eq!(healthy(SimulationConfig { workers_healthy: 2, ..config.clone() }), 2);
        let faults: Vec<_> = (1..=4).map(|number| config.fault_of(number, 3)).collect();
        assert_eq!(faults, [None, None, None, Some(Fault::Nack)]);
    }

    #[test]
    fn faults_are_called_in_the_configuration_as_on_the_command_line() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            let text = format!("fault = \"{fault}\"");
            assert_eq!(toml::from_str::<SimulationConfig>(&text).unwrap().fault, fault);
        }
        assert_eq!("sleep".parse::<Fault>(), Err(NoFault));
    }

    #[test]
    fn only_a_due_kill_is_ones_own_doing() {
        let config = SimulationConfig { simulate_crash_after: 5.0, ..Default::default() };
        let own = |fault, lived, signal| config.is_own_doing(fault, Duration::from_secs(lived), signal);
        assert!(own(Some(Fault::Kill), 5, Some(9)));
        assert!(!own(Some(Fault::Kill), 4, Some(9)) && !own(Some(Fault::Kill), 5, Some(15)));
        assert!(!own(Some(Fault::Kill), 5, None) && !own(Some(Fault::Hang), 5, Some(9)));
        assert!(!own(None, 5, Some(9)));
    }

    #[test]
    fn impossible_values_are_named() {
        let good = SimulationConfig::default();
        assert_eq!(good.check(), Ok(()));
        let bad = [
            ("window_seconds", SimulationConfig { window_seconds: -1.0, ..good.clone() }),
            ("workers_healthy", SimulationConfig { workers_healthy: 1025, ..good.clone() }),
            ("workers_unhealthy", SimulationConfig { workers_unhealthy: 1025, ..good.clone() }),
            ("simulate_crash_after", SimulationConfig { simulate_crash_after: f64::NAN, ..good.clone() }),
            ("slow_factor", SimulationConfig { slow_factor: 0.5, ..good.clone() }),
            ("drop_replies", SimulationConfig { drop_replies: 1.5, ..good.clone() }),
            ("provider", SimulationConfig { provider: "a.b".into(), ..good.clone() }),
            ("double_replies", SimulationConfig { drop_replies: 0.6, double_replies: 0.6, ..good }),
        ];
        for (key, config) in bad {
            assert!(config.check().unwrap_err().to_string().starts_with(&format!("simulation.{key}")));
        }
    }
}
