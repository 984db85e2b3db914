//! Streams that were joined from others, damaged, counted wrongly or packed: as long as what is there, and its sound.

use crate::clip::{lag, snr};
use crate::ffmpeg;
use crate::formats::ingest;
use crate::place::{FRAMES, Place, assert_length, decoded, quietest};
use std::fs;
use std::process::Command;

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
