//! `karaoke separate`: the same pipeline, without a server, from files to files.

use crate::config::Config;
use crate::local_pipeline::LocalPipeline;
use crate::signals;
use anyhow::{Context, anyhow, ensure};
use futures::StreamExt;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use karaoke_core::{TrackId, TrackState};
use karaoke_server::active_track::ActiveTrack;
use karaoke_server::encode::Format;
use karaoke_server::pipeline::{Pipeline, Submission, download_name};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Songs worked on at once: one is decoded and encoded while another is separated.
const AT_ONCE: usize = 2;

/// `karaoke separate`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The songs.
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
pub async fn run(arguments: Arguments, mut config: Config) -> anyhow::Result<ExitCode> {
    crate::log::start_quietly();
    let format = format(arguments.format, arguments.bits)?;
    std::fs::create_dir_all(&arguments.output)
        .with_context(|| format!("cannot make the folder {}", arguments.output.display()))?;
    // Beside the results: large files belong on the disk that the user chose, not on a small /tmp.
    let store = tempfile::Builder::new()
        .prefix(".karaoke-")
        .tempdir_in(&arguments.output)
        .with_context(|| format!("cannot write to {}", arguments.output.display()))?;
    config.store.dir = store.path().to_owned();
    config.limits.active_tracks = AT_ONCE + 1;
    let local = LocalPipeline::start(config).await?;
    let work = Work { pipeline: local.pipeline.clone(), arguments: Arc::new(arguments), format };
    let outcome = tokio::select! {
        failed = work.all() => Some(failed),
        _ = signals::stop() => None,
    };
    local.stop().await;
    store.close().context("cannot remove the temporary files")?;
    match outcome {
        Some(0) => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::FAILURE),
        None => Err(anyhow!("stopped; nothing half-written was left")),
    }
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

#[derive(Clone)]
struct Work {
    pipeline: Arc<Pipeline>,
    arguments: Arc<Arguments>,
    format: Format,
}

impl Work {
    /// Separates all songs; returns how many failed.
    async fn all(&self) -> usize {
        let bars = MultiProgress::new();
        if self.arguments.quiet {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        let songs = futures::stream::iter(self.arguments.songs.clone());
        let failed = songs.map(|song| self.clone().one(song, bars.clone())).buffer_unordered(AT_ONCE);
        failed.filter(|failed| futures::future::ready(*failed)).count().await
    }

    /// Separates one song and says whether that failed.
    async fn one(self, song: PathBuf, bars: MultiProgress) -> bool {
        let bar = bars.add(ProgressBar::new(1000).with_style(style()));
        let name = song.file_name().unwrap_or_default().to_string_lossy().into_owned();
        bar.set_prefix(name);
        let outcome = self.separate(&song, &bar).await;
        bar.finish_and_clear();
        match outcome {
            Ok(written) => {
                for path in written {
                    bars.suspend(|| println!("{}", path.display()));
                }
                false
            }
            Err(error) => {
                bars.suspend(|| {
                    eprintln!("karaoke: {}: {}", song.display(), crate::error_message::one_sentence(&error))
                });
                true
            }
        }
    }

    async fn separate(&self, song: &Path, bar: &ProgressBar) -> anyhow::Result<Vec<PathBuf>> {
        let track = self.submit(song).await?;
        let written = tokio::select! {
            written = self.write_all(&track, song) => written,
            never = follow(&track, bar) => never,
        };
        // The stems are encoded from the layers while they fill; what the pipeline would keep is not needed.
        self.pipeline.delete(&track.id).await?;
        written
    }

    /// Encodes every stem, each as far as it is separated, until all are complete.
    async fn write_all(&self, track: &ActiveTrack, song: &Path) -> anyhow::Result<Vec<PathBuf>> {
        track.wait_state(|s| !matches!(s, TrackState::Queued | TrackState::Decoding)).await;
        if track.is_aborted() {
            return Err(track.end_reason().into());
        }
        let stems = self.stems(track)?;
        let written = stems.iter().map(|stem| self.write(track, song, stem));
        futures::future::try_join_all(written).await.map_err(|error| match track.is_aborted() {
            true => track.end_reason().into(),
            false => error,
        })
    }

    async fn submit(&self, song: &Path) -> anyhow::Result<Arc<ActiveTrack>> {
        let path = song.canonicalize().context("cannot be opened")?;
        let file = std::fs::metadata(&path)?;
        ensure!(file.is_file(), "is not a file");
        let id = TrackId::from_random(rand::random());
        // The song is read where it is; only its name goes into the store.
        std::os::unix::fs::symlink(&path, self.pipeline.files.incoming(&id))?;
        let submission = Submission {
            id,
            passcode_sha256: String::new(),
            file_name: song.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            size_bytes: file.len(),
            upload_sha256: String::new(),
            model: self.arguments.model.clone(),
            deadline_ms: None,
        };
        Ok(self.pipeline.submit(submission).await?)
    }

    fn stems(&self, track: &ActiveTrack) -> anyhow::Result<Vec<String>> {
        let has: Vec<String> = track.manifest.all_stems().map(str::to_owned).collect();
        let wanted = if self.arguments.stem.is_empty() { has.clone() } else { self.arguments.stem.clone() };
        for stem in &wanted {
            ensure!(has.contains(stem), "there is no stem `{stem}`; the model gives {}", has.join(", "));
        }
        Ok(wanted)
    }

    async fn write(&self, track: &ActiveTrack, song: &Path, stem: &str) -> anyhow::Result<PathBuf> {
        let reader = self.pipeline.stem(&track.id, stem).await?;
        let song = song.file_stem().unwrap_or_default().to_string_lossy();
        let path = self.arguments.output.join(download_name(&song, stem, self.format.extension()));
        let (format, tags, out) = (self.format, track.record().tags(), path.clone());
        let cancelled = self.pipeline.stopping();
        tokio::task::spawn_blocking(move || {
            reader.encode_to(&out, format, &tags, &|| cancelled.is_cancelled())
        })
        .await?
        .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// Shows a track's progress for as long as it is polled.
async fn follow<T>(track: &ActiveTrack, bar: &ProgressBar) -> T {
    let mut signal = track.events.signal();
    loop {
        let view = track.view();
        bar.set_position((view.progress * 1000.0) as u64);
        bar.set_message(match (view.state, view.eta_s) {
            (TrackState::Separating, Some(left)) => format!("separating, {left:.0} s left"),
            (state, _) => state.to_string(),
        });
        if signal.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn style() -> ProgressStyle {
    // The template is a constant; were it wrong, the plain bar would do.
    ProgressStyle::with_template("{prefix:.bold} {wide_bar} {percent:>3} % {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}
