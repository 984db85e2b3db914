//! Every format, at several rates and channel counts, made by ffmpeg and compared with its decode.

use crate::{
    clip::{Clip, lag, snr},
    ffmpeg,
};
use karaoke_server::ingest::{Decoded, FrameFile, FrameSource, IngestError, Limits, decode};
use std::path::Path;

/// How close a decode must come to ffmpeg's.
#[derive(Clone, Copy, PartialEq)]
pub enum Close {
    /// Equal to the clip itself, sample for sample.
    Exact,
    /// At least so many dB above the difference from ffmpeg's decode.
    Db(f64),
}

/// One way to store a clip.
pub struct Case {
    pub name: &'static str,
    pub extension: &'static str,
    pub options: &'static [&'static str],
    pub close: Close,
    /// Whether the file tells its exact length.
    pub gapless: bool,
    pub rates: &'static [u32],
    pub channels: &'static [usize],
}

const ALL: &[u32] = &[8000, 22050, 44100, 48000, 96000, 192000];
const MUSIC: &[u32] = &[44100, 48000];
const ANY: &[usize] = &[1, 2, 6];
const TWO: &[usize] = &[1, 2];

const fn case(
    name: &'static str,
    extension: &'static str,
    options: &'static [&'static str],
    close: Close,
    gapless: bool,
    rates: &'static [u32],
    channels: &'static [usize],
) -> Case {
    Case { name, extension, options, close, gapless, rates, channels }
}

use Close::{Db, Exact};

pub const CASES: &[Case] = &[
    case("wav 8", "wav", &["-c:a", "pcm_u8"], Db(90.0), true, MUSIC, TWO),
    case("wav 16", "wav", &["-c:a", "pcm_s16le"], Exact, true, ALL, ANY),
    case("wav 24", "wav", &["-c:a", "pcm_s24le"], Exact, true, MUSIC, ANY),
    case("wav 32", "wav", &["-c:a", "pcm_s32le"], Exact, true, MUSIC, TWO),
    case("wav float", "wav", &["-c:a", "pcm_f32le"], Exact, true, MUSIC, ANY),
    case("wav double", "wav", &["-c:a", "pcm_f64le"], Exact, true, MUSIC, TWO),
    case("wav a-law", "wav", &["-c:a", "pcm_alaw"], Db(90.0), true, &[8000], TWO),
    case("aiff", "aiff", &["-c:a", "pcm_s16be"], Exact, true, ALL, TWO),
    case("aiff 24", "aiff", &["-c:a", "pcm_s24be"], Exact, true, MUSIC, TWO),
    case("caf", "caf", &["-c:a", "pcm_s16le"], Exact, true, MUSIC, TWO),
    case("flac", "flac", &["-c:a", "flac"], Exact, true, ALL, ANY),
    case("flac in ogg", "oga", &["-c:a", "flac"], Exact, true, MUSIC, TWO),
    case("flac in mkv", "mka", &["-c:a", "flac"], Exact, true, MUSIC, TWO),
    case("alac", "m4a", &["-c:a", "alac"], Exact, true, MUSIC, ANY),
    case("alac in caf", "caf", &["-c:a", "alac"], Exact, true, MUSIC, TWO),
    case(
        "mp3 cbr",
        "mp3",
        &["-c:a", "libmp3lame", "-b:a", "128k"],
        Db(80.0),
        true,
        &[22050, 44100, 48000],
        TWO,
    ),
    case("mp3 vbr", "mp3", &["-c:a", "libmp3lame", "-q:a", "2"], Db(80.0), true, &[8000, 44100], TWO),
    case("mp3 untagged", "mp3", &["-c:a", "libmp3lame", "-write_xing", "0"], Db(80.0), false, MUSIC, TWO),
    case("mp2", "mp2", &["-c:a", "mp2", "-b:a", "160k"], Db(75.0), false, MUSIC, TWO),
    case(
        "aac in m4a",
        "m4a",
        &["-c:a", "aac", "-b:a", "128k"],
        Db(75.0),
        true,
        &[8000, 22050, 44100, 48000, 96000],
        TWO,
    ),
    case("aac adts", "aac", &["-c:a", "aac", "-b:a", "128k"], Db(80.0), false, MUSIC, TWO),
    case("aac in mkv", "mkv", &["-c:a", "aac", "-b:a", "128k"], Db(80.0), false, MUSIC, TWO),
    case(
        "aac fragmented",
        "mp4",
        &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"],
        Db(80.0),
        false,
        &[44100],
        TWO,
    ),
    case(
        "vorbis",
        "ogg",
        &["-c:a", "libvorbis", "-q:a", "5"],
        Db(80.0),
        true,
        &[8000, 22050, 44100, 48000, 96000],
        ANY,
    ),
    case("vorbis in webm", "webm", &["-c:a", "libvorbis", "-q:a", "5"], Db(80.0), false, MUSIC, TWO),
    case("opus", "opus", &["-c:a", "libopus", "-b:a", "128k"], Db(60.0), true, &[48000], ANY),
    case(
        "opus voice",
        "opus",
        &["-c:a", "libopus", "-b:a", "14k", "-application", "voip"],
        Db(50.0),
        true,
        &[16000, 48000],
        TWO,
    ),
    case(
        "opus hybrid",
        "opus",
        &["-c:a", "libopus", "-b:a", "28k", "-application", "voip"],
        Db(50.0),
        true,
        &[48000],
        TWO,
    ),
    case("opus in webm", "webm", &["-c:a", "libopus", "-b:a", "128k"], Db(60.0), false, &[48000], TWO),
    case(
        "opus in mp4",
        "mp4",
        &["-c:a", "libopus", "-b:a", "128k", "-strict", "-2"],
        Db(60.0),
        true,
        &[48000],
        TWO,
    ),
];

