//! Measures a model on this machine: the bare network, the whole way of a window (transform, network,
//! inverse), and one session with all cores against one session a core.
//!
//! `cargo run --release -p karaoke-worker --example bench_sessions -- MODELS_DIR MODEL [WINDOWS]`

use karaoke_core::Manifest;
use karaoke_models::Catalogue;
use karaoke_worker::config::cores;
use karaoke_worker::{Loader, Runtime, Separator, Wanted, kinds};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

type Failure = Box<dyn Error + Send + Sync>;

/// Everything needed to load the model again and again.
struct Subject {
    runtime: Runtime,
    catalogue: Catalogue,
    manifest: Manifest,
}

/// The sound of one window, and room for its stems.
struct Window {
    channels: [Vec<f32>; 2],
    out: Vec<f32>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let usage = "bench_sessions MODELS_DIR MODEL [WINDOWS]";
    let catalogue = Catalogue::open(&PathBuf::from(args.next().ok_or(usage)?))?;
    let manifest = catalogue.get(&args.next().ok_or(usage)?)?.clone();
    let windows: usize = args.next().map_or(Ok(8), |n| n.parse())?;
    let subject = Subject { runtime: Runtime::load(None, Wanted::Auto)?, catalogue, manifest };
    println!("{}, ONNX Runtime {}, {} cores", subject.manifest.name, subject.runtime.version(), cores());
    println!(
        "{:>8} {:>8} {:>14} {:>14} {:>8} {:>10}",
        "sessions", "threads", "network s", "whole s", "ratio", "peak MB"
    );
    let alone = subject.measure(1, 1, windows)?;
    let wide = subject.measure(1, cores(), windows)?;
    let many = subject.measure(cores(), 1, windows)?;
    println!("one session a core is {:.2} times as fast as one with all cores", wide / many);
    println!("  and {:.2} times as fast as one session on one core", alone / many);
    println!("same bits on 1 and on {} threads: {}", cores(), subject.once(1)? == subject.once(cores())?);
    Ok(())
}

impl Subject {
    fn open(&self, threads: usize) -> Result<(Box<dyn Separator>, Window), Failure> {
        let mut separator =
            kinds::open(&Loader::new(self.runtime.clone(), threads), &self.catalogue, &self.manifest)?;
        let mut window = Window::of_noise(&*separator);
        // The first run plans its memory.
        window.separate(&mut *separator)?;
        Ok((separator, window))
    }

    /// The bits of one separated window.
    fn once(&self, threads: usize) -> Result<Vec<u32>, Failure> {
        Ok(self.open(threads)?.1.out.iter().map(|s| s.to_bits()).collect())
    }

    /// Prints a line; gives the seconds of the whole way of a window, all sessions together.
    fn measure(&self, sessions: usize, threads: usize, windows: usize) -> Result<f64, Failure> {
        let mut opened = (0..sessions).map(|_| self.open(threads)).collect::<Result<Vec<_>, _>>()?;
        let (mut network, mut whole) = (f64::INFINITY, f64::INFINITY);
        // In turns, and the best of each counts: a neighbour's load must not fall on one of them.
        for _ in 0..4 {
            network = network.min(time(&mut opened, windows, |s, _| Ok(s.infer()?))?);
            whole = whole.min(time(&mut opened, windows, |s, w| w.separate(s))?);
        }
        let (ratio, peak) = (whole / network, peak_megabytes());
        println!("{sessions:>8} {threads:>8} {network:>14.4} {whole:>14.4} {ratio:>8.3} {peak:>10}");
        Ok(whole)
    }
}

impl Window {
    fn of_noise(separator: &dyn Separator) -> Self {
        let n = separator.window();
        let mut state = 1u32;
        let mut sample = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut channel = || (0..n).map(|_| sample()).collect::<Vec<f32>>();
        Self { channels: [channel(), channel()], out: vec![0.0; 2 * n * separator.stems()] }
    }

    fn separate(&mut self, separator: &mut dyn Separator) -> Result<(), Failure> {
        let [left, right] = &self.channels;
        Ok(separator.separate([left, right], 1.0, &mut self.out)?)
    }
}

/// Seconds a window, when every session works on `windows` of them at once.
fn time(
    sessions: &mut [(Box<dyn Separator>, Window)],
    windows: usize,
    work: impl Fn(&mut dyn Separator, &mut Window) -> Result<(), Failure> + Sync,
) -> Result<f64, Failure> {
    let (count, work) = (sessions.len(), &work);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let run = |(separator, window): &mut (Box<dyn Separator>, Window)| {
            (0..windows).try_for_each(|_| work(&mut **separator, window))
        };
        let started: Vec<_> = sessions.iter_mut().map(|s| scope.spawn(move || run(s))).collect();
        started.into_iter().try_for_each(|t| t.join().map_err(|_| "a session panicked")?)
    })?;
    Ok(began.elapsed().as_secs_f64() / (windows * count) as f64)
}

/// The most memory this process has had so far; 0 where the system does not say.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
