//! Workers, machines and the queue as the API shows them.

use crate::clock::{now_ms, rfc3339};
use crate::schema;
use karaoke_core::presence::{HeldChunk, WorkerState};
use karaoke_core::{ChunkIndex, ModelName, TrackId, WorkerId};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How a worker is, as far as this server can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It has been heard lately.
    Alive,
    /// It has missed some announcements.
    Suspect,
    /// It has been silent for long.
    Gone,
    /// It has left as it should.
    Left,
    /// It has died; its pool says so.
    Crashed,
}

impl Health {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Alive, Self::Suspect, Self::Gone, Self::Left, Self::Crashed];

    /// As the API and the database have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Gone => "gone",
            Self::Left => "left",
            Self::Crashed => "crashed",
        }
    }

    /// The health of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.name() == name)
    }
}

/// A worker, for everybody.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WorkerView {
    /// Its name.
    #[schema(value_type = String)]
    pub id: WorkerId,
    /// Its machine.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// How it is.
    pub health: Health,
    /// What it does.
    #[schema(value_type = schema::WorkerState)]
    pub state: WorkerState,
    /// Why it rests, left or crashed.
    pub note: Option<String>,
    /// Models it can run.
    #[schema(value_type = Vec<String>)]
    pub models: Vec<ModelName>,
    /// Its execution provider.
    pub provider: String,
    /// Why it is that one.
    pub provider_why: String,
    /// Models that it runs by another provider than that.
    #[schema(value_type = BTreeMap<String, String>)]
    pub providers: BTreeMap<ModelName, String>,
    /// Threads of its sessions.
    pub threads: u32,
    /// CPU seconds a second.
    pub cpu_load: f64,
    /// Chunks it did for this server.
    pub served: u64,
    /// Chunks it did in this run, for any server.
    pub done: u64,
    /// Chunks it failed with in this run.
    pub failures: u64,
    /// Replies of it that this server refused as corrupt.
    pub refused: u64,
    /// Chunks of this server that it took and never ended.
    pub lost: u64,
    /// The chunk in hand.
    #[schema(value_type = Option<schema::HeldChunk>)]
    pub current: Option<HeldChunk>,
    /// When it was last heard, in seconds.
    pub heard_s_ago: f64,
    /// How long its process has been running, in seconds.
    pub uptime_s: f64,
    /// When it was first heard of, RFC 3339.
    pub first_seen_at: String,
    /// When it was last heard of, RFC 3339.
    pub last_seen_at: String,
    /// What it did and suffered since then, across its runs and those of this server.
    pub totals: WorkerTotals,
    /// `drain` or `stop`: the operator wants it to take no jobs until it is restarted.
    pub away: Option<&'static str>,
}

/// Counts of a worker, or of all workers of a machine, since they are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WorkerTotals {
    /// How often it joined.
    pub runs: u64,
    /// How often it crashed, or vanished without a word.
    pub crashes: u64,
    /// Chunks that it failed with, for any server.
    pub failures: u64,
    /// Chunks that it did for this server.
    pub served: u64,
    /// Replies of it that this server refused as corrupt.
    pub refused: u64,
    /// Chunks of this server that it took and never ended.
    pub lost: u64,
}

impl WorkerTotals {
    /// Adds those of another.
    pub fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.failures += other.failures;
        self.served += other.served;
        self.refused += other.refused;
        self.lost += other.lost;
    }
}

/// A machine with its workers.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct NodeView {
    /// Its name.
    pub host: String,
    /// When one of its workers was first heard of, RFC 3339.
    pub first_seen_at: String,
    /// When one of them was last heard of, RFC 3339.
    pub last_seen_at: String,
    /// Workers that are there.
    pub alive: usize,
    /// Workers that are remembered, those that are there included.
    pub workers: usize,
    /// What they did and suffered, added up.
    pub totals: WorkerTotals,
}

/// The queue, for everybody.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct QueueView {
    /// There is a connection to the broker (always, in one process).
    pub connected: bool,
    /// Tracks in work or waiting.
    pub tracks: usize,
    /// Tracks that wait for a decoder.
    pub undecoded: usize,
    /// Chunks that wait for their turn.
    pub backlog: usize,
    /// Chunks in flight: at the broker or with workers.
    pub in_flight: usize,
    /// Of those, chunks that a worker has begun with.
    pub begun: usize,
    /// Chunks that may be in flight at once.
    pub in_flight_bound: usize,
}

/// Something that happened to a worker or a chunk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkerEvent {
    /// RFC 3339.
    pub at: String,
    /// `joined left crashed suspect gone began done returned lost refused resent spare moved`.
    pub what: &'static str,
    /// The worker it is about.
    pub worker: Option<WorkerId>,
    /// The chunk's track.
    pub track: Option<String>,
    /// The chunk.
    pub chunk: Option<ChunkIndex>,
    /// The same in one sentence.
    pub text: String,
}

impl WorkerEvent {
    /// Something that happened now.
    pub fn now(
        what: &'static str,
        worker: Option<&WorkerId>,
        chunk: Option<(&TrackId, ChunkIndex)>,
        text: String,
    ) -> Self {
        Self {
            at: rfc3339(now_ms()),
            what,
            worker: worker.cloned(),
            track: chunk.map(|(track, _)| track.to_string()),
            chunk: chunk.map(|(_, chunk)| chunk),
            text,
        }
    }
}
