//! Reads stems at the source's rate, finished or not.

use super::Pipeline;
use crate::active_track::{ActiveAudio, ActiveTrack};
use crate::concurrency::lock;
use crate::ingest::FrameFile;
use crate::ingest::resample::needed;
use crate::ingest::{FrameSource, Resampled};
use crate::layers::LayerSource;
use crate::problem::Problem;
use karaoke_core::audio::{add, subtract};
use karaoke_core::quantise::ExactSum;
use karaoke_core::{Manifest, TrackId};
use karaoke_stages::Stage;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

/// Chunks that a waiting listener has done first: what he waits for and a little more.
const LOOKAHEAD_CHUNKS: u64 = 2;

/// A stem being read: at the source's rate, from frame 0 to the track's end.
#[derive(Clone)]
pub struct StemReader {
    pipeline: Arc<Pipeline>,
    /// The track, while it is being worked on.
    track: Option<Arc<ActiveTrack>>,
    source: Arc<Mutex<Box<dyn FrameSource + Send>>>,
    /// Sample rate, Hz.
    pub rate: u32,
    /// Length in frames.
    pub frames: u64,
}

impl Pipeline {
    /// Opens a stem for reading. 404 when there is no such stem, 409 when decoding has not ended yet.
    ///
    /// `bits`: of the integers that the reader will make of the samples; the stems of a track then add up to the song
    /// in these integers, too. `None` for floats.
    pub async fn stem(
        self: &Arc<Self>,
        id: &TrackId,
        stem: &str,
        bits: Option<u32>,
    ) -> Result<StemReader, Problem> {
        self.open_reader(id, Wanted::Stem(stem.to_owned()), bits).await
    }

    /// Opens the sum of some parts for reading, as [`Self::stem`] does a stem: with `bits`, the integers of these
    /// parts added up.
    pub async fn mix_of(
        self: &Arc<Self>,
        id: &TrackId,
        parts: Vec<String>,
        bits: Option<u32>,
    ) -> Result<StemReader, Problem> {
        self.open_reader(id, Wanted::Mix(parts), bits).await
    }

    async fn open_reader(
        self: &Arc<Self>,
        id: &TrackId,
        wanted: Wanted,
        bits: Option<u32>,
    ) -> Result<StemReader, Problem> {
        let record = self.store.track(id).await?.ok_or_else(Problem::no_such_track)?;
        // Looked up after the row: a track that ends in between is found finished on disk.
        let track = self.active(id);
        let manifest = &record.manifest;
        if let Some(stem) = wanted.missing(manifest) {
            let detail = format!("Track {id} has no stem `{stem}`; it has: {}.", list(manifest));
            return Err(Problem::new(404, "No such stem", detail));
        }
        if let Some(track) = &track
            && track.is_aborted()
        {
            return Err(track.end_reason());
        }
        let record = track.as_ref().map_or_else(|| record.clone(), |t| t.record());
        if let Some(failure) = record.failure {
            return Err(failure.into());
        }
        let Some(audio) = record.audio.filter(|_| record.state != karaoke_core::TrackState::Cancelled) else {
            let detail =
                "The song is still being decoded (or was cancelled); ask again when it is separating.";
            return Err(Problem::new(409, "Not decoded yet", detail));
        };
        let (me, owned, manifest, id) = (self.clone(), track.clone(), manifest.clone(), id.clone());
        let open = move || me.open_stem(owned.as_deref(), &manifest, &id, &wanted, bits);
        let source = crate::concurrency::blocking(open).await;
        let source = Arc::new(Mutex::new(source.map_err(|e| Problem::disk(&e))?));
        Ok(StemReader {
            pipeline: self.clone(),
            track,
            source,
            rate: audio.source_rate.get(),
            frames: audio.frames.get(),
        })
    }

    /// Opens a stem as it is heard, or, with `bits`, as integers of so many bits that add up to the song.
    fn open_stem(
        &self,
        track: Option<&ActiveTrack>,
        manifest: &Manifest,
        id: &TrackId,
        wanted: &Wanted,
        bits: Option<u32>,
    ) -> io::Result<Box<dyn FrameSource + Send>> {
        let open = |stem: &str| self.open_predicted(track, id, stem);
        let mix = || FrameFile::open(&self.files.mix(id));
        let rest = manifest.rest();
        let sum = manifest.sums.keys().next().map(String::as_str);
        if let Some(bits) = bits
            && let Some(exact) = ExactSum::new(manifest, sum, bits)
        {
            let at = |stem: &str| manifest.parts().position(|part| part == stem);
            let chosen = match wanted {
                // Behind the parts stands the sum that is exact.
                Wanted::Stem(stem) if sum == Some(stem) => vec![manifest.parts().count()],
                wanted => wanted.parts(manifest).iter().filter_map(|part| at(part)).collect(),
            };
            let parts = manifest.parts().map(|part| (Some(part) != rest).then(|| open(part)).transpose());
            let parts = parts.collect::<io::Result<_>>()?;
            return Ok(Box::new(ExactStem::new(mix()?, parts, exact, chosen)));
        }
        // What is left of the mix: the rest itself, or a sum in which it is.
        let others = |of: &[&str]| {
            let others = manifest.parts().filter(|part| !of.contains(part) && Some(*part) != rest);
            let predicted = others.map(open).collect::<io::Result<_>>()?;
            Ok(Box::new(Complement { mix: mix()?, predicted, block: Vec::new() })
                as Box<dyn FrameSource + Send>)
        };
        match wanted.parts(manifest)[..] {
            ref of if of.iter().any(|part| Some(*part) == rest) => others(of),
            [stem] => open(stem),
            ref of => {
                let of = of.iter().map(|part| open(part)).collect::<io::Result<_>>()?;
                Ok(Box::new(Sum { of, block: Vec::new() }))
            }
        }
    }

