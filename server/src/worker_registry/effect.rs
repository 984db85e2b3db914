//! What an announcement changed.

/// What a listener missed or should know of a worker that has just announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementEffect {
    /// It was not there before, or it is back after a restart.
    Joined,
    /// It was there.
    Renewed,
    /// It has died, as its pool says.
    Crashed,
    /// It has left.
    Left,
    /// An announcement of a run that a later one has replaced.
    Outdated,
}
