//! The pipeline: a song goes in, is decoded, dispatched, collected and finished; stems can be read all the while.

mod attempts;
mod collect;
mod config;
mod deadlines;
mod disk;
mod dispatch;
mod ending;
mod expire;
mod export;
mod finish;
mod in_flight;
mod lyrics;
mod model_choice;
mod nodes;
mod notifications;
mod parts;
mod prepare;
mod providers;
mod quotas;
mod receipts;
mod recover;
mod stem_reader;
mod store_access;
mod store_check;
mod uploads;
mod watch;

pub use config::{ChunkingConfig, DispatchConfig, LimitsConfig};
pub use disk::Reservation;
pub use export::{download_name, longest_song, lyrics_name, shortened};
pub use parts::{Parts, Submission};
pub use stem_reader::StemReader;

use crate::active_track::ActiveTrack;
use crate::client::QuotasConfig;
use crate::clock::now_ms;
use crate::concurrency::{blocking, lock};
use crate::fault_point;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::model_fetch::FetchStatus;
use crate::notification::NotificationsConfig;
use crate::problem::Problem;
use crate::receipt::BillingConfig;
use crate::store::{NewTrack, Store, StoreConfig};
use crate::worker_registry::WorkerRegistry;
use futures::FutureExt;
use in_flight::InFlightChunks;
use karaoke_core::schedule::Schedule;
use karaoke_core::{ModelName, TrackId};
use karaoke_models::Catalogue;
use karaoke_models::speeds::{self, Speeds};
use karaoke_notify::{EmailConfig, Mailer, WebhookClient};
use karaoke_queue::ServerQueue;
use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store_access::StoreCheck;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Chunks that may be in flight for workers that are away for the moment.
const LEAST_IN_FLIGHT: usize = 2;

