//! Files that must be refused, each with its status and a sentence that says why.

use crate::{clip::Clip, ffmpeg, formats::ingest};
use karaoke_server::ingest::{IngestError, Limits, decode, tags};
use std::{fs, path::Path};

fn refused(path: &Path, limits: &Limits) -> IngestError {
    let mix = path.with_extension("mix");
    let name = path.file_name().unwrap().to_str().unwrap();
    let error = decode(path, name, &mix, limits, &|| false).expect_err(name);
    assert!(!mix.exists(), "{name}: the mix was left behind");
    let _ = tags(path, name);
    println!("{name:<24} {} {}: {error}", error.status(), error.title());
    error
}

/// A 16-bit stereo WAV with whatever sizes in its header.
fn wav(kind: u16, bits: u16, claimed: u32, body: &[u8]) -> Vec<u8> {
    let block = bits / 4;
    let mut out = b"RIFF".to_vec();
    out.extend(claimed.saturating_add(36).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    for half in [kind, 2] {
        out.extend(half.to_le_bytes());
    }
    out.extend(44100u32.to_le_bytes());
    out.extend((44100 * u32::from(block)).to_le_bytes());
    out.extend(block.to_le_bytes());
    out.extend(bits.to_le_bytes());
    out.extend(b"data");
    out.extend(claimed.to_le_bytes());
    out.extend(body);
    out
}

#[test]
fn what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let nan: Vec<u8> =
        [0.5f32, f32::NAN, 0.1, 0.2].iter().cycle().take(4000).flat_map(|s| s.to_le_bytes()).collect();
    let junk: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2654435761) >> 13) as u8).collect();
    let jpeg = [&b"\xFF\xD8\xFF\xE0\0\x10JFIF\0"[..], &junk].concat();
    let cases: &[(&str, Vec<u8>, u16)] = &[
        ("empty.mp3", vec![], 422),
        ("text.mp3", "just words, and more words\n".repeat(100).into_bytes(), 415),
        ("picture.mp3", jpeg, 415),
        ("junk.mp3", junk.clone(), 415),
        ("one-byte.wav", vec![0x52], 415),
        ("zero-length.wav", wav(1, 16, 0, &[]), 422),
        ("not-a-number.wav", wav(3, 32, nan.len() as u32, &nan), 422),
        ("claims-more.wav", wav(1, 16, 40 << 20, &[0; 400_000]), 422),
        ("silly-codec.wav", wav(0x7777, 16, 4000, &[0; 4000]), 415),
        ("header-only.flac", b"fLaC".to_vec(), 422),
        ("windows.mp3", [&b"\x30\x26\xB2\x75\x8E\x66\xCF\x11"[..], &[7; 999]].concat(), 415),
    ];
    for (name, bytes, status) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = refused(&path, &Limits::default());
        assert_eq!(error.status(), *status, "{name}: {error}");
    }
}

#[test]
fn truncated_files_are_refused_where_they_tell_their_length() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::song(44100, 2, 44100 * 6);
    let wav = dir.path().join("clip.wav");
    clip.write(&wav);
    for (name, options) in [
        ("cut.wav", &["-c:a", "pcm_s16le"][..]),
        ("cut.aiff", &["-c:a", "pcm_s16be"]),
        ("cut.flac", &["-c:a", "flac"]),
        ("cut.mp3", &["-c:a", "libmp3lame"]),
        ("cut.m4a", &["-c:a", "aac"]),
        ("cut-fast.m4a", &["-c:a", "aac", "-movflags", "faststart"]),
        ("cut.mka", &["-c:a", "flac"]),
    ] {
        let file = dir.path().join(name);
        ffmpeg::make(&wav, &file, options);
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        let error = refused(&file, &Limits::default());
        assert!(matches!(error, IngestError::Truncated { .. } | IngestError::Headless), "{name}: {error}");
    }
}

#[test]
fn limits_and_cancels() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::song(44100, 2, 44100 * 6);
    let wav = dir.path().join("clip.wav");
    clip.write(&wav);
    let aac = dir.path().join("clip.aac");
    ffmpeg::make(&wav, &aac, &["-c:a", "aac"]);
    let short = Limits { max_duration_s: 5, ..Limits::default() };
    let small = Limits { max_bytes: 1 << 20, ..Limits::default() };
    for path in [&wav, &aac] {
        assert_eq!(refused(path, &short).status(), 413);
        assert_eq!(refused(path, &small).status(), 413);
        let mix = path.with_extension("mix");
        let stopped = decode(path, "x", &mix, &Limits::default(), &|| true);
        assert!(matches!(stopped, Err(IngestError::Cancelled)) && !mix.exists());
        assert!(ingest(path).is_ok());
    }
}

