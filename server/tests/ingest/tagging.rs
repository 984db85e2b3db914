//! Tags of every tagging format, and what is made of hostile ones.

use crate::{clip::Clip, ffmpeg};
use karaoke_server::ingest::tags;

#[test]
fn tags_and_covers_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(44100, 2, 44100).write(&wav);
    let cover = dir.path().join("cover.png");
    ffmpeg::run(&["-f", "lavfi", "-i", "testsrc=d=1:s=32x32:r=1", "-frames:v", "1", cover.to_str().unwrap()]);
    let meta =
        ["-metadata", "title=Über  alle\tBerge ", "-metadata", "artist=Die Band", "-metadata", "album=Eins"];
    for (name, options, pictured) in [
        ("t.mp3", &["-c:a", "libmp3lame", "-id3v2_version", "3"][..], true),
        ("t.flac", &["-c:a", "flac"], true),
        ("t.m4a", &["-c:a", "aac"], true),
        ("t.ogg", &["-c:a", "libvorbis"], false),
        ("t.opus", &["-c:a", "libopus"], false),
        ("t.mka", &["-c:a", "flac"], false),
        ("t.aiff", &["-c:a", "pcm_s16be", "-write_id3v2", "1"], false),
        ("chunks.aiff", &["-c:a", "pcm_s16be", "-metadata", "author=Die Band"], false),
        ("t.wav", &["-c:a", "pcm_s16le"], false),
        ("t.caf", &["-c:a", "pcm_s16le"], false),
        ("t.mov", &["-c:a", "pcm_s16le"], false),
        ("t.mkv", &["-c:a", "flac"], false),
    ] {
        let file = dir.path().join(name);
        let cover = [
            "-i",
            cover.to_str().unwrap(),
            "-map",
            "0:a",
            "-map",
            "1:v",
            "-c:v",
            "copy",
            "-disposition:v",
            "attached_pic",
        ];
        let with_cover = if pictured { &cover[..] } else { &[] };
        ffmpeg::make(&wav, &file, &[with_cover, options, &meta[..]].concat());
        let found = tags(&file, name);
        println!("{name}: {found:?}");
        assert_eq!(found.artist.as_deref(), Some("Die Band"), "{name}");
        assert_eq!(found.title.as_deref(), Some("Über alle Berge"), "{name}");
        // AIFF's own chunks have no place for it; Matroska's is where its standard says, and not where ffmpeg puts it.
        let album = (!["chunks.aiff", "t.mka", "t.mkv"].contains(&name)).then_some("Eins");
        assert_eq!(found.album.as_deref(), album, "{name}");
        assert_eq!(found.cover.map(|c| c.mime), pictured.then_some("image/png"), "{name}");
    }
    assert_eq!(tags(&dir.path().join("missing"), "x.mp3"), tags(&cover, "cover.mp3"));
}

#[test]
fn text_frames_of_several_values_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let wav = dir.path().join("clip.wav");
    Clip::song(44100, 2, 44100).write(&wav);
    let file = dir.path().join("bare.mp3");
    ffmpeg::make(&wav, &file, &["-c:a", "libmp3lame", "-id3v2_version", "0"]);
    let sound = std::fs::read(&file).unwrap();
    let mut frames = Vec::new();
    for (id, text) in [(b"TPE1", &b"\x03Anna\0Bert"[..]), (b"TIT2", b"\x03One\0Two"), (b"TALB", b"\x03Album")]
    {
        frames.extend(id);
        frames.extend((text.len() as u32).to_be_bytes());
        frames.extend([0, 0]);
        frames.extend(text);
    }
    let head = [&b"ID3\x04\0\0\0\0\0"[..], &[frames.len() as u8]].concat();
    std::fs::write(&file, [head, frames, sound].concat()).unwrap();
    let found = tags(&file, "bare.mp3");
    assert_eq!(
        [found.artist.as_deref(), found.title.as_deref(), found.album.as_deref()],
        [Some("Anna; Bert"), Some("One; Two"), Some("Album")]
    );
}
