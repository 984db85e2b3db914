//! `karaoke separate` and `karaoke models`, as typed in a shell.

use crate::shell::{files, text};
use karaoke_tests::Settings;
use karaoke_tests::program::command;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until_sync;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn run(settings: &Settings, dir: &Path, arguments: &[&str]) -> Output {
    command(settings).current_dir(dir).args(arguments).output().expect("the program runs")
}

fn with_song(seconds: f64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("song.wav");
    std::fs::write(&path, song(seconds, 44_100).wav_float()).unwrap();
    (dir, path)
}

#[test]
fn several_songs_become_stems_named_after_them() {
    let (dir, path) = with_song(4.0);
    std::fs::copy(&path, dir.path().join("other.wav")).unwrap();
    let out = run(
        &Settings::default(),
        dir.path(),
        &["separate", "song.wav", "other.wav", "-o", "out", "-f", "flac"],
    );
    assert!(out.status.success(), "{}", text(&out.stderr));
    let want = [
        "other (Instrumental).flac",
        "other (Vocals).flac",
        "song (Instrumental).flac",
        "song (Vocals).flac",
    ];
    assert_eq!(files(&dir.path().join("out")), want);
    assert_eq!(text(&out.stdout).lines().count(), 4, "one line for each file");
}

#[test]
fn only_the_stem_that_was_asked_for() {
    let (dir, path) = with_song(2.0);
    let arguments =
        ["separate", "song.wav", "-o", "out", "--stem", "instrumental", "-m", "identity", "--bits", "float"];
    let out = run(&Settings::default(), dir.path(), &arguments);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(files(&dir.path().join("out")), ["song (Instrumental).wav"]);
    let stem = std::fs::read(dir.path().join("out/song (Instrumental).wav")).unwrap();
    assert!(Sound::from_wav(&stem).bits() == Sound::from_wav(&std::fs::read(path).unwrap()).bits());
}

#[test]
fn songs_that_are_late_are_named_and_made_all_the_same() {
    let (dir, _) = with_song(8.0);
    let slow = Settings::default().set("simulation.window_seconds", 0.4).set("worker.workers", 1);
    for (deadline, is_late) in [("0", true), ("3600", false)] {
        let arguments = ["separate", "song.wav", "-m", "identity", "--force", "--deadline", deadline];
        let out = run(&slow, dir.path(), &arguments);
        let said = text(&out.stderr);
        assert!(out.status.success(), "{said}");
        assert_eq!(said.contains("song.wav: ") && said.contains(" s later than needed"), is_late, "{said}");
    }
    assert_eq!(files(dir.path()), ["song (Instrumental).wav", "song (Vocals).wav", "song.wav"]);
}

#[test]
fn chunks_and_workers_do_not_change_a_bit() {
    let (dir, _) = with_song(45.0);
    let mut results = Vec::new();
    for (workers, per_chunk, limit) in
        [(1, 100, 400_000_000), (1, 1, 4_000_000), (2, 2, 8_000_000), (3, 3, 16_000_000)]
    {
        let settings = Settings::default()
            .set("worker.workers", workers)
            .set("chunking.windows_per_chunk", per_chunk)
            .set("chunking.max_message_bytes", limit);
        let out =
            run(&settings, dir.path(), &["separate", "song.wav", "-o", "out", "--bits", "float", "--force"]);
        assert!(out.status.success(), "{}", text(&out.stderr));
        results.push(std::fs::read(dir.path().join("out/song (Vocals).wav")).unwrap());
    }
    let first = Sound::from_wav(&results[0]);
    assert!(first.level_db() > -50.0, "there is something to compare");
    assert!(results.iter().all(|r| *r == results[0]), "chunking or workers changed the result");
}

