//! What is told to Prometheus (`GET /metrics`): counters and histograms are kept as things happen, levels are looked up
//! when they are asked for.

mod disk;
mod levels;
mod process;

pub use disk::{DiskUse, StoreUse};
pub use levels::Levels;

use crate::store::AttemptOutcome;
use karaoke_core::{Route, TrackState};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Names of labels with their values. Every value is one of few: no track, worker, file or address of a client.
type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Histograms<const N: usize> = Family<Labels<N>, Histogram, fn() -> Histogram>;

/// Counters and histograms of one server, from its start.
pub struct Metrics {
    registry: Registry,
    /// The store's files by kind; counting them takes a while.
    pub(crate) store_use: StoreUse,
    tracks_ended: Counters<1>,
    chunks_done: Counters<2>,
    chunks_failed: Counter,
    attempts_failed: Counters<1>,
    resent: Counters<1>,
    window_duration: Histograms<2>,
    queue_wait: Histogram,
    received: Counter,
    sent: Counter,
    reconnects: Counter,
    requests: Histograms<3>,
}

/// Why chunks in flight are sent once more.
const RESENT: [&str; 3] = ["overdue", "silent", "straggler"];

/// From a fast graphics card to a slow processor.
fn window_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 14))
}

/// From a worker that waits to a queue of minutes.
fn wait_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 3.0, 12))
}

/// From a status that lies in memory to a stem that is waited for.
fn request_buckets() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Registry::default(),
            store_use: StoreUse::default(),
            tracks_ended: Family::default(),
            chunks_done: Family::default(),
            chunks_failed: Counter::default(),
            attempts_failed: Family::default(),
            resent: Family::default(),
            window_duration: Family::new_with_constructor(window_buckets),
            queue_wait: wait_buckets(),
            received: Counter::default(),
            sent: Counter::default(),
            reconnects: Counter::default(),
            requests: Family::new_with_constructor(request_buckets),
        };
        metrics.registered()
    }
}

impl Metrics {
    #[rustfmt::skip]
    fn registered(mut self) -> Self {
        let mut root = Registry::default();
        let all = root.sub_registry_with_prefix("karaoke");
        all.register("tracks_ended", "Tracks that came to an end, by the state in which they did", self.tracks_ended.clone());
        all.register("chunks_done", "Chunks whose samples are safe", self.chunks_done.clone());
        all.register("chunks_failed", "Chunks that were given up, and their track with them", self.chunks_failed.clone());
        all.register("chunk_attempts_failed", "Attempts at chunks that brought nothing", self.attempts_failed.clone());
        all.register("chunks_resent", "Copies of chunks in flight that were sent, by why", self.resent.clone());
        all.register_with_unit(
            "window_duration", "How long a worker took for a window: each window of a chunk counts as their mean",
            Unit::Seconds, self.window_duration.clone(),
        );
        all.register_with_unit(
            "queue_wait", "How long a chunk waited from being handed to the queue until a worker began with it",
            Unit::Seconds, self.queue_wait.clone(),
        );
        all.register_with_unit("upload_received", "Bytes of songs that arrived", Unit::Bytes, self.received.clone());
        all.register_with_unit("stems_sent", "Bytes of stems that left", Unit::Bytes, self.sent.clone());
        all.register("broker_reconnects", "Connections to the broker after the first", self.reconnects.clone());
        all.register_with_unit(
            "http_request_duration", "How long a request took until its answer's header was there, by route",
            Unit::Seconds, self.requests.clone(),
        );
        // What has not happened yet stands at 0, so that a rate is known from the first time on.
        for state in TrackState::ALL.into_iter().filter(|state| state.is_terminal()) {
            drop(self.tracks_ended.get_or_create(&[("state", state.name().to_owned())]));
        }
        for outcome in AttemptOutcome::ALL {
            drop(self.attempts_failed.get_or_create(&[("outcome", outcome.name().to_owned())]));
        }
        for reason in RESENT {
            drop(self.resent.get_or_create(&[("reason", reason.to_owned())]));
        }
        self.registry = root;
        self
    }

    /// A track has come to its end.
    pub(crate) fn track_ended(&self, state: TrackState) {
        self.tracks_ended.get_or_create(&[("state", state.name().to_owned())]).inc();
    }

    /// A worker has done a chunk of so many windows in so many seconds.
    pub(crate) fn chunk_done(&self, route: &Route, windows: u64, seconds: f64) {
        let labels = [("model", route.model.to_string()), ("provider", route.provider.clone())];
        self.chunks_done.get_or_create(&labels).inc();
        if windows > 0 && seconds.is_finite() {
            let histogram = self.window_duration.get_or_create(&labels);
            (0..windows).for_each(|_| histogram.observe(seconds / windows as f64));
        }
    }

    /// A chunk was given up.
    pub(crate) fn chunk_failed(&self) {
        self.chunks_failed.inc();
    }

    /// An attempt at a chunk brought nothing.
    pub(crate) fn attempt_failed(&self, outcome: AttemptOutcome) {
        self.attempts_failed.get_or_create(&[("outcome", outcome.name().to_owned())]).inc();
    }

    /// Another copy of a chunk in flight is sent, for one of the reasons in `RESENT`.
    pub(crate) fn resent(&self, reason: &'static str) {
        self.resent.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    /// A worker began with a chunk that had waited so long.
    pub(crate) fn waited(&self, wait: Duration) {
        self.queue_wait.observe(wait.as_secs_f64());
    }

    /// Bytes of a song have arrived.
    pub(crate) fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Bytes of a stem have left.
    pub(crate) fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// So many connections to the broker were made anew.
    pub(crate) fn reconnected(&self, times: u64) {
        self.reconnects.inc_by(times);
    }

    /// A request was answered. `route` is the pattern of its address.
    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels =
            [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Everything, as OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: it is written to memory.
    pub fn text(&self, levels: &Levels) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &levels.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_happened_is_told_and_what_has_not_is_zero() {
        let metrics = Metrics::default();
        metrics.chunk_done(&Route::new("m", "cpu"), 4, 2.0);
        metrics.attempt_failed(AttemptOutcome::Lost);
        metrics.request("GET", "/api/v1/tracks/{id}", 200, Duration::from_millis(3));
        let text = metrics.text(&Levels::default()).unwrap();
        for line in [
            "karaoke_chunks_done_total{model=\"m\",provider=\"cpu\"} 1",
            "karaoke_window_duration_seconds_sum{model=\"m\",provider=\"cpu\"} 2.0",
            "karaoke_window_duration_seconds_count{model=\"m\",provider=\"cpu\"} 4",
            "karaoke_chunk_attempts_failed_total{outcome=\"lost\"} 1",
            "karaoke_chunk_attempts_failed_total{outcome=\"spare\"} 0",
            "karaoke_tracks_ended_total{state=\"failed\"} 0",
            "karaoke_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/tracks/{id}\",status=\"200\"} 1",
            "# TYPE karaoke_queue_wait_seconds histogram",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in:\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