#[test]
fn damage_in_the_middle_is_concealed_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::song(44100, 2, 44100 * 6);
    let wav = dir.path().join("clip.wav");
    clip.write(&wav);
    for (name, options) in [
        ("hurt.mp3", &["-c:a", "libmp3lame"][..]),
        ("hurt.ogg", &["-c:a", "libvorbis"]),
        ("hurt.flac", &["-c:a", "flac"]),
        ("hurt.m4a", &["-c:a", "aac"]),
    ] {
        let file = dir.path().join(name);
        ffmpeg::make(&wav, &file, options);
        let (whole, _) = ingest(&file).unwrap();
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 300].fill(0x55);
        fs::write(&file, &bytes).unwrap();
        let (hurt, _) = ingest(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{name}: {} frames of {}", hurt.frames, whole.frames);
        // MP3 has no timestamps: a frame whose header is lost is lost.
        assert!(
            hurt.frames.get().abs_diff(whole.frames.get()) <= if name == "hurt.mp3" { 4 * 1152 } else { 0 },
            "{name}"
        );
    }
}

/// Slow, so only on demand: `cargo test … -- --ignored memory --nocapture`.
#[test]
#[ignore = "an hour of sound takes a minute"]
fn memory_does_not_grow_with_length() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("long.flac", &["-c:a", "flac"][..]),
        ("long.mp3", &["-c:a", "libmp3lame"]),
        ("long.m4a", &["-c:a", "aac"]),
        ("long.ogg", &["-c:a", "libvorbis"]),
    ] {
        let peaks = ["60", "3600"].map(|seconds| {
            let file = dir.path().join(name);
            let sine = format!("sine=440:d={seconds}:r=22050");
            ffmpeg::run(
                &[&["-f", "lavfi", "-i", &sine, "-ac", "2"], options, &[file.to_str().unwrap()]].concat(),
            );
            // Writing 5 makes the kernel forget the peak so far.
            fs::write("/proc/self/clear_refs", "5").unwrap();
            let mix = file.with_extension("mix");
            decode(&file, name, &mix, &Limits::default(), &|| false).unwrap();
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        });
        println!("{name}: peak {} kB for a minute, {} kB for an hour", peaks[0], peaks[1]);
        assert!(peaks[1] < peaks[0] + 20_000, "{name}: {peaks:?}");
    }
}

/// Containers in containers, and streams that never settle: a parser that follows them for ever, or to the end of its
/// stack, would take the process down.
#[test]
fn mazes_end() {
    let dir = tempfile::tempdir().unwrap();
    let ebml = b"\x1A\x45\xDF\xA3\x8B\x42\x82\x88matroska";
    let frame = |second: u8, third: u8| [&[0xFF, 0xF1, second, third, 1, 0x1F, 0xFC][..], &[0]].concat();
    let restless = [frame(0x50, 0x80), frame(0x4C, 0x40)].concat().repeat(20_000);
    let cases = [
        (
            "lists.wav",
            [&b"RIFF\xFF\xFF\xFF\x7FWAVE"[..], &b"LIST\xFF\xFF\xFF\x7FINFO".repeat(50_000)].concat(),
        ),
        ("segments.mka", [&ebml[..], &b"\x18\x53\x80\x67\xFF".repeat(200_000)].concat()),
        ("encodings.mka", [&ebml[..], &b"\x6D\x80\xFF".repeat(200_000)].concat()),
        (
            "boxes.m4a",
            [&b"\0\0\0\x10ftypM4A \0\0\0\0"[..], &b"\x7F\xFF\xFF\xFFmoov".repeat(100_000)].concat(),
        ),
        ("tags.mp3", b"ID3\x04\0\0\0\0\0\0".repeat(400_000)),
        ("restless.aac", restless),
    ];
    for (name, bytes) in cases {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        let began = std::time::Instant::now();
        // A quarter of the stack that the server's threads have.
        let small = std::thread::Builder::new().stack_size(512 << 10);
        small.spawn(move || refused(&path, &Limits::default())).unwrap().join().unwrap();
        assert!(began.elapsed().as_secs() < 20, "{name}: {:?}", began.elapsed());
    }
}
