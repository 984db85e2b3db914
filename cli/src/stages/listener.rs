//! Hears the spans of stages, and has each thread's time entered.

use super::cpu_time;
use karaoke_stages::{Stage, TARGET};
use tracing::span::Id;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The ear.
pub struct Listener;

impl Listener {
    /// What it wants to hear, and nothing else.
    pub fn filter() -> Targets {
        Targets::new().with_target(TARGET, LevelFilter::TRACE)
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Listener {
    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(stage) = context.metadata(id).and_then(stage_of) {
            cpu_time::enter(stage);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(stage) = context.metadata(id).and_then(stage_of) {
            cpu_time::exit(stage);
        }
    }
}

fn stage_of(metadata: &Metadata<'_>) -> Option<Stage> {
    if metadata.target() == TARGET { Stage::named(metadata.name()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Instrument;
    use tracing_subscriber::layer::SubscriberExt;

    fn times(stage: Stage) -> u64 {
        cpu_time::all().iter().map(|times| times.spent(stage).times).sum()
    }

    #[tokio::test]
    async fn hears_threads_and_futures() {
        let subscriber = tracing_subscriber::registry().with(Listener.with_filter(Listener::filter()));
        let _heard = tracing::subscriber::set_default(subscriber);
        let before = times(Stage::Stft);
        Stage::Stft.of(|| ());
        assert_eq!(times(Stage::Stft), before + 1);
        // Once before it waits, and once after.
        tokio::task::yield_now().instrument(Stage::Stft.span()).await;
        assert!(times(Stage::Stft) >= before + 3);
        let after = times(Stage::Stft);
        tracing::trace_span!("stft").in_scope(|| ());
        assert_eq!(times(Stage::Stft), after, "another's span counts");
    }
}
