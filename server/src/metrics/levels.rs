//! How things stand at the moment of a scrape.

use super::disk::{DiskUse, KINDS};
use super::{Labels, process};
use crate::view::{Health, QueueView, WorkerView};
use karaoke_core::TrackState;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// How things stand.
#[derive(Debug, Default)]
pub struct Levels {
    /// Tracks in each state; those that are not here are none.
    pub tracks: Vec<(TrackState, u64)>,
    /// The queue.
    pub queue: QueueView,
    /// The workers.
    pub workers: Vec<WorkerView>,
    /// The store's disk, where the system tells.
    pub disk: Option<DiskUse>,
    /// Bytes of the store's files, in the order of `KINDS`.
    pub files: [u64; KINDS.len()],
}

impl Levels {
    /// Gauges that stand as things do.
    pub(super) fn registry(&self) -> Registry {
        let mut root = Registry::default();
        let all = root.sub_registry_with_prefix("karaoke");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        all.register("build", "The program", Info::new(version));
        self.tracks(all);
        self.queue(all);
        self.workers(all);
        self.disk(all);
        root.register_collector(Box::new(process::ProcessCollector));
        root
    }

    fn tracks(&self, all: &mut Registry) {
        let tracks = Family::<Labels<1>, Gauge>::default();
        for state in TrackState::ALL {
            let count = self.tracks.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count);
            tracks.get_or_create(&[("state", state.name().to_owned())]).set(count as i64);
        }
        all.register("tracks", "Tracks that the store holds", tracks);
    }

    fn queue(&self, all: &mut Registry) {
        let q = &self.queue;
        let in_flight = Family::<Labels<1>, Gauge>::default();
        let waiting = q.in_flight.saturating_sub(q.begun);
        for (state, count) in [("queued", waiting), ("working", q.begun)] {
            in_flight.get_or_create(&[("state", state.to_owned())]).set(count as i64);
        }
        all.register("chunks_pending", "Chunks that wait for their turn at the server", level(q.backlog));
        let help = "Chunks that were handed to the queue: nobody has begun with them, or a worker has";
        all.register("chunks_in_flight", help, in_flight);
        all.register(
            "chunks_in_flight_limit",
            "Chunks that may be in flight at once",
            level(q.in_flight_bound),
        );
        all.register(
            "broker_connected",
            "Whether there is a connection to the broker (1 or 0; always 1 in one process)",
            level(usize::from(q.connected)),
        );
    }

    fn workers(&self, all: &mut Registry) {
        let workers = Family::<Labels<2>, Gauge>::default();
        for worker in &self.workers {
            let labels = [("provider", worker.provider.clone()), ("state", state_of(worker).to_owned())];
            workers.get_or_create(&labels).inc();
        }
        all.register("workers", "Workers that were heard of lately", workers);
    }

    fn disk(&self, all: &mut Registry) {
        if let Some(disk) = &self.disk {
            let gauge = |bytes: u64| level(usize::try_from(bytes).unwrap_or(usize::MAX));
            let help = "Size of the store's file system";
            all.register_with_unit("disk_size", help, Unit::Bytes, gauge(disk.size));
            let help = "Bytes that the server may still write to the store's file system";
            all.register_with_unit("disk_available", help, Unit::Bytes, gauge(disk.available));
            let help = "Bytes in use on the store's file system, whoever uses them";
            all.register_with_unit("disk_used", help, Unit::Bytes, gauge(disk.used));
        }
        let files = Family::<Labels<1>, Gauge>::default();
        for (kind, bytes) in KINDS.iter().zip(self.files) {
            files.get_or_create(&[("kind", (*kind).to_owned())]).set(bytes as i64);
        }
        let help = "Bytes on disk of the store's files, as of a while ago";
        all.register_with_unit("store", help, Unit::Bytes, files);
    }
}

fn level(value: usize) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

/// What a worker does, or how it is where that cannot be known.
fn state_of(worker: &WorkerView) -> &'static str {
    match worker.health {
        Health::Alive => worker.state.name(),
        health => health.name(),
    }
}
