//! The log: on standard error; `RUST_LOG` chooses what.

use crate::stages::{self, Listener};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Begins to log, and measures stages where that is asked for.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    subscriber(filter, stages::folder().is_some()).init();
}

/// Logs nothing, and measures stages where that is asked for.
pub fn start_quietly() {
    if stages::folder().is_some() {
        subscriber(EnvFilter::new("off"), true).init();
    }
}

fn subscriber(filter: EnvFilter, measuring: bool) -> Box<dyn Subscriber + Send + Sync> {
    let registry = tracing_subscriber::registry();
    if !measuring {
        // One filter for all: with a filter of its own beside a layer that may be there or not, a line lost its spans.
        return Box::new(registry.with(filter).with(lines()));
    }
    Box::new(registry.with(lines().with_filter(filter)).with(Listener.with_filter(Listener::filter())))
}

/// Writes a line for each event.
fn lines<S: Subscriber + for<'s> LookupSpan<'s>>() -> impl Layer<S> {
    fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use karaoke_stages::Stage;
    use tracing::level_filters::LevelFilter;

    #[test]
    fn stages_cost_nothing_unless_they_are_measured() {
        let usual = subscriber(EnvFilter::new("info"), false);
        // What lies below is turned away by one look at the level.
        assert_eq!(usual.max_level_hint(), Some(LevelFilter::INFO));
        tracing::subscriber::with_default(usual, || assert!(Stage::Wire.span().is_disabled()));
        for filter in ["off", "info"] {
            let measuring = subscriber(EnvFilter::new(filter), true);
            tracing::subscriber::with_default(measuring, || assert!(!Stage::Wire.span().is_disabled()));
        }
    }
}
