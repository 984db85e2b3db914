//! A pipeline on a store of its own, a song in it, and a worker whose every word a test chooses.

use bytes::Bytes;
use karaoke_core::audio::{from_le_bytes, to_le_bytes};
use karaoke_core::presence::{Presence, WorkerState};
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Job, Outcome, Reply, Separated};
use karaoke_core::{Route, TrackId};
use karaoke_models::Catalogue;
use karaoke_queue::memory::MemoryQueue;
use karaoke_queue::{Delivery, WorkerQueue};
use karaoke_server::active_track::ActiveTrack;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::pipeline::{ChunkingConfig, DispatchConfig, LimitsConfig, Parts, Pipeline, Submission};
use karaoke_server::problem::Problem;
use karaoke_server::store::StoreConfig;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// When a test gives up.
const DEADLINE: Duration = Duration::from_secs(20);
/// Frames of a window, and of the song.
const WINDOW: usize = 4000;
const SONG: usize = 10_000;
/// What the model's stems are of the mix: their products and sums with 16-bit samples are exact.
pub(crate) const FRACTIONS: [(&str, f32); 4] =
    [("vocals", 0.5), ("drums", 0.25), ("bass", 0.125), ("other", 0.125)];
/// One stem of one window, the least that can be sent.
pub(crate) const CELL: usize = WINDOW * 8;

const MANIFEST: &str = "name='four'\ntitle='Four'\nkind='waveform'\nfile='four.onnx'\nlicence='MIT'\n\
    sample_rate=44100\noverlap=0.25\nstems=['vocals', 'drums', 'bass', 'other']\n\
    sha256='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n\
    [sums]\ninstrumental=['drums', 'bass', 'other']\n[waveform]\nsegment=4000\n";

/// Everything but the workers.
pub(crate) struct Fixture {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) queue: MemoryQueue,
    dir: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::set_for(MANIFEST).await
    }

    /// With a model that is shown windows at the end of the song as Demucs is.
    pub(crate) async fn set_centred() -> Self {
        Self::set_for(&format!("{MANIFEST}tail='centred'\n")).await
    }

    async fn set_for(manifest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("models")).unwrap();
        std::fs::write(dir.path().join("models/four.toml"), manifest).unwrap();
        std::fs::write(dir.path().join("models/four.onnx"), b"never loaded").unwrap();
        let queue = MemoryQueue::new(64, Duration::from_secs(5));
        let pipeline = begin(dir.path(), &queue).await.unwrap();
        announce(&queue, "crew", "cpu", WorkerState::Working).await;
        Self { pipeline, queue, dir }
    }

    /// The server stops and comes back on the same store; the queue lives on.
    pub(crate) async fn restarted(self) -> Self {
        let Self { pipeline, queue, dir } = self;
        pipeline.shutdown().await;
        drop(pipeline);
        // Its lock is free once its last task has ended.
        let pipeline = until("the store is free", || async { begin(dir.path(), &queue).await.ok() }).await;
        Self { pipeline, queue, dir }
    }

    /// Waits until everything that was said has been dealt with.
    pub(crate) async fn until_replies_handled(&self) {
        until("all is heard", || async { (self.queue.replies_in_work() == 0).then_some(()) }).await;
    }

    /// Hands a song in and waits until it is planned.
    pub(crate) async fn song(&self) -> Arc<ActiveTrack> {
        let id = TrackId::from_random(rand::random());
        let path = self.pipeline.files.incoming(&id);
        std::fs::write(&path, wav(&samples())).unwrap();
        let submission = Submission {
            id: id.clone(),
            passcode_sha256: String::new(),
            file_name: "song.wav".into(),
            size_bytes: std::fs::metadata(&path).unwrap().len(),
            upload_sha256: String::new(),
            model: None,
            deadline_ms: None,
            notifications: Vec::new(),
            client: Default::default(),
        };
        let track = self.pipeline.submit(submission).await.unwrap();
        within(track.wait_state(|s| s.name() == "separating")).await;
        track
    }

    /// The next job that a worker gets; the worker says that it has begun.
    pub(crate) async fn taken(&self, worker: &str) -> Delivery<Job> {
        self.taken_by(worker, "cpu").await
    }

    /// The next job that a worker of a provider gets; the worker says that it has begun.
    pub(crate) async fn taken_by(&self, worker: &str, provider: &str) -> Delivery<Job> {
        let routes = [Route::new("four", provider)];
        let delivery = within(self.queue.next_job(&routes)).await.unwrap();
        self.say(&delivery.message, worker, Outcome::Started).await;
        delivery
    }

    pub(crate) async fn say(&self, job: &Job, worker: &str, outcome: Outcome) {
        self.queue.reply(&job.reply_to, reply(job, worker, outcome)).await.unwrap();
    }

    pub(crate) async fn send(&self, reply: Reply) {
        self.queue.reply("memory", reply).await.unwrap();
    }

    /// Does every chunk of a track that is left, in one part each, until it is done.
    pub(crate) async fn finish_rest(&self, track: &ActiveTrack) {
        self.do_the_rest_on("cpu", track).await;
    }

    /// The same by workers of a provider.
    pub(crate) async fn do_the_rest_on(&self, provider: &str, track: &ActiveTrack) {
        self.do_the_rest_as(provider, track, separated).await;
    }

    /// The same with other samples.
    pub(crate) async fn do_the_rest_as(
        &self,
        provider: &str,
        track: &ActiveTrack,
        separated: impl Fn(&Job) -> Separated,
    ) {
        let work = async {
            loop {
                let job = self.taken_by("rest", provider).await;
                self.say(&job.message, "rest", Outcome::Separated(separated(&job.message))).await;
                job.ack();
            }
        };
        tokio::select! {
            () = work => {}
            () = within(track.wait_state(|s| s.is_terminal())) => {}
        }
    }

    /// Checks every stem of a track that is done, bit by bit.
    pub(crate) async fn check_stems(&self, track: &ActiveTrack) {
        assert_eq!(track.state().name(), "done");
        let sums = [("instrumental", 0.5)];
        for (stem, fraction) in FRACTIONS.into_iter().chain(sums) {
            self.check_stem(track, stem, fraction).await;
        }
    }

    /// Checks a stem, which may still be in work.
    pub(crate) async fn check_stem(&self, track: &ActiveTrack, stem: &str, fraction: f32) {
        let reader = self.pipeline.stem(&track.id, stem, None).await.unwrap();
        assert_eq!(reader.frames, SONG as u64);
        let got = within(reader.read(0..SONG as u64)).await.unwrap();
        let same = got.iter().zip(samples()).all(|(got, s)| got.to_bits() == (s * fraction).to_bits());
        assert!(same, "{stem} is not {fraction} of the song");
    }
}

