//! Decodes an upload, brings it to the model's rate, plans its chunks and puts them on the schedule.

use super::Pipeline;
use crate::active_track::{ActiveAudio, ActiveTrack};
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::files::Files;
use crate::ingest::{self, Decoded, FrameFile, FrameSource, FrameWriter, IngestError, Limits, Resampled};
use crate::layers;
use crate::problem::Problem;
use crate::store::{Audio, LyricsSource};
use karaoke_core::audio::gain_to_ceiling;
use karaoke_core::{ChunkPlan, Frames, SampleRate, TrackId, TrackState};
use karaoke_stages::Stage;
use std::sync::Arc;
use tracing::Instrument;

/// Frames resampled at a time.
const BLOCK: usize = 1 << 16;

impl Pipeline {
    pub(super) async fn prepare_loop(self: Arc<Self>) {
        loop {
            let next = lock(&self.undecoded).pop_front();
            match next {
                Some(track) => self.prepare(track).await,
                None => self.uploaded.notified().await,
            }
        }
    }

    /// From `queued` to `separating`, or to `failed` with the reason.
    async fn prepare(self: &Arc<Self>, track: Arc<ActiveTrack>) {
        let span = tracing::info_span!(parent: None, "decode", track = %track.id);
        karaoke_telemetry::follow(&span, track.trace_parent());
        let outcome = self.try_prepare(&track).instrument(span).await;
        if let Err(problem) = outcome
            && !track.is_aborted()
            && let Err(e) = self.fail(&track.id, problem).await
        {
            tracing::error!(track = %track.id, error = %e, "could not record a failure");
        }
    }

    async fn try_prepare(self: &Arc<Self>, track: &Arc<ActiveTrack>) -> Result<(), Problem> {
        if !self.store.set_state(&track.id, TrackState::Decoding, now_ms()).await? {
            return Ok(());
        }
        track.update(|r| r.state = TrackState::Decoding);
        self.read_tags(track).await?;
        let (me, owned) = (self.clone(), track.clone());
        let audio = tokio::task::spawn_blocking(move || me.decode(&owned))
            .await
            .map_err(|e| Problem::internal(&e))??;
        self.count_audio(track, audio.frames.seconds(audio.source_rate)).await?;
        let plan = ActiveAudio::new(audio, &track.manifest).plan;
        self.make_room_for(track, &audio).await?;
        if !self.store.start_separating(&track.id, &audio, plan.count(), now_ms()).await? {
            return Ok(());
        }
        track.set_plan(audio, Vec::new());
        self.forecast(track);
        track.update(|r| r.state = TrackState::Separating);
        track.publish_snapshot();
        tracing::info!(
            track = %track.id, seconds = audio.frames.get() / u64::from(audio.source_rate.get()), chunks = plan.count(),
            "track planned: split into {} chunks", plan.count()
        );
        match plan.count() {
            // Too short to give one sample at the model's rate: there is nothing to wait for.
            0 => {
                let track = track.clone();
                self.spawn(move |me| async move { me.finish(track).await });
            }
            _ => self.schedule_missing(track),
        }
        Ok(())
    }

    /// Puts the missing chunks of a separating track on the schedule.
    pub(super) fn schedule_missing(&self, track: &ActiveTrack) {
        let deadline = track.record().deadline_ms.map(|ms| ms.max(0) as u64);
        lock(&self.schedule).add(track.id.clone(), track.missing(), deadline);
        self.scheduled.notify_one();
    }

