//! A track that is being worked on: what its database row does not hold, and who waits for what.

use crate::clock::now_ms;
use crate::events::{EventLog, json};
use crate::problem::Problem;
use crate::store::{Audio, ChunkRecord, TrackRecord};
use crate::view::{ChunkState, ChunkView, TrackView};
use karaoke_core::overlap::OverlapAdd;
use karaoke_core::reply_part::{ReceivedParts, ReplyPart};
use karaoke_core::state::Progress;
use karaoke_core::{
    ChunkIndex, ChunkPlan, Frames, Manifest, Route, TrackId, TrackState, WindowPlan, WorkerId,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A track in this server's hands.
#[derive(Debug)]
pub struct ActiveTrack {
    /// Its name.
    pub id: TrackId,
    /// Its model.
    pub manifest: Manifest,
    /// What happens to it.
    pub events: EventLog,
    /// What traces of it follow: the request by which it came, in this run of the server.
    trace_parent: OnceLock<String>,
    audio: OnceLock<ActiveAudio>,
    inner: Mutex<Inner>,
    aborted: AtomicBool,
    failing: AtomicBool,
    begun: AtomicBool,
}

/// What decoding and planning found.
#[derive(Debug)]
pub struct ActiveAudio {
    /// The numbers.
    pub audio: Audio,
    /// The plan made of them.
    pub plan: ChunkPlan,
    /// Cross-fades for that plan, made when somebody first reads.
    overlap_add: OnceLock<Arc<OverlapAdd>>,
}

#[derive(Debug)]
struct Inner {
    record: TrackRecord,
    chunks: Vec<Chunk>,
    done: u64,
    /// Of chunks whose reply comes in parts, the parts that are safe. Those of a previous run of the server
    /// are not known here, and come again.
    arrived: HashMap<ChunkIndex, ReceivedParts>,
    /// When separating began in this process, and how many chunks were done then.
    began: Option<(Instant, u64)>,
    /// When it is expected to be done, Unix milliseconds.
    expected_ms: Option<i64>,
}

/// A chunk of a live track.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Where it is.
    pub state: ChunkState,
    /// How often it was handed out.
    pub attempts: u32,
    /// How often a worker said that it began with it, in this run of the server.
    pub starts: u32,
    /// Workers that died with it, handed it back or replied rubbish, in this run of the server.
    pub failed: Vec<WorkerId>,
    /// Attempts, and whose, of which a reply or a part of it was corrupt, in this run of the server.
    pub refused: Vec<(u32, WorkerId)>,
    /// Who works on it, or did it.
    pub worker: Option<WorkerId>,
    /// How long that took.
    pub seconds: Option<f64>,
}

impl ActiveAudio {
    /// Plans from the numbers; the same numbers always give the same plan.
    pub fn new(audio: Audio, manifest: &Manifest) -> Self {
        let windows = WindowPlan::new(manifest.windowing(audio.overlap), audio.model_frames);
        let plan = ChunkPlan::new(windows, audio.windows_per_chunk);
        Self { audio, plan, overlap_add: OnceLock::new() }
    }

    /// Cross-fades for the plan.
    pub fn overlap_add(&self) -> Arc<OverlapAdd> {
        self.overlap_add.get_or_init(|| Arc::new(OverlapAdd::new(*self.plan.windows()))).clone()
    }

    /// Seconds into the track of a frame at the model's rate.
    fn seconds(&self, frame: u64, manifest: &Manifest) -> f64 {
        Frames::new(frame).seconds(manifest.sample_rate)
    }
}

