//! Files as they are found in the world: sizes that were never filled in, metadata that is wrong, tracks that cannot be
//! decoded beside one that can. Where a player plays them, they are decoded, whole; ffmpeg or the clip is the judge.

use crate::clip::snr;
use crate::ffmpeg;
use crate::formats::ingest;
use crate::place::{FRAMES, Place, assert_length, decoded};
use std::fs;

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