/// How long a loop that panicked rests before it is begun again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// The pipeline; everything that serves tracks holds it.
pub struct Pipeline {
    /// The database.
    pub store: Store,
    /// The audio.
    pub files: Files,
    /// The models.
    pub catalogue: Catalogue,
    /// What the configuration calls the model of those who do not choose.
    configured_default: String,
    /// Models that are fetched meanwhile.
    pub fetches: FetchStatus,
    /// Where workers of this machine remember how fast models are.
    pub speeds: Option<PathBuf>,
    /// What is accepted.
    pub limits: LimitsConfig,
    /// What a song costs.
    pub billing: BillingConfig,
    /// What each address without a key may use.
    pub quotas: QuotasConfig,
    /// Who may be told what.
    pub notifications: NotificationsConfig,
    email: EmailConfig,
    webhooks: WebhookClient,
    mailer: Option<Mailer>,
    /// Messages may be due.
    due: Notify,
    /// How fast models were on this machine when the server started.
    measured: Speeds,
    /// Seconds that a worker takes for a window of each model, as of late.
    paces: Mutex<HashMap<ModelName, f64>>,
    /// Bytes of stems that were sent and are not in the database yet.
    sent: Mutex<HashMap<TrackId, u64>>,
    chunking: ChunkingConfig,
    dispatch: DispatchConfig,
    queue: Arc<dyn ServerQueue>,
    active: Mutex<HashMap<TrackId, Arc<ActiveTrack>>>,
    undecoded: Mutex<VecDeque<Arc<ActiveTrack>>>,
    uploaded: Notify,
    schedule: Mutex<Schedule>,
    scheduled: Notify,
    in_flight: InFlightChunks,
    /// The workers.
    pub registry: WorkerRegistry,
    /// What is counted for Prometheus.
    pub metrics: Metrics,
    /// The connection that the queue had when it was last looked at.
    connection: AtomicU64,
    /// Tracks cancelled lately, whose jobs may still be with the queue.
    cancelled: Mutex<VecDeque<TrackId>>,
    disk: StoreConfig,
    store_check: tokio::sync::Mutex<StoreCheck>,
    /// Bytes that uploads were promised while they arrive.
    reserved: Mutex<u64>,
    /// Held while it is looked for room, and made.
    making_room: tokio::sync::Mutex<()>,
    /// Encodings and reads of stems that may run at once: each holds a blocking thread.
    pub(crate) encoders: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Pipeline {
    /// Opens the store, takes up what a previous run left, and begins to work.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, Problem> {
        match parts.catalogue.resolve(&parts.default_model) {
            Ok(manifest) => {
                tracing::info!(model = manifest.name.as_str(), "the model of those who do not choose")
            }
            Err(error) => {
                tracing::warn!(%error, "no default model: whoever uploads a song has to choose one");
            }
        }
        let (files, store) = store_access::open(&parts.store).await?;
        let folder = parts.speeds.clone();
        let measured = blocking(move || Ok(folder.as_deref().map(speeds::read).unwrap_or_default()));
        let measured = measured.await.map_err(|e| Problem::disk(&e))?;
        let notifications = parts.notifications;
        let webhooks = WebhookClient::new(notifications.allow_private, notifications.timeout());
        let mailer = Mailer::new(&parts.email);
        let mailer = mailer.map_err(|e| Problem::new(500, "Mail server not usable", format!("{e}.")))?;
        let pipeline = Arc::new(Self {
            store,
            files,
            catalogue: parts.catalogue,
            configured_default: parts.default_model,
            fetches: parts.fetches,
            speeds: parts.speeds,
            limits: parts.limits,
            billing: parts.billing,
            quotas: parts.quotas,
            notifications,
            email: parts.email,
            webhooks: webhooks.map_err(|e| Problem::internal(&e))?,
            mailer,
            due: Notify::new(),
            measured,
            paces: Mutex::default(),
            sent: Mutex::default(),
            chunking: parts.chunking,
            in_flight: InFlightChunks::new(LEAST_IN_FLIGHT, parts.dispatch.fixed_bound()),
            registry: WorkerRegistry::default(),
            metrics: Metrics::default(),
            connection: AtomicU64::new(parts.queue.connection()),
            cancelled: Mutex::default(),
            dispatch: parts.dispatch,
            disk: parts.store,
            store_check: tokio::sync::Mutex::default(),
            reserved: Mutex::default(),
            making_room: tokio::sync::Mutex::default(),
            queue: parts.queue,
            active: Mutex::default(),
            undecoded: Mutex::default(),
            uploaded: Notify::new(),
            schedule: Mutex::default(),
            scheduled: Notify::new(),
            encoders: Arc::new(Semaphore::new(4)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        pipeline.registry.load(pipeline.store.workers().await?);
        pipeline.recover().await?;
        pipeline.spawn_loops();
        Ok(pipeline)
    }

    fn spawn_loops(self: &Arc<Self>) {
        for _ in 0..self.limits.decoders.max(1) {
            self.spawn_restarting(Self::prepare_loop);
        }
        self.spawn_restarting(Self::dispatch_loop);
        self.spawn_restarting(Self::collect_loop);
        self.spawn_restarting(Self::presence_loop);
        self.spawn_restarting(Self::watch_loop);
        self.spawn_restarting(Self::expire_loop);
        self.spawn_restarting(Self::sent_loop);
        self.spawn_restarting(Self::delivery_loop);
        self.spawn_restarting(Self::nodes_loop);
    }

    /// Runs a loop that must not end before the server does: one that panics is begun again.
    fn spawn_restarting<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        task: impl Fn(Arc<Self>) -> F + Send + Sync + 'static,
    ) {
        self.spawn(|me| async move {
            while AssertUnwindSafe(task(me.clone())).catch_unwind().await.is_err() {
                tracing::error!(pause = ?RESTART_PAUSE, "a loop of the pipeline panicked and is begun again");
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        });
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, task: impl FnOnce(Arc<Self>) -> F) {
        let (stop, task) = (self.stop.clone(), task(self.clone()));
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }

    /// Stops working; what is half done is taken up by the next run.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        // Decoders and readers look at this.
        self.tasks.close();
        self.tasks.wait().await;
        self.keep_sent().await;
        self.keep_nodes().await;
        self.store.close().await;
    }

    /// Done when the pipeline is being stopped: long blocking work looks at it.
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Refuses when the server has as much to do as it wants.
    pub fn admit(&self) -> Result<(), Problem> {
        if lock(&self.active).len() < self.limits.active_tracks {
            return Ok(());
        }
        let detail = "The server has as many tracks in work as it takes; try again in a minute.";
        Err(Problem::new(503, "Server busy", detail))
    }

    /// Takes an upload over: from here on the track survives the server's death.
    pub async fn submit(self: &Arc<Self>, s: Submission) -> Result<Arc<ActiveTrack>, Problem> {
        self.admit()?;
        let name = s.model.unwrap_or_else(|| self.configured_default.clone());
        let model = self.resolve(&name);
        let manifest = model.map_err(|e| Problem::new(422, "No such model", format!("{e}.")))?.clone();
        let (files, id) = (self.files.clone(), s.id.clone());
        blocking(move || files.adopt(&id)).await.map_err(|e| Problem::disk(&e))?;
        fault_point::reach("upload.adopted");
        let row = NewTrack {
            id: s.id.clone(),
            passcode_sha256: s.passcode_sha256,
            created_ms: now_ms(),
            deadline_ms: s.deadline_ms,
            file_name: s.file_name,
            size_bytes: s.size_bytes,
            upload_sha256: s.upload_sha256,
            manifest,
            notifications: s.notifications,
            client: s.client,
        };
        if let Some(used_up) = self.store.insert_track(&row).await? {
            self.remove_files(&s.id).await?;
            return Err(Self::quota_used_up(&used_up));
        }
        fault_point::reach("upload.inserted");
        let record = self.store.track(&s.id).await?.ok_or_else(Problem::no_such_track)?;
        let track = Arc::new(ActiveTrack::new(record, Vec::new()));
        track.set_trace_parent();
        tracing::info!(track = %track.id, file = %row.file_name, bytes = row.size_bytes, model = %row.manifest.name, "track accepted");
        lock(&self.active).insert(track.id.clone(), track.clone());
        self.enqueue_decoding(track.clone());
        Ok(track)
    }

    fn enqueue_decoding(&self, track: Arc<ActiveTrack>) {
        lock(&self.undecoded).push_back(track);
        self.uploaded.notify_one();
    }

    /// A track that is being worked on.
    pub fn active(&self, id: &TrackId) -> Option<Arc<ActiveTrack>> {
        lock(&self.active).get(id).cloned()
    }

    /// A track, in work or ended, for showing. `None` when there is none.
    pub async fn find(&self, id: &TrackId) -> Result<Option<Arc<ActiveTrack>>, Problem> {
        let Some(record) = self.store.track(id).await? else { return Ok(None) };
        if let Some(track) = self.active(id) {
            return Ok(Some(track));
        }
        let chunks = self.store.chunks(id).await?;
        Ok(Some(Arc::new(ActiveTrack::new(record, chunks))))
    }

    /// Whether the queue can be reached.
    pub fn is_connected(&self) -> bool {
        self.queue.is_connected()
    }
}
