//! The stages on which time is spent, from a song to its stems: their names, and a span for each.
//!
//! Whoever works on one says so; who is interested listens for spans of [`TARGET`] and holds the clock. Without a
//! listener a span is one look at a flag.

use tracing::Span;
use tracing::span::EnteredSpan;

/// The target of all spans of stages.
pub const TARGET: &str = "karaoke::stage";

macro_rules! stages {
    ($($(#[$doc:meta])* $stage:ident = $name:literal,)*) => {
        /// What a thread is working on. Of stages within one another the innermost counts, except in [`Stage::Load`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Stage { $($(#[$doc])* $stage,)* }

        impl Stage {
            /// All of them, in the order of a song's way.
            pub const ALL: &'static [Self] = &[$(Self::$stage,)*];

            /// Its name, as reports have it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$stage => $name,)* }
            }

            /// A span of it, for a future to be instrumented with.
            pub fn span(self) -> Span {
                match self { $(Self::$stage => tracing::trace_span!(target: TARGET, $name),)* }
            }
        }
    };
}

stages! {
    /// Requests: uploads received, hashed and written, answers.
    Http = "http",
    /// Decoding an upload to interleaved f32, its tags included.
    Decode = "decode",
    /// Another sample rate, to the model's or back from it.
    Resample = "resample",
    /// Samples to messages and back, checksums, frames, sockets.
    Wire = "wire",
    /// Opening a model; everything within counts to it.
    Load = "load",
    /// What a kind of model does to a window besides transforms and networks: levels, checks.
    Window = "window",
    /// The transform of a window, into the network's layout.
    Stft = "stft",
    /// The network.
    Inference = "inference",
    /// The inverse transform, from the network's layout.
    InverseStft = "inverse stft",
    /// Overlap-add: windows joined to stems, stems added or taken from the mix.
    Blend = "overlap-add",
    /// Files of samples and the database: reading, writing, syncing, removing.
    Store = "store",
    /// Stems to WAV.
    Wav = "encode wav",
    /// Stems to FLAC.
    Flac = "encode flac",
    /// Stems to MP3.
    Mp3 = "encode mp3",
    /// Nothing: waiting for another thread, for a session that is in use or for windows that are not done.
    Wait = "waiting",
}

impl Stage {
    /// The stage of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.name() == name)
    }

    /// This thread works on it until the answer is dropped.
    pub fn enter(self) -> EnteredSpan {
        self.span().entered()
    }

    /// This thread works on it while `work` runs.
    pub fn of<T>(self, work: impl FnOnce() -> T) -> T {
        self.span().in_scope(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::filter::LevelFilter;

    #[test]
    fn names_are_told_apart_and_found_again() {
        for stage in Stage::ALL {
            assert_eq!(Stage::named(stage.name()), Some(*stage));
        }
        assert_eq!(Stage::named("tea"), None);
    }

    #[test]
    fn spans_bear_the_stages_name_for_who_listens() {
        let all = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).finish();
        tracing::subscriber::with_default(all, || {
            for stage in Stage::ALL {
                let span = stage.span();
                let about = span.metadata().unwrap();
                assert_eq!((about.target(), about.name()), (TARGET, stage.name()));
            }
        });
        let usual = tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).finish();
        tracing::subscriber::with_default(usual, || assert!(Stage::Wire.span().is_disabled()));
    }

    #[test]
    fn work_gives_what_it_gives() {
        assert_eq!(Stage::Decode.of(|| 3), 3);
    }
}
