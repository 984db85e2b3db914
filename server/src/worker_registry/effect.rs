//! What an announcement changed.

/// What a listener missed or should know of a worker that has just announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnouncementEffect {
    /// It was not there before, or it is back in a new life.
    Joined,
    /// It was there.
    Again,
    /// It has died, as its pool says.
    Crashed,
    /// It has left.
    Left,
    /// The word of a life that another has followed already.
    Late,
}