#[test]
fn one_bad_song_does_not_spoil_the_others() {
    let (dir, _) = with_song(2.0);
    std::fs::write(dir.path().join("bad.mp3"), b"no song at all").unwrap();
    let out =
        run(&Settings::default(), dir.path(), &["separate", "bad.mp3", "gone.mp3", "song.wav", "-o", "out"]);
    assert_eq!(out.status.code(), Some(1));
    let stderr = text(&out.stderr);
    assert!(stderr.contains("bad.mp3") && stderr.contains("gone.mp3"), "{stderr}");
    assert_eq!(files(&dir.path().join("out")), ["song (Instrumental).wav", "song (Vocals).wav"]);
}

#[test]
fn an_interrupt_leaves_nothing_half_written() {
    let (dir, _) = with_song(60.0);
    let settings = Settings::default().set("simulation.window_seconds", 0.3);
    let mut child = command(&settings)
        .current_dir(dir.path())
        .args(["separate", "song.wav", "-o", "out"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let layer = || {
        let store = std::fs::read_dir(dir.path().join("out")).ok()?.flatten().next()?.path();
        let track = std::fs::read_dir(store.join("tracks")).ok()?.flatten().next()?.path();
        track.join("vocals.layer0").exists().then_some(())
    };
    until_sync("separating has begun", layer);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let status = until_sync("it has stopped", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    assert_eq!(files(&dir.path().join("out")), Vec::<String>::new());
}

#[test]
fn misuse_ends_with_2_and_trouble_with_1_and_one_line() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(&Settings::default(), dir.path(), &["seperate"]).status.code(), Some(2));
    assert_eq!(run(&Settings::default(), dir.path(), &["separate"]).status.code(), Some(2));
    for (arguments, word) in [
        (&["models", "verify", "nonsense"][..], "nonsense"),
        (&["--config", "nowhere.toml", "models", "list"], "nowhere.toml"),
        (&["separate", "a.wav", "-m", "nonsense"], "nonsense"),
        (&["separate", "a.wav"], "a.wav"),
        (&["separate", "a.wav", "-f", "mp3", "--bits", "24"], "bits"),
    ] {
        let out = run(&Settings::default(), dir.path(), arguments);
        let stderr = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(word) && stderr.trim().lines().count() == 1, "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_model_that_is_not_what_its_manifest_says_is_refused() {
    let (dir, _) = with_song(1.0);
    let models = dir.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let from = karaoke_tests::program::root().join("models");
    for name in ["identity.toml", "builtin.toml", "builtin.onnx"] {
        std::fs::copy(from.join(name), models.join(name)).unwrap();
    }
    std::fs::write(models.join("identity.onnx"), b"something else").unwrap();
    let settings = Settings::default().models(&models);
    let verified = run(&settings, dir.path(), &["models", "verify", "identity"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(text(&verified.stderr).contains("sha256"));
    let separated = run(&settings, dir.path(), &["separate", "song.wav", "-m", "identity", "-o", "out"]);
    assert_eq!(separated.status.code(), Some(1));
    assert!(text(&separated.stderr).contains("sha256"), "{}", text(&separated.stderr));
}

#[test]
fn a_missing_runtime_is_told_in_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.wav"), song(0.1, 44_100).wav_16()).unwrap();
    let settings = Settings::default().set("worker.onnxruntime", dir.path().join("nowhere").display());
    let out = run(&settings, dir.path(), &["separate", "a.wav"]);
    assert_eq!(out.status.code(), Some(1));
    let stderr = text(&out.stderr);
    assert!(stderr.contains("ONNX Runtime") && stderr.trim().lines().count() == 1, "{stderr}");
}

#[test]
fn a_setting_by_its_old_name_works_and_one_line_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("old.toml"), "[limits]\nliving_tracks = 3\n").unwrap();
    let settings = Settings::default().set("limits.living_tracks", 4);
    let out = run(&settings, dir.path(), &["--config", "old.toml", "models", "list"]);
    let stderr = text(&out.stderr);
    assert!(out.status.success(), "{stderr}");
    let warnings: Vec<_> = stderr.lines().filter(|line| line.contains("warning")).collect();
    let [warning] = &warnings[..] else { panic!("{stderr}") };
    assert!(
        warning.contains("limits.living_tracks") && warning.contains("limits.active_tracks"),
        "{warning}"
    );
}
