//! `karaoke separate`: the same pipeline, without a server, from files to files.

mod input;
mod lyrics;
mod names;
mod outputs;
mod scratch;

use crate::config::Config;
use crate::console::{OutputError, complain, print_line};
use crate::error_message::one_sentence;
use crate::local_pipeline::LocalPipeline;
use crate::signals;
use anyhow::{Context, anyhow, ensure};
use futures::{StreamExt, TryStreamExt};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use input::Input;
use karaoke_core::{Manifest, TrackId, TrackState};
use karaoke_server::active_track::ActiveTrack;
use karaoke_server::encode::Format;
use karaoke_server::model_fetch::FetchStatus;
use karaoke_server::pipeline::{Pipeline, Submission};
use karaoke_server::view::{DeadlineStatus, TrackView};
use outputs::{Files, Target};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempPath;

/// Songs worked on at once: one is decoded and encoded while another is separated.
const AT_ONCE: usize = 2;

/// `karaoke separate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The songs; `-` is standard input.
    #[arg(required = true, value_name = "SONG")]
    songs: Vec<PathBuf>,
    /// Folder for the stems.
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    output: PathBuf,
    /// Model or preset to use (see `karaoke models list`).
    #[arg(long, short)]
    model: Option<String>,
    /// File format.
    #[arg(long, short, value_enum, default_value = "wav")]
    format: FileFormat,
    /// Sample format of WAV (16, 24, float) and FLAC (16, 24).
    #[arg(long, value_enum, default_value = "16")]
    bits: Bits,
    /// Only this stem; may be given several times. Without it, all.
    #[arg(long, value_name = "NAME")]
    stem: Vec<String>,
    /// Replace stems that are there already. Songs are never replaced.
    #[arg(long)]
    force: bool,
    /// Seconds from now by which the songs are needed: the progress says whether they will be in time, and those that
    /// were not are named.
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u32>,
    /// No progress bars.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FileFormat {
    Wav,
    Flac,
    Mp3,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Bits {
    #[value(name = "16")]
    Sixteen,
    #[value(name = "24")]
    TwentyFour,
    Float,
}

