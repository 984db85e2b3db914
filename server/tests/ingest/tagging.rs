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
        // ffmpeg puts Matroska's title where the demuxer does not look, and UTF-8 into AIFF's ASCII chunks.
        if !["t.mka", "t.aiff"].contains(&name) {
            assert_eq!(found.title.as_deref(), Some("Über alle Berge"), "{name}");
            assert_eq!(found.album.as_deref(), Some("Eins"), "{name}");
        }
        assert_eq!(found.cover.map(|c| c.mime), pictured.then_some("image/png"), "{name}");
    }
    assert_eq!(tags(&dir.path().join("missing"), "x.mp3"), tags(&cover, "cover.mp3"));
}
