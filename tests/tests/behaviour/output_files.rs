//! `karaoke separate` never loses a byte: neither of a stem, nor of a song, nor of what was there before.

use karaoke_tests::Settings;
use karaoke_tests::program::command;
use karaoke_tests::sound::{Sound, song};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

const IDENTITY: [&str; 6] = ["-m", "identity", "--stem", "instrumental", "--bits", "float"];

/// A song that no other number has.
fn numbered(number: usize) -> Vec<u8> {
    let mut sound = song(0.5, 44_100);
    sound.samples.rotate_left(2 * 97 * number);
    sound.samples[0] = number as f32 / 100.0;
    sound.wav_float()
}

fn folder(songs: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (number, song) in songs.iter().enumerate() {
        let path = dir.path().join(song);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, numbered(number)).unwrap();
    }
    dir
}

fn separate(dir: &Path, arguments: &[&str]) -> Output {
    let mut separate = command(&Settings::default());
    separate.current_dir(dir).arg("separate").args(arguments).output().expect("the program runs")
}

/// Every file of a folder, hidden ones too, and what it holds.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

fn samples(wav: &[u8]) -> Vec<u32> {
    Sound::from_wav(wav).bits()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn songs_of_the_same_name_each_keep_their_stem() {
    let songs: Vec<String> = (0..12).map(|n| format!("Artist - Song {n}/audio.wav")).collect();
    let songs: Vec<&str> = songs.iter().map(String::as_str).collect();
    let dir = folder(&songs);
    let out = separate(dir.path(), &[&songs[..], &IDENTITY, &["-o", "out"]].concat());
    assert!(out.status.success(), "{}", text(&out));
    let written = contents(&dir.path().join("out"));
    assert_eq!(written.len(), 12, "{:?}", written.keys());
    for number in 0..12 {
        let name = format!("Artist - Song {number} - audio (Instrumental).wav");
        assert!(samples(&written[&name]) == samples(&numbered(number)), "{name} holds another song");
    }
}

#[test]
fn names_that_become_the_same_are_numbered() {
    let songs = ["m/a:b.wav", "m/a_b.wav", "m/Song.wav", "n/song.wav", "m/two.wav", "m/two.WAV"];
    let dir = folder(&songs);
    let out = separate(dir.path(), &[&songs[..], &IDENTITY, &["-o", "out"]].concat());
    assert!(out.status.success(), "{}", text(&out));
    let written = contents(&dir.path().join("out"));
    for (number, name) in
        ["m - a_b", "m - a_b 2", "m - Song", "n - song", "m - two", "m - two 2"].iter().enumerate()
    {
        let name = format!("{name} (Instrumental).wav");
        let bytes = written.get(&name).unwrap_or_else(|| panic!("no {name}: {:?}", written.keys()));
        assert!(samples(bytes) == samples(&numbered(number)), "{name} holds another song");
    }
}

#[test]
fn a_file_that_is_there_is_kept_unless_force_is_given() {
    let dir = folder(&["Song.wav", "Other.wav"]);
    let own = b"my own mix".to_vec();
    std::fs::write(dir.path().join("Song (Instrumental).wav"), &own).unwrap();
    let arguments = [&["Song.wav", "Other.wav"][..], &IDENTITY].concat();
    let out = separate(dir.path(), &arguments);
    assert_eq!(out.status.code(), Some(1));
    let stderr = text(&out);
    assert!(
        stderr.contains("Song (Instrumental).wav is there already") && stderr.contains("--force"),
        "{stderr}"
    );
    let kept = contents(dir.path());
    assert!(
        kept["Song (Instrumental).wav"] == own
            && samples(&kept["Other (Instrumental).wav"]) == samples(&numbered(1))
    );
    let out = separate(dir.path(), &[&["Song.wav", "--force"][..], &IDENTITY].concat());
    assert!(out.status.success(), "{}", text(&out));
    assert!(samples(&contents(dir.path())["Song (Instrumental).wav"]) == samples(&numbered(0)));
}

#[test]
fn a_song_that_was_given_is_never_written_to() {
    let dir = folder(&["Song.wav", "Song (Instrumental).wav"]);
    std::fs::create_dir(dir.path().join("out")).unwrap();
    std::os::unix::fs::symlink("../Song.wav", dir.path().join("out/Song (Instrumental).wav")).unwrap();
    let before = contents(dir.path());
    for output in [".", "out"] {
        let songs = ["Song.wav", "Song (Instrumental).wav", "--force", "-o", output];
        let out = separate(dir.path(), &[&songs[..], &IDENTITY].concat());
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out).contains("would replace the song"), "{}", text(&out));
        let after = contents(dir.path());
        assert!(before.iter().all(|(name, bytes)| after[name] == *bytes), "a song was changed");
    }
}

