//! Runs the bare network of a model so many times, on so many sessions at once, and prints the seconds that
//! took: what every pipeline around it is measured against.
//!
//! `cargo run --release -p karaoke-worker --example bare_windows -- MODELS_DIR MODEL WINDOWS SESSIONS`

use karaoke_models::Catalogue;
use karaoke_worker::{Loader, Runtime, Separator, Wanted, kinds};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("bare_windows MODELS_DIR MODEL WINDOWS SESSIONS");
    let catalogue = Catalogue::open(&PathBuf::from(next()?))?;
    let manifest = catalogue.get(&next()?)?.clone();
    let (windows, sessions): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let loader = Loader::new(Runtime::load(None, Wanted::Auto)?, 1);
    let mut models: Vec<Box<dyn Separator>> =
        (0..sessions).map(|_| kinds::open(&loader, &catalogue, &manifest)).collect::<Result<_, _>>()?;
    let sound: Vec<f32> = (0..models[0].window()).map(|i| (i as f32 * 0.031).sin() * 0.4).collect();
    let mut out = vec![0.0; models[0].window() * models[0].stems() * 2];
    for model in &mut models {
        // Once, so that the network's input holds sound and its memory is there.
        model.separate([&sound, &sound], 1.0, &mut out)?;
    }
    let start = Barrier::new(sessions + 1);
    let seconds = std::thread::scope(|scope| {
        for (number, mut model) in models.into_iter().enumerate() {
            let (start, share) = (&start, windows / sessions + usize::from(number < windows % sessions));
            scope.spawn(move || {
                start.wait();
                (0..share).try_for_each(|_| model.infer())
            });
        }
        start.wait();
        let began = Instant::now();
        // The scope waits for the threads; the clock is read behind it.
        began
    });
    println!("{:.4}", seconds.elapsed().as_secs_f64());
    Ok(())
}