    async fn read_tags(&self, track: &ActiveTrack) -> Result<(), Problem> {
        let (files, id, name) = (self.files.clone(), track.id.clone(), track.record().file_name);
        let (mut tags, cover) = crate::concurrency::blocking(move || {
            let mut tags = Stage::Decode.of(|| ingest::tags(&files.upload(&id), &name));
            let cover = tags.cover.take();
            if let Some(cover) = &cover {
                std::fs::write(files.cover(&id), &cover.bytes)?;
            }
            Ok((tags, cover.map(|c| c.mime.to_owned())))
        })
        .await
        .map_err(|e| Problem::disk(&e))?;
        let texts = [tags.title.as_deref(), tags.artist.as_deref(), tags.album.as_deref()];
        self.store.set_tags(&track.id, texts, cover.as_deref()).await?;
        let lyrics = tags.lyrics.take();
        track.update(|r| {
            (r.title, r.artist, r.album, r.cover_mime) = (tags.title, tags.artist, tags.album, cover);
        });
        match lyrics {
            Some(lyrics) => self.store_lyrics(&track.id, LyricsSource::Tags, &lyrics, now_ms()).await,
            None => Ok(()),
        }
    }

    /// Blocking: decodes, resamples, plans and makes the layers.
    fn decode(&self, track: &ActiveTrack) -> Result<Audio, Problem> {
        let aborted = || track.is_aborted() || self.stop.is_cancelled();
        let (files, id) = (&self.files, &track.id);
        let limits = Limits { max_duration_s: self.limits.duration_s, max_bytes: self.limits.decoded_bytes };
        let name = track.record().file_name;
        let decoded = ingest::decode(&files.upload(id), &name, &files.mix(id), &limits, &aborted)
            .map_err(|e| Problem::from(&e))?;
        let model_rate = track.manifest.sample_rate;
        let (model_frames, peak) = if decoded.sample_rate == model_rate {
            (decoded.frames, decoded.peak)
        } else {
            resample(files, id, &decoded, model_rate, &aborted).map_err(|e| Problem::from(&e))?
        };
        let overlap = match self.chunking.overlap {
            0.0 => track.manifest.overlap,
            set => set,
        };
        let audio = Audio {
            source_rate: decoded.sample_rate,
            source_channels: decoded.channels,
            frames: decoded.frames,
            model_frames,
            gain: gain_to_ceiling(peak, track.manifest.peak),
            overlap,
            windows_per_chunk: self.windows_per_chunk(track, overlap)?,
        };
        let plan = ActiveAudio::new(audio, &track.manifest).plan;
        layers::create(files, id, &track.manifest.stems, &plan).map_err(|e| Problem::disk(&e))?;
        Ok(audio)
    }

    fn windows_per_chunk(&self, track: &ActiveTrack, overlap: f64) -> Result<u32, Problem> {
        let windowing = track.manifest.windowing(overlap);
        let (stems, limit) = (track.manifest.stems.len(), self.chunking.max_message_bytes);
        let windows = match self.chunking.windows_per_chunk {
            0 => ChunkPlan::usual(&windowing, stems, limit),
            set => ChunkPlan::largest(&windowing, limit).map(|largest| set.min(largest)),
        };
        windows.map_err(|e| Problem::new(500, "Bad configuration", e.to_string()))
    }
}

/// Writes the mix at the model's rate; returns its frames and its peak.
fn resample(
    files: &Files,
    id: &TrackId,
    decoded: &Decoded,
    to: SampleRate,
    aborted: &dyn Fn() -> bool,
) -> Result<(Frames, f32), IngestError> {
    let _stage = Stage::Resample.enter();
    let mix = FrameFile::open(&files.mix(id))?;
    let mut source = Resampled::new(mix, decoded.sample_rate.get(), to.get(), decoded.frames.get())?;
    let mut out = FrameWriter::create(&files.model_mix(id))?;
    let (length, mut peak, mut at) = (source.length(), 0f32, 0);
    let mut block = vec![0.0; BLOCK * 2];
    while at < length {
        if aborted() {
            return Err(IngestError::Cancelled);
        }
        let frames = BLOCK.min((length - at) as usize);
        source.read(at as i64, &mut block[..frames * 2])?;
        peak = block[..frames * 2].iter().fold(peak, |p, x| p.max(x.abs()));
        out.write(&block[..frames * 2])?;
        at += frames as u64;
    }
    out.finish(length)?;
    Ok((Frames::new(length), peak))
}

impl From<&IngestError> for Problem {
    fn from(error: &IngestError) -> Self {
        Self::new(error.status(), error.title(), error.to_string())
    }
}
