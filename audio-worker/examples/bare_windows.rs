//! Runs the bare network of a model once for every window of a song, by as many workers and on the sessions, threads
//! and provider that the program itself would use, and prints the seconds that took, by the clock and of the
//! processors, and the number of windows: what every pipeline around it is measured against.
//!
//! `cargo run --release -p karaoke-worker --example bare_windows -- MODELS_DIR MODEL SECONDS WORKERS [PROVIDER [CACHE]]`
//!
//! PROVIDER is as in `worker.provider`. How the cores are divided is read from the folder CACHE and kept there, as the program does with `worker.cache`.

use karaoke_core::{Frames, WindowPlan};
use karaoke_models::Catalogue;
use karaoke_worker::config::cores;
use karaoke_worker::process::cpu_seconds;
use karaoke_worker::{Loader, Runtime, Separator, Wanted, WorkerConfig, kinds};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("bare_windows MODELS_DIR MODEL SECONDS WORKERS [PROVIDER [CACHE]]");
    let catalogue = Catalogue::open(&PathBuf::from(next()?))?;
    let manifest = catalogue.get(&next()?)?.clone();
    let (seconds, workers): (f64, usize) = (next()?.parse()?, next()?.parse()?);
    let frames = Frames::new((seconds * f64::from(manifest.sample_rate.get())) as u64);
    let windows = WindowPlan::new(manifest.windowing(manifest.overlap), frames).count() as usize;
    let provider = next().map_or(Ok(Wanted::Auto), |name| serde_json::from_value(name.into()))?;
    let config = WorkerConfig { cache: next().unwrap_or_default().into(), ..WorkerConfig::default() };
    let runtime = Runtime::load(None, provider)?;
    let loader = Loader::shared(runtime, workers, cores(), config.threads, config.cache_folder());
    let mut models: Vec<Box<dyn Separator>> = (0..workers)
        .map(|worker| kinds::open(&loader.at(worker), &catalogue, &manifest))
        .collect::<Result<_, _>>()?;
    let sound: Vec<f32> = (0..models[0].window()).map(|i| (i as f32 * 0.031).sin() * 0.4).collect();
    let mut out = vec![0.0; models[0].window() * models[0].stems() * 2];
    for model in &mut models {
        // Once, so that the network's input holds sound and its memory is there.
        model.separate([&sound, &sound], 1.0, &mut out)?;
    }
    let start = Barrier::new(workers + 1);
    let (began, used) = std::thread::scope(|scope| {
        for (number, mut model) in models.into_iter().enumerate() {
            let (start, share) = (&start, windows / workers + usize::from(number < windows % workers));
            scope.spawn(move || {
                start.wait();
                (0..share).try_for_each(|_| model.infer())
            });
        }
        start.wait();
        // The scope waits for the threads; the clocks are read again behind it.
        (Instant::now(), cpu_seconds())
    });
    println!("{:.4} {:.4} {windows}", began.elapsed().as_secs_f64(), cpu_seconds() - used);
    Ok(())
}
