//! Files as they are found in the world: joined, damaged, with sizes that were never filled in, with metadata that is
//! wrong. Where a player plays them, they are decoded, whole; ffmpeg or the clip they were made of is the judge.

use crate::clip::{Clip, lag, snr};
use crate::ffmpeg;
use crate::formats::ingest;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Frames of the clip.
const FRAMES: usize = 132_300;

struct Place {
    dir: tempfile::TempDir,
    clip: Clip,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), clip: Clip::song(44_100, 2, FRAMES) };
        place.clip.write(&place.path("base.wav"));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The clip in another format.
    fn made(&self, name: &str, options: &[&str]) -> Vec<u8> {
        ffmpeg::make(&self.path("base.wav"), &self.path(name), options);
        fs::read(self.path(name)).unwrap()
    }

    /// A sine of some seconds.
    fn sine(&self, name: &str, seconds: f64, options: &[&str]) -> Vec<u8> {
        let input = format!("sine=440:d={seconds}");
        let to = self.path(name);
        let arguments = [&["-f", "lavfi", "-i", &input], options, &[to.to_str().unwrap()]].concat();
        ffmpeg::run(&arguments);
        fs::read(to).unwrap()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// The file is the clip, sample for sample.
    fn is_the_clip(&self, name: &str, bytes: &[u8]) {
        let path = self.write(name, bytes);
        let (decoded, got) = ingest(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(decoded.frames, FRAMES as u64, "{name}");
        assert!(got == self.clip.samples, "{name}: another sound, {:.1} dB", snr(&got, &self.clip.samples));
    }
}

/// Decodes a file: its length in seconds and its samples.
fn decoded(path: &Path) -> (f64, Vec<f32>) {
    let (decoded, got) = ingest(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (decoded.frames.get() as f64 / f64::from(decoded.sample_rate.get()), got)
}

/// Level in dB of the quietest tenth of a second between two times, at 44.1 kHz.
fn quietest(samples: &[f32], from_s: f64, to_s: f64) -> f64 {
    let at = |seconds: f64| (seconds * 44_100.0) as usize * 2;
    let power = |block: &[f32]| block.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / block.len() as f64;
    let blocks = samples[at(from_s)..at(to_s).min(samples.len())].chunks_exact(8820);
    10.0 * blocks.map(power).fold(f64::INFINITY, f64::min).log10()
}

fn assert_length(what: &str, seconds: f64, expected: f64) {
    assert!((seconds - expected).abs() < 0.12, "{what}: {seconds:.3} s, not {expected} s");
}

/// Where the frames of an MP3 without tags begin.
fn frames(mp3: &[u8]) -> Vec<usize> {
    const KBPS: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    let (mut at, mut found) = (0, Vec::new());
    if mp3.starts_with(b"ID3") {
        at = 10 + mp3[6..10].iter().fold(0, |size, byte| size << 7 | usize::from(*byte));
    }
    while at + 4 <= mp3.len() && mp3[at] == 0xFF {
        found.push(at);
        let rate = [44_100, 48_000, 32_000][usize::from(mp3[at + 2] >> 2 & 3)];
        at += 144_000 * KBPS[usize::from(mp3[at + 2] >> 4)] / rate + usize::from(mp3[at + 2] >> 1 & 1);
    }
    found
}

const STEREO: &[&str] = &["-ac", "2", "-ar", "44100", "-b:a", "128k"];
const BARE: &[&str] = &["-write_xing", "0", "-id3v2_version", "0"];

#[test]
fn joined_and_damaged_mp3_are_as_long_as_their_frames() {
    let place = Place::new();
    let a = place.sine("a.mp3", 10.0, STEREO);
    let mono = place.sine("m.mp3", 1.0, &[&["-ac", "1", "-ar", "44100", "-b:a", "64k"], BARE].concat());
    let (seconds, got) = decoded(&place.write("joined.mp3", &[&a[..], &mono].concat()));
    assert_length("stereo and mono", seconds, 11.0);
    assert!(quietest(&got, 0.2, 10.9) > -30.0, "{}", quietest(&got, 0.2, 10.9));

    let mut twice = [&a[..], &a].concat();
    let second: Vec<usize> = frames(&a).iter().map(|at| at + a.len()).collect();
    for at in [second[50], second[120], second[300]] {
        twice[at + 4..at + 36].fill(0xFF);
    }
    assert_length("damage behind the announced end", decoded(&place.write("twice.mp3", &twice)).0, 20.0);

    let long = place.sine("long.mp3", 20.0, STEREO);
    let mut damaged = long.clone();
    for at in frames(&long).iter().skip(20).step_by(35).take(20) {
        damaged[at + 4..at + 36].fill(0xFF);
    }
    assert_length("twenty damaged frames", decoded(&place.write("damaged.mp3", &damaged)).0, 20.0);
}

#[test]
fn streams_that_change_their_form_are_decoded() {
    let place = Place::new();
    let bare = |name: &str, options: &[&str]| place.sine(name, 5.0, &[options, BARE].concat());
    let (stereo, mono) = (bare("s.mp3", STEREO), bare("m.mp3", &["-ac", "1", "-ar", "44100", "-b:a", "64k"]));
    let fast = bare("f.mp3", &["-ac", "2", "-ar", "48000", "-b:a", "128k"]);
    let part = |mp3: &[u8], count: usize| mp3[..frames(mp3)[count]].to_vec();
    let mixed = [part(&stereo, 174), part(&mono, 40), part(&stereo, 174)].concat();
    let (seconds, got) = decoded(&place.write("mono-among.mp3", &mixed));
    assert_length("mono among stereo", seconds, 388.0 * 1152.0 / 44_100.0);
    assert!(quietest(&got, 0.2, 10.0) > -30.0, "{}", quietest(&got, 0.2, 10.0));
    let mixed = [part(&fast, 40), part(&stereo, 170), part(&fast, 40), part(&stereo, 170)].concat();
    let (decoded_to, got) = ingest(&place.write("rates.mp3", &mixed)).unwrap();
    assert_eq!(decoded_to.sample_rate, 44_100, "the rate of most of it");
    let expected = 340.0 * 1152.0 / 44_100.0 + 80.0 * 1152.0 / 48_000.0;
    assert_length("48 among 44.1 kHz", decoded_to.frames.get() as f64 / 44_100.0, expected);
    assert!(quietest(&got, 0.2, 10.0) > -30.0, "{}", quietest(&got, 0.2, 10.0));
    // Every part is the sine that it was: 440 Hz has one period in about 100 frames.
    let periods = |from_s: f64, to_s: f64| {
        let samples = &got[(from_s * 44_100.0) as usize * 2..(to_s * 44_100.0) as usize * 2];
        let left: Vec<f32> = samples.iter().step_by(2).copied().collect();
        left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count() as f64 / (to_s - from_s)
    };
    assert!((periods(0.2, 0.8) - 440.0).abs() < 8.0 && (periods(2.0, 5.0) - 440.0).abs() < 8.0);

    let aac = |name: &str, options: &[&str]| place.sine(name, 3.0, &[options, &["-c:a", "aac"]].concat());
    let parts = [
        aac("1.aac", STEREO),
        aac("2.aac", &["-ac", "1", "-ar", "44100"]),
        aac("3.aac", &["-ac", "2", "-ar", "48000"]),
    ];
    let (seconds, got) = decoded(&place.write("forms.aac", &parts.concat()));
    assert_length("three forms of AAC", seconds, 9.1);
    assert!(quietest(&got, 0.2, 8.8) > -30.0, "{}", quietest(&got, 0.2, 8.8));
}

#[test]
fn what_an_encoders_tag_counts_wrongly_is_there_all_the_same() {
    let place = Place::new();
    let good = place.made("good.mp3", &["-c:a", "libmp3lame", "-b:a", "128k"]);
    let count = good.windows(4).position(|w| w == b"Info" || w == b"Xing").unwrap() + 8;
    let stated = u32::from_be_bytes(good[count..count + 4].try_into().unwrap());
    for by in [-34i32, 60] {
        let mut wrong = good.clone();
        wrong[count..count + 4].copy_from_slice(&stated.wrapping_add_signed(by).to_be_bytes());
        let (seconds, got) = decoded(&place.write("wrong.mp3", &wrong));
        assert_length("a wrong count", seconds, 3.0);
        assert_eq!(lag(&got, &place.clip.samples), 0, "the delay still holds");
    }
    let (decoded, _) = ingest(&place.write("good.mp3", &good)).unwrap();
    assert_eq!(decoded.frames, FRAMES as u64, "a right count holds to the frame");
}

/// A Matroska element.
fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
    let size = (body.len() as u64 | 1 << 56).to_be_bytes();
    [id, &size, body].concat()
}

/// A Matroska file of MP3 frames whose first two bytes, the same in all, are stored once.
fn stripped(mp3: &[u8]) -> Vec<u8> {
    let compression = [element(&[0x42, 0x54], &[3]), element(&[0x42, 0x55], &mp3[..2])].concat();
    let encoding = element(&[0x62, 0x40], &element(&[0x50, 0x34], &compression));
    let sound = [element(&[0xB5], &44_100f64.to_be_bytes()), element(&[0x9F], &[2])].concat();
    let entry = [
        element(&[0xD7], &[1]),
        element(&[0x73, 0xC5], &[1]),
        element(&[0x83], &[2]),
        element(&[0x86], b"A_MPEG/L3"),
        element(&[0xE1], &sound),
        element(&[0x6D, 0x80], &encoding),
    ];
    let tracks = element(&[0x16, 0x54, 0xAE, 0x6B], &element(&[0xAE], &entry.concat()));
    let starts = frames(mp3);
    let mut cluster = element(&[0xE7], &[0]);
    for (number, start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(mp3.len());
        let milliseconds = (number * 1152 * 1000 / 44_100) as i16;
        let block = [&[0x81][..], &milliseconds.to_be_bytes(), &[0x80], &mp3[start + 2..end]].concat();
        cluster.extend(element(&[0xA3], &block));
    }
    let scale = element(&[0x2A, 0xD7, 0xB1], &1_000_000u32.to_be_bytes());
    let programs = [element(&[0x4D, 0x80], b"test"), element(&[0x57, 0x41], b"test")].concat();
    let info = element(&[0x15, 0x49, 0xA9, 0x66], &[scale, programs].concat());
    let segment = [info, tracks, element(&[0x1F, 0x43, 0xB6, 0x75], &cluster)].concat();
    let head =
        [element(&[0x42, 0x82], b"matroska"), element(&[0x42, 0x87], &[4]), element(&[0x42, 0x85], &[2])];
    [element(&[0x1A, 0x45, 0xDF, 0xA3], &head.concat()), element(&[0x18, 0x53, 0x80, 0x67], &segment)]
        .concat()
}

#[test]
fn packed_matroska_is_unpacked() {
    let place = Place::new();
    let merge = |options: &[&str], to: &str, from: &str| {
        let mut mkvmerge = Command::new("mkvmerge");
        mkvmerge.arg("-q").args(options).arg("-o").arg(place.path(to)).arg(place.path(from));
        assert!(mkvmerge.status().expect("mkvmerge").success());
        fs::read(place.path(to)).unwrap()
    };
    let packed = merge(&["--compression", "0:zlib"], "zlib.mka", "base.wav");
    place.is_the_clip("zlib.mka", &packed);
    place.made("clip.mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]);
    for (name, options) in
        [("zlib", &["--compression", "0:zlib"][..]), ("none", &["--compression", "0:none"])]
    {
        merge(options, "mp3.mka", "clip.mp3");
        let (_, got) = ingest(&place.path("mp3.mka")).unwrap_or_else(|e| panic!("MP3, {name}: {e}"));
        let db = snr(&got, &ffmpeg::decode(&place.path("mp3.mka"), false));
        assert!(db > 60.0, "MP3, {name}: {db:.1} dB");
    }
    let bare = place.made("bare.mp3", &[&["-c:a", "libmp3lame", "-b:a", "128k"], BARE].concat());
    let (_, got) = decoded(&place.write("stripped.mka", &stripped(&bare)));
    let db = snr(&got, &ffmpeg::decode(&place.path("stripped.mka"), false));
    assert!(db > 60.0, "frames without their first bytes: {db:.1} dB");
}

#[test]
fn flac_plays_to_its_end_whatever_follows_or_precedes_its_frames() {
    let place = Place::new();
    let flac = place.made("clip.flac", &["-c:a", "flac"]);
    let id3v1 = [&b"TAG"[..], &[b'x'; 125]].concat();
    let ape = [&b"APETAGEX\xD0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..], &id3v1].concat();
    for (name, tail) in [
        ("id3v1.flac", &id3v1[..]),
        ("ape.flac", &ape),
        ("junk.flac", &[0x5A; 5000]),
        ("zeros.flac", &[0; 70_000]),
    ] {
        place.is_the_clip(name, &[&flac[..], tail].concat());
    }
    // The metadata blocks that ffmpeg writes, and others in their place.
    let frames = flac.windows(2).position(|w| w == [0xFF, 0xF8]).unwrap();
    let info = &flac[8..42];
    let with = |info: &[u8], blocks: &[(u8, u32, &[u8])]| {
        let mut out = b"fLaC".to_vec();
        out.extend([if blocks.is_empty() { 0x80 } else { 0 }, 0, 0, 34]);
        out.extend(info);
        for (number, (kind, length, body)) in blocks.iter().enumerate() {
            out.push(kind | if number + 1 == blocks.len() { 0x80 } else { 0 });
            out.extend(&length.to_be_bytes()[1..]);
            out.extend(*body);
        }
        out.extend(&flac[frames..]);
        out
    };
    let picture = [&b"\0\0\0\x03\0\0\0\x04\xFF\xFE\xFD\xFC"[..], &[0; 40]].concat();
    let comment = b"\x04\0\0\0test\xFF\xFF\xFF\x7F\x05\0\0\0TITLE";
    for (name, bytes) in [
        ("plain", with(info, &[])),
        ("a picture longer than the file", with(info, &[(6, 999_999, &picture)])),
        ("a picture of no type", with(info, &[(6, picture.len() as u32, &picture)])),
        ("comments that are counted wrongly", with(info, &[(4, comment.len() as u32, comment)])),
        ("comments that are cut off", with(info, &[(4, comment.len() as u32 - 8, comment)])),
        ("a smallest block of 0", with(&[&[0, 0], &info[2..]].concat(), &[])),
    ] {
        place.is_the_clip(&format!("{name}.flac"), &bytes);
    }
}

/// A WAV of the clip with these sizes for RIFF and data, and these chunks before the sound.
fn wav(place: &Place, riff: u32, data: u32, chunks: &[u8]) -> Vec<u8> {
    let base = fs::read(place.path("base.wav")).unwrap();
    let at = base.windows(4).position(|w| w == b"data").unwrap();
    let mut out = b"RIFF".to_vec();
    out.extend(riff.to_le_bytes());
    out.extend(&base[8..at]);
    out.extend(chunks);
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    out.extend(&base[at + 8..]);
    out
}

#[test]
fn wav_and_its_relatives_need_no_right_sizes() {
    let place = Place::new();
    let sound = (FRAMES * 4) as u32;
    let list = |stated: u32| [&b"LIST"[..], &stated.to_le_bytes(), b"INFOINAM\x88\x13\0\0abcd"].concat();
    for (name, bytes) in [
        ("as sox writes into a pipe", wav(&place, 0x7FFF_F024, 0x7FFF_F000, &[])),
        ("as ffmpeg writes into a pipe", wav(&place, u32::MAX, u32::MAX, &[])),
        ("0xFFFF0000", wav(&place, 0xFFFF_0024, 0xFFFF_0000, &[])),
        ("never filled in", wav(&place, 0, 0, &[])),
        ("RIFF 8 short", wav(&place, sound + 28, sound, &[])),
        ("RIFF 0", wav(&place, 0, sound, &[])),
        ("an entry of 5000 bytes in a LIST of 16", wav(&place, sound + 60, sound, &list(16))),
        ("a fact of two bytes", wav(&place, sound + 46, sound, b"fact\x02\0\0\0ab")),
    ] {
        place.is_the_clip(&format!("{name}.wav"), &bytes);
    }
    let rf64 = place.made("rf64.wav", &["-c:a", "pcm_s16le", "-rf64", "always"]);
    assert!(rf64.starts_with(b"RF64"));
    place.is_the_clip("rf64.wav", &rf64);
    let w64 = place.made("w64.w64", &["-c:a", "pcm_s16le"]);
    place.is_the_clip("w64.w64", &w64);
    place.is_the_clip("w64.wav", &w64);
}

#[test]
fn aiff_and_caf_need_no_right_sizes() {
    let place = Place::new();
    let aiff = place.made("clip.aiff", &["-c:a", "pcm_s16be"]);
    let at = aiff.windows(4).position(|w| w == b"SSND").unwrap();
    let changed = |form: u32, ssnd: u32, offset: u32| {
        let mut bytes = aiff.clone();
        bytes[4..8].copy_from_slice(&form.to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&ssnd.to_be_bytes());
        bytes[at + 8..at + 12].copy_from_slice(&offset.to_be_bytes());
        bytes.splice(at + 16..at + 16, std::iter::repeat_n(0x55, offset as usize));
        bytes
    };
    let (form, ssnd) = (aiff.len() as u32 - 8, (FRAMES * 4 + 8) as u32);
    for (name, bytes) in [
        ("as it is", changed(form, ssnd, 0)),
        ("FORM 1000 too large", changed(form + 1000, ssnd, 0)),
        ("FORM 1000 too small", changed(form - 1000, ssnd, 0)),
        ("never filled in", changed(u32::MAX, u32::MAX, 0)),
        ("sound at an offset", changed(form + 512, ssnd + 512, 512)),
    ] {
        place.is_the_clip(&format!("{name}.aiff"), &bytes);
    }
    let caf = place.made("clip.caf", &["-c:a", "pcm_s16le"]);
    let at = caf.windows(4).position(|w| w == b"data").unwrap() + 4;
    for size in [-1i64, i64::MAX / 2] {
        let mut bytes = caf.clone();
        bytes[at..at + 8].copy_from_slice(&size.to_be_bytes());
        place.is_the_clip("open.caf", &bytes);
    }
}

#[test]
fn damaged_metadata_never_costs_the_sound() {
    let place = Place::new();
    let mp3 = place.made("clip.mp3", &["-c:a", "libmp3lame", "-b:a", "128k", "-metadata", "title=T"]);
    let theirs = ffmpeg::decode(&place.path("clip.mp3"), false);
    let mut version = mp3.clone();
    version[3] = 5;
    let junk: Vec<u8> = (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 & 0x7F).collect();
    for (name, bytes) in [("ID3 version 5", version), ("300 kB of junk in front", [&junk[..], &mp3].concat())]
    {
        let (seconds, got) = decoded(&place.write("odd.mp3", &bytes));
        assert_length(name, seconds, 3.0);
        assert!(snr(&got, &theirs) > 80.0 || name.contains("junk"), "{name}: {:.1} dB", snr(&got, &theirs));
    }

    let m4a =
        place.made("clip.m4a", &["-c:a", "aac", "-metadata", "title=A title", "-movflags", "faststart"]);
    let theirs = ffmpeg::decode(&place.path("clip.m4a"), false);
    let at = |kind: &[u8]| m4a.windows(4).position(|w| w == kind).unwrap() - 4;
    for kind in [&b"udta"[..], b"meta", b"ilst", b"\xA9nam"] {
        for size in [0u32, 7, 0x7FFF_FFFF] {
            let mut bytes = m4a.clone();
            bytes[at(kind)..at(kind) + 4].copy_from_slice(&size.to_be_bytes());
            let (_, got) = decoded(&place.write("odd.m4a", &bytes));
            assert!(snr(&got, &theirs) > 70.0, "{kind:?} of {size} bytes: {:.1} dB", snr(&got, &theirs));
        }
    }
    let (seconds, _) = decoded(&place.write("short.m4a", &m4a[..m4a.len() - 5]));
    assert_length("five bytes short", seconds, 3.0);
}

#[test]
fn the_track_that_is_played_is_one_that_can_be() {
    let place = Place::new();
    let base = place.path("base.wav");
    let base = base.to_str().unwrap();
    let two = |name: &str, options: &[&str]| {
        let to = place.path(name);
        let inputs = ["-i", base, "-f", "lavfi", "-i", "sine=1000:d=3"];
        ffmpeg::run(&[&inputs[..], options, &[to.to_str().unwrap()]].concat());
        (decoded(&to).1, to)
    };
    for name in ["two.mkv", "two.mp4"] {
        let aac = ["-map", "1:a", "-map", "0:a", "-c:a:0", "ac3", "-c:a:1", "aac", "-b:a:1", "256k"];
        let (got, file) = two(name, &aac);
        let second = ffmpeg::run(&["-i", file.to_str().unwrap(), "-map", "0:a:1", "-f", "f32le", "-"]);
        let theirs = karaoke_core::audio::from_le_bytes(&second);
        assert!(snr(&got, &theirs) > 70.0, "{name}, AC-3 first, AAC second: {:.1} dB", snr(&got, &theirs));
    }
    let flags = [
        "-map",
        "1:a",
        "-map",
        "0:a",
        "-c:a",
        "flac",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
    ];
    let (got, _) = two("default.mkv", &flags);
    assert!(got == place.clip.samples, "the second one is marked as the default");
}

#[test]
fn opus_in_odd_places_is_decoded_or_refused_by_name() {
    let place = Place::new();
    let caf = place.made("clip.caf", &["-c:a", "libopus", "-b:a", "128k"]);
    let (seconds, _) = decoded(&place.write("clip.caf", &caf));
    assert_length("Opus in CAF", seconds, 3.0);
    let (base, path) = (place.path("base.wav"), place.path("family.opus"));
    let (base, to) = (base.to_str().unwrap(), path.to_str().unwrap());
    for (family, word) in [("2", "ambisonics"), ("255", "not told")] {
        ffmpeg::run(&["-i", base, "-ac", "4", "-c:a", "libopus", "-mapping_family", family, to]);
        let error = ingest(&path).expect_err("no layout that is known").to_string();
        assert!(error.contains(word) && error.contains("4 channels"), "family {family}: {error}");
    }
}