#[test]
fn a_song_given_twice_is_separated_once() {
    let dir = folder(&["Song.wav"]);
    let out = separate(dir.path(), &[&["Song.wav", "./Song.wav", "-o", "out"][..], &IDENTITY].concat());
    assert!(out.status.success() && text(&out).contains("given twice"), "{}", text(&out));
    assert_eq!(contents(&dir.path().join("out")).len(), 1);
}

#[test]
fn lyrics_beside_a_song_come_with_its_stems() {
    let dir = folder(&["A/audio.wav", "B/audio.wav", "C/song.wav"]);
    let ultrastar =
        "#TITLE:T\n#ARTIST:A\n#MP3:audio.wav\n#BPM:300,00\n#GAP:0\n: 0 4 60 Hel\n: 4 4 60 lo\nE\n";
    std::fs::write(dir.path().join("A/notes.txt"), ultrastar).unwrap();
    std::fs::write(dir.path().join("B/readme.txt"), "Nothing to sing").unwrap();
    std::fs::write(dir.path().join("C/song.srt"), "1\n00:00:00,100 --> 00:00:00,400\nSing\n").unwrap();
    let songs = ["A/audio.wav", "B/audio.wav", "C/song.wav", "-o", "out"];
    let out = separate(dir.path(), &[&songs[..], &IDENTITY].concat());
    assert!(out.status.success(), "{}", text(&out));
    let written = contents(&dir.path().join("out"));
    let lrc: Vec<_> = written.iter().filter(|(name, _)| name.ends_with(".lrc")).collect();
    assert_eq!(
        lrc.iter().map(|(name, bytes)| (name.as_str(), String::from_utf8_lossy(bytes))).collect::<Vec<_>>(),
        [
            ("A - audio.lrc", "[00:00.00]<00:00.00>Hel<00:00.20>lo\n[00:00.40]\n".into()),
            ("song.lrc", "[00:00.10]Sing\n[00:00.40]\n".into())
        ]
    );
}

#[test]
fn the_longest_names_are_shortened_between_characters() {
    let long = [
        format!("{}.wav", "x".repeat(240)),
        format!("{}.wav", "歌".repeat(80)),
        format!("{}é.wav", "歌".repeat(80)),
    ];
    let songs: Vec<&str> = long.iter().map(String::as_str).collect();
    let dir = folder(&songs);
    let out = separate(dir.path(), &[&songs[..], &IDENTITY, &["-o", "out"]].concat());
    assert!(out.status.success(), "{}", text(&out));
    let written = contents(&dir.path().join("out"));
    assert_eq!(written.len(), 3, "{:?}", written.keys());
    assert!(written.keys().all(|name| name.ends_with(" (Instrumental).wav") && !name.contains('\u{FFFD}')));
    let mut all: Vec<_> = written.values().map(|bytes| samples(bytes)).collect();
    let mut given: Vec<_> = (0..3).map(|number| samples(&numbered(number))).collect();
    all.sort();
    given.sort();
    assert!(all == given, "every song's samples are there");
}