    fn open_predicted(
        &self,
        track: Option<&ActiveTrack>,
        id: &TrackId,
        stem: &str,
    ) -> io::Result<Box<dyn FrameSource + Send>> {
        // The layers go away when the track is done, but only after the finished file is in its place.
        if let Some(track) = track
            && let Ok(source) = self.predicted(track, stem)
        {
            return Ok(source);
        }
        Ok(Box::new(FrameFile::open(&self.files.stem(id, stem))?))
    }

    /// A predicted stem of a track in work, at the source's rate.
    pub(super) fn predicted(
        &self,
        track: &ActiveTrack,
        stem: &str,
    ) -> io::Result<Box<dyn FrameSource + Send>> {
        let planned = track.audio().ok_or_else(|| io::Error::other("the track is not planned yet"))?;
        let layers = LayerSource::open(&self.files, &track.id, stem, &planned.plan, planned.overlap_add())?;
        let (from, to) = (track.manifest.sample_rate.get(), planned.audio.source_rate.get());
        if from == to {
            return Ok(Box::new(layers));
        }
        let resampled = Resampled::new(layers, from, to, planned.audio.model_frames.get())?;
        Ok(Box::new(resampled.with_length(planned.audio.frames.get())))
    }
}

/// What is read of a track.
enum Wanted {
    /// A stem, or a sum that the model's manifest names.
    Stem(String),
    /// The sum of any parts.
    Mix(Vec<String>),
}

impl Wanted {
    /// The parts whose sum it is.
    fn parts<'a>(&'a self, manifest: &'a Manifest) -> Vec<&'a str> {
        let of = match self {
            Self::Stem(stem) => match manifest.sums.get(stem) {
                Some(of) => of,
                None => return vec![stem],
            },
            Self::Mix(parts) => parts,
        };
        of.iter().map(String::as_str).collect()
    }

    /// What the model does not make.
    fn missing<'a>(&'a self, manifest: &'a Manifest) -> Option<&'a str> {
        self.parts(manifest).into_iter().find(|stem| !manifest.parts().any(|part| part == *stem))
    }
}

fn list(manifest: &Manifest) -> String {
    manifest.all_stems().collect::<Vec<_>>().join(", ")
}

impl StemReader {
    /// Reads interleaved frames, after waiting until they are final and asking the workers for them first.
    pub async fn read(&self, range: Range<u64>) -> Result<Vec<f32>, Problem> {
        self.wait(&range).await?;
        let (source, frames) = (self.source.clone(), (range.end - range.start) as usize);
        let read = move || {
            let mut out = vec![0.0; frames * 2];
            lock(&source).read(range.start as i64, &mut out)?;
            Ok(out)
        };
        crate::concurrency::blocking(read).await.map_err(|e| Problem::disk(&e))
    }

    /// Whether frames are final; whoever asks waits for nothing and changes nobody's turn.
    pub fn is_final(&self, range: &Range<u64>) -> bool {
        let Some((track, planned)) = self.track.as_ref().and_then(|track| Some((track, track.audio()?)))
        else {
            return true;
        };
        let frames = model_range(planned, &track.manifest, range);
        track.ready_until(frames.start) >= frames.end
    }

    /// Waits until the whole stem is final.
    pub async fn wait_all(&self) -> Result<(), Problem> {
        match &self.track {
            Some(track) => track.wait_ready(0..u64::MAX).await,
            None => Ok(()),
        }
    }