async fn begin(dir: &Path, queue: &MemoryQueue) -> Result<Arc<Pipeline>, Problem> {
    let parts = Parts {
        store: StoreConfig { dir: dir.join("store"), ..Default::default() },
        // Two windows a chunk, and two stems of one window a message: a reply is four parts.
        chunking: ChunkingConfig { windows_per_chunk: 2, max_message_bytes: 2 * CELL, ..Default::default() },
        dispatch: DispatchConfig { lease_s: 0.5, ..Default::default() },
        limits: LimitsConfig::default(),
        billing: Default::default(),
        quotas: Default::default(),
        notifications: Default::default(),
        email: Default::default(),
        catalogue: Catalogue::open(&dir.join("models")).unwrap(),
        default_model: "four".into(),
        fetches: FetchStatus::default(),
        speeds: None,
        queue: Arc::new(queue.clone()),
    };
    Pipeline::start(parts).await
}

/// A worker is heard for the first time; it speaks once a minute.
pub(crate) async fn announce(queue: &MemoryQueue, worker: &str, provider: &str, state: WorkerState) {
    let presence = presence(worker, provider, state, 60.0);
    queue.announce(presence).await.unwrap();
}

/// What a worker says of itself, every so many seconds. It is never idle, so that nothing is sent to it twice.
pub(crate) fn presence(worker: &str, provider: &str, state: WorkerState, every_s: f64) -> Presence {
    Presence { state, prefetch: 2, every_s, ..Presence::new(worker, vec!["four".into()], provider) }
}

/// 16-bit noise, the same every time.
pub(crate) fn samples() -> Vec<f32> {
    let mut state = 7u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from((state >> 16) as u16 as i16) / 32_768.0
    };
    (0..SONG * 2).map(|_| next()).collect()
}

fn wav(samples: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|s| writer.write_sample((s * 32_768.0) as i16).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// What the model makes of a job.
pub(crate) fn separated(job: &Job) -> Separated {
    separated_as(job, &FRACTIONS.map(|(_, fraction)| fraction))
}

/// What a model makes of a job whose stems are these multiples of the mix.
pub(crate) fn separated_as(job: &Job, fractions: &[f32]) -> Separated {
    let samples = from_le_bytes(&job.body);
    let mut out = Vec::new();
    let cut = job.cut();
    for window in 0..job.windows {
        for fraction in fractions {
            for channel in samples.chunks_exact(job.frames()) {
                let place = &channel[cut.at(window)..][..job.window][cut.moved(window)..];
                out.extend(place.iter().map(|s| s * fraction));
                out.resize(out.len() + cut.moved(window), 0.0);
            }
        }
    }
    let (windows, stems) = (job.windows, fractions.len() as u32);
    let body = Bytes::from(to_le_bytes(&out));
    Separated { windows, stems, window: job.window, part: ReplyPart::whole(windows, stems), body }
}

pub(crate) fn reply(job: &Job, worker: &str, outcome: Outcome) -> Reply {
    let (track, chunk, attempt) = (job.track.clone(), job.chunk, job.attempt);
    Reply { track, chunk, attempt, worker: worker.into(), seconds: 0.1, outcome }
}

/// The parts in which a worker replies to a job.
pub(crate) fn parts(job: &Job, worker: &str, limit: usize) -> Vec<Reply> {
    reply(job, worker, Outcome::Separated(separated(job))).in_parts(limit)
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("in time")
}

/// Asks until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begin.elapsed() < DEADLINE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
