//! Lyrics in every tag that programs write them into.

use crate::{clip::Clip, ffmpeg};
use karaoke_core::lyrics::Lyrics;
use karaoke_server::ingest::tags;
use std::path::Path;

const LRC: &str = "[00:01.00]First line\n[00:02.50]<00:02.50>Sec<00:02.75>ond line\n[00:04.00]";

fn read(file: &Path) -> Option<Lyrics> {
    tags(file, file.file_name().unwrap().to_str().unwrap()).lyrics
}

/// Two lines as they stand in [`LRC`].
fn assert_synced(name: &str, lyrics: Option<Lyrics>) {
    let lyrics = lyrics.unwrap_or_else(|| panic!("{name}: no lyrics"));
    let lines: Vec<_> = lyrics.lines.iter().map(|l| (l.start_ms, l.text.as_str())).collect();
    assert_eq!(lines, [(Some(1_000), "First line"), (Some(2_500), "Second line")], "{name}");
    assert_eq!(lyrics.lines[1].words.len(), 2, "{name}");
}

#[test]
fn lrc_is_read_from_text_tags() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(44100, 2, 44100).write(&wav);
    for (name, codec, tag) in [
        ("a.mp3", "libmp3lame", "lyrics-eng"),
        ("txxx.mp3", "libmp3lame", "SYNCEDLYRICS"),
        ("a.flac", "flac", "LYRICS"),
        ("b.flac", "flac", "SYNCEDLYRICS"),
        ("c.flac", "flac", "UNSYNCEDLYRICS"),
        ("a.ogg", "libvorbis", "LYRICS"),
        ("a.opus", "libopus", "SYNCEDLYRICS"),
        ("a.m4a", "aac", "lyrics"),
        ("a.mka", "flac", "LYRICS"),
    ] {
        let file = dir.path().join(name);
        ffmpeg::make(&wav, &file, &["-c:a", codec, "-metadata", &format!("{tag}={LRC}")]);
        assert_synced(&format!("{name} {tag}"), read(&file));
    }
}

#[test]
fn plain_lyrics_stay_plain_and_give_way_to_timed_ones() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(44100, 2, 44100).write(&wav);
    let file = dir.path().join("a.flac");
    let plain = "UNSYNCEDLYRICS=First line\n\nSecond line";
    ffmpeg::make(&wav, &file, &["-c:a", "flac", "-metadata", plain]);
    let lyrics = read(&file).expect("lyrics");
    let texts: Vec<_> = lyrics.lines.iter().map(|l| l.text.as_str()).collect();
    assert_eq!((lyrics.synced, texts), (false, vec!["First line", "", "Second line"]));
    ffmpeg::make(
        &wav,
        &file,
        &["-c:a", "flac", "-metadata", plain, "-metadata", &format!("SYNCEDLYRICS={LRC}")],
    );
    assert_synced("both", read(&file));
    ffmpeg::make(&wav, &file, &["-c:a", "flac", "-metadata", "title=None"]);
    assert_eq!(read(&file), None);
}

/// An ID3v2 tag with one frame, as taggers write it.
fn id3(version: u8, name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let syncsafe = |n: usize| [21, 14, 7, 0].map(|shift| (n >> shift) as u8 & 0x7F);
    let size = if version == 4 { syncsafe(body.len()) } else { (body.len() as u32).to_be_bytes() };
    let frame = [&name[..], &size, &[0, 0], body].concat();
    [&b"ID3"[..], &[version, 0, 0], &syncsafe(frame.len()), &frame].concat()
}

#[test]
fn frames_of_lyrics_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(44100, 2, 44100).write(&wav);
    let ffmpegs = dir.path().join("ffmpeg.mp3");
    ffmpeg::make(&wav, &ffmpegs, &["-c:a", "libmp3lame", "-metadata", &format!("lyrics={LRC}")]);
    assert_synced("as ffmpeg writes an MP3", read(&ffmpegs));
    let bare = dir.path().join("bare.mp3");
    ffmpeg::make(&wav, &bare, &["-c:a", "libmp3lame", "-id3v2_version", "0", "-write_id3v1", "0"]);
    let sound = std::fs::read(&bare).unwrap();
    let file = dir.path().join("uslt.mp3");
    std::fs::write(
        &file,
        [id3(3, b"USLT", &[&b"\x03eng\0"[..], LRC.as_bytes()].concat()), sound.clone()].concat(),
    )
    .unwrap();
    assert_synced("USLT", read(&file));
    // 38.28 MPEG frames of 1152 samples at 44.1 kHz are a second.
    for (version, unit, times) in
        [(3, 2, [1_000, 2_500, 2_750]), (4, 2, [1_000, 2_500, 2_750]), (3, 1, [39, 96, 106])]
    {
        let mut body = vec![3, b'e', b'n', b'g', unit, 1, 0];
        for (text, time) in ["First line", "\nSec", "ond line"].into_iter().zip(times) {
            body.extend(text.bytes().chain([0]).chain(u32::to_be_bytes(time)));
        }
        let file = dir.path().join("sylt.mp3");
        std::fs::write(&file, [id3(version, b"SYLT", &body), sound.clone()].concat()).unwrap();
        let lyrics = read(&file).expect("lyrics");
        let name = format!("ID3v2.{version} in unit {unit}");
        if unit == 2 {
            assert_synced(&name, Some(lyrics));
        } else {
            let starts: Vec<_> = lyrics.lines.iter().filter_map(|l| l.start_ms).collect();
            assert_eq!(starts, [1_018, 2_507], "{name}");
        }
    }
}
