//! Which files the stems of several songs are written to: no two into one, none over what is there.

use karaoke_server::pipeline::{download_name, shortened};
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path};

/// What a song's files are called, before the stem's name: at most `longest` bytes, and unique among all songs given,
/// whatever the letters' case.
///
/// Songs whose files have the same name are told apart by their folders' names, and where those are the same as
/// well, by a number. `paths` are absolute.
pub fn titles(paths: &[&Path], longest: usize) -> Vec<String> {
    let own: Vec<String> = paths.iter().map(|path| shortened(&title(path), longest).to_owned()).collect();
    let shared = |titles: &[String]| {
        let mut count: HashMap<String, usize> = HashMap::new();
        titles.iter().for_each(|title| *count.entry(key(title)).or_default() += 1);
        count
    };
    let count = shared(&own);
    let qualified: Vec<String> = own
        .iter()
        .zip(paths)
        .map(|(title, path)| match folder(path) {
            Some(folder) if count[&key(title)] > 1 => {
                shortened(&format!("{folder} - {title}"), longest).to_owned()
            }
            _ => title.clone(),
        })
        .collect();
    let mut taken: HashSet<String> = HashSet::new();
    let count = shared(&qualified);
    // Those that are alone keep their names, whoever comes first.
    taken.extend(qualified.iter().map(|title| key(title)).filter(|title| count[title] == 1));
    let unique = qualified.iter().map(|title| match count[&key(title)] {
        1 => title.clone(),
        _ => (1..)
            .map(|number| if number == 1 { title.clone() } else { numbered(title, number, longest) })
            .find(|title| taken.insert(key(title)))
            .unwrap_or_default(),
    });
    unique.collect()
}

fn numbered(title: &str, number: usize, longest: usize) -> String {
    let number = format!(" {number}");
    format!("{}{number}", shortened(title, longest.saturating_sub(number.len())))
}

/// What two names are compared by: file systems there are that do not tell `A` from `a`, and every name is written
/// with the letters that are safe in file names.
fn key(title: &str) -> String {
    download_name(title, "", "").to_lowercase()
}

fn title(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn folder(path: &Path) -> Option<String> {
    match path.parent()?.components().next_back()? {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(paths: &[&str]) -> Vec<String> {
        titles(&paths.iter().map(Path::new).collect::<Vec<_>>(), 200)
    }

    #[test]
    fn equal_names_are_told_apart_by_folder_then_by_number() {
        assert_eq!(named(&["/m/a.mp3", "/m/b.mp3"]), ["a", "b"]);
        assert_eq!(named(&["/m/A/audio.mp3", "/m/B/audio.ogg"]), ["A - audio", "B - audio"]);
        assert_eq!(named(&["/m/song.wav", "/m/song.flac"]), ["m - song", "m - song 2"]);
        assert_eq!(named(&["/m/Song.wav", "/n/song.wav"]), ["m - Song", "n - song"]);
        assert_eq!(named(&["/m/a:b.wav", "/m/a_b.wav"]), ["m - a:b", "m - a_b 2"]);
        assert_eq!(named(&["/song.wav", "/song.flac", "/x.wav"]), ["song", "song 2", "x"]);
        assert_eq!(
            named(&["/1/m/song.wav", "/2/m/song.wav", "/m - song 2.wav"]),
            ["m - song", "m - song 3", "m - song 2"]
        );
    }

    #[test]
    fn long_names_are_shortened_and_still_differ() {
        let long = "歌".repeat(80);
        let names =
            named(&[&format!("/m/{long}a.mp3"), &format!("/m/{long}b.mp3"), &format!("/n/{long}.mp3")]);
        assert!(names.iter().all(|name| name.len() <= 200), "{names:?}");
        assert!(names[0].starts_with("m - 歌") && names[1].ends_with(" 2") && names[2].starts_with("n - 歌"));
    }

    proptest! {
        #[test]
        fn no_two_songs_share_a_name(paths in prop::collection::vec("/[ab]{0,1}/?[aA:_ä]{1,5}( 2)?\\.(wav|mp3)", 1..12)) {
            let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
            let titles = titles(&paths, 6);
            prop_assert!(titles.iter().all(|title| title.len() <= 6));
            let unique: HashSet<String> = titles.iter().map(|title| key(title)).collect();
            prop_assert_eq!(unique.len(), paths.len(), "{:?}", titles);
        }
    }
}
