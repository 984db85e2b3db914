//! `make demo-crash`: every unhealthy worker crashes, with a chunk in hand, and the last line says so.

use karaoke_tests::program::{binary, root};
use std::net::TcpListener;
use std::process::{Command, Output};

fn demonstrate(arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(root().join("scripts/demo_crash.py"))
        .arg("--karaoke")
        .arg(binary())
        .args(arguments)
        .env("ORT_DYLIB_PATH", root().join(".runtime/onnxruntime"))
        .output()
        .expect("python3")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_unhealthy_worker_crashes_with_a_chunk_in_hand() {
    let workers = ["--healthy", "2", "--crashing", "2", "--crash-after", "5", "--window-seconds", "0.5"];
    let out = demonstrate(&[&workers[..], &["--port", "0", "--ports-from", "25820"]].concat());
    let stdout = text(&out.stdout);
    assert!(out.status.success(), "{stdout}\n{}", text(&out.stderr));
    let last = stdout.trim_end().lines().next_back().unwrap_or_default();
    assert_eq!(
        last,
        "2 workers were to crash, 2 did; 2 chunks came back and were done by others. The song is done."
    );
}

#[test]
fn a_server_that_cannot_start_is_told_with_the_end_of_its_log() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let out = demonstrate(&["--port", &port, "--ports-from", "25840"]);
    let stderr = text(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("server did not start") && stderr.contains(&port), "{stderr}");
    assert!(stderr.contains("in use"), "the program's own words: {stderr}");
}