/// Separates the songs; the exit code is 1 when any of them failed.
pub async fn run(mut arguments: Arguments, mut config: Config) -> anyhow::Result<ExitCode> {
    crate::log::start_quietly();
    let format = format(arguments.format, arguments.bits)?;
    let catalogue = config.catalogue()?;
    let model = arguments.model.as_deref().unwrap_or(&config.models.default);
    let model = catalogue.resolve(model)?;
    let stems = stems(model, &arguments.stem)?;
    // What a preset stands for is settled here, for all songs.
    arguments.model = Some(model.name.to_string());
    // Loaded while the first song is decoded.
    config.models.default = model.name.to_string();
    let store = scratch::make(&arguments.output)?;
    config.store.dir = store.path().to_owned();
    config.limits.active_tracks = AT_ONCE + 1;
    let deadline = arguments.deadline.map(|s| SystemTime::now() + Duration::from_secs(s.into()));
    let work = Arc::new(Work { arguments, format, stems, scratch: store.path().to_owned(), deadline });
    let (songs, mut failed) = work.songs();
    if songs.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let local = LocalPipeline::start(config, catalogue, FetchStatus::default()).await?;
    let outcome = tokio::select! {
        failed = work.all(&local.pipeline, songs) => Some(failed),
        _ = signals::stop() => None,
    };
    local.stop().await;
    store.close().context("cannot remove the temporary files")?;
    failed += outcome.ok_or_else(|| anyhow!("stopped; nothing half-written was left"))??;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The stems to write: those asked for, or all of the model's.
fn stems(model: &Manifest, asked: &[String]) -> anyhow::Result<Vec<String>> {
    let has: Vec<String> = model.all_stems().map(str::to_owned).collect();
    for stem in asked {
        ensure!(has.contains(stem), "there is no stem `{stem}`; the model gives {}", has.join(", "));
    }
    let mut stems = if asked.is_empty() { has } else { asked.to_vec() };
    let mut seen = std::collections::HashSet::new();
    stems.retain(|stem| seen.insert(stem.clone()));
    Ok(stems)
}

fn format(file: FileFormat, bits: Bits) -> anyhow::Result<Format> {
    Ok(match (file, bits) {
        (FileFormat::Wav, Bits::Sixteen) => Format::Wav16,
        (FileFormat::Wav, Bits::TwentyFour) => Format::Wav24,
        (FileFormat::Wav, Bits::Float) => Format::WavFloat,
        (FileFormat::Flac, Bits::Sixteen) => Format::Flac16,
        (FileFormat::Flac, Bits::TwentyFour) => Format::Flac24,
        (FileFormat::Mp3, Bits::Sixteen) => Format::Mp3,
        (FileFormat::Flac, Bits::Float) => anyhow::bail!("FLAC has no float samples; use --bits 24"),
        (FileFormat::Mp3, _) => anyhow::bail!("MP3 has no choice of bits; leave out --bits"),
    })
}

/// A song and the files that its stems are written to.
struct Song {
    input: Input,
    files: Files,
}

struct Work {
    arguments: Arguments,
    format: Format,
    stems: Vec<String>,
    /// The folder for files that are not whole yet.
    scratch: PathBuf,
    /// By when the songs are needed.
    deadline: Option<SystemTime>,
}

impl Work {
    fn target(&self) -> Target<'_> {
        let (output, force) = (self.arguments.output.as_path(), self.arguments.force);
        Target { output, stems: &self.stems, extension: self.format.extension(), force }
    }

    /// The songs that can be separated, before any is; of the others it is told why not, and they are counted.
    fn songs(&self) -> (Vec<Song>, usize) {
        let mut failed = 0;
        let mut refuse = |given: &Path, error: anyhow::Error| {
            complain(format_args!("{}: {}", given.display(), one_sentence(&error)));
            failed += 1;
        };
        let mut inputs: Vec<Input> = Vec::new();
        for given in &self.arguments.songs {
            match Input::find(given) {
                Ok(input) if inputs.iter().any(|other| other.is_same(&input)) => {
                    complain(format_args!("{}: given twice, separated once", given.display()));
                }
                Ok(input) => inputs.push(input),
                Err(error) => refuse(given, error),
            }
        }
        let files = self.target().files(&inputs);
        let mut songs = Vec::new();
        for (input, files) in inputs.into_iter().zip(files) {
            match files {
                Ok(files) => songs.push(Song { input, files }),
                Err(error) => refuse(&input.given, error),
            }
        }
        (songs, failed)
    }

    /// Separates all songs; returns how many failed. An error: nobody can be told any more.
    async fn all(self: &Arc<Self>, pipeline: &Arc<Pipeline>, songs: Vec<Song>) -> Result<usize, OutputError> {
        let bars = MultiProgress::new();
        if self.arguments.quiet {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let songs = futures::stream::iter(songs);
        let outcomes = songs.map(|song| self.one(pipeline, song, bars.clone())).buffer_unordered(AT_ONCE);
        outcomes.try_fold(0, async |sum, failed| Ok(sum + usize::from(failed))).await
    }

    /// Separates one song and says whether that failed.
    async fn one(
        self: &Arc<Self>,
        pipeline: &Arc<Pipeline>,
        song: Song,
        bars: MultiProgress,
    ) -> Result<bool, OutputError> {
        let bar = bars.add(ProgressBar::new(1000).with_style(style()));
        let name = song.input.given.file_name().unwrap_or_default().to_string_lossy().into_owned();
        bar.set_prefix(name);
        let outcome = self.separate(pipeline, &song, &bar).await;
        bar.finish_and_clear();
        match outcome {
            Ok(lyrics) => {
                let written = song.files.stems.iter().chain(&lyrics);
                bars.suspend(|| written.clone().try_for_each(|path| print_line(path.display())))?;
                if let Some(late) = self.deadline.and_then(|deadline| deadline.elapsed().ok()) {
                    let given = song.input.given.display();
                    bars.suspend(|| {
                        complain(format_args!(
                            "{given}: {:.0} s later than needed",
                            late.as_secs_f64().ceil()
                        ));
                    });
                }
                Ok(false)
            }
            Err(error) => {
                let given = song.input.given.display();
                bars.suspend(|| complain(format_args!("{given}: {}", one_sentence(&error))));
                Ok(true)
            }
        }
    }

    async fn separate(
        self: &Arc<Self>,
        pipeline: &Arc<Pipeline>,
        song: &Song,
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<PathBuf>> {
        let track = self.submit(pipeline, &song.input).await?;
        let written = tokio::select! {
            written = self.write_all(pipeline, &track, &song.files.stems) => written,
            never = follow(&track, bar) => never,
        };
        // The stems are encoded from the layers while they fill; what the pipeline would keep is not needed.
        pipeline.delete(&track.id).await?;
        written?;
        tokio::task::block_in_place(|| self.write_lyrics(song))
    }

    /// Writes the lyrics that lie beside the song, if any do; says where.
    fn write_lyrics(&self, song: &Song) -> anyhow::Result<Option<PathBuf>> {
        let Some(lyrics) = song.input.file.as_deref().and_then(lyrics::beside) else { return Ok(None) };
        let file = &song.files.lyrics;
        if file.exists() && !self.arguments.force {
            return Ok(None);
        }
        let part = self.scratch.join(format!("{:x}.lrc", rand::random::<u64>()));
        std::fs::write(&part, lyrics).context("cannot write the lyrics")?;
        self.target().place(TempPath::try_from_path(part)?, file)?;
        Ok(Some(file.clone()))
    }

    async fn submit(&self, pipeline: &Arc<Pipeline>, input: &Input) -> anyhow::Result<Arc<ActiveTrack>> {
        let id = TrackId::from_random(rand::random());
        let (from, to, copied) = (input.clone(), pipeline.clone(), id.clone());
        let size_bytes = tokio::task::spawn_blocking(move || from.hand_over(&to, &copied)).await??;
        let name = input.named_after();
        let submission = Submission {
            id,
            passcode_sha256: String::new(),
            file_name: name.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            size_bytes,
            upload_sha256: String::new(),
            model: self.arguments.model.clone(),
            deadline_ms: self.deadline.and_then(unix_ms),
            notifications: Vec::new(),
            client: Default::default(),
        };
        Ok(pipeline.submit(submission).await?)
    }

    /// Encodes every stem, each as far as it is separated, until all are complete; then they get their names.
    async fn write_all(
        self: &Arc<Self>,
        pipeline: &Arc<Pipeline>,
        track: &ActiveTrack,
        files: &[PathBuf],
    ) -> anyhow::Result<()> {
        track.wait_state(|s| !matches!(s, TrackState::Queued | TrackState::Decoding)).await;
        if track.is_aborted() {
            return Err(track.end_reason().into());
        }
        let parts = self.stems.iter().map(|stem| self.encode(pipeline, track, stem));
        let parts = futures::future::try_join_all(parts).await.map_err(|error| match track.is_aborted() {
            true => track.end_reason().into(),
            false => error,
        })?;
        let (work, files) = (self.clone(), files.to_vec());
        let place = move || {
            parts.into_iter().zip(files).try_for_each(|(part, file)| work.target().place(part, &file))
        };
        tokio::task::spawn_blocking(place).await?
    }

    async fn encode(
        &self,
        pipeline: &Arc<Pipeline>,
        track: &ActiveTrack,
        stem: &str,
    ) -> anyhow::Result<TempPath> {
        let reader = pipeline.stem(&track.id, stem, self.format.integer_bits()).await?;
        let part = self.scratch.join(format!("{}-{:x}.part", track.id, rand::random::<u64>()));
        let (format, tags, cancelled) = (self.format, track.record().tags(), pipeline.stopping());
        let work = move || {
            reader.encode_part(&part, format, &tags, &|| cancelled.is_cancelled())?;
            anyhow::Ok(TempPath::try_from_path(part)?)
        };
        let target = self.arguments.output.display();
        tokio::task::spawn_blocking(work)
            .await?
            .with_context(|| format!("cannot write stem {stem} to {target}"))
    }
}

/// Shows a track's progress for as long as it is polled.
async fn follow<T>(track: &ActiveTrack, bar: &ProgressBar) -> T {
    let mut signal = track.events.signal();
    loop {
        let view = track.view();
        bar.set_position((view.progress * 1000.0) as u64);
        bar.set_message(match (view.state, view.eta_s) {
            (TrackState::Separating, Some(left)) => format!("separating, {left:.0} s left{}", late(&view)),
            (state, _) => format!("{state}{}", late(&view)),
        });
        if signal.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// What is said of a track that will be late, or is.
fn late(view: &TrackView) -> &'static str {
    match view.deadline.as_ref().map(|deadline| deadline.status) {
        Some(DeadlineStatus::Unlikely) => ", hardly in time",
        Some(DeadlineStatus::Missed) => ", too late",
        _ => "",
    }
}

fn unix_ms(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

fn style() -> ProgressStyle {
    // The template is a constant; were it wrong, the plain bar would do.
    ProgressStyle::with_template("{prefix:.bold} {wide_bar} {percent:>3} % {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
