//! `make install`: the program, called from anywhere, finds all that it needs.

use crate::shell::{files, text};
use karaoke_tests::program::{binary, root};
use karaoke_tests::sound::{Sound, song};
use std::path::Path;
use std::process::Command;

/// The installed program, in an environment that tells it nothing.
fn installed(prefix: &Path, dir: &Path) -> Command {
    let mut command = Command::new(prefix.join("bin/karaoke"));
    command.current_dir(dir).env_remove("ORT_DYLIB_PATH");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KARAOKE")) {
        command.env_remove(name);
    }
    command
}

#[test]
fn an_installed_program_finds_models_and_runtime_and_has_pages_and_completions() {
    let (dir, work) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let prefix = dir.path().canonicalize().expect("a path");
    // Twice: the second time something is there.
    for _ in 0..2 {
        let install = Command::new(root().join("scripts/install.sh")).arg(binary()).arg(&prefix).output();
        let install = install.expect("sh");
        assert!(install.status.success(), "{}", text(&install.stderr));
    }
    assert_eq!(files(&prefix), ["bin", "lib", "share"]);
    for file in [
        "man/man1/karaoke.1",
        "man/man1/karaoke-models-pull.1",
        "bash-completion/completions/karaoke",
        "zsh/site-functions/_karaoke",
        "fish/vendor_completions.d/karaoke.fish",
    ] {
        assert!(prefix.join("share").join(file).metadata().expect(file).len() > 0, "{file}");
    }
    let out = installed(&prefix, work.path()).args(["doctor", "--json"]).output().expect("it runs");
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let findings = report["findings"].as_array().expect("findings");
    let runtime = findings.iter().find(|f| f["name"] == "onnxruntime").expect("ONNX Runtime");
    let said = runtime["said"].as_str().expect("text");
    assert!(said.contains(&prefix.join("lib/karaoke/.runtime").display().to_string()), "{said}");

    let song = song(3.0, 44_100);
    std::fs::write(work.path().join("song.wav"), song.wav_float()).expect("written");
    let arguments = ["separate", "song.wav", "-m", "identity", "--stem", "instrumental", "--bits", "float"];
    let out = installed(&prefix, work.path()).args(arguments).output().expect("it runs");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let stem = std::fs::read(work.path().join("song (Instrumental).wav")).expect("a stem");
    assert!(Sound::from_wav(&stem).bits() == song.bits());
}
