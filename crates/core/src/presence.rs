//! What workers say of themselves to every server, again and again; a worker that stops announcing itself is missed.

use crate::id::TrackId;
use crate::route::{Route, is_provider};
use crate::units::{ChunkIndex, ModelName, WorkerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One announcement of a worker. May be lost: the next one says it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// The worker's name, unique among all machines.
    pub worker: WorkerId,
    /// Another number in each of its runs: a worker that was started again is a new one of the same name.
    pub life: u64,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// The models it can run.
    pub models: Vec<ModelName>,
    /// The execution provider of its sessions.
    pub provider: String,
    /// Why it is that one.
    #[serde(default)]
    pub provider_why: String,
    /// Models that it runs by another provider than that.
    #[serde(default)]
    pub providers: BTreeMap<ModelName, String>,
    /// Threads of its sessions.
    pub threads: u32,
    /// Deliveries it may hold at once, the one in work included.
    pub prefetch: u32,
    /// What it is doing.
    pub state: WorkerState,
    /// Why it rests, left or crashed.
    pub note: Option<String>,
    /// CPU seconds its process used per second since the last announcement.
    pub cpu_load: f64,
    /// Chunks done in this run.
    pub done: u64,
    /// Chunks it failed with in this run.
    pub failures: u64,
    /// The chunk in hand.
    pub current: Option<HeldChunk>,
    /// Seconds since this run began.
    pub uptime_s: f64,
    /// Seconds until the next announcement.
    pub every_s: f64,
}

impl Presence {
    /// The first word of a worker: it waits for a job, has done nothing yet, and speaks once a minute.
    pub fn new(worker: impl Into<WorkerId>, models: Vec<ModelName>, provider: impl Into<String>) -> Self {
        Self {
            worker: worker.into(),
            life: 1,
            host: String::new(),
            pid: 0,
            models,
            provider: provider.into(),
            provider_why: String::new(),
            providers: BTreeMap::new(),
            threads: 1,
            prefetch: 1,
            state: WorkerState::Idle,
            note: None,
            cpu_load: 0.0,
            done: 0,
            failures: 0,
            current: None,
            uptime_s: 0.0,
            every_s: 60.0,
        }
    }

    /// The routes that it serves. A provider whose name can name no queue serves none.
    pub fn routes(&self) -> impl Iterator<Item = Route> + '_ {
        let provider = |model: &ModelName| self.providers.get(model).unwrap_or(&self.provider);
        let route = move |model: &ModelName| Route::new(model.clone(), provider(model).as_str());
        self.models.iter().map(route).filter(|route| is_provider(&route.provider))
    }
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// Waits for a job.
    Idle,
    /// Separates a chunk.
    Working,
    /// Takes nothing for a while, after failures.
    Resting,
    /// Takes nothing until it is restarted: the operator wants it so.
    Drained,
    /// Has left as it should.
    Left,
    /// Has died; its pool says so.
    Crashed,
}

impl WorkerState {
    /// Its name, as in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Working => "working",
            Self::Resting => "resting",
            Self::Drained => "drained",
            Self::Left => "left",
            Self::Crashed => "crashed",
        }
    }

    /// It will announce nothing more in this run.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Left | Self::Crashed)
    }
}

/// A chunk in a worker's hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldChunk {
    /// Its track.
    pub track: TrackId,
    /// The chunk.
    pub chunk: ChunkIndex,
    /// The attempt, as in the job.
    pub attempt: u32,
}

/// What a server tells every worker. May be lost: then a worker does work that nobody needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "lowercase")]
pub enum Notice {
    /// Nobody wants the track any more.
    Cancelled {
        /// The track.
        track: TrackId,
    },
    /// The chunk is done; other copies of it are not needed.
    Settled {
        /// Its track.
        track: TrackId,
        /// The chunk.
        chunk: ChunkIndex,
    },
    /// A reply of this worker was corrupt: it should rest before it takes more.
    Refused {
        /// The worker.
        worker: WorkerId,
    },
    /// The operator orders a worker to do something.
    Ordered {
        /// The worker.
        worker: WorkerId,
        /// What.
        order: Order,
    },
}

/// What the operator orders a worker to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Another one for each order: one that is heard twice is obeyed once.
    pub number: u64,
    /// What to do.
    pub kind: OrderKind,
}

/// The kinds of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderKind {
    /// Finish the chunk in hand, hand the others back, and take none until restarted.
    Drain,
    /// The same, but hand back the chunk in hand, too.
    Stop,
    /// Finish the chunk in hand and begin anew, with nothing loaded.
    Restart,
}

impl OrderKind {
    /// As messages and the database have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Drain, Self::Stop, Self::Restart].into_iter().find(|kind| kind.name() == name)
    }
}