    /// The samples themselves, for one reader at a time. What is not final yet must not be read.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Box<dyn FrameSource + Send>> {
        lock(&self.source)
    }

    /// Waits until frames are final, in whatever order the workers come to them.
    pub(crate) async fn wait_final(&self, range: &Range<u64>) -> Result<(), Problem> {
        let Some(track) = &self.track else { return Ok(()) };
        let Some(planned) = track.audio() else { return Ok(()) };
        let ready = track.wait_ready(model_range(planned, &track.manifest, range));
        let stopping = || Problem::new(503, "Stopping", "The server is about to stop.");
        self.pipeline.stop.run_until_cancelled(ready).await.ok_or_else(stopping)?
    }

    /// Waits until frames are final, and has them done first.
    async fn wait(&self, range: &Range<u64>) -> Result<(), Problem> {
        let Some(track) = &self.track else { return Ok(()) };
        let Some(planned) = track.audio() else { return Ok(()) };
        let frames = model_range(planned, &track.manifest, range);
        let ready = track.ready_until(frames.start);
        if ready < frames.end {
            let first = planned.plan.covering(ready.min(frames.end - 1)).start;
            let last = planned.plan.covering(frames.end - 1).end;
            lock(&self.pipeline.schedule).want(&track.id, first, last + LOOKAHEAD_CHUNKS);
        }
        track.wait_ready(frames).await
    }
}

/// The frames at the model's rate that frames at the source's rate are made of.
fn model_range(planned: &ActiveAudio, manifest: &Manifest, range: &Range<u64>) -> Range<u64> {
    let length = planned.audio.model_frames.get();
    if planned.audio.source_rate == manifest.sample_rate {
        return range.start.min(length)..range.end.min(length);
    }
    let wide = needed(range.clone(), manifest.sample_rate.get(), planned.audio.source_rate.get());
    (wide.start.max(0) as u64).min(length)..(wide.end.max(0) as u64).min(length)
}

/// The stem that is the mix minus all predicted ones.
struct Complement {
    mix: FrameFile,
    predicted: Vec<Box<dyn FrameSource + Send>>,
    block: Vec<f32>,
}

impl FrameSource for Complement {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Blend.enter();
        self.mix.read(start, out)?;
        self.block.resize(out.len(), 0.0);
        for stem in &mut self.predicted {
            stem.read(start, &mut self.block)?;
            subtract(out, &self.block);
        }
        Ok(())
    }
}

/// A stem that is the sum of predicted ones, added up in the manifest's order: sums round, and a stem's bits must
/// not depend on when it is read.
struct Sum {
    of: Vec<Box<dyn FrameSource + Send>>,
    block: Vec<f32>,
}

impl FrameSource for Sum {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Blend.enter();
        let Some((first, others)) = self.of.split_first_mut() else {
            out.fill(0.0);
            return Ok(());
        };
        first.read(start, out)?;
        self.block.resize(out.len(), 0.0);
        for stem in others {
            stem.read(start, &mut self.block)?;
            add(out, &self.block);
        }
        Ok(())
    }
}

/// A stem, or the sum of several, as samples that are integers of some bits exactly.
struct ExactStem {
    mix: FrameFile,
    /// The parts in the manifest's order; none for the one that takes the rest.
    parts: Vec<Option<Box<dyn FrameSource + Send>>>,
    exact: ExactSum,
    /// Which of the integers are read, added up.
    chosen: Vec<usize>,
    mixed: Vec<f32>,
    blocks: Vec<Vec<f32>>,
}

impl ExactStem {
    fn new(
        mix: FrameFile,
        parts: Vec<Option<Box<dyn FrameSource + Send>>>,
        exact: ExactSum,
        chosen: Vec<usize>,
    ) -> Self {
        let blocks = vec![Vec::new(); parts.len()];
        Self { mix, parts, exact, chosen, mixed: Vec::new(), blocks }
    }
}

impl FrameSource for ExactStem {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Blend.enter();
        self.mixed.resize(out.len(), 0.0);
        self.mix.read(start, &mut self.mixed)?;
        for (part, block) in self.parts.iter_mut().zip(&mut self.blocks) {
            block.resize(out.len(), 0.0);
            if let Some(part) = part {
                part.read(start, block)?;
            }
        }
        self.exact.split_block(&self.mixed, &self.blocks, &self.chosen, out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Constant(f32);

    impl FrameSource for Constant {
        fn read(&mut self, _start: i64, out: &mut [f32]) -> io::Result<()> {
            out.fill(self.0);
            Ok(())
        }
    }

    fn sum(of: &[f32]) -> f32 {
        let of = of.iter().map(|x| Box::new(Constant(*x)) as Box<dyn FrameSource + Send>).collect();
        let mut out = [9.0; 4];
        Sum { of, block: Vec::new() }.read(0, &mut out).unwrap();
        assert!(out.iter().all(|x| x.to_bits() == out[0].to_bits()));
        out[0]
    }

    #[test]
    fn stems_are_added_up_in_the_manifests_order() {
        assert_eq!(
            [sum(&[1e8, 1.0, -1e8]), sum(&[1e8, -1e8, 1.0]), sum(&[0.25]), sum(&[])],
            [0.0, 1.0, 0.25, 0.0]
        );
    }
}
