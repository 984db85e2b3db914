//! Mutated files of every format: none may panic, hang, leave a file behind or eat memory.

use crate::{clip::Clip, ffmpeg, formats::CASES};
use karaoke_server::ingest::{Limits, decode, tags};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const MUTANTS_PER_FILE: u64 = 21;
const DEADLINE: Duration = Duration::from_secs(20);
/// Growth of the whole test process that is still no leak, in kB.
const MAX_GROWTH_KB: u64 = 600_000;

/// Name of the threads that decode mutants.
const QUIET: &str = "mutant";

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as usize) % n.max(1)
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) -> &'static str {
    // Half of the damage goes where the structure is: the start.
    let place = |dice: &mut Dice, len: usize| {
        if dice.below(2) == 0 { dice.below(len.min(400)) } else { dice.below(len) }
    };
    match dice.below(6) {
        0 => {
            for _ in 0..1 + dice.below(40) {
                let at = place(dice, bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
            "bit flips"
        }
        1 => {
            bytes.truncate(dice.below(bytes.len()));
            "truncation"
        }
        2 => {
            let at = place(dice, bytes.len());
            let end = (at + 1 + dice.below(2000)).min(bytes.len());
            bytes[at..end].iter_mut().for_each(|b| *b = dice.below(256) as u8);
            "random span"
        }
        3 => {
            let at = place(dice, bytes.len());
            let more: Vec<u8> = (0..dice.below(500)).map(|_| dice.below(256) as u8).collect();
            bytes.splice(at..at, more);
            "inserted bytes"
        }
        4 => {
            let at = place(dice, bytes.len());
            let end = (at + dice.below(3000)).min(bytes.len());
            bytes.drain(at..end);
            "removed span"
        }
        _ => {
            // Extreme numbers are where sizes and counts break.
            let at = place(dice, bytes.len().saturating_sub(8));
            let value = [[0xFF; 8], [0; 8], [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]][dice.below(3)];
            let end = (at + 1 + dice.below(8)).min(bytes.len());
            bytes[at..end].copy_from_slice(&value[..end - at]);
            "extreme numbers"
        }
    }
}

fn memory_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Decodes in a thread of its own, so that a hang is seen.
fn try_one(path: &Path, name: &str) -> Result<&'static str, String> {
    let (sender, receiver) = mpsc::channel();
    let (path, name) = (path.to_owned(), name.to_owned());
    let mix = path.with_extension("mix");
    let target = mix.clone();
    let thread = thread::Builder::new().name(QUIET.into()).spawn(move || {
        let result = decode(&path, &name, &target, &Limits::default(), &|| false);
        let _ = tags(&path, &name);
        let _ = sender.send(result.map_err(|e| (e.status(), e.title(), e.to_string())));
    });
    let thread = thread.map_err(|e| e.to_string())?;
    let outcome = match receiver.recv_timeout(DEADLINE) {
        Err(mpsc::RecvTimeoutError::Timeout) => return Err("hangs".into()),
        Err(mpsc::RecvTimeoutError::Disconnected) => return Err("panics".into()),
        Ok(outcome) => outcome,
    };
    thread.join().map_err(|_| "panics")?;
    match (outcome, mix.exists()) {
        (Ok(_), true) => fs::remove_file(&mix).map_err(|e| e.to_string()).map(|()| "decoded"),
        (Err((415 | 422 | 413, title, _)), false) => Ok(title),
        (other, exists) => Err(format!("{other:?}, mix left: {exists}")),
    }
}

#[test]
fn mutated_files_do_no_harm() {
    // A decoder's panic is caught and reported; its message would only drown the counts.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().name() != Some(QUIET) {
            loud(info);
        }
    }));
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(48000, 2, 40_000).write(&wav);
    let (mut outcomes, mut failures) = (BTreeMap::<&str, u32>::new(), Vec::new());
    let (mut count, mut slowest, start, before) = (0, Duration::ZERO, Instant::now(), memory_kb());
    for (n, case) in CASES.iter().enumerate() {
        let original = dir.path().join(format!("original.{}", case.extension));
        ffmpeg::make(&wav, &original, case.options);
        let original = fs::read(&original).unwrap();
        for seed in 0..MUTANTS_PER_FILE {
            let mut dice = Dice((n as u64) << 32 | seed);
            let mut bytes = original.clone();
            let kind = mutate(&mut bytes, &mut dice);
            let swapped = CASES[dice.below(CASES.len())].extension;
            let name = format!("m.{}", if dice.below(4) == 0 { swapped } else { case.extension });
            let path = dir.path().join(&name);
            fs::write(&path, &bytes).unwrap();
            let began = Instant::now();
            match try_one(&path, &name) {
                Ok(outcome) => *outcomes.entry(outcome).or_default() += 1,
                Err(what) => failures.push(format!("{} seed {seed} ({kind}): {what}", case.name)),
            }
            slowest = slowest.max(began.elapsed());
            count += 1;
            let _ = fs::remove_file(&path);
        }
    }
    let grown = memory_kb() - before;
    println!(
        "{count} mutants in {:.1?}, slowest {slowest:.1?}, memory +{grown} kB: {outcomes:?}",
        start.elapsed()
    );
    assert!(failures.is_empty(), "{} of {count}:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 500 && grown < MAX_GROWTH_KB, "{count} mutants, memory +{grown} kB");
}