impl ActiveTrack {
    /// A track as the database has it, with its chunks if it has any yet.
    pub fn new(record: TrackRecord, chunks: Vec<ChunkRecord>) -> Self {
        let track = Self {
            id: record.id.clone(),
            manifest: record.manifest.clone(),
            events: EventLog::default(),
            trace_parent: OnceLock::new(),
            audio: OnceLock::new(),
            aborted: AtomicBool::new(record.state.is_terminal()),
            failing: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                record,
                chunks: Vec::new(),
                done: 0,
                arrived: HashMap::new(),
                began: None,
                expected_ms: None,
            }),
        };
        let audio = track.lock().record.audio;
        if let Some(audio) = audio {
            track.set_plan(audio, chunks);
        }
        track
    }

    /// Decoding is over: the plan is known, and with it the chunks.
    pub fn set_plan(&self, audio: Audio, chunks: Vec<ChunkRecord>) {
        let planned = self.audio.get_or_init(|| ActiveAudio::new(audio, &self.manifest));
        let mut inner = self.lock();
        inner.record.audio = Some(audio);
        inner.chunks = chunks.into_iter().map(Chunk::from).collect();
        inner.chunks.resize_with(planned.plan.count() as usize, || Chunk::from(ChunkRecord::default()));
        inner.done = inner.chunks.iter().filter(|c| c.state == ChunkState::Done).count() as u64;
        inner.began = Some((Instant::now(), inner.done));
    }

    /// What decoding found, once it has.
    pub fn audio(&self) -> Option<&ActiveAudio> {
        self.audio.get()
    }

    /// Its state.
    pub fn state(&self) -> TrackState {
        self.lock().record.state
    }

    /// Its row as last known.
    pub fn record(&self) -> TrackRecord {
        self.lock().record.clone()
    }

    /// The workers that its chunks go to; none before the first one goes out.
    pub fn route(&self) -> Option<Route> {
        let provider = self.lock().record.providers.last().cloned()?;
        Some(Route::new(self.manifest.name.as_str(), provider))
    }

    /// Traces of it follow what this thread is at.
    pub fn set_trace_parent(&self) {
        if let Some(parent) = karaoke_telemetry::current() {
            // It comes by one request.
            let _ = self.trace_parent.set(parent);
        }
    }

    /// What traces of it follow, as a trace parent.
    pub fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.get().map(String::as_str)
    }

    /// It failed or was cancelled: decoders and readers stop.
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Decoders and readers shall stop; the row says so later.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Relaxed);
    }

    /// It begins to fail, or no longer does. Says whether it had not begun before.
    pub fn set_failing(&self, failing: bool) -> bool {
        self.failing.swap(failing, Ordering::Relaxed) != failing
    }

    /// Whether a worker had begun with a chunk in this run of the server before this was asked.
    pub fn has_begun(&self) -> bool {
        self.begun.swap(true, Ordering::Relaxed)
    }

    /// Changes the row as last known, and publishes an event.
    pub fn update(&self, change: impl FnOnce(&mut TrackRecord)) {
        let state = {
            let mut inner = self.lock();
            change(&mut inner.record);
            inner.record.state
        };
        if matches!(state, TrackState::Failed | TrackState::Cancelled) {
            self.aborted.store(true, Ordering::Relaxed);
        }
        self.publish_track();
        if state.is_terminal() {
            self.events.push("end", "{}".into());
        }
    }

    /// Changes what is shown of the row, and publishes it; nothing begins or ends by that.
    pub fn update_view(&self, change: impl FnOnce(&mut TrackRecord)) {
        change(&mut self.lock().record);
        self.publish_track();
    }

    /// Changes a chunk, and publishes an event. `None` when there is no such chunk.
    pub fn update_chunk<T>(&self, chunk: ChunkIndex, change: impl FnOnce(&mut Chunk) -> T) -> Option<T> {
        let result = {
            let mut inner = self.lock();
            let at = inner.chunks.get_mut(chunk.get() as usize)?;
            let was_done = at.state == ChunkState::Done;
            let result = change(at);
            let is_done = at.state == ChunkState::Done;
            inner.done = inner.done + u64::from(is_done) - u64::from(was_done);
            result
        };
        if let Some(view) = self.chunk_view(chunk) {
            self.events.push("chunk", json(&view));
        }
        Some(result)
    }

    /// A chunk as it is.
    pub fn chunk(&self, chunk: ChunkIndex) -> Option<Chunk> {
        self.lock().chunks.get(chunk.get() as usize).cloned()
    }

    /// When it is expected to be done, Unix milliseconds.
    pub fn set_expected(&self, expected_ms: Option<i64>) {
        self.lock().expected_ms = expected_ms;
    }

    /// Chunks that are not done yet.
    pub fn missing(&self) -> Vec<ChunkIndex> {
        let inner = self.lock();
        let numbered = (0..).map(ChunkIndex::new).zip(&inner.chunks);
        numbered.filter(|(_, c)| c.state != ChunkState::Done).map(|(i, _)| i).collect()
    }

    /// The samples of a part are safe, perhaps not for the first time. Says whether all of its chunk are now.
    pub fn part_arrived(&self, chunk: ChunkIndex, part: &ReplyPart) -> bool {
        let Some(planned) = self.audio.get() else { return false };
        let windows = planned.plan.windows_of(chunk);
        let (windows, stems) = ((windows.end - windows.start) as u32, self.manifest.stems.len() as u32);
        if *part == ReplyPart::whole(windows, stems) {
            return true;
        }
        let mut inner = self.lock();
        inner.arrived.entry(chunk).or_insert_with(|| ReceivedParts::none(windows, stems)).add(part)
    }

    /// A chunk is done: its parts need no more be told from each other.
    pub fn forget_parts(&self, chunk: ChunkIndex) {
        self.lock().arrived.remove(&chunk);
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let inner = self.lock();
        Progress { done: inner.done, total: inner.chunks.len() as u64 }
    }

    /// How long its chunks usually take, once any is done: the median.
    pub fn typical(&self) -> Option<Duration> {
        let mut seconds: Vec<f64> = self.lock().chunks.iter().filter_map(|c| c.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        Duration::try_from_secs_f64(*seconds.get(seconds.len() / 2)?).ok()
    }

    /// From frame `at` (at the model's rate) on, everything before the returned frame is final.
    pub fn ready_until(&self, at: u64) -> u64 {
        let Some(planned) = self.audio.get() else { return at };
        let inner = self.lock();
        planned.plan.windows().ready_until(at, |window| {
            let chunk = planned.plan.chunk_of(window).get() as usize;
            inner.chunks.get(chunk).is_some_and(|c| c.state == ChunkState::Done)
        })
    }

    /// Waits until the frames (at the model's rate) are final; an error says why they never will be.
    pub async fn wait_ready(&self, frames: Range<u64>) -> Result<(), Problem> {
        let mut signal = self.events.signal();
        let length = self.audio.get().map_or(0, |a| a.audio.model_frames.get());
        let frames = frames.start.min(length)..frames.end.min(length);
        loop {
            if frames.is_empty() || self.ready_until(frames.start) >= frames.end {
                return Ok(());
            }
            if self.is_aborted() {
                return Err(self.end_reason());
            }
            if signal.changed().await.is_err() {
                return Err(Problem::no_such_track());
            }
        }
    }

    /// Waits until `is_it` holds of its state.
    pub async fn wait_state(&self, is_it: impl Fn(TrackState) -> bool) {
        let mut signal = self.events.signal();
        while !is_it(self.state()) && signal.changed().await.is_ok() {}
    }

    /// Why there is nothing more to come.
    pub fn end_reason(&self) -> Problem {
        let record = self.record();
        match record.failure {
            Some(failure) => failure.into(),
            None => Problem::new(410, "Cancelled", "This track was cancelled before it was finished."),
        }
    }

    /// The track for the API.
    pub fn view(&self) -> TrackView {
        let (record, progress, left, expected_ms) = {
            let inner = self.lock();
            let progress = Progress { done: inner.done, total: inner.chunks.len() as u64 };
            let left = inner.began.and_then(|(began, done)| {
                progress.seconds_left(inner.done - done.min(inner.done), began.elapsed().as_secs_f64())
            });
            (inner.record.clone(), progress, left, inner.expected_ms)
        };
        let ready_s = self.audio.get().map(|a| a.seconds(self.ready_until(0), &self.manifest));
        let eta = if record.state == TrackState::Separating { left } else { None };
        // How fast it has been so far knows more than any forecast.
        let expected_ms = eta.map(|s| now_ms() + (s * 1000.0) as i64).or(expected_ms);
        TrackView::new(&record, progress, eta, ready_s.unwrap_or(0.0), expected_ms)
    }

    /// All chunks for the API.
    pub fn chunk_views(&self) -> Vec<ChunkView> {
        let plan = self.audio.get().map(|a| a.plan);
        plan.iter().flat_map(ChunkPlan::chunks).filter_map(|c| self.chunk_view(c)).collect()
    }

    fn chunk_view(&self, index: ChunkIndex) -> Option<ChunkView> {
        let planned = self.audio.get()?;
        let chunk = self.chunk(index)?;
        let share = planned.plan.share(index);
        Some(ChunkView {
            index,
            start_s: planned.seconds(share.start, &self.manifest),
            end_s: planned.seconds(share.end, &self.manifest),
            state: chunk.state,
            worker: chunk.worker,
            attempt: chunk.attempts,
            failures: chunk.failed.len(),
            seconds: chunk.seconds,
        })
    }

    /// Publishes the track and all its chunks: the plan has been made.
    pub fn publish_snapshot(&self) {
        self.events.push("snapshot", self.snapshot());
    }

    /// The track and all its chunks, as JSON.
    pub fn snapshot(&self) -> String {
        json(&serde_json::json!({ "track": self.view(), "chunks": self.chunk_views() }))
    }

    /// Publishes the track as it is.
    pub fn publish_track(&self) {
        self.events.push("track", json(&self.view()));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while plain data is held leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<ChunkRecord> for Chunk {
    fn from(r: ChunkRecord) -> Self {
        let state = if r.done { ChunkState::Done } else { ChunkState::Pending };
        Self {
            state,
            attempts: r.attempts,
            starts: 0,
            failed: Vec::new(),
            refused: Vec::new(),
            worker: r.worker,
            seconds: r.seconds,
        }
    }
}
