//! What a pool does when one of its worker processes has died. Decides only.

use karaoke_worker::process::is_own_fault;
use std::process::ExitStatus;
use std::time::Duration;

/// Workers that failed to start, in a pool of which none ever came up, after which it gives up: the
/// configuration is wrong, and trying again will not make it right.
const MISSTARTS: u32 = 3;

/// How a worker process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// How long it lived.
    pub lived: Duration,
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It was up.
    pub was_up: bool,
    /// It had taken its leave.
    pub has_left: bool,
}

impl Death {
    /// Fills in what the system says of it.
    pub fn with(self, status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self { code: status.code(), signal: status.signal(), ..self }
    }

    /// Why it died, for people.
    pub fn note(&self) -> String {
        match (self.signal, self.code) {
            (Some(signal), _) => format!("killed by signal {signal}"),
            (None, Some(code)) => format!("ended with exit status {code}"),
            (None, None) => "ended, nobody knows how".to_owned(),
        }
    }

    /// It said what is wrong and ended before it was up.
    fn is_misstart(&self) -> bool {
        self.code == Some(1) && !self.was_up
    }

    /// It left by itself so that another one takes its place at once.
    pub fn makes_room(&self) -> bool {
        self.has_left && self.code == Some(0)
    }

    /// It was up and did something wrong.
    fn is_own_fault(&self) -> bool {
        self.was_up && self.signal.is_some_and(is_own_fault)
    }

    /// Servers know it and have not been told that it is gone.
    pub fn needs_crash_announcement(&self) -> bool {
        self.was_up && !self.has_left
    }
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one takes its place after a pause.
    Restart,
    /// Two take its place, each with half of its workers: a chunk that no process survives must not take the same
    /// others with it each time.
    Split,
    /// It crashed on purpose and is to stay dead.
    StayDead,
    /// No worker of this pool can start.
    GiveUp,
}

/// What the pool has seen.
#[derive(Debug, Default)]
pub struct Record {
    misstarts: u32,
    any_was_up: bool,
}

impl Record {
    /// What is to happen after the `death` of a process of so many workers; `simulated`: it was on purpose and is
    /// not to be made good.
    pub fn next(&mut self, death: &Death, workers: usize, simulated: bool) -> Next {
        self.any_was_up |= death.was_up;
        self.misstarts += u32::from(death.is_misstart());
        match self.misstarts >= MISSTARTS && !self.any_was_up {
            true => Next::GiveUp,
            false if simulated => Next::StayDead,
            false if workers > 1 && death.is_own_fault() => Next::Split,
            false => Next::Restart,
        }
    }

    /// A worker came up.
    pub fn up(&mut self) {
        self.any_was_up = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misstart() -> Death {
        Death { code: Some(1), ..Default::default() }
    }

    fn killed() -> Death {
        Death { signal: Some(9), was_up: true, ..Default::default() }
    }

    #[test]
    fn who_is_killed_is_replaced_unless_it_was_on_purpose() {
        let mut record = Record::default();
        assert_eq!(record.next(&killed(), 1, false), Next::Restart);
        assert_eq!(record.next(&killed(), 1, true), Next::StayDead);
    }

    #[test]
    fn a_pool_that_never_came_up_gives_up_and_another_does_not() {
        let mut record = Record::default();
        let next: Vec<_> = (0..3).map(|_| record.next(&misstart(), 1, false)).collect();
        assert_eq!(next, [Next::Restart, Next::Restart, Next::GiveUp]);
        let mut record = Record::default();
        record.up();
        assert!((0..9).all(|_| record.next(&misstart(), 1, false) == Next::Restart));
        // A crash before it was up says nothing about the configuration.
        let mut record = Record::default();
        let early = Death { signal: Some(11), ..Default::default() };
        assert!((0..9).all(|_| record.next(&early, 2, false) == Next::Restart));
    }

    #[test]
    fn who_shared_a_process_that_did_something_wrong_is_parted() {
        let mut record = Record::default();
        let wrong = Death { signal: Some(11), was_up: true, ..Default::default() };
        assert_eq!(record.next(&wrong, 3, false), Next::Split);
        assert_eq!(record.next(&wrong, 1, false), Next::Restart);
        // The system was out of memory, say: two processes would need more.
        assert_eq!(record.next(&killed(), 3, false), Next::Restart);
    }

    #[test]
    fn deaths_are_explained_and_announced_when_nobody_else_did() {
        assert_eq!(killed().note(), "killed by signal 9");
        assert_eq!(misstart().note(), "ended with exit status 1");
        assert!(killed().needs_crash_announcement() && !misstart().needs_crash_announcement());
        assert!(!Death { has_left: true, ..killed() }.needs_crash_announcement());
    }
}
