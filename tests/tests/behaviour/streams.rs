//! `karaoke separate` and `karaoke models` among other programs: pipes, full disks, hang-ups.

use crate::shell::{files, text};
use karaoke_tests::Settings;
use karaoke_tests::program::{binary, command};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until_sync;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a line of Bash in which `karaoke` is the program.
fn bash(dir: &Path, settings: &Settings, line: &str) -> Output {
    let program = command(settings);
    let mut bash = Command::new("bash");
    for (key, value) in program.get_envs() {
        bash.env(key, value.unwrap_or_default());
    }
    let line = format!("set -o pipefail; karaoke() {{ '{}' \"$@\"; }}; {line}", binary().display());
    bash.current_dir(dir).args(["-c", &line]).output().expect("bash")
}

fn with_song(seconds: f64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("song.wav"), song(seconds, 44_100).wav_float()).unwrap();
    dir
}

#[test]
fn a_closed_pipe_ends_a_run_quietly() {
    let dir = with_song(1.0);
    let closed = Some(128 + 13);
    for line in ["models list", "models list --json", "separate song.wav -m identity -q -o out --force"] {
        // The reader is gone before anything is written.
        let line_without_reader = format!("exec 3> >(exit 0); wait $!; karaoke {line} >&3");
        let out = bash(dir.path(), &Settings::default(), &line_without_reader);
        assert_eq!(out.status.code(), closed, "{line}: {}", text(&out.stderr));
        assert_eq!(text(&out.stderr), "", "{line}");
    }
    let left = files(&dir.path().join("out"));
    assert_eq!(left, ["song (Instrumental).wav", "song (Vocals).wav"], "whole files and nothing else");
}

#[test]
fn a_full_output_is_told_and_nothing_is_left() {
    let dir = with_song(1.0);
    for line in ["models list", "separate song.wav -m identity -q -o out"] {
        let out = bash(dir.path(), &Settings::default(), &format!("karaoke {line} > /dev/full"));
        assert_eq!(out.status.code(), Some(1), "{line}: {}", text(&out.stderr));
        assert!(text(&out.stderr).contains("standard output"), "{line}: {}", text(&out.stderr));
    }
    assert!(!files(&dir.path().join("out")).iter().any(|name| name.starts_with('.')));
    let both = bash(dir.path(), &Settings::default(), "karaoke separate gone.wav > /dev/full 2> /dev/full");
    assert_eq!(both.status.code(), Some(1), "not a panic: {:?}", both.status.signal());
}

/// Starts a long separation, by what stands before the program, and waits until it has begun to write.
fn long_run(dir: &Path, before: &str, window_seconds: f64) -> std::process::Child {
    let settings = Settings::default().set("simulation.window_seconds", window_seconds);
    let program = command(&settings);
    let mut shell = Command::new("bash");
    for (key, value) in program.get_envs() {
        shell.env(key, value.unwrap_or_default());
    }
    let line = format!("{before} '{}' separate song.wav -q -o out", binary().display());
    let child = shell.current_dir(dir).args(["-c", &line]).stderr(Stdio::piped()).spawn().unwrap();
    until_sync("the first layer", || {
        let store = std::fs::read_dir(dir.join("out")).ok()?.flatten().next()?.path();
        let track = std::fs::read_dir(store.join("tracks")).ok()?.flatten().next()?.path();
        track.join("vocals.layer0").exists().then_some(())
    });
    child
}

fn signal(child: &std::process::Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn a_hang_up_leaves_nothing_half_written() {
    let dir = with_song(60.0);
    // Whoever runs the tests with `nohup` has it ignored.
    let child = long_run(dir.path(), "exec env --default-signal=HUP", 0.3);
    signal(&child, "-HUP");
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert_eq!(files(&dir.path().join("out")), Vec::<String>::new());
}

#[test]
fn a_hang_up_that_is_ignored_changes_nothing() {
    let dir = with_song(8.0);
    let child = long_run(dir.path(), "trap '' HUP; exec", 0.3);
    signal(&child, "-HUP");
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert_eq!(files(&dir.path().join("out")).len(), 2);
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let dir = with_song(60.0);
    let mut child = long_run(dir.path(), "exec", 5.0);
    // Younger ones may be just about to begin.
    let began = std::time::Instant::now();
    until_sync("it to be of age", || (began.elapsed().as_secs_f64() > 2.5).then_some(()));
    signal(&child, "-KILL");
    child.wait().unwrap();
    let out = dir.path().join("out");
    let left = files(&out);
    assert!(left.len() == 1 && left[0].starts_with(".karaoke-"), "{left:?}");
    std::fs::write(dir.path().join("short.wav"), song(1.0, 44_100).wav_float()).unwrap();
    let next = bash(dir.path(), &Settings::default(), "karaoke separate short.wav -m identity -q -o out");
    assert!(next.status.success(), "{}", text(&next.stderr));
    assert_eq!(files(&out), ["short (Instrumental).wav", "short (Vocals).wav"]);
}

#[test]
fn songs_come_from_standard_input_and_process_substitution() {
    let dir = with_song(1.0);
    let song = Sound::from_wav(&std::fs::read(dir.path().join("song.wav")).unwrap());
    let options = "-q -m identity --bits float --stem instrumental -o";
    for (out, line) in [
        ("1", format!("cat song.wav | karaoke separate - {options} 1")),
        ("2", format!("karaoke separate /dev/stdin {options} 2 < <(cat song.wav)")),
        ("3", format!("karaoke separate <(cat song.wav) {options} 3")),
        ("4", format!("mkfifo pipe; cat song.wav > pipe & karaoke separate pipe {options} 4")),
        ("5", format!("karaoke separate /dev/stdin {options} 5 < song.wav")),
    ] {
        let run = bash(dir.path(), &Settings::default(), &line);
        assert!(run.status.success(), "{line}: {}", text(&run.stderr));
        let [name] = &files(&dir.path().join(out))[..] else { panic!("{line}") };
        let stem = std::fs::read(dir.path().join(out).join(name)).unwrap();
        assert!(Sound::from_wav(&stem).bits() == song.bits(), "{line}: {name}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told_as_such() {
    let dir = with_song(1.0);
    std::fs::create_dir(dir.path().join("folder.wav")).unwrap();
    for (song, word) in [("folder.wav", "folder"), ("gone.wav", "No such file"), ("/proc/self/mem", "read")] {
        let out = bash(dir.path(), &Settings::default(), &format!("karaoke separate {song} -q -o out"));
        let stderr = text(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(song) && stderr.contains(word) && !stderr.contains("server"), "{stderr}");
    }
}