/// Decodes `path` into memory.
pub fn ingest(path: &Path) -> Result<(Decoded, Vec<f32>), IngestError> {
    let mix = path.with_extension("mix");
    let name = path.file_name().unwrap().to_str().unwrap();
    let decoded = decode(path, name, &mix, &Limits::default(), &|| false)?;
    let mut file = FrameFile::open(&mix).unwrap();
    assert_eq!(file.frames(), decoded.frames.get());
    let mut samples = vec![0.0; decoded.frames.get() as usize * 2];
    file.read(0, &mut samples).unwrap();
    std::fs::remove_file(&mix).unwrap();
    Ok((decoded, samples))
}

fn check(case: &Case, clip: &Clip, dir: &Path) -> Result<(), String> {
    let (wav, file) = (dir.join("clip.wav"), dir.join(format!("case.{}", case.extension)));
    clip.write(&wav);
    ffmpeg::make(&wav, &file, case.options);
    let (decoded, got) = ingest(&file).map_err(|e| format!("refused: {e}"))?;
    let theirs = Clip {
        rate: decoded.sample_rate.get(),
        channels: clip.channels,
        samples: ffmpeg::decode(&file, case.name.starts_with("opus")),
    };
    let theirs = theirs.stereo();
    let (db, late) = (snr(&got, &theirs), lag(&got, &theirs));
    let peak = got.iter().fold(0.0f32, |p, s| p.max(s.abs()));
    let expected =
        (clip.frames() as u64 * u64::from(decoded.sample_rate.get())).div_ceil(u64::from(clip.rate));
    println!(
        "{:<15} {:>6} Hz {} ch: {} frames of {expected}, {db:.1} dB, lag {late}",
        case.name, clip.rate, clip.channels, decoded.frames
    );
    let mut wrong = Vec::new();
    let mut must = |fact: bool, what: String| {
        if !fact {
            wrong.push(what)
        }
    };
    must(decoded.channels as usize == clip.channels, format!("{} channels", decoded.channels));
    must(decoded.peak == peak, format!("peak {} not {peak}", decoded.peak));
    must(late == 0, format!("{late} frames late against ffmpeg"));
    if case.gapless {
        must(decoded.frames == expected, format!("{} frames, not {expected}", decoded.frames));
        // At the lowest bit rates, libopus itself keeps the clip's sound and not its waveform.
        if decoded.sample_rate == clip.rate && snr(&got, &clip.stereo()) > 25.0 {
            let late = lag(&got, &clip.stereo());
            must(late == 0, format!("{late} frames late against the clip"));
        }
    } else {
        must(
            decoded.frames.get().abs_diff(expected) < 6000,
            format!("{} frames, not about {expected}", decoded.frames),
        );
    }
    match case.close {
        Exact if clip.channels <= 2 => must(got == clip.stereo(), "not equal to the clip".into()),
        Exact => must(
            snr(&got, &clip.stereo()) > 120.0,
            format!("{:.1} dB from the clip", snr(&got, &clip.stereo())),
        ),
        Db(least) => must(db > least, format!("{db:.1} dB from ffmpeg's")),
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

#[test]
fn every_format_rate_and_layout() {
    let dir = tempfile::tempdir().unwrap();
    let (mut count, mut failures) = (0, Vec::new());
    for case in CASES {
        for rate in case.rates {
            for channels in case.channels {
                let clip = Clip::song(*rate, *channels, *rate as usize * 2 + 123);
                count += 1;
                if let Err(what) = check(case, &clip, dir.path()) {
                    failures.push(format!("{} at {rate} Hz, {channels} ch: {what}", case.name));
                }
            }
        }
    }
    println!("{count} files, {} failures", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn the_sound_of_a_film() {
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::song(48000, 2, 48000 * 2);
    let wav = dir.path().join("clip.wav");
    clip.write(&wav);
    let picture =
        ["-f", "lavfi", "-i", "testsrc=d=2:s=64x64:r=10", "-map", "1:v", "-map", "0:a", "-shortest"];
    for (name, codecs) in [
        ("film.mp4", &["-c:v", "mpeg4", "-c:a", "aac"][..]),
        ("film.mkv", &["-c:v", "mpeg4", "-c:a", "flac"]),
        ("film.webm", &["-c:v", "libvpx", "-c:a", "libopus"]),
        ("film.mov", &["-c:v", "mpeg4", "-c:a", "pcm_s16le"]),
    ] {
        let file = dir.path().join(name);
        ffmpeg::make(&wav, &file, &[&picture[..], codecs].concat());
        let (decoded, got) = ingest(&file).unwrap_or_else(|e| panic!("{name}: {e}"));
        let db = snr(&got, &ffmpeg::decode(&file, name.ends_with("webm")));
        println!("{name}: {} frames, {db:.1} dB", decoded.frames);
        assert!(db > 60.0, "{name}");
    }
}
