//! The ffmpeg command line: makes the test files and decodes them a second time.

use std::{path::Path, process::Command};

/// Runs ffmpeg and gives its standard output.
pub fn run(args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .output()
        .expect("these tests need ffmpeg: apt-get install -y ffmpeg");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {}: {errors}", args.join(" "));
    output.stdout
}

/// Encodes `from` into `to` with codec options.
pub fn make(from: &Path, to: &Path, options: &[&str]) {
    let mut args = vec!["-i", from.to_str().unwrap()];
    args.extend(options);
    args.push(to.to_str().unwrap());
    run(&args);
}

/// ffmpeg's decode, interleaved, channels as they are; that of libopus where it is Opus.
pub fn decode(path: &Path, opus: bool) -> Vec<f32> {
    let mut args = if opus { vec!["-c:a", "libopus"] } else { vec![] };
    args.extend(["-i", path.to_str().unwrap(), "-map", "0:a:0", "-f", "f32le", "-"]);
    karaoke_core::audio::from_le_bytes(&run(&args))
}
