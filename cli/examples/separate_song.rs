//! Separates a song through the libraries, in one process: catalogue, in-process queue, workers, pipeline.
//!
//! ```text
//! cargo run --release -p karaoke --example separate_song -- SONG [OUTPUT_FOLDER]
//! ```
//! Run from the project's folder, after `make runtime`: it reads `models/` and `.runtime/`.

use karaoke_core::{TrackId, TrackState};
use karaoke_models::{Catalogue, ModelsConfig};
use karaoke_queue::memory::MemoryQueue;
use karaoke_server::encode::Format;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::pipeline::{Parts, Pipeline, Submission, download_name};
use karaoke_server::store::StoreConfig;
use karaoke_worker::{Pool, PoolOptions, Runtime, SimulationConfig, WorkerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let song = arguments.next().ok_or("usage: separate_song SONG [OUTPUT_FOLDER]")?;
    let output = arguments.next().unwrap_or_default();

    let models = ModelsConfig::default();
    let catalogue = Catalogue::open(&models.dir)?;
    let queue = MemoryQueue::new(16, Duration::from_secs(10));
    let pool = start_workers(&catalogue, &queue)?;

    // The pipeline: decodes, cuts into chunks, publishes jobs, collects replies.
    let store = tempfile::tempdir()?;
    let parts = Parts {
        store: StoreConfig { dir: store.path().to_owned(), ..StoreConfig::default() },
        chunking: Default::default(),
        dispatch: Default::default(),
        limits: Default::default(),
        billing: Default::default(),
        quotas: Default::default(),
        notifications: Default::default(),
        email: Default::default(),
        catalogue,
        default_model: models.default,
        fetches: FetchStatus::default(),
        speeds: None,
        queue: Arc::new(queue.clone()),
    };
    let pipeline = Pipeline::start(parts).await?;
    separate(&pipeline, &song, &output).await?;
    pipeline.shutdown().await;
    queue.close();
    pool.stop().await;
    Ok(())
}

/// The workers: a pool that takes jobs from the queue and runs the models of the catalogue.
fn start_workers(catalogue: &Catalogue, queue: &MemoryQueue) -> Result<Pool> {
    let worker = WorkerConfig::default();
    let runtime = Runtime::load(Some(&worker.onnxruntime), worker.provider)?;
    let exact = catalogue.installed().filter(|model| model.exact);
    let options = PoolOptions {
        worker,
        simulation: SimulationConfig::default(),
        every: Duration::from_secs(1),
        provider: runtime.arithmetic(false),
        provider_why: runtime.why().to_owned(),
        providers: exact.map(|model| (model.name.clone(), runtime.arithmetic(true))).collect(),
        preload: None,
    };
    Ok(Pool::start(&options, Arc::new(catalogue.clone()), Arc::new(queue.clone()), runtime)?)
}

/// Hands the song over, and writes every stem while it is separated.
async fn separate(pipeline: &Arc<Pipeline>, song: &Path, output: &Path) -> Result<()> {
    let id = TrackId::from_random(rand::random());
    let size_bytes = std::fs::copy(song, pipeline.files.incoming(&id))?;
    let name = song.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let submission = Submission {
        id,
        passcode_sha256: String::new(),
        file_name: name,
        size_bytes,
        upload_sha256: String::new(),
        model: None,
        deadline_ms: None,
        notifications: Vec::new(),
        client: Default::default(),
    };
    let track = pipeline.submit(submission).await?;
    track.wait_state(|state| !matches!(state, TrackState::Queued | TrackState::Decoding)).await;
    if track.is_aborted() {
        return Err(track.end_reason().to_string().into());
    }
    let title = song.file_stem().unwrap_or_default().to_string_lossy();
    for stem in track.manifest.all_stems() {
        // The reader waits for the chunks that it needs: this encodes while the song is still separated.
        let reader = pipeline.stem(&track.id, stem, Format::Wav16.integer_bits()).await?;
        let path = output.join(download_name(&title, stem, Format::Wav16.extension()));
        let (tags, target) = (track.record().tags(), path.clone());
        tokio::task::spawn_blocking(move || reader.encode_to(&target, Format::Wav16, &tags, &|| false))
            .await??;
        println!("{}", path.display());
    }
    Ok(())
}
