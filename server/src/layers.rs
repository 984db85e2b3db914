//! Writes a chunk's samples into the layers of its stems, and reads layers back as finished samples.
//!
//! Every (frame, layer) has exactly one writer, so writing a reply twice, late or after a crash changes
//! nothing; see [`karaoke_core::overlap`].

use crate::files::Files;
use crate::ingest::FrameSource;
use karaoke_core::audio::{FRAME_BYTES, interleave, read_le_bytes, to_le_bytes};
use karaoke_core::overlap::{OverlapAdd, layer_of};
use karaoke_core::wire::Separated;
use karaoke_core::{ChunkIndex, ChunkPlan, TrackId};
use karaoke_stages::Stage;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A reply cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The reply does not fit the plan, or holds samples that are not numbers: ask again.
    #[error("corrupt reply: {0}")]
    Corrupt(&'static str),
    /// The disk.
    #[error("cannot write samples: {0}")]
    Io(#[from] io::Error),
}

/// Makes the empty layers of a track: sparse files of their final length.
pub fn create(files: &Files, id: &TrackId, stems: &[String], plan: &ChunkPlan) -> io::Result<()> {
    let _stage = Stage::Store.enter();
    for stem in stems {
        for k in 0..plan.windows().windowing().max_cover() {
            let file = File::create(files.layer(id, stem, k))?;
            file.set_len(plan.windows().length().get() * FRAME_BYTES as u64)?;
        }
    }
    Ok(())
}

/// Checks a reply for `chunk`, or a part of one, and writes it; its samples are on the disk when this returns.
pub fn write(
    files: &Files,
    id: &TrackId,
    stems: &[String],
    plan: &ChunkPlan,
    chunk: ChunkIndex,
    reply: &Separated,
) -> Result<(), LayerError> {
    let _stage = Stage::Store.enter();
    let windows = plan.windows_of(chunk);
    let window = plan.windows().windowing().window;
    if (windows.end - windows.start, stems.len()) != (u64::from(reply.windows), reply.stems as usize)
        || reply.window != window
        || !reply.part.lies_in(reply.windows, reply.stems)
    {
        return Err(LayerError::Corrupt("it holds other windows or stems than the chunk has"));
    }
    let mut frames = vec![0.0; window * 2];
    let (mut left, mut right) = (vec![0.0; window], vec![0.0; window]);
    for s in reply.part.stems.clone() {
        let layers = open_all(files, id, &stems[s as usize], plan, true)?;
        for w in reply.part.windows.clone() {
            let is_finite = Stage::Wire.of(|| {
                let [l, r] = reply.channels(w, s);
                read_le_bytes(l, &mut left);
                read_le_bytes(r, &mut right);
                interleave(&left, &right, &mut frames);
                frames.iter().all(|x| x.is_finite())
            });
            if !is_finite {
                return Err(LayerError::Corrupt("it holds samples that are not numbers"));
            }
            write_window(&layers, plan, windows.start + u64::from(w), &frames)?;
        }
        for layer in &layers {
            layer.sync_data()?;
        }
    }
    Ok(())
}

fn write_window(layers: &[File], plan: &ChunkPlan, index: u64, frames: &[f32]) -> io::Result<()> {
    let windows = plan.windows();
    for segment in windows.segments(windows.span(index)) {
        let from = (segment.start as i64 - windows.start(index)) as usize * 2;
        let bytes = to_le_bytes(&frames[from..from + segment.frames() * 2]);
        layers[layer_of(&segment, index)].write_all_at(&bytes, segment.start * FRAME_BYTES as u64)?;
    }
    Ok(())
}

fn open_all(files: &Files, id: &TrackId, stem: &str, plan: &ChunkPlan, write: bool) -> io::Result<Vec<File>> {
    (0..plan.windows().windowing().max_cover())
        .map(|k| OpenOptions::new().read(true).write(write).open(files.layer(id, stem, k)))
        .collect()
}

/// A predicted stem at the model's rate, blended from its layers while it is being read.
///
/// Only what [`karaoke_core::WindowPlan::ready_until`] calls ready may be read; the rest is not final.
pub struct LayerSource {
    layers: Vec<File>,
    blender: Arc<OverlapAdd>,
    bytes: Vec<u8>,
    others: Vec<Vec<f32>>,
}

impl LayerSource {
    /// Opens the layers of `stem`.
    pub fn open(
        files: &Files,
        id: &TrackId,
        stem: &str,
        plan: &ChunkPlan,
        blender: Arc<OverlapAdd>,
    ) -> io::Result<Self> {
        let layers = open_all(files, id, stem, plan, false)?;
        let others = vec![Vec::new(); layers.len() - 1];
        Ok(Self { layers, blender, bytes: Vec::new(), others })
    }
}

fn read_layer(layer: &File, bytes: &mut Vec<u8>, start: u64, out: &mut [f32]) -> io::Result<()> {
    let _stage = Stage::Store.enter();
    bytes.resize(out.len() * 4, 0);
    layer.read_exact_at(bytes, start * FRAME_BYTES as u64)?;
    read_le_bytes(bytes, out);
    Ok(())
}

impl FrameSource for LayerSource {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Blend.enter();
        let plan = *self.blender.plan();
        let end = start + (out.len() / 2) as i64;
        out.fill(0.0);
        for segment in plan.segments(start.max(0) as u64..end.max(0) as u64) {
            let at = (segment.start as i64 - start) as usize * 2;
            let first = &mut out[at..at + segment.frames() * 2];
            read_layer(&self.layers[0], &mut self.bytes, segment.start, first)?;
            let others = &mut self.others[..segment.cover - 1];
            for (layer, other) in self.layers[1..].iter().zip(others.iter_mut()) {
                other.resize(first.len(), 0.0);
                read_layer(layer, &mut self.bytes, segment.start, other)?;
            }
            let mut layers: Vec<&mut [f32]> = Vec::with_capacity(segment.cover);
            layers.push(first);
            layers.extend(others.iter_mut().map(Vec::as_mut_slice));
            self.blender.blend(&segment, &mut layers, 2);
        }
        Ok(())
    }
}
