//! Newtypes for the numbers and names that are easily mixed up: which chunk, how many frames, at which rate, which
//! worker, which model. Each serialises as the plain number or text that it holds.

use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Deref, Sub};
use std::str::FromStr;

/// The index of a chunk in its track's [`ChunkPlan`](crate::ChunkPlan), from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkIndex(u64);

/// A number of frames: samples of one channel, at a rate that the context tells. Also the position of a frame in a
/// track, counted from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Frames(u64);

/// Frames per second (Hz).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleRate(u32);

macro_rules! number {
    ($name:ident, $inner:ty) => {
        impl $name {
            /// Wraps the plain number.
            pub const fn new(value: $inner) -> Self {
                Self(value)
            }

            /// The plain number.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = <$inner as FromStr>::Err;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl PartialEq<$inner> for $name {
            fn eq(&self, other: &$inner) -> bool {
                self.0 == *other
            }
        }
    };
}

number!(ChunkIndex, u64);
number!(Frames, u64);
number!(SampleRate, u32);

impl ChunkIndex {
    /// The chunk after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Add<u64> for ChunkIndex {
    type Output = Self;

    /// The chunk so many after this one.
    fn add(self, chunks: u64) -> Self {
        Self(self.0 + chunks)
    }
}

impl Frames {
    /// No frame.
    pub const ZERO: Self = Self(0);

    /// How long so many frames last, in seconds.
    ///
    /// ```
    /// use karaoke_core::units::{Frames, SampleRate};
    /// assert_eq!(Frames::new(66_150).seconds(SampleRate::new(44_100)), 1.5);
    /// ```
    pub fn seconds(self, rate: SampleRate) -> f64 {
        self.0 as f64 / f64::from(rate.get())
    }

    /// `self − other`, or no frame where that is negative.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Frames {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Frames {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Frames {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Frames {
    fn sum<I: Iterator<Item = Self>>(frames: I) -> Self {
        frames.fold(Self::ZERO, Add::add)
    }
}

/// The name of a worker, unique among all machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(String);

/// The name of a model: what its manifest calls it. A name that came from outside is checked by
/// [`Manifest::parse`](crate::Manifest::parse) or by looking it up, not here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelName(String);

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// Wraps the plain text.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The plain text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        // Maps keyed by the name can be asked with plain text: hash and order are those of the text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

name!(WorkerId);
name!(ModelName);

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn they_serialise_as_what_they_hold() {
        assert_eq!(json(&ChunkIndex::new(7)), "7");
        assert_eq!(json(&Frames::new(8)), "8");
        assert_eq!(json(&SampleRate::new(44_100)), "44100");
        assert_eq!(json(&WorkerId::new("a-w1.2")), "\"a-w1.2\"");
        assert_eq!(json(&ModelName::new("builtin")), "\"builtin\"");
        assert_eq!(serde_json::from_str::<ModelName>("\"kim\"").unwrap(), "kim");
        assert_eq!("12".parse::<ChunkIndex>().unwrap(), 12);
        assert!("-1".parse::<ChunkIndex>().is_err());
    }
}
